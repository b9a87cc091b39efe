"""An n-gram model over token ids: what can be predicted from the last few tokens by counting alone.

    ngram = NGram.train(tokens, vocab_size, separator=end, padding=pad)
    ngram.log_probabilities([document])                     # ln P of each token, in nats
    ngram.continuation_nll([context], [continuation], [end])

Interpolated modified Kneser–Ney smoothing (Chen & Goodman 1999, after Ney, Essen & Kneser 1994), here for a token w
after a context h, where h' is h without its first token:

    P(w | h) = (c(h w) − D(c(h w))) / Σ c(h ·)  +  Σ D(c(h ·)) / Σ c(h ·) · P(w | h')

c is the number of occurrences for the longest n-grams; for shorter ones it is the number of different tokens that stand
before them. D is one of three discounts, for the counts 1, 2, and more. Below single tokens stands the uniform
distribution, so every token has a probability, and those of all tokens after any context sum to 1.

A separator stands between documents, and a model reads a text after one. So an n-gram may begin or end with it, but
none runs across it: what a text begins with does not depend on the end of another one. Nothing stands before an n-gram
that begins with the separator, so its c is the number of its occurrences at any length (Heafield et al. 2013).

The n-grams of one length are a sorted array of integers, each made of the rank of its first n−1 tokens among the
shorter n-grams, and of its last token. All n-grams with the same context are neighbours in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.integer[Any]]
Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

CHUNK_TOKENS = 1 << 18
"""Tokens that are looked up at a time, which takes some 40 MB for any number of documents."""
MOST_TOKENS = 1 << 31
"""Bound of training tokens and of the vocabulary: ranks are stored as int32."""


class Predictions(NamedTuple):
    """Predictions of the tokens of one document, each array of shape (tokens,)."""

    log_probability: Reals
    """ln P of each token after those before it, in nats; of the first token, without context."""
    first_choice: Integers
    """The most likely token at each place."""


@dataclass(frozen=True)
class Level:
    """The n-grams of one length. Their context is an n-gram of the length below, known by its rank there."""

    keys: NDArray[np.uint64]
    """Rank of the context and last token, in ascending order, shape (n-grams,)."""
    probability: Reals
    """P(last token | context), shape (n-grams,)."""
    backoff: Reals
    """Factor of the shorter context's probability for tokens that were not seen after a context, (contexts,)."""
    first_choice: NDArray[np.int32]
    """The most likely token after each context, shape (contexts,)."""


