"""Where a finding on paired sentences comes from: the gap in the training text, and the documents that carry it.

    documents_json(asked, result, lines)          # what audit/documents.json holds; of the suite's result and its lines

    {"window_tokens": 32,
     "groups": {"es/gender": {…}},                a `CorpusGap` for each group with pairs that count
     "findings": [{"language", "group", "verdict", "model_gap", "corpus_gap", "leans",
                   "documents": [{"id", "source", "license", "nats", "share", "excerpt"}]}]}

Two models of the training text are asked the same probes: an n-gram model, as the evaluation's baseline, which reaches
over four tokens, and the association of a mention with the words after it, which reaches to the end of the sentence.
The documents are those that carry the association. The index of the training tokens finds each mention, with a capital
or without; the tokens after it, to the end of the document at most, are decoded to words. So what is counted is what
the model was trained on: a document that the recipe repeats counts as often, and canaries are left out (not of the
n-gram model). Excerpts are decoded from the same tokens. Memory: the words after the mentions of one group, of which
`MOST_PLACES` a mention are drawn, and the n-gram model (docs/measured/ngram.md).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.models.continuations import encode_pairs
from desdecero.eval_suites.ngram import NGram
from desdecero.eval_suites.paired_sentences.attribution import Window, carriers, corpus_gap, count_words, words_of
from desdecero.eval_suites.paired_sentences.corpus_results import CorpusGap
from desdecero.eval_suites.paired_sentences.probes import Probes
from desdecero.eval_suites.paired_sentences.results import GroupGap, PairsResult
from desdecero.eval_suites.paired_sentences.scoring import ProbeScores, score_probes, scores_of_lines
from desdecero.model_cards.audit_sentences import FOUND
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.evaluation.text import train_ngram
from desdecero.pipelines.recipe.tokens import CANARY
from desdecero.pipelines.tokens.suffix_array import Place, read_index
from desdecero.pipelines.tokens.trace import Documents

WINDOW_TOKENS = 32
"""Tokens after a mention whose words are counted: the rest of its sentence, or a little more."""
MOST_PLACES = 20_000
"""Places of one mention that are read; of more, so many are drawn. Decoding takes some seconds for as many."""
EXCERPT = 200
"""Characters of an excerpt."""
BEFORE = 60
"""Of which so many may stand before the mention."""


@dataclass(frozen=True)
class Mentioned:
    """A place of a mention in the training tokens."""

    place: Place
    """Its first token."""
    tokens: int
    document: str
    start: int
    """First token of the document, in the shard."""
    end: int
    """One beyond its last."""


def documents_json(asked: Asked, result: PairsResult, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the gaps of all groups in the training text and, for each finding, the documents that carry most of it.

    result: judged
    lines: those of `audit/pairs.jsonl`
    """
    text, sources = TrainingText(asked), Documents(asked.run)
    groups, findings = dict[str, Any](), list[dict[str, Any]]()
    scored = [one for one in scores_of_lines(lines) if one.pairs]
    ngram = NGramAnswers(asked)
    for scores in progress(scored, title="audit: documents", unit="group"):
        measured = result.languages[scores.language].groups[scores.name]
        assert measured.gap is not None, "some of its pairs count"
        probes = _probes(scores)
        places = list(text.mentions(sorted({mention for pair in scores.pairs for mention in pair})))
        counts = count_words((window for _, window in places), probes, scores.pairs)
        own = score_probes(counts, probes, scores.pairs, asked.recipe.seed)
        short = score_probes(ngram, probes, scores.pairs, asked.recipe.seed)
        gap = corpus_gap(counts, own, short, measured.gap.value, asked.recipe.audit.confidence)
        groups[f"{scores.language}/{scores.name}"] = gap.model_dump(mode="json")
        if measured.verdict in FOUND:
            found = carriers(counts, probes, scores.pairs, measured.gap.value)
            known = sources.at([places[one.window][0].place for one in found])
            documents = [
                {
                    "id": source.id,
                    "source": source.source,
                    "license": source.license,
                    "nats": one.nats,
                    "share": one.share,
                    "excerpt": text.excerpt(places[one.window][0]),
                }
                for one, source in zip(found, known, strict=True)
            ]
            findings.append(_finding(scores, measured, gap, documents))
    return {"window_tokens": WINDOW_TOKENS, "groups": groups, "findings": findings}


