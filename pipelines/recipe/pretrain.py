"""The `pretrain` section: budget, optimiser, steps, checkpoints and monitoring."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from desdecero.pipelines.recipe.base import BatchSize, Section, number


class Budget(Section):
    """Length of training: give exactly one of these."""

    minutes: Annotated[float, Field(gt=0, le=525_600)] | None = None
    """Wall-clock time of the whole stage, set-up included; a year at most. It is converted to a number of steps by
    timing some on the machine, and revised three times during training. If there is time for fewer than 50 steps, the
    run stops before training."""
    steps: Annotated[int, Field(gt=0, le=10**9)] | None = None
    """Optimiser steps."""
    tokens: Annotated[int, Field(gt=0, le=10**15)] | None = None
    """Training tokens."""
    flops: Annotated[float, Field(gt=0, le=1e28)] | None = None
    """Floating-point operations of the model, forward and backward, as `training_flops_per_token` counts them."""

    @field_validator("flops", mode="before")
    @classmethod
    def _read_power(cls, flops: Any) -> Any:
        return number(flops)

    @model_validator(mode="after")
    def _check_one(self) -> Budget:
        if sum(value is not None for value in (self.minutes, self.steps, self.tokens, self.flops)) != 1:
            raise ValueError("give exactly one of minutes, steps, tokens and flops")
        return self


Beta = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Section):
    """Updates the weights."""

    name: Literal["muon", "adamw", "sgd"] = "muon"
    """`muon` trains the matrices inside the layers with Muon, and the rest with AdamW (Jordan et al. 2024)."""
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    """Learning rate of AdamW or SGD."""
    matrix_learning_rate: Annotated[float, Field(gt=0)] = 0.02
    """Learning rate of Muon."""
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 0.01
    """Weight decay of matrices; norms, biases and embeddings have none."""
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    """β₁ and β₂ of AdamW."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Momentum of Muon and SGD."""


class Schedule(Section):
    """Changes the learning rate during training."""

    name: Literal["warmup_stable_decay", "cosine", "linear", "constant"] = "warmup_stable_decay"
    """Shape of the schedule after the warm-up."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Share of the steps in which the learning rate rises."""
    decay: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the steps in which it falls; `warmup_stable_decay` only (`cosine` and `linear` fall in all steps after
    the warm-up)."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Final learning rate, as a share of the highest."""

    @model_validator(mode="after")
    def _check_phases(self) -> Schedule:
        if self.name == "warmup_stable_decay" and self.warmup + self.decay > 1:
            raise ValueError("warmup and decay add up to more than 1, the whole of training: lower one of them")
        return self


class SpanCorruption(Section):
    """Removes spans of tokens that encoder–decoders learn to fill in. The defaults were the best two values of Raffel
    et al. 2020, §3.3.4."""

    density: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    """Share of the tokens that is removed."""
    mean_length: Annotated[float, Field(ge=1, le=1000)] = 3.0
    """Mean number of tokens in a removed span."""


class Goldfish(Section):
    """Leaves tokens out of the loss, the same ones at each repetition of a passage (Hans et al. 2024)."""

    k: Annotated[int, Field(ge=2)] = 4
    """One token in k is left out. Higher k learns more per step and memorises more. 4 is the usual choice in Hans et
    al. 2024."""
    context: Annotated[int, Field(ge=1, le=1024)] = 13
    """Preceding tokens that decide whether a token is left out; 13 in the models that the same authors published."""


class Stability(Section):
    """Handles loss spikes: skips bad steps, and rolls back if skipping does not help."""

    window: Annotated[int, Field(ge=4, le=1_000_000)] = 128
    """Number of earlier steps that a step is compared with, once half of them have been taken (OLMo-core's default)."""
    deviations: Annotated[float, Field(gt=0)] = 6.0
    """A step is skipped if its loss or gradient norm is this many standard deviations above the mean (OLMo-core's
    default)."""
    skips: Annotated[int, Field(ge=1)] = 3
    """Consecutive skipped steps after which training returns to an earlier checkpoint."""
    return_every: Annotated[int, Field(ge=1)] = 200
    """Steps between the checkpoints that it returns to; PaLM went back some 100 steps (Chowdhery et al. 2022)."""
    roll_backs: Annotated[int, Field(ge=0)] = 3
    """Maximum number of returns; at the next spike training ends."""


class EarlyStop(Section):
    """Ends training before its budget is spent. The weights with the lowest validation loss are kept, whether training
    stopped early or not. In a schedule that decays, most of the improvement comes late: half of the steps of
    `warmup_stable_decay` are its decay, in which the loss falls faster than before. Choose `patience` longer than the
    flat part, or use `schedule: {name: constant}`."""

    patience: Annotated[int, Field(ge=1)]
    """Consecutive validations without an improvement after which training ends; see `validate_every`."""
    min_improvement: Annotated[float, Field(ge=0)] = 0.0
    """Nats per token by which the validation loss must fall to count as an improvement."""