@dataclass(frozen=True)
class NGram:
    """A trained model: the probabilities of single tokens, and a level for each greater length of n-grams."""

    unigram: Reals
    """P(token) without context, shape (vocabulary,)."""
    levels: tuple[Level, ...]
    """Levels of the n-grams of 2, 3, … tokens."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens in the vocabulary."""
        return len(self.unigram)

    @property
    def order(self) -> int:
        """Length of the longest n-grams: one more than the tokens of context that are used."""
        return 1 + len(self.levels)

    # --- training --------------------------------------------------------------------------------------------------

    @classmethod
    def train(
        cls,
        tokens: Tokens,
        vocab_size: int,
        order: int = 5,
        separator: int | None = None,
        padding: int | None = None,
    ) -> NGram:
        """Count the n-grams of up to `order` tokens in a stream of ids, shape (tokens,), and smooth the counts.

        `separator` is the token between documents, which no n-gram runs across; without one the stream is a single
        text. A document that the stream opens with begins with the separator only where the stream does. `padding` is
        a token that is no part of any text: n-grams neither contain it nor run across it. The same tokens give the
        same model. Training takes up to 130 bytes of memory a token, and the model up to 60, where most n-grams differ.

        Raises `ValueError` for an order below 1, and for a token that is not in the vocabulary.
        """
        tokens = np.asarray(tokens)
        if order < 1:
            raise ValueError(f"an n-gram has at least one token, not {order}")
        if len(tokens) >= MOST_TOKENS or not 0 < vocab_size < MOST_TOKENS:
            raise ValueError(f"{len(tokens)} tokens of a vocabulary of {vocab_size}: both must be below {MOST_TOKENS}")
        _check(tokens, vocab_size)
        counted = _count(tokens, vocab_size, order, separator, padding)
        single = counted.counts.pop(0)
        cost = _discounts(single)[np.minimum(single, 3)]
        total = max(1, int(single.sum()))
        rest = cost.sum() / total if single.any() else 1.0
        unigram = (single - cost) / total + rest / vocab_size
        levels = list[Level]()
        below = unigram
        best, peak = np.full(1, unigram.argmax(), np.int32), np.full(1, unigram.max())
        shorter = np.zeros(vocab_size, dtype=np.int32)  # each single token without its first is empty
        while counted.keys:  # arrays are given up as soon as they have been used
            best, peak, suffix = best[shorter], peak[shorter], counted.suffixes.pop(0)
            keys, bits = counted.keys.pop(0), _bits(vocab_size)
            levels.append(level := _smooth(keys, suffix, counted.counts.pop(0), below, best, peak, bits))
            below, shorter = level.probability, suffix
        return cls(unigram, tuple(levels))

    # --- questions -------------------------------------------------------------------------------------------------

    def predict(self, documents: Sequence[Tokens]) -> list[Predictions]:
        """Return the predictions of every token of each document, whose ids have shape (tokens,).

        A document begins with the separator, if it is a whole text. Beside the result, memory holds 16 bytes a token.
        Raises `ValueError` for a token that is not in the vocabulary.
        """
        if not documents:
            return []
        lengths = np.array([len(document) for document in documents])
        ids = np.concatenate([np.asarray(document, dtype=np.int64) for document in documents])
        _check(ids, self.vocab_size)
        ends = lengths.cumsum()
        places = np.arange(len(ids)) - np.repeat(ends - lengths, lengths)
        probability, choice = np.empty(len(ids)), np.empty(len(ids), dtype=np.int64)
        for start in range(0, len(ids), CHUNK_TOKENS):
            reach, end = max(0, start - self.order + 1), start + CHUNK_TOKENS
            found, first = self._look_up(ids[reach:end], places[reach:end])
            probability[start:end], choice[start:end] = found[start - reach :], first[start - reach :]
        np.log(probability, out=probability)
        return [
            Predictions(*parts)
            for parts in zip(np.split(probability, ends[:-1]), np.split(choice, ends[:-1]), strict=True)
        ]

    def log_probabilities(self, documents: Sequence[Tokens]) -> list[Reals]:
        """Return ln P of every token of each document, in nats, shape (tokens,), as `predict` does.

        The first token, which nothing stands before, has its probability without context: leave the separator out of
        a sum.
        """
        return [predictions.log_probability for predictions in self.predict(documents)]

    def continuation_nll(
        self, contexts: Sequence[Sequence[int]], continuations: Sequence[Sequence[int]], begin: Sequence[int]
    ) -> Reals:
        """Return −ln P of each continuation after its context: nats, summed over tokens, shape (continuations,).

        `begin` holds the tokens that begin a text, before each context.
        """
        read = [
            np.array([*begin, *context][max(0, len(begin) + len(context) - self.order + 1) :], dtype=np.int64)
            for context in contexts
        ]
        texts = [np.array([*before, *text], dtype=np.int64) for before, text in zip(read, continuations, strict=True)]
        scored = zip(self.log_probabilities(texts), read, strict=True)
        return np.array([-found[len(before) :].sum() for found, before in scored])

    def distribution(self, context: Sequence[int]) -> Reals:
        """Return P of each token of the vocabulary after a context, shape (vocabulary,); they sum to 1.

        Raises `ValueError` for a token that is not in the vocabulary.
        """
        _check(np.array(context), self.vocab_size)
        probability = self.unigram.copy()
        bits = _bits(self.vocab_size)
        for length, level in enumerate(self.levels, start=1):
            node = self._rank(context[-length:]) if length <= len(context) else -1
            if node < 0:
                break
            first, end = np.searchsorted(level.keys, np.array([node, node + 1], dtype=np.uint64) << bits)
            probability *= level.backoff[node]
            probability[level.keys[first:end] & _mask(bits)] = level.probability[first:end]
        return probability

    def _rank(self, ids: Sequence[int]) -> int:
        """Return the rank of an n-gram among those of its length, −1 if it was not seen."""
        node = np.array(ids[:1], dtype=np.int64)
        for level, token in zip(self.levels, ids[1:], strict=False):
            node = _find(level.keys, node, np.array([token]), _bits(self.vocab_size))
        return int(node[0])

    def _look_up(self, ids: Integers, places: Integers) -> tuple[Reals, Integers]:
        """Return P and the first choice at each place of a part of the stream, both of shape (tokens,).

        `places` are those in the documents; no context reaches before place 0 or before the beginning of the part.
        """
        probability = self.unigram[ids]
        choice = np.full(len(ids), self.unigram.argmax())
        node = ids  # of the n-gram that begins at each place
        for length, level in enumerate(self.levels, start=1):
            if len(ids) <= length:
                break
            context = np.where(places[length:] >= length, node[:-1], -1)
            node = _find(level.keys, context, ids[length:], _bits(self.vocab_size))
            known, seen = context >= 0, node >= 0
            # Views: what a longer context tells overwrites what a shorter one told.
            longer, first = probability[length:], choice[length:]
            longer[known] *= level.backoff[context[known]]
            longer[seen] = level.probability[node[seen]]
            first[known] = level.first_choice[context[known]]
        return probability, choice


