"""WordPiece (Devlin et al. 2019): words and their continuations, split at spaces and punctuation. Spaces are not kept.

`tokenizers` trains it like BPE, and breaks ties by the ids of the letters; but it numbers the continuing letters
(`##a`) in the order of a hash table, so that two trainings differ. Here the letters are counted first and passed in
their order as special tokens, and lose that role after training: so the same text gives the same vocabulary.

A word of more than `LONGEST` letters is unknown, `[UNK]`, as in BERT; so nothing is learnt from it either. (Learning
from one of 400,000 letters, a gene sequence, would take minutes: time grows with the square of its length.)
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from desdecero.pipelines.recipe.special_tokens import check_learnt_tokens

CONTINUES = "##"
LETTERS = 1000
"""Letters that are kept, most frequent first: the limit of `tokenizers`. A word with another letter is unknown."""

LONGEST = 100
"""Letters in a word: the limit of BERT's tokenizer (`max_input_chars_per_word`)."""
_LONG = re.compile(rf"(?<!\S)\S{{{LONGEST + 1},}}")


def train_wordpiece(
    texts: Iterable[str], size: int, min_frequency: int, lowercase: bool, before: Sequence[str], after: Sequence[str]
) -> Tokenizer:
    """Train a tokenizer of at most `size` tokens, including special ones. `texts` is read twice."""
    tokenizer = _empty({token: number for number, token in enumerate(before)}, lowercase)
    cutter = _empty({}, lowercase)
    letters = _letters(_bounded(texts, cutter), tokenizer)
    continuing = [CONTINUES + letter for letter in letters if _continues(letter, tokenizer)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size - len(after),
        min_frequency=min_frequency,
        special_tokens=[*before, *continuing],
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        show_progress=sys.stderr.isatty(),
    )
    tokenizer.train_from_iterator(_bounded(texts, cutter), trainer)
    learnt = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    check_learnt_tokens(after, (name for name, _ in learnt))
    return _empty({token: number for number, token in enumerate([*(name for name, _ in learnt), *after])}, lowercase)


def count_long_words(texts: Iterable[str], lowercase: bool) -> int:
    """Count the occurrences of words that are longer than `LONGEST`."""
    tokenizer = _empty({}, lowercase)
    words = (word for text in texts for run in _LONG.findall(text) for word in _words(run, tokenizer))
    return sum(len(word) > LONGEST for word in words)


def _bounded(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[str]:
    """Remove words that are too long from the texts.

    tokenizer: not the one in training, which is locked meanwhile
    """

    def short(run: re.Match[str]) -> str:
        return " ".join(word for word in _words(run[0], tokenizer) if len(word) <= LONGEST)

    return (_LONG.sub(short, text) for text in texts)


def _words(text: str, tokenizer: Tokenizer) -> list[str]:
    normal = tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


def _empty(vocabulary: dict[str, int], lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(
        models.WordPiece(
            vocab=vocabulary, unk_token="[UNK]", continuing_subword_prefix=CONTINUES, max_input_chars_per_word=LONGEST
        )
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUES)
    return tokenizer


def _letters(texts: Iterable[str], tokenizer: Tokenizer) -> list[str]:
    """Return the most frequent characters after normalization, in the order of their code points."""
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
    """Return whether a letter can continue a word."""
    normal = tokenizer.normalizer.normalize_str("a" + letter)
    return len(tokenizer.pre_tokenizer.pre_tokenize_str(normal)) == 1
