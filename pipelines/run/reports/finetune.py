"""`adapters/<name>/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.pipelines.run.reports.base import Comparison, Count, Part, RollBack, Share


class AdapterData(Part):
    """Data of one's own that an adapter was trained on."""

    sha256: str
    """Digest of the files, or of the rows of a dataset of the Hub."""
    license: str | None
    """SPDX expression."""
    train: Count
    """Examples trained on."""
    validation: Count
    """Examples kept apart to choose settings on."""
    test: Count
    """Examples that the adapter is measured on."""
    left_out: dict[str, Count]
    """Examples that left training because a test text stands in them: `exact`, or `near`."""
    test_in_corpus: Count
    """Test texts that share 13 words with the corpus that the model was pretrained on."""
    personal_data: dict[str, Count]
    """Items that the detectors found in all examples, by kind and form."""
    redacted: bool
    """Whether they were replaced by the names of their kinds."""


class FinetuneReport(Part):
    """An adapter: what was trained, and what it changed."""

    name: str
    base_sha256: str
    """Of `model.safetensors` of the model under the adapter."""
    method: Literal["lora"]
    rank: Count
    alpha: float
    trainable_parameters: Count
    trainable_share: Share
    """Of the model's parameters."""
    learning_rate: float
    domain_pack: str | None = None
    """Domain pack that the recipe names."""
    documents: Count
    """Of the domain that were trained on."""
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
    skipped_steps: Count
    roll_backs: list[RollBack]
    measure: str
    """Proportional to the mean loss: `bits_per_byte`, `masked_loss`, `span_loss`, or `token_loss` of a causal model
    whose tokenizer does not give the texts back."""
    confidence: float
    domain: Comparison
    general: Comparison
