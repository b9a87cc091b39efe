"""Train a tokenizer of any kind, and give it the form that `AutoTokenizer` loads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.special_tokens import refuse_learnt
from desdecero.pipelines.tokenizer.byte_pairs import build_byte_pairs, learn_pairs, to_text
from desdecero.pipelines.tokenizer.chat import chat_template
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.tokenizer.sample import batches
from desdecero.pipelines.tokenizer.unigram import train_unigram
from desdecero.pipelines.tokenizer.wordpiece import train_wordpiece

BATCH = 16  # texts that are encoded together


def train(wanted: recipes.Tokenizer, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of the wanted kind and size, trained on `texts`, which are read more than once.

    Raises `UserError` where they have too little variety for so many tokens.
    """
    before, after = list(wanted.roles.values()), wanted.added_tokens
    if wanted.kind == "bpe":
        tokens = learn_pairs(texts, wanted.vocab_size - len(before) - len(after))
        refuse_learnt(after, map(to_text, tokens))
        backend = build_byte_pairs(tokens, before, after)
    elif wanted.kind == "wordpiece":
        backend = train_wordpiece(texts, wanted.vocab_size, wanted.min_frequency, wanted.lowercase, before, after)
    else:
        backend = train_unigram(texts, wanted.vocab_size, before, after)
    if backend.get_vocab_size() < wanted.vocab_size:
        raise _too_large(wanted, backend.get_vocab_size())
    tokenizer = dress(backend, wanted)
    if wanted.kind == "bpe":
        _check_frequency(wanted, tokens, texts)
    return tokenizer


def dress(backend: Tokenizer, wanted: recipes.Tokenizer) -> PreTrainedTokenizerFast:
    """With the roles of its special tokens, and its chat template."""
    special = [*wanted.roles.values(), *wanted.added_tokens]
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        clean_up_tokenization_spaces=False,
        extra_special_tokens=wanted.added_tokens,
        chat_template=chat_template(wanted.chat, wanted.roles["eos_token"], special) if wanted.chat else None,
        **wanted.roles,
    )


def _check_frequency(wanted: recipes.Tokenizer, tokens: Sequence[bytes], texts: Iterable[str]) -> None:
    """Refuse a vocabulary whose last tokens are rarer than they may be. Frequencies fall from token to token."""
    if _occurs(tokens, texts, wanted.min_frequency):
        return
    special = wanted.vocab_size - len(tokens)
    fewest, most = 256, len(tokens)
    while most - fewest > 1:
        middle = (fewest + most) // 2
        fewest, most = (middle, most) if _occurs(tokens[:middle], texts, wanted.min_frequency) else (fewest, middle)
    raise _too_large(wanted, fewest + special)


def _occurs(tokens: Sequence[bytes], texts: Iterable[str], times: int) -> bool:
    """Whether the last token occurs so often where it is the last. Stops reading when it has."""
    encode, last = Encoder(PreTrainedTokenizerFast(tokenizer_object=build_byte_pairs(tokens))), len(tokens) - 1
    written = tokens[-1].decode(errors="ignore")  # a text without these letters needs no encoding
    for batch in batches((text for text in texts if written in text), BATCH):
        times -= sum(ids.tolist().count(last) for ids in encode(batch))
        if times <= 0:
            return True
    return False


def _too_large(wanted: recipes.Tokenizer, possible: int) -> UserError:
    return UserError(
        f"the corpus has only enough variety for {possible} tokens, and the recipe asks for {wanted.vocab_size}: lower "
        f"tokenizer.{'sweep' if wanted.sweep else 'vocab_size'} or tokenizer.min_frequency, or bring more text"
    )
