"""Draw facts that one document alone states, and passages to continue, from the corpus of a run.

    drawn = draw_facts(recipe, run, FACTS)
    measure_facts(model, drawn.trained, drawn.held_out, …)
    written = continue_passages(model, draw_passages(recipe, run, PASSAGES), TOKENS, recipe.seed)
    measure_made_up(written, lambda values: standing(run, values), …)

A fact is a number, a date or a name (`true_or_false/values.py`) where a document has it first, inside a sentence, with
some words of the sentence before it. Documents are drawn by a hash of seed and id; then all training and held-out
documents are read for the values of these, and those that two documents have are dropped. The three others of a fact
are the likest in form among the values that passed, of the same kind and split, from other documents: so the stated
value and the others are drawn alike, and chance is one in four.

The corpus is read twice (about 10 MB a second on one core); in memory are the drawn sentences, however large it is.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from desdecero.eval_suites.true_or_false.facts import OTHERS, Fact
from desdecero.eval_suites.true_or_false.made_up import Passage
from desdecero.eval_suites.true_or_false.values import Kind, Lookup, values_in
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.cleaning.sentences import sentence_spans
from desdecero.pipelines.corpus.documents import measured_split, read_documents
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.layout import Split
from desdecero.pipelines.run.run_dir import RunDir

FACTS = 200
"""Facts of each side: 13 points above a share of 0.25 are found with a chance of 80%, if each is from a document of its
own (normal approximation), in 1,600 sequences to score."""
DOCUMENTS_PER_FACT = 5
"""Documents drawn for each fact that is asked for: many have no value that no other document has."""
MOST_OF_DOCUMENT = 3
"""Facts of one document at most: its facts are told by the same voice, and count as one where intervals are made."""
TRIED_OF_DOCUMENT = 8
"""Values of one document that are looked for in the others, drawn at random."""
BEFORE, AFTER = 300, 200
"""Characters of the text before a value, and of its sentence after it, at most."""
LEAST_WORDS = 3
"""Words of its sentence before a value: with fewer, the question is hardly one."""
PASSAGES, TOKENS = 100, 64
"""Passages that a model continues, by so many tokens each."""
PROMPT, GOES_ON = 200, 600
"""Characters of a passage before and after the cut, at most; of 64 tokens few are longer than nine characters."""


@dataclass(frozen=True)
class DrawnFacts:
    """Facts of both sides, in random order."""

    trained: list[Fact]
    held_out: list[Fact]


@dataclass(frozen=True)
class _Statement:
    document: str
    kind: Kind
    context: str
    value: str
    rest: str


def draw_facts(recipe: Recipe, run: RunDir, count: int) -> DrawnFacts:
    """Draw up to `count` facts of training documents, and as many of held-out ones; fewer where there are no more."""
    splits: tuple[Split, Split] = ("train", measured_split(recipe))
    stated = [_statements(run, split, count * DOCUMENTS_PER_FACT, recipe.seed) for split in splits]
    alone = _stated_once(run, splits, frozenset(one.value for some in stated for one in some))
    trained, held_out = (
        _with_others([one for one in some if one.value in alone], count, recipe.seed) for some in stated
    )
    return DrawnFacts(trained, held_out)


def draw_passages(recipe: Recipe, run: RunDir, count: int) -> list[Passage]:
    """Draw up to `count` passages of held-out documents, a few of each at most, cut where a word begins."""
    split = measured_split(recipe)
    documents = _drawn(_documents(run, split), count, recipe.seed)
    found = list[tuple[int, Passage]]()
    for identity, text in documents:
        for start in range(0, len(text), PROMPT + GOES_ON):
            passage = _passage(identity, text[start : start + PROMPT + GOES_ON])
            if passage:
                found.append((_place(recipe.seed, identity, start), passage))
    taken, chosen = Counter[str](), list[Passage]()
    most = max(MOST_OF_DOCUMENT, -(-count // max(1, len(documents))))
    for _, passage in sorted(found, key=lambda each: each[0]):
        if len(chosen) < count and taken[passage.document] < most:
            taken[passage.document] += 1
            chosen.append(passage)
    return chosen


def standing(run: RunDir, values: frozenset[str]) -> set[str]:
    """Return the values that stand in a training document, as whole words. It reads the training documents once."""
    lookup, found = Lookup(values), set[str]()
    for _, text in progress(_documents(run, "train"), title="audit: values", unit="document"):
        found |= lookup(text)
    return found


# --- statements --------------------------------------------------------------------------------------------------


def _documents(run: RunDir, split: Split) -> Iterator[tuple[str, str]]:
    if run.document_files(split):
        for row in read_documents(run, split, ["id", "text"]):
            yield row["id"], row["text"]


def _drawn(documents: Iterable[tuple[str, str]], count: int, seed: int) -> list[tuple[str, str]]:
    """Return `count` documents in an order that seed and id alone decide."""
    return heapq.nsmallest(count, documents, key=lambda document: _place(seed, document[0]))


def _statements(run: RunDir, split: Split, documents: int, seed: int) -> list[_Statement]:
    """Return statements of so many documents that have any, in random order. Memory: these statements."""
    heap: list[tuple[int, str, list[_Statement]]] = []  # the latest in the order on top
    for identity, text in progress(_documents(run, split), title=f"audit: facts of {split}", unit="document"):
        place = -_place(seed, identity)
        if len(heap) == documents and place <= heap[0][0]:
            continue
        if statements := _tried(identity, text, seed):
            (heapq.heappush if len(heap) < documents else heapq.heappushpop)(heap, (place, identity, statements))
    return [statement for _, _, statements in sorted(heap, reverse=True) for statement in statements]


def _tried(identity: str, text: str, seed: int) -> list[_Statement]:
    """Return some of the values that a document states, each where it stands first, drawn at random."""
    places, words = dict[str, tuple[Kind, int, int]](), dict[str, int]()
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        for one in values_in(sentence):
            if one.text not in places:
                places[one.text] = one.kind, start + one.start, end
                words[one.text] = len(sentence[: one.start].split())
    found = list[_Statement]()
    for value in sorted(places, key=lambda value: _place(seed, identity, value)):
        if len(found) == TRIED_OF_DOCUMENT:
            break
        kind, start, end = places[value]
        stands = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)
        if words[value] >= LEAST_WORDS and stands and stands.start() == start:
            after = start + len(value)
            context = _from_word(text[max(0, start - BEFORE) : start], start > BEFORE)
            found.append(_Statement(identity, kind, context, value, text[after : min(end, after + AFTER)]))
    return found


def _from_word(text: str, is_cut: bool) -> str:
    """Return the text from where a word begins, if it was cut before."""
    return text[text.find(" ") + 1 :] if is_cut else text


def _stated_once(run: RunDir, splits: Sequence[Split], values: frozenset[str]) -> set[str]:
    """Return the values that one document of these splits alone has."""
    lookup, counts = Lookup(values), Counter[str]()
    for split in splits:
        for _, text in progress(_documents(run, split), title=f"audit: values of {split}", unit="document"):
            counts.update(lookup(text))
    return {value for value, count in counts.items() if count == 1}


def _with_others(statements: Sequence[_Statement], count: int, seed: int) -> list[Fact]:
    """Return up to `count` facts, a few of each document, with values of other documents beside the own one."""
    pools: dict[Kind, list[_Statement]] = defaultdict(list)
    for one in statements:
        pools[one.kind].append(one)
    facts, taken = list[Fact](), Counter[str]()
    for one in statements:
        if len(facts) == count:
            break
        if taken[one.document] == MOST_OF_DOCUMENT:
            continue
        others = _likest(one, pools[one.kind], seed)
        if len(others) == OTHERS:
            taken[one.document] += 1
            facts.append(Fact(one.document, one.kind, one.context, one.value, tuple(others), one.rest))
    return facts


def _likest(one: _Statement, pool: Sequence[_Statement], seed: int) -> list[str]:
    """Return the values of other documents that are written most alike: same form, then nearest length, then by lot."""

    def unlike(other: _Statement) -> tuple[bool, int, int]:
        lot = _place(seed, one.document, one.value, other.value)
        return _form(other.value) != _form(one.value), abs(len(other.value) - len(one.value)), lot

    others = (other for other in pool if other.document != one.document)
    return [other.value for other in heapq.nsmallest(OTHERS, others, key=unlike)]


def _form(value: str) -> str:
    """Return a value with 9 for each digit and a for each word: 9,999 and a a."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d", "9", value))


def _passage(identity: str, text: str) -> Passage | None:
    """Cut a passage before the last word that begins within `PROMPT` characters; None for one that is too short."""
    cut = text.rfind(" ", 0, PROMPT)
    if cut < PROMPT // 2 or len(text) - cut < GOES_ON // 2:
        return None
    return Passage(identity, text[:cut], text[cut:])


def _place(seed: int, *names: object) -> int:
    """Return a number that only seed and names decide."""
    return int.from_bytes(hashlib.sha256(":".join(map(str, (seed, *names))).encode()).digest()[:8])
