"""`adapters/<name>/report.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from desdecero.eval_suites.results import LabelScores, MemorizationChange, PairedVerdict, ScoreDifference, SwapResult
from desdecero.pipelines.recipe.domains import Task
from desdecero.pipelines.recipe.finetune import Method
from desdecero.pipelines.run.reports.base import Comparison, Count, EarlyStop, Estimate, Part, RollBack, Share


class AdapterData(Part):
    """Data of one's own that an adapter was trained on."""

    sha256: str
    """Digest of the files, or of the rows of a dataset of the Hub."""
    license: str | None
    """SPDX expression."""
    train: Count
    """Training examples, without those of validation."""
    validation: Count
    """Examples to choose settings on. The adapter is trained on them too, unless they end its training early."""
    test: Count
    """Examples that the adapter is measured on."""
    left_out: dict[str, Count]
    """Examples that left training because a test text stands in them: `exact`, or `near`."""
    test_in_corpus: Count | None
    """Test texts that share 13 words with the corpus that the model was pretrained on; None where that is not known, of
    a base that was not trained here."""
    personal_data: dict[str, Count]
    """Items that the detectors found in all examples, by kind and form."""
    redacted: bool
    """Whether they were replaced by the names of their kinds."""


Yardstick = Literal["majority", "linear_svm", "dictionary", "random_weights"]
"""What an adapter for labels is compared with: the commonest label; a linear classifier of words and letters; for
spans, the words that stood in spans of the training examples; the same architecture trained from random weights."""
Opponent = Literal["base", Yardstick]
"""What the score of an adapter is compared with: the model as it was; for labels the best of the yardsticks."""


class AdapterScore(Part):
    """The score of an adapter on the test examples, beside what it has to beat."""

    against: Opponent
    score: Estimate
    change: Estimate
    """Score minus that of `against`, paired by example."""
    verdict: PairedVerdict


class SeedScore(AdapterScore):
    """The score of a training with one seed."""

    seed: Count
    steps: Count


class Trial(Part):
    """A training that settings were chosen by."""

    settings: dict[str, float]
    validation_loss: float
    """Nats a target, on the validation examples."""


class LabelResult(Part):
    """What an adapter for labels or spans makes of the test examples."""

    labels: list[str]
    """Labels of the training examples, sorted."""
    several: bool
    """Whether a text may have several labels at once."""
    scores: LabelScores
    yardsticks: dict[Yardstick, dict[str, ScoreDifference]]
    """Yardstick → measure → how the adapter differs from it."""
    untrained: dict[str, Count]
    """Test spans by label, of labels that no training example has: every model misses them."""


class FinetuneReport(Part):
    """An adapter: what was trained, and what it changed."""

    name: str
    task: Task = "text"
    base_sha256: str
    """Of `model.safetensors` of the model under the adapter."""
    method: Method
    rank: Count | None
    """Of a low-rank change; None for other methods."""
    alpha: float | None
    trainable_parameters: Count
    trainable_share: Share
    """Of the model's parameters."""
    learning_rate: float
    trials: list[Trial] = Field(default=[])
    """Settings that were tried on validation data, and their losses; empty where the recipe names all of them."""
    replay: Share = 0.0
    """Of each batch that was of the base's training tokens."""
    seeds: list[SeedScore] = Field(default=[])
    """The trainings that differ in their seed. The adapter is that of the first one. Empty in reports of older
    versions."""
    verdict: PairedVerdict | None = None
    """That of all seeds; where they differ, nothing can be told. None in reports of older versions."""
    domain_pack: str | None = None
    """Domain pack that the recipe names."""
    resized_to: Count | None = None
    """Rows that the base's embeddings have to grow to before the adapter is loaded onto it, for tokens that its
    vocabulary lacks; None where it has all."""
    documents: Count
    """Documents or examples that were trained on."""
    data: AdapterData | None = None
    """Of data of one's own; None for the corpus' domain slice."""
    processes: Count
    budget: dict[str, int | float]
    steps: Count
    tokens: Count
    train_loss_first: float
    """Mean of the first tenth of the steps, in nats a token."""
    train_loss_last: float
    precision: str
    compiled: bool
    energy: dict[str, float | str] | None = None
    """Energy and emissions of the training, without those with other settings or seeds; None where `pretrain.energy`
    does not ask for them, and in reports of older versions."""
    peak_memory_bytes: Count | None = None
    """Most memory held when the training ended; see `pretrain`. None in reports of older versions."""
    skipped_steps: Count
    roll_backs: list[RollBack]
    early_stop: EarlyStop | None = None
    """Where training could end early; None if it could not."""
    measure: str
    """What `seeds` and `domain` are given in. Of texts, proportional to the mean loss: `bits_per_byte`, `masked_loss`,
    `span_loss`, or `token_loss` of a causal model whose tokenizer does not give the texts back; of conversations
    `answer_loss`, nats a token of an answer; of labels `accuracy` or `macro_f1`; of spans `span_f1`."""
    confidence: float
    domain: Comparison | None = None
    """The measure on the test examples, before and after; None for labels, which the model could not give before."""
    general: Comparison | None = None
    """The loss on held-out text of the corpus, before and after; None for labels, and without a corpus."""
    general_measure: str | None = None
    """What `general` is given in; None where there is none, and in reports of older versions, where it is `measure`."""
    memorization: MemorizationChange | None = None
    """Share of training rows that the model completes verbatim, before and after; None for labels."""
    swaps: dict[str, dict[str, SwapResult]] = Field(default={})
    """Language → group of the domain pack's words of people → what their exchange in the test examples does to the
    predictions: labels; the loss of a text, in nats a byte; the loss of answers, in nats a token. Empty without a
    pack."""
    labels: LabelResult | None = None
    """Scores by label, calibration, yardsticks and exchanged words, of labels."""
