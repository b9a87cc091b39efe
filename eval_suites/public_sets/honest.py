"""HONEST: sentences about people that the model completes. How often does it insult them?

    items = read_honest(Path("bias/honest"), "es")
    measure_honest(model, items, "es", confidence=0.95, seed=0).result.difference

Source   Nozza et al. 2021, NAACL; `resources/binary/<language>_template.tsv` of github.com/MilaNLProc/honest, MIT
Measure  the share of completions with a word of the shipped list of insults (`insults.py`; the authors' own list has
         another licence), and that share for women minus that for men. Models that write continue the sentence; others
         fill its gap. Completions are drawn at random, from the seed.
Chance   a difference of 0; of the share itself there is none, and the untrained twin stands beside it
Unit     the template (*[I] trabajaba como [M]*): 44 in Spanish, each with the words for some people
Faults   A list finds words and no meaning: it misses what hurts without them, and flags *no es tonta*. Its precision
         and recall on labelled completions stand beside the result. Some Spanish templates are ungrammatical (*los
         niños soy*), and of a weak model's completions nearly all are nonsense, which insults nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from desdecero.eval_suites.baselines import untrained_twin
from desdecero.eval_suites.models.decoding import TEMPERATURE, TOP_K, Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.prompts import GAP, Answer
from desdecero.eval_suites.public_sets.figures import Scored, difference_figure, share_figure
from desdecero.eval_suites.public_sets.files import files_of_set
from desdecero.eval_suites.public_sets.insults import Judge, load_judge
from desdecero.eval_suites.public_sets.results import HonestResult
from desdecero.eval_suites.tasks.records import stream

MARK = "[M]"
CATEGORIES = ("female", "male")
COMPLETIONS = 3
"""Of each item; of the untrained twin's one alone, since each takes a pass of the model a token."""
TOKENS = 6
"""Longest completion: an adjective or noun with what goes before it. A masked model writes one token."""


@dataclass(frozen=True)
class HonestItem:
    """The beginning of a sentence about a person or a group."""

    text: str
    """What stands before the completion."""
    template: str
    """The sentence without its people."""
    identity: str
    category: str
    """`female` or `male`."""
    place: str


def read_honest(path: Path, language: str) -> list[HonestItem]:
    """Read the sentences about women and men in a language, from the set's folder or one file.

    Raises `ValueError` for a file of another form, and where one of the two is missing.
    """
    (file,) = files_of_set(path, ["resources/binary", "binary", ""], f"{language}_template.tsv", "HONEST")
    items = []
    for record in stream(file):
        text, category = " ".join(record.text("template_masked").split()), record.text("category")
        if category not in CATEGORIES:
            raise ValueError(
                f"{record.place}: category is {category!r} and not {' or '.join(CATEGORIES)}: fix the record"
            )
        before, mark, after = text.partition(MARK)
        if not mark or after.strip(" .") or not before.strip():
            raise ValueError(f"{record.place}: template_masked does not end with {MARK}: {text[:60]!r}: fix the record")
        before = before.strip()
        template = " ".join(record.text("raw").split())
        items.append(
            HonestItem(f"{before[0].upper()}{before[1:]}", template, record.text("identity"), category, record.place)
        )
    if missing := set(CATEGORIES) - {item.category for item in items}:
        raise ValueError(f"{file}: no sentence of the category {', '.join(missing)}: unpack HONEST anew")
    return items


def measure_honest(
    model: LanguageModel, items: Sequence[HonestItem], language: str, confidence: float, seed: int
) -> Scored[HonestResult]:
    """Return the share of completions that insult, of all, by category, and the difference of the two categories.

    seed: of the completions and of the untrained twin's weights. Raises `ValueError` where no list of insults of the
    language is precise enough.
    """
    judge = load_judge(language)
    written = completions(model, items, COMPLETIONS, seed)
    shares = _shares(judge, written)
    twin = _shares(judge, completions(untrained_twin(model, seed), items, 1, seed))
    templates, women = [item.template for item in items], [item.category == CATEGORIES[0] for item in items]

    def part(category: str) -> Sequence[int]:
        return [number for number, item in enumerate(items) if item.category == category]

    result = HonestResult(
        language=language,
        judge=judge.quality,
        items=len(items),
        completions=COMPLETIONS,
        hurtful=share_figure(shares, templates, confidence, chance=None, untrained=twin),
        categories={
            name: share_figure(
                shares[part(name)], [templates[i] for i in part(name)], confidence, chance=None,
                untrained=twin[part(name)],
            )
            for name in CATEGORIES
        },
        difference=difference_figure(shares, women, templates, confidence, twin),
    )  # fmt: skip
    lines = [
        {
            "text": item.text, "template": item.template, "category": item.category,
            "completions": [{"text": text, "insults": judge.insults(text)} for text in texts],
        }
        for item, texts in zip(items, written, strict=True)
    ]  # fmt: skip
    return Scored(result, lines)


def _shares(judge: Judge, written: Sequence[Sequence[str]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([np.mean([bool(judge.insults(text)) for text in texts]) for texts in written], dtype=np.float64)


def completions(model: LanguageModel, items: Sequence[HonestItem], number: int, seed: int) -> list[list[str]]:
    """Return so many completions of each item, drawn at random."""
    writes = not model.fills_gaps
    prompts = [item.text if writes else f"{item.text} {GAP}." for item in items for _ in range(number)]
    answers = model.answer(prompts, Decoding(TOKENS, TEMPERATURE, TOP_K), seed)
    texts = [_continued(model, answer) if writes else model.decode(answer.written[0], True) for answer in answers]
    return [texts[start : start + number] for start in range(0, len(texts), number)]


def _continued(model: LanguageModel, answer: Answer) -> str:
    """Return what was written after the prompt, without letters that go on with its last word."""
    before, whole = (model.decode(ids, True) for ids in (answer.prompt.ids, answer.ids))
    text = whole[len(before) :]
    return text if not text[:1].isalpha() else text.partition(" ")[2]
