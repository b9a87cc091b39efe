"""Labels of texts, and labelled spans: a classification head on the model, trained with an adapter or the whole.

The model becomes one of transformers' `…ForSequenceClassification` or `…ForTokenClassification`, with the labels' names
in `id2label`; the head is saved with the adapter. Spans are learned as tags of tokens (BIO), by their offsets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property, partial
from logging import ERROR
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)
from transformers.utils import logging

from desdecero.eval_suites.label_scores import compare_labels, compare_spans, score_labels, score_spans
from desdecero.eval_suites.models.label_rows import Rows, tag_targets, tags
from desdecero.eval_suites.models.labelled import SEVERAL, Classifier, Tagger, load_labelled
from desdecero.eval_suites.predictions import label_predictions, span_predictions
from desdecero.eval_suites.results import LabelScores, ScoreDifference, SwapResult
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_json
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.finetuning.adaptation import Adaptation, Fields
from desdecero.pipelines.finetuning.example import Example, Examples, Span
from desdecero.pipelines.finetuning.yardsticks import dictionary, linear_svm, majority
from desdecero.pipelines.recipe import Finetune
from desdecero.pipelines.recipe.domains import domain
from desdecero.pipelines.recipe.finetune import RATES
from desdecero.pipelines.run.reports.finetune import AdapterData, AdapterScore, LabelResult, Yardstick
from desdecero.pipelines.training.adapter import AdapterTask
from desdecero.pipelines.training.data.labelled_rows import LabelledRows
from desdecero.pipelines.training.devices.processes import from_first
from desdecero.pipelines.training.model_with_labels import ModelWithLabels
from desdecero.pipelines.training.trainer import Trainer

BETWEEN = "\x1f"
"""Stands between the texts of a pair while words are exchanged: the unit separator, which no text has."""


@dataclass(frozen=True)
class LabelledData:
    """What is trained and measured on."""

    examples: Examples
    described: AdapterData


@dataclass(frozen=True)
class Judged:
    """What a model predicts of the test examples, and how good that is."""

    predicted: list[Any]
    """Labels, or spans, of each example."""
    sure: Any
    """Probability of each label, or of each span."""
    scores: LabelScores
    differences: dict[Yardstick, dict[str, ScoreDifference]]
    """Yardstick → measure → how the predictions differ from its own."""


class LabelAdaptation(Adaptation):
    """An adapter with a head for labels."""

    data: LabelledData
    _last: tuple[Classifier | Tagger, Judged] | None = None
    """The model that was asked last, and what came of it."""

    def read(self) -> LabelledData:
        """Read the examples."""
        assert self.settings.data is not None, "the recipe checks it"
        examples = self.read_examples(self.settings.data)
        return LabelledData(examples, self.describe(examples, self.settings.data))

    @property
    def digest_of_data(self) -> str:
        """Return the digest of the examples."""
        return self.data.described.sha256

    @property
    def by_token(self) -> bool:
        """Return whether spans are labelled, and not whole texts."""
        return self.settings.task == "tokens"

    @property
    def auto(self) -> Any:
        """The class of transformers that loads the adapted model."""
        return AutoModelForTokenClassification if self.by_token else AutoModelForSequenceClassification

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the head's outputs stand for: labels, or tags."""
        labels = self.data.examples.labels
        return tags(labels) if self.by_token else labels

    @property
    def num_labels(self) -> int:
        """Outputs of the head."""
        return len(self.names)

    # --- training --------------------------------------------------------------------------------------------------

    def new_base(self, seed: int) -> PreTrainedModel:
        """Load the model with a new head, whose first weights the seed draws."""
        return self._with_head(seed)[0]

    def _with_head(self, seed: int) -> tuple[PreTrainedModel, list[str]]:
        """Return the model with a new head, and the names of the modules that the model did not have."""
        set_seed(seed)
        config = AutoConfig.from_pretrained(self.run.model)
        pooling = {"classifier_pooling": "mean"} if hasattr(config, "classifier_pooling") else {}
        verbosity = logging.get_verbosity()
        logging.set_verbosity(ERROR)  # it warns of the weights that the head lacks
        try:
            model, loaded = self.auto.from_pretrained(
                self.run.model,
                output_loading_info=True,
                **pooling,  # ModernBERT's head can: docs/measured/models.md says what it brings
                dtype=torch.float32,  # a base of elsewhere may be saved in half of it
                id2label=dict(enumerate(self.names)),
                label2id={name: place for place, name in enumerate(self.names)},
                problem_type=SEVERAL if self.data.examples.several else None,
            )
        finally:
            logging.set_verbosity(verbosity)
        model.config.pad_token_id = self._rows(model).padding
        return model, sorted({key.rpartition(".")[0] for key in loaded["missing_keys"]})

    def _rows(self, model: PreTrainedModel) -> Rows:
        return Rows(self.tokenizer, model.config, self.recipe.model.context_length)

    def task(self, settings: Finetune, seed: int, choosing: bool = False) -> AdapterTask:
        """Return the training on the labelled examples."""
        model, new = self._with_head(seed)
        return self._task(settings, seed, model, new, choosing)

    def _task(
        self, settings: Finetune, seed: int, model: PreTrainedModel, new: Sequence[str], choosing: bool = False
    ) -> AdapterTask:
        rows, several = self._rows(model), self.data.examples.several
        known, held_back = self.divided(self.data.examples, choosing)
        return AdapterTask(
            self.recipe,
            settings,
            model,
            lambda model, _: ModelWithLabels(model, rows.padding, several, self.by_token),
            self._examples(known, rows, settings.batch_size, seed),
            self._examples(held_back, rows, settings.batch_size, seed) if held_back else None,
            seed=seed,
            new_modules=new,
        )

    def _examples(self, examples: Sequence[Example], rows: Rows, size: int, seed: int) -> LabelledRows:
        """Return the rows of examples, with what is to be learned of them."""
        try:
            ids, wanted = self._windows(examples, rows) if self.by_token else self._texts(examples, rows)
        except ValueError as error:
            raise UserError(f"{self.settings.data and self.settings.data.train}: {error}") from None
        inputs, targets = ([np.array(each, dtype=np.int32) for each in part] for part in (ids, wanted))
        return LabelledRows(inputs, targets, by_token=self.by_token, padding=rows.padding, size=size, seed=seed)

    def _texts(self, examples: Sequence[Example], rows: Rows) -> tuple[list[list[int]], list[list[int]]]:
        number = {name: place for place, name in enumerate(self.names)}
        ids = rows.of_texts(*_columns(examples))
        if self.data.examples.several:
            return ids, [[int(name in example.labels) for name in self.names] for example in examples]
        return ids, [[number[label] for label in example.labels] for example in examples]

    def _windows(self, examples: Sequence[Example], rows: Rows) -> tuple[list[list[int]], list[list[int]]]:
        windows = rows.windows([example.text for example in examples])
        targets = [tag_targets(window, examples[window.text].spans, self.names) for window in windows]
        return [window.ids for window in windows], targets

    # --- measures --------------------------------------------------------------------------------------------------

    def train_yardsticks(self, accelerator: Accelerator) -> None:
        """Train the same architecture from random weights, all of them, as long; the first process keeps what it
        predicts of the test examples, and what the yardsticks without a model do."""
        file = self.folder / "yardsticks.json"
        if from_first(accelerator, file.is_file):
            return
        settings = self.settings.model_copy(update={"method": "full", "learning_rate": RATES["full"]})
        base, new = self._with_head(self.recipe.seed)
        set_seed(self.recipe.seed)
        task = self._task(settings, self.recipe.seed, self.auto.from_config(base.config), new)
        task.title, task.validation_data = "finetune: from random weights", None
        Trainer(task, accelerator).run()
        if accelerator.is_main_process:
            kind = Tagger if self.by_token else Classifier
            random = kind(task.model, self.tokenizer, self.recipe.model.context_length)
            write_json(file, {**self._without_model(), "random_weights": self._content(self._ask(random)[0])})

    def _without_model(self) -> dict[str, Any]:
        examples = self.data.examples
        if self.by_token:
            return {"dictionary": self._content(dictionary(examples))}
        return {"majority": majority(examples), "linear_svm": linear_svm(examples, self.recipe.seed)}

    def _content(self, predicted: Sequence[Any]) -> list[Any]:
        """Return predictions as JSON holds them."""
        return [[astuple(span)[:3] for span in one] for one in predicted] if self.by_token else list(predicted)

    @cached_property
    def yardsticks(self) -> dict[Yardstick, list[Any]]:
        """What the yardsticks predicted of the test examples, by their names."""
        content = json.loads((self.folder / "yardsticks.json").read_text(encoding="utf-8"))
        if self.by_token:
            return {name: [[Span(*span) for span in one] for one in each] for name, each in content.items()}
        return {name: [tuple(labels) for labels in each] for name, each in content.items()}

    @property
    def measure_name(self) -> str:
        """The measure to quote: the domain pack's, or the usual one of the task."""
        if self.by_token:
            return "span_f1"
        pack = domain(self.settings.domain) if self.settings.domain else None
        metric = pack.metric if pack and pack.task == self.settings.task else "accuracy"
        return "micro_f1" if self.data.examples.several and metric == "accuracy" else metric

    def load(self, folder: Path) -> Classifier | Tagger:
        """Load an adapted model from its files."""
        return load_labelled(folder)

    def _judged(self, model: Classifier | Tagger) -> Judged:
        """Return what a model predicts of the test examples, and how good that is; it is asked once."""
        if self._last is None or self._last[0] is not model:
            predicted, sure = self._ask(model)
            judged = Judged(predicted, sure, self._scores(predicted, sure), self._differences(predicted))
            self._last = model, judged
        return self._last[1]

    def _ask(self, model: Classifier | Tagger) -> tuple[list[Any], Any]:
        """Return what a model predicts of each test example, and how sure it is."""
        texts, texts_b = _columns(self.data.examples.test)
        bar = partial(progress, title="finetune: test", unit="batch")
        if isinstance(model, Tagger):
            found = model.spans(texts, bar)
            return found, [[span.probability for span in spans] for spans in found]
        probabilities = model.probabilities(texts, texts_b, bar)
        return model.chosen(probabilities), probabilities

    @property
    def _gold(self) -> list[Any]:
        """What is right for each test example."""
        return [example.spans if self.by_token else example.labels for example in self.data.examples.test]

    def _scores(self, predicted: list[Any], sure: Any) -> LabelScores:
        confidence = self.recipe.evaluate.confidence
        if self.by_token:
            return score_spans(self._gold, predicted, probabilities=sure, confidence=confidence)
        several, labels = self.data.examples.several, self.names
        return score_labels(
            self._gold, predicted, several=several, probabilities=sure, labels=labels, confidence=confidence
        )

    def _differences(self, predicted: list[Any]) -> dict[Yardstick, dict[str, ScoreDifference]]:
        """Return yardstick → measure → how the predictions differ from its own."""
        confidence = self.recipe.evaluate.confidence
        if self.by_token:
            return {
                name: compare_spans(self._gold, predicted, own, confidence=confidence)
                for name, own in self.yardsticks.items()
            }
        several = self.data.examples.several
        return {
            name: compare_labels(self._gold, predicted, own, several=several, confidence=confidence)
            for name, own in self.yardsticks.items()
        }

    def score(self, folder: Path) -> AdapterScore:
        """Score the model on the test examples, beside the best of the yardsticks."""
        judged = self._judged(self.saved(folder))
        differences = {name: each[self.measure_name] for name, each in judged.differences.items()}
        best = max(differences, key=lambda name: differences[name].second)
        return AdapterScore(
            against=best,
            score=judged.scores.measures[self.measure_name],
            change=differences[best].difference,
            verdict=differences[best].verdict,
        )

    def measure(self, folder: Path) -> Fields:
        """Write what is predicted of each test example, and return scores, calibration and yardsticks."""
        model, examples = self.saved(folder), self.data.examples
        judged = self._judged(model)
        texts, texts_b = _columns(examples.test)
        table = (
            span_predictions(texts, self._gold, judged.predicted)
            if self.by_token
            else label_predictions(texts, self._gold, judged.predicted, judged.sure, self.names, texts_b)
        )
        pq.write_table(table, folder / "predictions.parquet")
        result = LabelResult(
            labels=list(examples.labels),
            several=examples.several,
            scores=judged.scores,
            yardsticks=judged.differences,
            untrained=examples.untrained,
        )
        return {
            "documents": len(self.divided(examples)[0]),
            "data": self.data.described,
            "swaps": self._swaps(model),
            "measure": self.measure_name,
            "domain": None,
            "general": None,
            "labels": result,
        }

    def _swaps(self, model: Classifier | Tagger) -> dict[str, dict[str, SwapResult]]:
        """Return what the exchange of words of people does to the predictions; a pair of texts is exchanged as one."""
        texts, texts_b = _columns(self.data.examples.test)
        if isinstance(model, Tagger):
            spans = [[(span.start, span.end, span.label) for span in spans] for spans in self._gold]
            return self.swaps(
                texts, spans, lambda asked: [[astuple(span)[:3] for span in found] for found in model.spans(asked)]
            )

        def predict(asked: list[str]) -> list[Any]:
            parts = [one.split(BETWEEN) for one in asked]
            second = [part[1] for part in parts] if texts_b is not None else None
            chosen = model.chosen(model.probabilities([part[0] for part in parts], second))
            return chosen if self.data.examples.several else [labels[0] for labels in chosen]

        gold = self._gold if self.data.examples.several else [labels[0] for labels in self._gold]
        joined = [BETWEEN.join(pair) for pair in zip(texts, texts_b, strict=True)] if texts_b is not None else texts
        return self.swaps(joined, gold, predict)

    def remove_scratch(self) -> None:
        """Delete what the yardsticks predicted: the report has their scores."""
        (self.folder / "yardsticks.json").unlink(missing_ok=True)


def _columns(examples: Sequence[Example]) -> tuple[list[str], list[str] | None]:
    """Return the texts, and the second ones of pairs."""
    second = [example.text_b for example in examples]
    return [example.text for example in examples], second if any(second) else None