class NGramAnswers:
    """What an n-gram model of the training tokens answers: it knows only which few tokens follow each other."""

    def __init__(self, asked: Asked):
        self.asked = asked

    @cached_property
    def ngram(self) -> NGram:
        """The model, trained where it is asked first."""
        run, tokenizer = self.asked.run, self.asked.tokenizer
        report = run.report("tokens", self.asked.recipe)
        files, padding = run.token_files("train"), tokenizer.pad_token_id
        return train_ngram(files, report, len(tokenizer), padding, tokenizer.eos_token_id)

    def log_likelihood(self, contexts: Sequence[str], continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return the log-likelihood of each continuation after its context: nats, (texts,)."""
        pairs = encode_pairs(self.asked.tokenizer, contexts, continuations)
        before, after = [pair.context for pair in pairs], [pair.continuation for pair in pairs]
        return -self.ngram.continuation_nll(before, after, [self.asked.tokenizer.eos_token_id])

    def beginning(self, text: str) -> str:
        """Return the whole text: none is too long."""
        return text


class TrainingText:
    """The training tokens as text, around the places of mentions."""

    def __init__(self, asked: Asked):
        self.asked = asked
        rows, self._shards = read_index(asked.run, "train"), dict[str, NDArray[Any]]()
        self._rows = dict[str, tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]()
        for shard in sorted(set(rows["shard"])):
            mine = np.flatnonzero(rows["shard"] == shard)
            mine = mine[np.argsort(rows["start"][mine], kind="stable")]
            starts = rows["start"][mine]
            self._rows[shard] = starts, starts + rows["tokens"][mine], rows["id"][mine]
            self._shards[shard] = np.memmap(asked.run.tokens / shard, asked.index.dtype, "r")

    def mentions(self, mentions: Sequence[str]) -> Iterator[tuple[Mentioned, Window]]:
        """Yield the places of mentions, and the words that follow each."""
        for mention in mentions:
            named = words_of(mention)
            for place in self._places(mention):
                stop = min(place.place.position + place.tokens + WINDOW_TOKENS, place.end)
                words = words_of(self._text(place.place.shard, place.place.position, stop))
                if words[: len(named)] != named:  # it goes on as another word: "El hombrecillo"
                    continue
                # The last word may have been cut, where the document goes on.
                following = words[len(named) : None if stop == place.end else -1]
                yield place, Window(place.document, mention, following)

    def excerpt(self, place: Mentioned) -> str:
        """Return up to `EXCERPT` characters of text around a mention, in one line, without the words that this cuts."""
        shard, position = place.place.shard, place.place.position
        begin = max(place.start, position - WINDOW_TOKENS)
        stop = min(position + place.tokens + WINDOW_TOKENS, place.end)
        before, text = self._text(shard, begin, position), self._text(shard, begin, stop)
        start = max(0, len(before) - BEFORE)
        if start or begin > place.start:
            start += len(re.match(r"\S*", text[start:]).group())  # type: ignore[union-attr]  # matches any text
        line = " ".join(text[start:].split())
        if len(line) > EXCERPT or stop < place.end:
            line = line[: EXCERPT + 1].rpartition(" ")[0]
        return line

    def _places(self, mention: str) -> list[Mentioned]:
        """Return the places of a mention in all its forms, each once, in the order of the tokens."""
        ends = dict[tuple[str, int], tuple[Place, int]]()
        for ids in self.asked.encodings(mention):
            for place in self.asked.index.places(ids, sys.maxsize)[1]:
                ends[place.shard, place.position + len(ids)] = place, len(ids)
        found = [ends[end] for end in sorted(ends)]
        if len(found) > MOST_PLACES:
            generator = np.random.default_rng([self.asked.recipe.seed, crc32(mention.encode())])
            drawn = generator.choice(len(found), MOST_PLACES, replace=False)
            found = [found[number] for number in np.sort(drawn).tolist()]
        placed = (self._placed(place, tokens) for place, tokens in found)
        return [one for one in placed if not one.document.startswith(f"{CANARY}/")]

    def _placed(self, place: Place, tokens: int) -> Mentioned:
        starts, ends, ids = self._rows[place.shard]
        row = int(np.searchsorted(starts, place.position, "right")) - 1
        return Mentioned(place, tokens, str(ids[row]), int(starts[row]), int(ends[row]))

    def _text(self, shard: str, start: int, stop: int) -> str:
        text: str = self.asked.tokenizer.decode(
            self._shards[shard][start:stop].tolist(), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


def _probes(scores: ProbeScores) -> Probes:
    """Return the probes that these are scores of, with the pairs that were asked."""
    contexts, reading = ([each.context for each in part] for part in (scores.contexts, scores.reading))
    return Probes(scores.language, scores.group, scores.name, scores.pairs, tuple(contexts), tuple(reading))


def _finding(
    scores: ProbeScores, measured: GroupGap, gap: CorpusGap, documents: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    assert measured.gap is not None, "it was found"
    ends = ("value", "low", "high")
    return {
        "language": scores.language,
        "group": scores.name,
        "verdict": measured.verdict,
        "model_gap": {end: getattr(measured.gap, end) for end in ends},
        "corpus_gap": {end: getattr(gap.gap, end) for end in ends},
        "leans": gap.leans,
        "documents": list(documents),
    }