# --- counts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Counted:
    """N-grams and their counts, as lists by length."""

    keys: list[NDArray[np.uint64]]
    """As in `Level`, from two tokens on."""
    suffixes: list[NDArray[np.int32]]
    """Rank of each n-gram without its first token, from two tokens on."""
    counts: list[NDArray[np.int32]]
    """The c of each n-gram, from one token on."""


def _count(tokens: Tokens, vocab_size: int, order: int, separator: int | None, padding: int | None) -> _Counted:
    """Sort the n-grams of each length, and count their occurrences and the tokens that stand before them."""
    bits = _bits(vocab_size)
    text = np.ones(len(tokens), dtype=np.bool_) if padding is None else tokens != padding
    counted = _Counted([], [], [np.bincount(tokens[text], minlength=vocab_size).astype(np.int32)])
    whole, rank = text, tokens.astype(np.int32)  # by the place where an n-gram begins
    opening = (0, 0)  # ranks of the n-grams of the last length that begin with the separator
    for length in range(2, order + 1):
        whole = whole[:-1] & text[length - 1 :]
        if separator is not None and length > 2:
            whole &= tokens[length - 2 : -1] != separator
        places = np.flatnonzero(whole).astype(np.int32)
        all_keys = rank[places].astype(np.uint64)
        all_keys <<= bits
        all_keys |= tokens[places + (length - 1)].astype(np.uint64)
        sorting = np.argsort(all_keys)
        places = places[sorting]
        all_keys = all_keys[sorting]
        del sorting
        new = np.ones(len(all_keys), dtype=np.bool_)
        np.not_equal(all_keys[1:], all_keys[:-1], out=new[1:])
        firsts = np.flatnonzero(new)
        keys, occurrences = all_keys[firsts], np.diff(firsts, append=len(all_keys)).astype(np.int32)
        del all_keys
        suffix = rank[places[firsts] + 1]
        preceding = np.bincount(suffix, minlength=len(counted.counts[-1])).astype(np.int32)
        preceding[slice(*opening)] = counted.counts[-1][slice(*opening)]
        counted.counts[-1] = preceding
        rank = np.empty(len(whole), dtype=np.int32)
        rank[places] = np.cumsum(new, dtype=np.int32) - 1
        if separator is not None:
            ends = (separator, separator + 1) if length == 2 else opening
            first, end = np.searchsorted(keys, np.array(ends, dtype=np.uint64) << bits)
            opening = int(first), int(end)
        counted.keys.append(keys)
        counted.suffixes.append(suffix)
        counted.counts.append(occurrences)
    return counted


