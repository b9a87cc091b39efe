"""The `pretrain` section: how long, how fast, in which steps, and what is watched."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from desdecero.pipelines.recipe.base import BatchSize, Section, number


class Budget(Section):
    """How long to train: give exactly one of these."""

    minutes: Annotated[float, Field(gt=0, le=525_600)] | None = None
    """Wall clock of the whole stage, set-up included; a year at most. Steps are timed on the machine at hand to turn it
    into a number of steps, which is revised three times during training. If there is time for fewer than 50 steps, the
    run stops before training."""
    steps: Annotated[int, Field(gt=0, le=10**9)] | None = None
    """Optimiser steps."""
    tokens: Annotated[int, Field(gt=0, le=10**15)] | None = None
    """Training tokens."""
    flops: Annotated[float, Field(gt=0, le=1e28)] | None = None
    """Floating-point operations of the model, forward and backward, as `training_flops_per_token` counts them."""

    @field_validator("flops", mode="before")
    @classmethod
    def _power(cls, flops: Any) -> Any:
        return number(flops)

    @model_validator(mode="after")
    def _one(self) -> Budget:
        if sum(value is not None for value in (self.minutes, self.steps, self.tokens, self.flops)) != 1:
            raise ValueError("give exactly one of minutes, steps, tokens and flops")
        return self


Beta = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Section):
    """How weights are updated."""

    name: Literal["muon", "adamw", "sgd"] = "muon"
    """`muon` trains the matrices inside the layers, and AdamW the rest (Jordan et al. 2024)."""
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
    """How the learning rate changes during training."""

    name: Literal["warmup_stable_decay", "cosine", "linear", "constant"] = "warmup_stable_decay"
    """Shape of the schedule after the warm-up."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Share of the steps in which the learning rate rises."""
    decay: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the steps in which it falls; for `warmup_stable_decay` only (`cosine` and `linear` fall all the way)."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the learning rate that is left at the end."""

    @model_validator(mode="after")
    def _fits(self) -> Schedule:
        if self.name == "warmup_stable_decay" and self.warmup + self.decay > 1:
            raise ValueError("warmup and decay together pass 1, the whole of training: lower one of them")
        return self


class SpanCorruption(Section):
    """Which tokens encoder–decoders have to fill in (Raffel et al. 2020, §3.3.4: these two values did best)."""

    density: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    """Share of the tokens that is cut out."""
    mean_length: Annotated[float, Field(ge=1, le=1000)] = 3.0
    """Mean tokens in a span that is cut out."""


class Goldfish(Section):
    """Leaves tokens out of the loss, the same ones wherever a passage is repeated (Hans et al. 2024)."""

    k: Annotated[int, Field(ge=2)] = 4
    """One token in k is left out. Higher k learns more per step and memorises more. 4 is the usual choice in Hans et
    al. 2024."""
    context: Annotated[int, Field(ge=1, le=1024)] = 13
    """Preceding tokens that decide whether a token is left out; 13 in the models that the same authors published."""


class Stability(Section):
    """Loss spikes: skips bad steps, and rolls back when skipping does not help."""

    window: Annotated[int, Field(ge=4, le=1_000_000)] = 128
    """Steps that a step is compared with (OLMo-core's default), once half of them have been taken."""
    deviations: Annotated[float, Field(gt=0)] = 6.0
    """A step is skipped if its loss or gradient norm is this many standard deviations above the mean (OLMo-core's
    default)."""
    skips: Annotated[int, Field(ge=1)] = 3
    """Skipped steps in a row after which training goes back to an earlier checkpoint."""
    return_every: Annotated[int, Field(ge=1)] = 200
    """Steps between the checkpoints that it goes back to; PaLM went back some 100 steps (Chowdhery et al. 2022)."""
    roll_backs: Annotated[int, Field(ge=0)] = 3
    """Times that training may go back; at the next spike it ends."""


class EarlyStop(Section):
    """Ends training before its budget does. The weights with the lowest validation loss are kept, whether training
    stopped or not. A schedule that decays does most of its good late: half of `warmup_stable_decay`'s steps are its
    decay, in which the loss falls faster than before. So let `patience` span the flat part, or take `schedule: {name:
    constant}`."""

    patience: Annotated[int, Field(ge=1)]
    """Validations in a row without an improvement after which training ends; see `validate_every`."""
    min_improvement: Annotated[float, Field(ge=0)] = 0.0
    """Nats per token by which the validation loss must fall to count as an improvement."""


