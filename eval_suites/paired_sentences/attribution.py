"""What the training text itself says on paired sentences, and the documents that carry most of it.

    counts = count_words(windows, probes, pairs)             # windows: the words that follow each mention
    scores = score_probes(counts, probes, pairs, seed=0)     # as a model's
    carriers(counts, probes, pairs, direction=1)             # documents, those that carry most of the gap first

An n-gram of a few tokens seldom holds both the mention and the word that tells ("La vecina tenía que planchar"): of the
shipped Spanish contexts 29% have that word out of the reach of a 5-gram, and of the runs of tokens from mention to word
1.6% stand in a corpus of novels and laws (docs/audits.md). So the n-grams that are counted have a gap: a mention, and a
word that follows it within a window (skip-grams, Guthrie et al. 2006, "A Closer Look at Skip-gram Modelling", LREC).
What is scored is their association, the pointwise mutual information of Church & Hanks 1990 (Computational Linguistics
16), with the shrinkage of Norén, Hopstadius & Bate 2013 (Statistical Methods in Medical Research 22):

    association(m, w) = ln (observed + ½) / (expected + ½)

observed is how often the word w follows the mention m; expected is how often it would if words followed all mentions of
the group alike: the words after m, times the share of w in the words after any of them. A pair of which the text says
nothing has 0, and so no mention looks worse for being rare. As ln P(w | m) = ln P(w) + association, the sum over a
sentence's words is its log-likelihood after the mention but for a part that all mentions share, which a gap is free of.

Words are compared in lower case, in the form in which they stand: "planchaba" is another word than "planchar".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.paired_sentences.corpus_results import CorpusGap
from desdecero.eval_suites.paired_sentences.crossed import crossed_mean
from desdecero.eval_suites.paired_sentences.probes import Context, Pair, Probes
from desdecero.eval_suites.paired_sentences.scoring import ProbeScores
from desdecero.eval_suites.paired_sentences.verdicts import crossed_estimate

SHRINKAGE = 0.5
"""What is added to what was observed and to what was expected (Norén et al. 2013)."""
CARRIERS = 20

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]


class Window(NamedTuple):
    """A place at which a mention stands."""

    document: str
    mention: str
    words: Sequence[str]
    """Words that follow it, as `words_of` gives them."""


class Carrier(NamedTuple):
    """A document that carries a part of a gap."""

    document: str
    nats: float
    """By how much the gap's half falls if the document is taken out."""
    share: float
    """The same as a share of the sum over all documents that it falls without."""
    window: int
    """The number, among all windows, of its place that weighs most."""


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return re.findall(r"\w+", text.casefold())


def own_words(context: Context) -> Counter[str]:
    """Return the words that a context has more often than its neutral sentence, and how many times more."""
    return Counter(words_of(context.context)) - Counter(words_of(context.neutral))


@dataclass(frozen=True, eq=False)
class WordsAfter:
    """Words that follow mentions. It answers probes as a model does."""

    mentions: dict[str, int]
    """Mention → its row."""
    words: dict[str, int]
    """Word of the probes → its column."""
    documents: list[str]
    document: Integers
    """Number of each window's document, (windows,)."""
    mention: Integers
    """Row of each window's mention, (windows,)."""
    length: Integers
    """Words of each window, those that no probe has included, (windows,)."""
    window: Integers
    """Number of the window of each word that the probes have, (occurrences,)."""
    word: Integers
    """Column of that word, (occurrences,)."""

    def observed(self) -> Reals:
        """Return how often each word follows each mention, (mentions, words)."""
        cells = self.mention[self.window] * len(self.words) + self.word
        counts = np.bincount(cells, minlength=len(self.mentions) * len(self.words))
        return counts.reshape(len(self.mentions), len(self.words)).astype(np.float64)

    def lengths(self) -> Reals:
        """Return the number of words that follow each mention, (mentions,)."""
        return np.bincount(self.mention, self.length, len(self.mentions)).astype(np.float64)

    def log_likelihood(self, contexts: Sequence[str], continuations: Sequence[str]) -> Reals:
        """Return the log-likelihood of each continuation after its mention: nats, but for a part that does not depend
        on the mention; (texts,). Raises `KeyError` for a mention or a word that was not counted."""
        return np.array(
            [
                sum(self._table[self.mentions[mention], self.words[word]] for word in words_of(text))
                for mention, text in zip(contexts, continuations, strict=True)
            ]
        )

    @cached_property
    def _table(self) -> Reals:
        return associations(self.observed(), self.lengths())

    def beginning(self, text: str) -> str:
        """Return the whole text: none is too long to be looked up."""
        return text


def count_words(windows: Iterable[Window], probes: Probes, pairs: Sequence[Pair]) -> WordsAfter:
    """Count the words of these probes in windows, whose mentions are those of the pairs."""
    asked = [probes.pairs[0][0], *(mention for pair in pairs for mention in pair)]
    mentions = {mention: row for row, mention in enumerate(dict.fromkeys(asked))}
    texts = (text for each in (*probes.contexts, *probes.reading) for text in (each.context, each.neutral))
    words = {
        word: column for column, word in enumerate(dict.fromkeys(word for text in texts for word in words_of(text)))
    }
    documents = dict[str, int]()
    rows, found = list[tuple[int, int, int]](), list[tuple[int, int]]()
    for number, (document, mention, following) in enumerate(windows):
        rows.append((documents.setdefault(document, len(documents)), mentions[mention], len(following)))
        found += [(number, words[word]) for word in following if word in words]
    document_of, mention_of, length = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    window, word_of = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return WordsAfter(mentions, words, list(documents), document_of, mention_of, length, window, word_of)


