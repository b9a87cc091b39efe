"""What the four tasks of fine-tuning have in common: data, a training, a saved model, and measures of it.

adaptation = TextAdaptation(recipe, run, folder, settings)      # or that of another task
adaptation.data = from_first(accelerator, adaptation.read)      # read once, known to all processes
task = adaptation.task(settings, seed)                          # for `Trainer`
adaptation.save(task, folder)                                   # adapter/ and merged/
adaptation.score(folder)                                        # the score of a seed, beside what it has to beat
adaptation.measure(folder)                                      # everything that the report says of the adapter
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from desdecero.eval_suites.memorization import Row, measure_memorization
from desdecero.eval_suites.models.frames import special_frame, text_frame
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import KINDS, load
from desdecero.eval_suites.results import MemorizationChange, SwapResult
from desdecero.eval_suites.swaps import measure_swaps
from desdecero.model_cards.words import LANGUAGES, Language
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.corpus.documents import Drawn, held_out, measured_split, read_documents
from desdecero.pipelines.finetuning.examples import (
    Example,
    Examples,
    count_in_corpus,
    count_personal_data,
    read_examples,
)
from desdecero.pipelines.recipe import Finetune, Pretrain, Recipe
from desdecero.pipelines.recipe.domains import domain
from desdecero.pipelines.recipe.finetune_data import FinetuneData
from desdecero.pipelines.run.reports.finetune import AdapterData, AdapterScore
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.adapter import AdapterTask, load_adapter, save_adapter
from desdecero.pipelines.training.data.batches import Batches, TrainingData
from desdecero.pipelines.training.data.collators import NO_PADDING, build_collator
from desdecero.pipelines.training.data.replay import WithReplay
from desdecero.pipelines.training.model_with_loss import ModelWithLoss

MEMORIZATION_ROWS = 200
"""Rows of each kind that are asked for, at most: a share of a half is then known to 7 points."""
Fields = dict[str, Any]
"""Fields of a `FinetuneReport`."""


class Adaptation(ABC):
    """An adapter of one run: its data, its training, and what it changed."""

    data: Any
    """What `read` returned in the first process."""

    def __init__(self, recipe: Recipe, run: RunDir, folder: Path, settings: Finetune):
        self.recipe, self.run, self.folder, self.settings = recipe, run, folder, settings
        self._saved: tuple[Path, Any] | None = None

    @cached_property
    def digest(self) -> str:
        """The sha256 of the weights under the adapter."""
        return sha256_file(self.run.model / "model.safetensors")

    @property
    def auto(self) -> Any:
        """The class of transformers that loads the adapted model."""
        return KINDS[self.recipe.model.objective].auto

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer of the adapted model."""
        return AutoTokenizer.from_pretrained(self.run.model)

    @property
    def num_labels(self) -> int | None:
        """Outputs of the head for labels; None where there is none."""
        return None

    @property
    def resized_to(self) -> int | None:
        """Rows that the model's embeddings grow to, for tokens that its vocabulary lacks; None where it has all."""
        return None

    @abstractmethod
    def read(self) -> Any:
        """Read the examples, check them, and write what training maps into memory. Raises `UserError`."""

    @property
    @abstractmethod
    def digest_of_data(self) -> str | None:
        """Return the digest of data of one's own; None for those of the run."""

    @abstractmethod
    def task(self, settings: Finetune, seed: int, choosing: bool = False) -> AdapterTask:
        """Return the training with these settings, on a base that was loaded for it.

        choosing: whether it is a trial, with validation examples kept apart. Where nothing is chosen on them, nor
        stopped early, they are trained on too.
        """

    @abstractmethod
    def new_base(self, seed: int) -> PreTrainedModel:
        """Load the model under the adapter; the seed draws weights that it does not have."""

    @abstractmethod
    def score(self, folder: Path) -> AdapterScore:
        """Score the model saved in `folder` on the test examples, beside what it has to beat."""

    @abstractmethod
    def measure(self, folder: Path) -> Fields:
        """Return the fields of the report that are this task's own."""

    def save(self, task: AdapterTask, folder: Path) -> None:
        """Write `merged/`, and `adapter/` where there is one."""
        merged: Any = task.model
        if task.adapted is not None:
            shutil.rmtree(folder / "adapter", ignore_errors=True)
            base, auto = self.run.model, self.auto.__name__
            save_adapter(
                task.adapted,
                folder / "adapter",
                base,
                auto,
                self.digest,
                self.tokenizer,
                task.initial,
                num_labels=self.num_labels,
                resized_to=self.resized_to,
            )
            merged = load_adapter(self.new_base(self.recipe.seed), base, folder / "adapter").merge_and_unload()
        merged.save_pretrained(folder / "merged")
        self.tokenizer.save_pretrained(folder / "merged")

    def train_yardsticks(self, accelerator: Accelerator) -> None:  # noqa: B027  # texts have none
        """Train what the adapter is compared with, where that is a model to train; in all processes."""

    @abstractmethod
    def remove_scratch(self) -> None:
        """Delete what `read` wrote for training alone."""

    def swaps(
        self, texts: Sequence[str], truth: Sequence[Any] | None, predict: Callable[[list[str]], Sequence[Any]]
    ) -> dict[str, dict[str, SwapResult]]:
        """Return what the exchange of the domain pack's words of people does to predictions, by language and group.

        Words of a language are exchanged in texts of that language alone: *he* and *son* are words of both.

        truth: what is right for each text; None where `predict` returns scores
        """
        if self.settings.domain is None:
            return {}
        pack, confidence = domain(self.settings.domain), self.recipe.evaluate.confidence
        return {
            language: measure_swaps(
                [texts[place] for place in places],
                None if truth is None else [truth[place] for place in places],
                {group: words.read_in(language) for group, words in pack.swaps.items()},
                predict,
                confidence,
                self.recipe.seed,
            )
            for language, places in by_language(texts).items()  # examples need not be in a language of the model
        }

    def memorization(
        self, base: LanguageModel, adapted: LanguageModel, train: Sequence[Row], held_out: Sequence[Row]
    ) -> MemorizationChange:
        """Return the share of training rows that are completed verbatim, before and after, beside held-out rows."""
        confidence, seed = self.recipe.evaluate.confidence, self.recipe.seed
        return measure_memorization(base, adapted, train, held_out, MEMORIZATION_ROWS, confidence, seed)

    def saved(self, folder: Path) -> Any:
        """Load the adapted model of a folder, once: it is scored and measured."""
        if self._saved is None or self._saved[0] != folder:
            self._saved = folder, self.load(folder / "merged")
        return self._saved[1]

    def load(self, folder: Path) -> Any:
        """Load an adapted model from its files."""
        return load(folder)

    # --- parts -----------------------------------------------------------------------------------------------------

    def read_examples(self, data: FinetuneData) -> Examples:
        """Read the examples. Raises `UserError` where settings are to be chosen and there is nothing to choose on."""
        examples = read_examples(self.settings.task, data, self.recipe.seed)
        if self.needs_validation and not examples.validation:
            raise UserError(
                "learning_rate auto, sweep and early_stop choose on validation data, and there are none: raise "
                "data.validation, or name a file there"
            )
        return examples

    @property
    def needs_validation(self) -> bool:
        """Return whether anything is chosen on validation data."""
        return self.settings.tries or self.settings.early_stop

    def divided(self, examples: Examples, choosing: bool = False) -> tuple[list[Example], list[Example]]:
        """Return (examples to train on, examples to validate on): those of validation are trained on too, unless it is
        a trial or they end the training early."""
        if choosing or self.settings.early_stop:
            return examples.train, examples.validation
        return [*examples.train, *examples.validation], []

    def describe(self, examples: Examples, data: FinetuneData) -> AdapterData:
        """Count what the card says of the data; the texts of the base's corpus are read for it, where it has one."""
        in_corpus = None
        if self.recipe.base is None:
            in_corpus = count_in_corpus(
                examples, (text["text"] for text in read_documents(self.run, "train", ["text"]))
            )
        return AdapterData(
            sha256=examples.sha256,
            license=data.license,
            train=len(examples.train),
            validation=len(examples.validation),
            test=len(examples.test),
            left_out=dict(examples.dropped),
            test_in_corpus=in_corpus,
            personal_data=dict(count_personal_data(examples, self.recipe.languages)),
            redacted=data.personal_data == "redact",
        )

    def general_text(self) -> list[Drawn]:
        """Draw held-out text of the corpus; a base of elsewhere came without one."""
        if self.recipe.base is not None:
            return []
        return held_out(self.recipe, self.run, measured_split(self.recipe), self.settings.max_eval_bytes)

    @property
    def dtype(self) -> str:
        """The type of token ids in shards: as in those of the run, or the smallest for the vocabulary."""
        if self.recipe.base is None:
            return self.run.report("tokens", self.recipe).dtype
        return "<u2" if len(self.tokenizer) <= 1 << 16 else "<u4"

    def batches(self, files: Sequence[Path], size: int, seed: int) -> Batches:
        """Return batches of token shards, made into inputs and targets as in pretraining."""
        collator = build_collator(self.recipe, self.tokenizer)
        return Batches(files, self.dtype, collator, size, seed, len(self.tokenizer))

    def with_replay(self, own: TrainingData, rows: int, seed: int) -> TrainingData:
        """Return batches with so many rows more of the base's own training tokens."""
        if not rows:
            return own
        of_base = self.batches(self.run.token_files("train"), rows, seed)
        return WithReplay(own, of_base, self.tokenizer.pad_token_id)

    def with_loss(self) -> Callable[[PreTrainedModel, Pretrain], ModelWithLoss]:
        """Return the function that joins a model that writes text with pretraining's loss."""
        sentinels: Any = self.tokenizer.convert_tokens_to_ids(list(self.recipe.tokenizer.sentinel_tokens))
        length, ends = self.recipe.model.context_length, None
        if self.recipe.base is not None:
            begin, end = text_ends(self.tokenizer)
            ends = (begin or end)[0], NO_PADDING
        return lambda model, settings: ModelWithLoss(
            model, settings, sentinels=sentinels, context_length=length, ends=ends
        )


def text_ends(tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """Return the tokens before and after each text of a stream, at least one: those that the tokenizer itself puts
    there, and at the end its end-of-text token, or else the one that separates texts.

    A document begins at the first token before it, or else at the last one of the document before.
    """
    begin, end = special_frame(tokenizer) or ([], [])
    closing: Any = tokenizer.eos_token_id
    if not end and closing is not None and closing not in begin:
        end = [closing]
    return (begin, end) if begin or end else ([], text_frame(tokenizer, closes=True)[1])


def by_language(texts: Sequence[str]) -> dict[Language, list[int]]:
    """Return the places of the texts in each language that the domain packs have words of.

    A text that is too short to tell, or said to be in another language, counts as one of the commonest of these.
    """
    from desdecero.pipelines.corpus.cleaning.language import identify  # a model of 5 MB, for this alone

    found = [identify(text)[0] for text in texts]
    counts = {language: found.count(language) for language in LANGUAGES}
    commonest = max(LANGUAGES, key=lambda language: counts[language])
    told = [one if one in counts else commonest for one in found]
    return {language: [place for place, one in enumerate(told) if one == language] for language in LANGUAGES}
