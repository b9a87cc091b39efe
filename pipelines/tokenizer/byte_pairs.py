"""Byte-level BPE: trained by `rustbpe`, saved so that every encoder gives the same ids.

Training starts from the 256 bytes and merges the most frequent pair of adjacent tokens until the vocabulary is full
(Sennrich et al. 2016; bytes as in Radford et al. 2019). Ties go to the pair with the lower ids, so the same text gives
the same vocabulary, on any number of threads.

`tiktoken` merges, of all adjacent pairs whose concatenation is a token, the one that gives the token with the lowest
id, while `tokenizers` and llama.cpp follow a list of merges. The two rules agree when the list holds *every* split of a
token into two others, ordered by the resulting token: transformers converts tiktoken's vocabularies in this way. It
remains which of two overlapping splits of one token comes first: tiktoken takes the left one, so the list is ordered to
do the same (`_splits`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import rustbpe
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers.convert_slow_tokenizer import bytes_to_unicode

from desdecero.pipelines.recipe.pretokenization import PATTERN

BYTES = 256
_LETTERS: dict[int, str] = cast(Any, bytes_to_unicode)()
"""GPT-2's letter for each byte, because the vocabulary of a `tokenizer.json` is text."""
_BYTES = {letter: byte for byte, letter in _LETTERS.items()}


def learn_pairs(texts: Iterable[str], size: int) -> list[bytes]:
    """Learn at most `size` tokens: the 256 bytes, then the merged tokens in the order of merging.

    Memory holds each distinct pretoken of the texts, with its number of occurrences.
    """
    trainer = rustbpe.Tokenizer()
    trainer.train_from_iterator(iter(texts), vocab_size=size, pattern=PATTERN)
    return [bytes(token) for token, _ in sorted(trainer.get_mergeable_ranks(), key=lambda pair: pair[1])]


def build_byte_pairs(tokens: Sequence[bytes], before: Sequence[str] = (), after: Sequence[str] = ()) -> Tokenizer:
    """Build a tokenizer with these tokens, and special tokens before and after them in its vocabulary."""
    known = frozenset(tokens)
    names = [*before, *map(to_text, tokens), *after]
    merges = [(to_text(left), to_text(right)) for token in tokens for left, right in _splits(token, known)]
    vocabulary = {name: number for number, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def to_text(token: bytes) -> str:
    """Return a token as it is written in `tokenizer.json`."""
    return "".join(_LETTERS[byte] for byte in token)


def to_bytes(name: str) -> bytes:
    """Return the bytes of a token in `tokenizer.json`."""
    return bytes(_BYTES[letter] for letter in name)


def _splits(token: bytes, known: frozenset[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield every split of a token into two others.

    Two of them overlap in a text `t1 t2 t3` where t1·t2 = t2·t3 is the token: the split after len(t1) bytes must then
    come before the one after len(t2). In a run of one repeated unit both orders occur, but there the pairs to the left
    have been merged first, and the longer part is on the left.
    """
    length = len(token)

    def order(cut: int) -> tuple[bool, int]:
        leads = token[cut:] == token[: length - cut] and token[length - cut :] != token[:cut]
        return (not leads, -cut)

    for cut in sorted(range(1, length), key=order):
        if token[:cut] in known and token[cut:] in known:
            yield token[:cut], token[cut:]