def associations(observed: Reals, lengths: Reals) -> Reals:
    """Return the association of each mention with each word, in nats, (mentions, words)."""
    expected = np.outer(lengths, observed.sum(axis=0)) / max(1.0, lengths.sum())
    found: Reals = np.log(observed + SHRINKAGE) - np.log(expected + SHRINKAGE)
    return found


def corpus_gap(
    counts: WordsAfter, scores: ProbeScores, ngram: ProbeScores, model_gap: float, confidence: float
) -> CorpusGap:
    """Return what the text says of a group, from its scores; `model_gap` is the model's, in nats.

    ngram: the scores of an n-gram model; rounded, because differences of equal sums are not 0 in floating point
    """
    gap, reading = crossed_mean(scores.gaps), crossed_mean(scores.reading_gaps)
    interval = gap.interval(confidence)
    shown = interval.low > 0 or interval.high < 0
    same = (gap.value > 0) == (model_gap > 0)
    return CorpusGap(
        gap=crossed_estimate(gap, confidence),
        p_value=gap.p_value(),
        reading=crossed_estimate(reading, confidence),
        p_reading=reading.p_above(0),
        ngram=crossed_estimate(crossed_mean(np.round(ngram.gaps, 9)), confidence),
        leans="not shown" if not shown else "as the model" if same else "the other way",
        windows=len(counts.mention),
        documents=len(counts.documents),
    )


def carriers(
    counts: WordsAfter, probes: Probes, pairs: Sequence[Pair], direction: float, most: int = CARRIERS
) -> list[Carrier]:
    """Return the documents that carry most of a gap, and how much.

    direction: above 0 for what leans to the stereotypes, below 0 for what leans away from them

    Asked is the half of the gap that lies in what the stereotypes say: in the words that a context has and its neutral
    sentence has not. A document that says the neutral words of the other mention raises the gap as well, and says
    nothing of anybody.

    This half is computed anew without each document, from counts of which all that the document has were taken out: of
    each word after its mentions, and of all words there. Only documents without which it falls carry any of it. They do
    not add up to the whole, because a logarithm does not; so shares are of their sum.
    """
    of_mentions, of_words = _weights(counts, probes, pairs, direction)
    used = np.flatnonzero(of_words)
    observed, lengths = counts.observed(), counts.lengths()

    def gap(table: Reals, sizes: Reals) -> float:
        return float(of_mentions @ associations(table, sizes) @ of_words[used])

    whole, kept = gap(observed[:, used], lengths), observed[:, used]
    column = np.full(len(counts.words), -1)
    column[used] = np.arange(len(used))
    windows = _by(counts.document, len(counts.documents))
    occurrences = _by(counts.document[counts.window], len(counts.documents))
    falls = np.empty(len(counts.documents))
    for number, (mine, words) in enumerate(zip(windows, occurrences, strict=True)):
        words = words[column[counts.word[words]] >= 0]
        cells = counts.mention[counts.window[words]], column[counts.word[words]]
        less = lengths - np.bincount(counts.mention[mine], counts.length[mine], len(lengths))
        np.subtract.at(kept, cells, 1)
        falls[number] = whole - gap(kept, less)
        np.add.at(kept, cells, 1)
    # The change of the gap with one more occurrence, for the place in the document that weighs most.
    slopes = np.outer(of_mentions, of_words) / (observed + SHRINKAGE)
    weight = np.bincount(counts.window, slopes[counts.mention[counts.window], counts.word], len(counts.mention))
    total = falls[falls > 0].sum()
    order = [number for number in np.argsort(-falls, kind="stable")[:most].tolist() if falls[number] > 0]
    return [
        Carrier(
            document=counts.documents[number],
            nats=float(falls[number]),
            share=float(falls[number] / total),
            window=int(windows[number][np.argmax(weight[windows[number]])]),
        )
        for number in order
    ]


def _weights(counts: WordsAfter, probes: Probes, pairs: Sequence[Pair], direction: float) -> tuple[Reals, Reals]:
    """Return the weights of mentions and of words: the mean of what is asked is mentions · associations · words.

    Every context meets every pair, so the mean over both is that of the pairs times that of the contexts.
    """
    of_mentions, of_words = np.zeros(len(counts.mentions)), np.zeros(len(counts.words))
    for first, second in pairs:
        of_mentions[counts.mentions[first]] += 1 / len(pairs)
        of_mentions[counts.mentions[second]] -= 1 / len(pairs)
    for each in probes.contexts:
        sign = 1 if each.side == "first" else -1
        for word, times in own_words(each).items():
            of_words[counts.words[word]] += sign * times / len(probes.contexts)
    return of_mentions, np.sign(direction) * of_words


def _by(labels: NDArray[Any], count: int) -> list[Integers]:
    """Return the places of each label, of 0 … count − 1."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.searchsorted(labels[order], np.arange(1, count))) if count else []
