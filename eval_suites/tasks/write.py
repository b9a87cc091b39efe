"""Text that a model writes, against references: translations, summaries, answers.

Record   {"prompt": "Summarise: …", "references": ["A …", "One …"]}; `references` may be one text
Unit     a prompt
Score    the metrics that the recipe names: `bleu` and `chrf` of the whole suite by sacrebleu (Post 2018), with its
         signature in the report; `rouge` (ROUGE-1, -2, -L by rouge-score: Lin 2004); `exact_match` and `f1` of words,
         the best of the references, as SQuAD has them (Rajpurkar et al. 2016, §6.1)
Chance   none

Caveats  The likeliest token is taken each time, up to `tokens`; an answer ends at the end of the text or, with `stop`,
         at that text. Overlap with a reference says little of sense. A masked model writes no text: not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from typing import Literal

from desdecero.eval_suites.metrics import compute
from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import Measured, SuiteResult
from desdecero.eval_suites.tasks.records import Record, mapped
from desdecero.eval_suites.tasks.task import Asking, Items, Scored, item_hash, measured_share

Metric = Literal["bleu", "chrf", "rouge", "exact_match", "f1"]
FIELDS = ("prompt", "references", "cluster")
MODULES: dict[Metric, str] = {
    "bleu": "bleu", "chrf": "chrf", "rouge": "rouge", "exact_match": "answer_match", "f1": "answer_match",
}  # fmt: skip
"""Metric → the module that computes it."""
WHOLE = ("bleu", "chrf")
"""Metrics that all answers have together; the mean over items, which has an interval, is another number."""
ROUGE = ("rouge1", "rouge2", "rougeL")


@dataclass(frozen=True)
class Prompted:
    """A prompt, and texts that would be right."""

    prompt: str
    references: tuple[str, ...]
    cluster: str


@dataclass(frozen=True)
class Write:
    """A suite of prompts with references."""

    name: str
    prompts: Sequence[Prompted]
    metrics: Sequence[Metric]
    tokens: int
    stop: str = ""
    kind: str = "write"

    @cached_property
    def texts(self) -> list[str]:
        """Return each prompt with its references."""
        return [" ".join([each.prompt, *each.references]) for each in self.prompts]

    def only(self, places: Sequence[int]) -> Write:
        """Return the suite with these items alone."""
        return replace(self, prompts=[self.prompts[place] for place in places])

    def run(self, model: LanguageModel, how: Asking) -> Scored:
        """Return how much of what the model writes stands in the references."""
        asked, written, shortened = [each.prompt for each in self.prompts], list[str](), list[bool]()
        for batch in how.progress([[prompt] for prompt in asked]):
            (answer,) = model.generate(batch, Decoding(self.tokens), how.seed)
            text = model.decode(answer.written[0], skip_special_tokens=True)
            written.append((text.partition(self.stop)[0] if self.stop else text).strip())
            shortened.append(answer.prompt.left_out > 0)
        names = list(dict.fromkeys(MODULES[metric] for metric in self.metrics))
        found = compute(names, {"predictions": written, "references": [list(each.references) for each in self.prompts]})
        scores = {
            f"{name}_by_item" if name in WHOLE else name: found[f"{name}_by_item"]
            for metric in self.metrics
            for name in (ROUGE if metric == "rouge" else (metric,))
        }
        main = next(iter(scores))
        items = Items(
            hashes=[item_hash(each.prompt, *each.references) for each in self.prompts],
            right=scores[main],
            texts=[f"{each.prompt} → {each.references[0]}" for each in self.prompts],
            paradigms=[""] * len(self.prompts),
            clusters=[each.cluster for each in self.prompts],
            shortened=shortened,
            answers=written,
        )
        measures = {
            name: measured_share(values, how.confidence, None, items.clusters) for name, values in scores.items()
        }
        whole = [metric for metric in self.metrics if metric in WHOLE]
        for name in whole:
            measures[name] = Measured(value=found[name], low=None, high=None, better="higher", share=False)
        result = SuiteResult(
            name=self.name, kind=self.kind, items=len(self.prompts), unit="prompt",
            sizes={"bytes": sum(len(text.encode()) for text in written)}, settings={"tokens": self.tokens},
            main=main, measures=measures, not_measured={}, baselines={},
            signatures={name: found[f"{name}_signature"] for name in whole},
            clusters=items.templates, shortened=sum(shortened),
        )  # fmt: skip
        return Scored(result, items)


def from_records(
    name: str,
    records: Sequence[Record],
    fields: Mapping[str, str],
    metrics: Sequence[Metric],
    tokens: int,
    stop: str = "",
) -> Write:
    """Build the suite from records. Raises `ValueError` for a prompt without a reference."""
    column, prompts = mapped(fields, FIELDS), list[Prompted]()
    for record in records:
        given = record.value(column["references"])
        references = [given] if isinstance(given, str) else given
        if (
            not isinstance(references, list)
            or not references
            or not all(isinstance(each, str) and each.strip() for each in references)
        ):
            raise ValueError(
                f"{record.place}: {column['references']!r} is not a text or a list of texts: fix the record"
            )
        cluster = record.label(column["cluster"])
        prompts.append(Prompted(record.text(column["prompt"]), tuple(references), cluster))
    return Write(name, prompts, metrics, tokens, stop)


def check_libraries(metrics: Sequence[Metric]) -> None:
    """Raise `ValueError` where a metric needs a library that is not installed."""
    needed = {"bleu": "sacrebleu", "chrf": "sacrebleu", "rouge": "rouge_score"}
    missing = sorted({needed[metric] for metric in metrics if metric in needed and find_spec(needed[metric]) is None})
    if missing:
        raise ValueError(f"{' and '.join(missing)} is not installed: pip install 'desdecero[writing]'")
