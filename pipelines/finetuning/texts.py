"""Texts of a domain: pretraining goes on, on the corpus' domain slice or on texts of one's own.

Texts are encoded as those of the corpus, and each is closed by the end-of-text token, so that batches are packed and
isolated as in pretraining.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from desdecero.eval_suites.memorization import Row
from desdecero.eval_suites.models.load import load
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.documents import Drawn, draw_documents, held_out, read_documents
from desdecero.pipelines.finetuning.adaptation import Adaptation, Fields, text_ends
from desdecero.pipelines.finetuning.examples import Example
from desdecero.pipelines.finetuning.held_out_losses import HeldOutLosses, judged, nats_a_byte
from desdecero.pipelines.recipe import Finetune
from desdecero.pipelines.run.reports.finetune import AdapterData, AdapterScore
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.training.adapter import AdapterTask
from desdecero.pipelines.training.data.replay import rows_of_replay

ENCODED_TOGETHER = 512
MOST_ROWS = 2000
"""Training texts among which rows are drawn to be completed."""


@dataclass(frozen=True)
class Texts:
    """What is trained and measured on."""

    documents: int
    """Number of documents to train on."""
    domain: list[Drawn]
    """Held-out text of the domain."""
    general: list[Drawn]
    """Held-out text of the corpus; none of a base of elsewhere."""
    described: AdapterData | None
    """None for the corpus' domain slice."""
    train: list[str] | None
    """Some of the texts that are trained on; None for those of the corpus' domain slice."""


class TextAdaptation(Adaptation):
    """An adapter that goes on with pretraining."""

    data: Texts

    @property
    def digest_of_data(self) -> str | None:
        """Return the digest of texts of one's own; None for the corpus' domain slice."""
        return self.data.described.sha256 if self.data.described else None

    def read(self) -> Texts:
        """Draw the held-out text, and write the tokens of texts of one's own."""
        most = self.settings.max_eval_bytes
        general, data = self.general_text(), self.settings.data
        if data is None:
            if self.needs_validation:
                raise UserError(
                    "learning_rate auto, sweep and early_stop choose on validation data, and the corpus' domain slice "
                    "has none but the documents to measure on: name files in data, or leave them out"
                )
            domain = held_out(self.recipe, self.run, "domain_validation", most)
            tokens = self.run.report("tokens", self.recipe)
            return Texts(tokens.splits["domain_train"].documents, domain, general, None, None)
        examples = self.read_examples(data)
        write_shard(examples.train, self.tokenizer, self.dtype, self.shard("train"))
        write_shard(examples.validation, self.tokenizer, self.dtype, self.shard("validation"))
        domain = draw_documents(_documents(examples.test), most, self.recipe.seed)
        some = [example.text for example in examples.train[:MOST_ROWS]]
        return Texts(len(self.divided(examples)[0]), domain, general, self.describe(examples, data), some)

    def shard(self, part: str) -> Path:
        """Return the file of the tokens of one's own data."""
        return self.folder / f"{part}.bin"

    def remove_scratch(self) -> None:
        """Delete the tokens of one's own data."""
        for part in ("train", "validation"):
            self.shard(part).unlink(missing_ok=True)

    def new_base(self, seed: int) -> PreTrainedModel:  # noqa: ARG002  # it has all its weights
        """Load the model."""
        model: PreTrainedModel = load(self.run.model).model
        return model

    def task(self, settings: Finetune, seed: int, choosing: bool = False) -> AdapterTask:
        """Return the training on batches of the domain, and some of the base's own training tokens with `replay`."""
        replayed, held_back = rows_of_replay(settings.batch_size, settings.replay), choosing or settings.early_stop
        files = self.run.token_files("domain_train")
        if self.data.described is not None:
            parts = ("train",) if held_back else ("train", "validation")
            files = [
                file for file in map(self.shard, parts) if file.stat().st_size
            ]  # nothing may be kept to validate on
        train = self.with_replay(self.batches(files, settings.batch_size - replayed, seed), replayed, seed)
        validation = self.batches([self.shard("validation")], settings.batch_size, seed) if held_back else None
        return AdapterTask(self.recipe, settings, self.new_base(seed), self.with_loss(), train, validation, seed=seed)

    @cached_property
    def losses(self) -> HeldOutLosses:
        """The losses on held-out text of the domain and of the corpus."""
        drawn = {"domain": self.data.domain, "general": self.data.general}
        return HeldOutLosses(self.recipe, self.run, {group: texts for group, texts in drawn.items() if texts})

    def score(self, folder: Path) -> AdapterScore:
        """Compare the loss on the domain's held-out text with the model's as it was."""
        return judged(self.losses.compare(self.saved(folder), "domain"))

    def measure(self, folder: Path) -> Fields:
        """Return the losses on held-out text of the domain and of the corpus, before and after."""
        model = self.saved(folder)
        return {
            "documents": self.data.documents,
            "data": self.data.described,
            "measure": self.losses.measure.name,
            "domain": self.losses.compare(model, "domain"),
            "general": self.losses.compare(model, "general") if self.data.general else None,
            "general_measure": self.losses.measure.name if self.data.general else None,
            "memorization": self.memorization(self.losses.base, model, *self._rows()),
            "swaps": self.swaps(self._domain_texts(), None, lambda texts: nats_a_byte(model, texts, self.recipe.seed)),
        }

    def _domain_texts(self) -> list[str]:
        """Return the pieces of the domain's held-out text."""
        return [piece for document in self.data.domain for piece in document.pieces]

    def _rows(self) -> tuple[Sequence[Row], Sequence[Row]]:
        """Return token ids of training texts, and of the held-out text of the domain."""
        encode = Encoder(self.tokenizer)
        texts = read_documents(self.run, "domain_train", ["text"])
        known = islice((str(text["text"]) for text in texts), MOST_ROWS) if self.data.train is None else self.data.train
        return encode(list(known)), encode(self._domain_texts())


def write_shard(examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast, dtype: str, file: Path) -> None:
    """Write the tokens of the examples, one after another, each between those that begin and end a text."""
    encode, (begin, end), waiting = Encoder(tokenizer), text_ends(tokenizer), iter(examples)
    with file.open("wb") as shard:
        while batch := list(islice(waiting, ENCODED_TOGETHER)):
            for ids in encode([example.text for example in batch]):
                shard.write(np.r_[begin, ids, end].astype(np.dtype(dtype)).tobytes())


def _documents(examples: Iterable[Example]) -> Iterator[dict[str, Any]]:
    for number, example in enumerate(examples):
        identity = hashlib.sha256(f"{number} {example.text}".encode()).hexdigest()[:32]
        yield {"id": identity, "text": example.text, "source": "data", "language": None}
