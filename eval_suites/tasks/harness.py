"""Task files of lm-eval (`pip install 'desdecero[lm-eval]'`), with local data, through this project's interface.

Record   whatever the task file reads: `dataset_path: json`, `dataset_kwargs: {data_files: {test: /path/items.jsonl}}`
Unit     a document of the task
Score    the task's own metrics, from lm-eval; intervals are made here, over documents
Chance   the task's own; none is reported

Caveats  lm-eval puts a space between context and continuation (`target_delimiter`) unless the task file says otherwise,
         and counts identical sentences of a pair as right. Masked models and encoder–decoders are asked through the
         same interface as everywhere here (pseudo-log-likelihood; a gap at the end): their figures belong in no table
         with causal ones. `loglikelihood_rolling` needs a probability of a whole text: causal models only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import Measured, SuiteResult
from desdecero.eval_suites.statistics import Interval, jackknife_ratio
from desdecero.eval_suites.tasks.task import Asking, Items, Scored, item_hash

LOWER_IS_BETTER = ("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte")


@dataclass(frozen=True)
class Harness:
    """A task of lm-eval."""

    name: str
    path: Path
    task: str
    kind: str = "lm_eval"

    @cached_property
    def texts(self) -> list[str]:
        """Return the documents of the task, each as one text."""
        task = self._manager().load(self.task)["tasks"][self.task]
        return [" ".join(_texts(document)) for document in task.eval_docs]

    def _manager(self) -> Any:
        from lm_eval.tasks import TaskManager

        return TaskManager(include_path=str(self.path.parent), include_defaults=False)

    def run(self, model: LanguageModel, how: Asking) -> Scored:
        """Return the task's metrics, as lm-eval computes them from this project's scores."""
        from lm_eval import simple_evaluate

        seeds = dict.fromkeys((f"{kind}random_seed" for kind in ("", "numpy_", "torch_", "fewshot_")), how.seed)
        found: Any = simple_evaluate(
            model=_as_harness_model(model, how.seed), tasks=[self.task], task_manager=self._manager(),
            bootstrap_iters=0, log_samples=True, **seeds,
        )  # fmt: skip
        samples = found["samples"][self.task]
        values = {  # lm-eval's keys are "metric,filter"; the first metric of the task counts
            key.partition(",")[0]: float(value)
            for key, value in found["results"][self.task].items()
            if "," in key and "_stderr" not in key and isinstance(value, int | float)
        }
        scores = {
            name: [float(sample[name]) for sample in samples]
            for name in values
            if all(isinstance(sample.get(name), int | float) for sample in samples)
        }
        main = next(iter(values))
        items = Items(
            hashes=[item_hash(sample["doc_hash"]) for sample in samples],
            right=scores.get(main, [0.0] * len(samples)),
            texts=[" ".join(_texts(sample["doc"]))[:500] for sample in samples],
            paradigms=[""] * len(samples),
            clusters=[""] * len(samples),
            answers=[str(sample["filtered_resps"])[:200] for sample in samples],
        )
        result = SuiteResult(
            name=self.name, kind=self.kind, items=len(samples), unit="task_document", sizes={}, settings={}, main=main,
            measures={name: _measured(name, value, scores.get(name), how.confidence) for name, value in values.items()},
            not_measured={}, baselines={},
        )  # fmt: skip
        return Scored(result, items)


def _measured(name: str, value: float, scores: list[float] | None, confidence: float) -> Measured:
    """Return a metric with an interval over documents where it is their mean."""
    interval = None
    if scores and abs(float(np.mean(scores)) - value) < 1e-9:
        interval = jackknife_ratio(scores, [1.0] * len(scores), confidence)
    share = scores is not None and set(scores) <= {0.0, 1.0}
    if interval and share:
        interval = Interval(value, max(0.0, interval.low), min(1.0, interval.high))
    return Measured(
        value=value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        better="lower" if name in LOWER_IS_BETTER else "higher",
        share=share,
    )


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]


def _as_harness_model(model: LanguageModel, seed: int) -> Any:
    """Return a model as lm-eval asks it."""
    from lm_eval.api.model import LM

    class Asked(LM):  # type: ignore[misc]  # lm-eval has no types
        """Passes lm-eval's requests on to the one interface."""

        def loglikelihood(self, requests: list[Any], **_: Any) -> list[tuple[float, bool]]:
            contexts, continuations = zip(*(request.args for request in requests), strict=True)
            found = model.score(contexts, continuations)
            return list(zip(found.log_likelihood.tolist(), found.greedy.tolist(), strict=True))

        def loglikelihood_rolling(self, requests: list[Any], **_: Any) -> list[float]:
            if not model.text_probability:
                raise ValueError(
                    "the task asks for the probability of a whole text, which this kind of model does not give"
                )
            scores = model.score_documents([request.args[0] for request in requests], seed, overlap=0.0)
            return [-score.nll for score in scores]

        def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
            answers = []
            for request in requests:
                prompt, options = request.args
                decoding = Decoding(int(options.get("max_gen_toks", 256)))
                (answer,) = model.generate([prompt], decoding, seed)
                text = model.decode(answer.written[0], skip_special_tokens=True)
                for stop in options.get("until") or []:
                    text = text.partition(stop)[0]
                answers.append(text)
            return answers

    return Asked()


def from_file(name: str, path: Path) -> Harness:
    """Return the suite of a task file. Raises `ValueError` where it names no task, or lm-eval is not installed."""
    if find_spec("lm_eval") is None:
        raise ValueError("lm-eval is not installed: pip install 'desdecero[lm-eval]'")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file: fix the path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: cannot be read as a task file ({str(error).splitlines()[0]}): fix the file"
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("task"), str):
        raise ValueError(f"{path}: it names no `task`: add one")
    return Harness(name, path, content["task"])