class Samples(Section):
    """What the model writes during training, in `pretrain/samples.jsonl`: to look at, not to measure."""

    prompts: Annotated[tuple[str, ...], Field(min_length=1)]
    """Texts to continue; for a masked model or an encoder–decoder, to fill in (write `[MASK]`)."""
    every: Annotated[int, Field(ge=1)] = 1
    """Validations from one sample to the next; see `validate_every`. The finished model is always sampled."""
    tokens: Annotated[int, Field(ge=1, le=10_000)] = 40
    """Maximum number of tokens in an answer."""
    temperature: Annotated[float, Field(ge=0, le=100)] = 0.0
    """0 takes the most likely token each time; above, tokens are drawn with the recipe's seed."""


class Energy(Section):
    """Counts energy and emissions with codecarbon."""

    country: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """Country of the machine, in three letters (ISO 3166-1), for the emissions of its electricity."""


class Price(Section):
    """What the machines cost."""

    amount: Annotated[float, Field(ge=0)]
    """Price of an hour of all machines together."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """Currency, in three letters (ISO 4217)."""

    def of(self, seconds: float) -> float:
        """What so many seconds cost."""
        return self.amount * seconds / 3600


class Pretrain(Section):
    """Trains the model: how long, in which steps, and what is watched."""

    budget: Budget
    batch_size: BatchSize = 16
    """Sequences in an optimiser step, over all processes."""
    micro_batch_size: BatchSize | Literal["auto"] = "auto"
    """Sequences in one forward pass of one process. `auto` tries all that fall to it, then half of them, and so on
    until they fit into memory. The step is the same but for rounding, so a resumed run keeps the size that was
    found."""
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Largest norm of a step's gradient; longer gradients are scaled down to it."""
    gradient_checkpointing: bool = False
    """Keep only the layers' inputs for the backward pass, and compute the rest again: a third more time for much less
    memory (Chen et al. 2016)."""
    isolate_documents: bool = True
    """Let a token attend only to its own document, where a sequence holds the end of one and the start of the next."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the probability that each target gives to all tokens alike. Metrics stay those of the plain loss."""
    z_loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Factor of ln² Z, which keeps logits from drifting in long bf16 runs; PaLM used 1e-4 (Chowdhery et al. 2022)."""
    mask_probability: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the tokens that is masked, for masked models. Wettig et al. 2023: more than BERT's 15% serves small
    models better."""
    mask_whole_words: bool = False
    """Mask all tokens of a word together, for masked models. Of BERT's published variants, those trained in this way do
    better (its authors, 2019); whether small models do is not known."""
    span_corruption: SpanCorruption = SpanCorruption()
    """Which tokens are cut out; for encoder–decoders."""
    goldfish: Goldfish | None = None
    """Leaves some tokens out of the loss so that passages are not memorised; for models that continue a text."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` times a matrix product in both and takes bf16 if it is faster."""
    compile: Literal["auto", "always", "never"] = "auto"
    """`auto` compiles if a C++ compiler is found and the budget is long enough to regain the time that compiling
    takes."""
    checkpoint_minutes: Annotated[float, Field(ge=0, le=525_600)] = 1.0
    """Time between checkpoints, which is the most that a power cut costs. 0 writes one at each step."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Checkpoints that are kept to resume from: the newest, and earlier ones in case it cannot be read."""
    keep_every_steps: Annotated[int, Field(ge=1)] | None = None
    """Also write and keep a checkpoint at each multiple of this, to study a model during training (Biderman et al. 2023
    keep one in 1,000 steps). Each holds the optimisers' states too."""
    stability: Stability = Stability()
    validate_every: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the steps between validations."""
    early_stop: EarlyStop | None = None
    """Off by default: a budget is there to be used, and the loss of a run on fresh data seldom rises."""
    samples: Samples | None = None
    """Off by default: `evaluate.prompts` shows the finished model."""
    trackers: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()
    """Tools that also receive what `metrics.jsonl` receives, below `pretrain/trackers/`; each is an extra of its name.
    wandb stays offline unless WANDB_MODE says otherwise."""
    energy: Energy | None = None
    """Counts energy and emissions with codecarbon: `pip install desdecero[energy]`."""
    price_per_hour: Price | None = None
    """Price from which the cost is computed, before training and in the report. Changing it trains anew, as any change
    in this section does, so enter it before you start."""