def _discounts(counts: NDArray[np.int32]) -> Reals:
    """Return what is taken from a count of 0, 1, 2, and 3 or more, shape (4,), by the numbers of such counts.

    Chen & Goodman's estimates, or where they fall outside of what can be taken (in a small corpus, some count of 1 to 4
    may not occur), Ney, Essen & Kneser's single discount, or where that does not exist either, a half.
    """
    once, twice, thrice, four = (int(np.count_nonzero(counts == number)) for number in (1, 2, 3, 4))
    if not once or not twice:
        return np.array([0, 0.5, 0.5, 0.5])
    share = once / (once + 2 * twice)
    if thrice:
        three = [1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four / thrice]
        if all(0 < discount < number for number, discount in enumerate(three, start=1)):
            return np.array([0, *three])
    return np.array([0, share, share, share])


def _smooth(
    keys: NDArray[np.uint64],
    suffix: NDArray[np.int32],
    counts: NDArray[np.int32],
    below: Reals,
    best: NDArray[np.int32],
    peak: Reals,
    bits: np.uint64,
) -> Level:
    """Return the level of some n-grams.

    `below` has the probability of each n-gram of the length below. `best` and `peak` come with the most likely token
    after each context without its first token, and its probability, shape (contexts,); they are overwritten with those
    after the whole context.
    """
    context = (keys >> bits).astype(np.int64)
    kinds = np.minimum(counts, 3).astype(np.int8)
    discounts = _discounts(counts)
    total = np.bincount(context, counts, len(below))
    taken = np.bincount(context, discounts[kinds], len(below))
    empty = total == 0  # no n-gram with this context has a token before it: it tells nothing
    total[empty] = taken[empty] = 1
    backoff = taken / total
    probability = counts - discounts[kinds]
    del counts, kinds, taken
    probability /= total[context]
    del total
    lower = backoff[context]
    lower *= below[suffix]
    probability += lower
    del lower
    # The most likely token after a context is the most likely one that was seen there, or else the most likely one
    # after the shorter context: if that was seen here too, it is likelier here than any that was not.
    peak *= backoff
    if len(keys):
        firsts = np.flatnonzero(np.diff(context, prepend=-1))
        context = context[firsts]
        largest = np.maximum.reduceat(probability, firsts)
        tops = np.flatnonzero(probability == np.repeat(largest, np.diff(firsts, append=len(keys))))
        number = np.searchsorted(firsts, tops, side="right")
        tops = tops[np.diff(number, prepend=0) > 0]  # the lowest of equally likely tokens
        likelier = largest >= peak[context]
        context, tops = context[likelier], tops[likelier]
        best[context] = (keys[tops] & _mask(bits)).astype(np.int32)
        peak[context] = probability[tops]
    return Level(keys, probability, backoff, best)


# --- keys ------------------------------------------------------------------------------------------------------


def _find(keys: NDArray[np.uint64], context: Integers, token: Integers, bits: np.uint64) -> Integers:
    """Return the rank of each n-gram of a context's rank and a token, −1 for one that is not among the keys.

    All but `keys` have the same shape; a context of −1 is unknown.
    """
    rank = np.full(len(context), -1)
    known = np.flatnonzero(context >= 0)
    if len(keys) and len(known):
        wanted = context[known].astype(np.uint64) << bits | token[known].astype(np.uint64)
        # Keys that are looked up in ascending order are found several times as fast: their neighbours are in the cache.
        sorting = np.argsort(wanted)
        wanted, known = wanted[sorting], known[sorting]
        found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        rank[known] = np.where(keys[found] == wanted, found, -1)
    return rank


def _bits(vocab_size: int) -> np.uint64:
    """Return the number of bits of a key that hold its token."""
    return np.uint64((vocab_size - 1).bit_length())


def _mask(bits: np.uint64) -> np.uint64:
    """Return the number whose lowest bits, as many as given, are 1."""
    return (np.uint64(1) << bits) - np.uint64(1)


def _check(tokens: Tokens, vocab_size: int) -> None:
    """Raise `ValueError` for a token that is not in the vocabulary."""
    if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < vocab_size:
        raise ValueError(f"token {tokens.max()} or {tokens.min()} is not in a vocabulary of {vocab_size}")
