"""Train a tokenizer of any kind, in the form that `AutoTokenizer` loads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.special_tokens import check_learnt_tokens
from desdecero.pipelines.tokenizer.byte_pairs import build_byte_pairs, learn_pairs, to_text
from desdecero.pipelines.tokenizer.chat import chat_template
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.tokenizer.sample import batches
from desdecero.pipelines.tokenizer.unigram import train_unigram
from desdecero.pipelines.tokenizer.wordpiece import train_wordpiece

BATCH = 16  # texts that are encoded together
_fast_tokenizer: Callable[..., PreTrainedTokenizerFast] = PreTrainedTokenizerFast
"""The class, whose constructor transformers does not annotate."""


def train(config: recipes.Tokenizer, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Train a tokenizer of the configured kind and size on `texts`, which are read more than once.

    Raises `UserError` where the texts are not varied enough for this number of tokens.
    """
    before, after = list(config.roles.values()), config.added_tokens
    if config.kind == "bpe":
        tokens = learn_pairs(texts, config.vocab_size - len(before) - len(after))
        check_learnt_tokens(after, map(to_text, tokens))
        backend = build_byte_pairs(tokens, before, after)
    elif config.kind == "wordpiece":
        backend = train_wordpiece(texts, config.vocab_size, config.min_frequency, config.lowercase, before, after)
    else:
        backend = train_unigram(texts, config.vocab_size, before, after)
    if backend.get_vocab_size() < config.vocab_size:
        raise _too_large(config, backend.get_vocab_size())
    tokenizer = to_fast_tokenizer(backend, config)
    if config.kind == "bpe":
        _check_frequency(config, tokens, texts)
    return tokenizer


def to_fast_tokenizer(backend: Tokenizer, config: recipes.Tokenizer) -> PreTrainedTokenizerFast:
    """Wrap a tokenizer with the roles of its special tokens and its chat template."""
    special = [*config.roles.values(), *config.added_tokens]
    return _fast_tokenizer(
        tokenizer_object=backend,
        clean_up_tokenization_spaces=False,
        extra_special_tokens=config.added_tokens,
        chat_template=chat_template(config.chat, config.roles["eos_token"], special) if config.chat else None,
        **config.roles,
    )


def _check_frequency(config: recipes.Tokenizer, tokens: Sequence[bytes], texts: Iterable[str]) -> None:
    """Refuse a vocabulary whose last tokens are rarer than `min_frequency`. Frequencies fall from token to token."""
    if _occurs(tokens, texts, config.min_frequency):
        return
    special = config.vocab_size - len(tokens)
    fewest, most = 256, len(tokens)
    while most - fewest > 1:
        middle = (fewest + most) // 2
        fewest, most = (middle, most) if _occurs(tokens[:middle], texts, config.min_frequency) else (fewest, middle)
    raise _too_large(config, fewest + special)


def _occurs(tokens: Sequence[bytes], texts: Iterable[str], times: int) -> bool:
    """Return whether the last token of this vocabulary occurs `times` times; stops reading as soon as it has."""
    encode, last = Encoder(_fast_tokenizer(tokenizer_object=build_byte_pairs(tokens))), len(tokens) - 1
    written = tokens[-1].decode(errors="ignore")  # a text without these letters need not be encoded
    for batch in batches((text for text in texts if written in text), BATCH):
        times -= sum(ids.tolist().count(last) for ids in encode(batch))
        if times <= 0:
            return True
    return False


def _too_large(config: recipes.Tokenizer, possible: int) -> UserError:
    return UserError(
        f"the corpus has only enough variety for {possible} tokens, but the recipe asks for {config.vocab_size}: lower "
        f"tokenizer.{'sweep' if config.sweep else 'vocab_size'} or tokenizer.min_frequency, or add text"
    )