class Samples(Section):
    """Writes texts of the model during training to `pretrain/samples.jsonl`, for inspection, not for measurement."""

    prompts: Annotated[tuple[str, ...], Field(min_length=1)]
    """Texts to continue; for a masked model or an encoder–decoder, texts with gaps to fill (write `[MASK]`)."""
    every: Annotated[int, Field(ge=1)] = 1
    """Interval between samples, in validations; see `validate_every`. The finished model is always sampled."""
    tokens: Annotated[int, Field(ge=1, le=10_000)] = 40
    """Maximum number of tokens in an answer."""
    temperature: Annotated[float, Field(ge=0, le=100)] = 0.0
    """0 takes the most likely token each time; above 0, tokens are drawn with the recipe's seed."""


class Energy(Section):
    """Counts energy and emissions with codecarbon."""

    country: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """Country of the machine, for the emissions of its electricity: three letters (ISO 3166-1)."""


class Price(Section):
    """Price of the machines."""

    amount: Annotated[float, Field(ge=0)]
    """Price of an hour of all machines together."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """Currency: three letters (ISO 4217)."""

    def of(self, seconds: float) -> float:
        """Return the cost of a number of seconds."""
        return self.amount * seconds / 3600


class Pretrain(Section):
    """Trains the model: budget, optimiser, steps, checkpoints and monitoring."""

    budget: Budget
    batch_size: BatchSize = 16
    """Sequences in an optimiser step, over all processes."""
    micro_batch_size: BatchSize | Literal["auto"] = "auto"
    """Sequences in one forward pass of one process. `auto` tries the process's whole share of the batch, then half of
    it, and so on until it fits into memory. The size changes a step only by rounding; a resumed run keeps it."""
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Largest norm of a step's gradient; larger gradients are scaled down to it."""
    gradient_checkpointing: bool = False
    """Keep only the layers' inputs for the backward pass, and recompute the rest: a third more time for much less
    memory (Chen et al. 2016)."""
    isolate_documents: bool = True
    """Let a token attend only to its own document if a sequence holds parts of several."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each target's probability that is spread evenly over all tokens. Metrics are those of the loss without
    it."""
    z_loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Weight of ln² Z in the loss, which keeps logits from drifting in long bf16 runs; PaLM used 1e-4 (Chowdhery et al.
    2022)."""
    mask_probability: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the tokens that is masked, for masked models. More than BERT's 15% is better for small models (Wettig et
    al. 2023)."""
    mask_whole_words: bool = False
    """Mask all tokens of a word together, for masked models. BERT's published variants that were trained in this way
    are better (its authors, 2019); no result is known for small models."""
    span_corruption: SpanCorruption = SpanCorruption()
    """Removes the spans that encoder–decoders learn to fill in."""
    goldfish: Goldfish | None = None
    """Leaves some tokens out of the loss against memorisation; for models that continue a text."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` times a matrix product in both and chooses bf16 if it is faster."""
    compile: Literal["auto", "always", "never"] = "auto"
    """`auto` compiles if there is a C++ compiler and the budget is long enough to recover the time for compilation."""
    checkpoint_minutes: Annotated[float, Field(ge=0, le=525_600)] = 1.0
    """Minutes between checkpoints, the most that a power cut costs. 0 writes one at each step."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Number of checkpoints kept to resume from: the newest, and earlier ones in case it cannot be read."""
    keep_every_steps: Annotated[int, Field(ge=1)] | None = None
    """Also write and keep a checkpoint at each multiple of this number of steps, to study a model during training
    (Biderman et al. 2023 keep one in 1,000 steps). Each holds the optimisers' states too."""
    stability: Stability = Stability()
    validate_every: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the steps between validations."""
    early_stop: EarlyStop | None = None
    """Off by default: the validation loss of a run on fresh data seldom rises."""
    samples: Samples | None = None
    """Off by default: `evaluate.prompts` samples the finished model."""
    trackers: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()
    """Tools that also log the metrics of `metrics.jsonl`, below `pretrain/trackers/`; each is installed by the extra of
    its name. wandb stays offline unless WANDB_MODE is set."""
    energy: Energy | None = None
    """Counts energy and emissions with codecarbon: `pip install desdecero[energy]`."""
    price_per_hour: Price | None = None
    """Price from which the cost is computed, before training and in the report. A change of this section makes the
    model stale, the price included: set it before training."""
