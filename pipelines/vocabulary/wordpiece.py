"""WordPiece (Devlin et al. 2019): words and their continuations, cut at spaces and signs. Spaces are forgotten.

`tokenizers` trains it like BPE, and breaks ties by the numbers of the letters; but it numbers the continuing letters
(`##a`) in the order of a hash table, so that two trainings differ. Here the letters are counted first and handed over
in their order, as if they were special tokens, and taken out of that role again: the same text then gives the same
vocabulary.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from pipelines.vocabulary.special_tokens import refuse_learnt

CONTINUES = "##"
LETTERS = 1000
"""Letters that are kept, commonest first: `tokenizers`' own limit. A word with another is unknown."""


def train_wordpiece(
    texts: Iterable[str], size: int, min_frequency: int, lowercase: bool, before: Sequence[str], after: Sequence[str]
) -> Tokenizer:
    """A tokenizer of at most `size` tokens, special ones included. `texts` is read twice."""
    tokenizer = _empty({token: number for number, token in enumerate(before)}, lowercase)
    letters = _letters(texts, tokenizer)
    continuing = [CONTINUES + letter for letter in letters if _continues(letter, tokenizer)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size - len(after),
        min_frequency=min_frequency,
        special_tokens=[*before, *continuing],
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        show_progress=sys.stderr.isatty(),
    )
    tokenizer.train_from_iterator(iter(texts), trainer)
    learnt = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    refuse_learnt(after, (name for name, _ in learnt))
    return _empty({token: number for number, token in enumerate([*(name for name, _ in learnt), *after])}, lowercase)


def _empty(vocabulary: dict[str, int], lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]", continuing_subword_prefix=CONTINUES))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUES)
    return tokenizer


def _letters(texts: Iterable[str], tokenizer: Tokenizer) -> list[str]:
    """The commonest characters after normalisation, in the order of their code points."""
    written = Counter[str]()
    for text in texts:
        written.update(text)
    counts = Counter[str]()
    for character, count in written.items():
        for letter in tokenizer.normalizer.normalize_str(character).strip():
            counts[letter] += count
    kept = sorted(counts, key=lambda letter: (-counts[letter], letter))[:LETTERS]
    return sorted(kept)


def _continues(letter: str, tokenizer: Tokenizer) -> bool:
    """Whether it can stand within a word."""
    normal = tokenizer.normalizer.normalize_str("a" + letter)
    return len(tokenizer.pre_tokenizer.pre_tokenize_str(normal)) == 1
