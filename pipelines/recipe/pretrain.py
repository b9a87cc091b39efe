"""The `pretrain` section: how long, how fast, in which steps, and what is watched."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from desdecero.pipelines.recipe.base import BatchSize, Section, number


class Budget(Section):
    """How long to train: exactly one of these."""

    minutes: Annotated[float, Field(gt=0, le=525_600)] | None = None
    """Wall clock of the whole stage, set-up included; a year at most. A probe on the machine at hand makes a number of
    steps of it, which is revised three times on the way; with room for fewer than 50 the run stops before training."""
    steps: Annotated[int, Field(gt=0, le=10**9)] | None = None
    tokens: Annotated[int, Field(gt=0, le=10**15)] | None = None
    flops: Annotated[float, Field(gt=0, le=1e28)] | None = None
    """Floating-point operations of the model, forward and backward, by the rule in `training/model/build.py`."""

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
    name: Literal["muon", "adamw", "sgd"] = "muon"
    """`muon` trains the matrices inside the layers, and AdamW the rest (Jordan et al. 2024)."""
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    """Of AdamW or SGD."""
    matrix_learning_rate: Annotated[float, Field(gt=0)] = 0.02
    """Of Muon."""
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 0.01
    """On matrices only: never on norms, biases and embeddings."""
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Of Muon and SGD."""


class Schedule(Section):
    name: Literal["warmup_stable_decay", "cosine", "linear", "constant"] = "warmup_stable_decay"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Share of the steps."""
    decay: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the steps; of `warmup_stable_decay` only (cosine and linear decay all the way)."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the learning rate that is left at the end."""

    @model_validator(mode="after")
    def _fits(self) -> Schedule:
        if self.name == "warmup_stable_decay" and self.warmup + self.decay > 1:
            raise ValueError("warmup and decay together pass 1, the whole of training: lower one of them")
        return self


class SpanCorruption(Section):
    """What encoder–decoders learn from (Raffel et al. 2020, §3.3.4: these two did best)."""

    density: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    """Share of the tokens that are noise."""
    mean_length: Annotated[float, Field(ge=1, le=1000)] = 3.0
    """Of a span of noise, in tokens."""


class Goldfish(Section):
    """Which targets are left out: the same ones wherever a passage comes again (see `training/goldfish.py`)."""

    k: Annotated[int, Field(ge=2)] = 4
    """One in so many: with a higher number, more is learnt a step and by heart. As Hans et al. 2024 mostly have it."""
    context: Annotated[int, Field(ge=1, le=1024)] = 13
    """Tokens before one that decide, as in the models that the same authors published."""


class Stability(Section):
    """What becomes of steps that would harm: see `training/watch/loss_spikes.py`."""

    window: Annotated[int, Field(ge=4, le=1_000_000)] = 128
    """Steps that a step is compared with (OLMo-core's default); from half of them on."""
    deviations: Annotated[float, Field(gt=0)] = 6.0
    """Standard deviations above their mean, of the loss or the gradient norm, at which a step is refused (as there)."""
    skips: Annotated[int, Field(ge=1)] = 3
    """Refused steps in a row after which training goes back to an earlier checkpoint."""
    return_every: Annotated[int, Field(ge=1)] = 200
    """Steps between the checkpoints that it goes back to; PaLM went back some 100 steps (Chowdhery et al. 2022)."""
    roll_backs: Annotated[int, Field(ge=0)] = 3
    """After so many, the next trouble ends the run."""


class EarlyStop(Section):
    """When to end before the budget does: see `training/early_stop.py`.

    The weights with the lowest held-out loss are kept, whether training stopped or not. A schedule that decays does
    most of its good late: half of `warmup_stable_decay`'s steps are its decay, in which the loss falls faster than
    before. A flat stretch ahead of it is no reason to stop, so let `patience` span the flat part, or take
    `schedule: {name: constant}`, and stop for good when text that was held out gets harder.
    """

    patience: Annotated[int, Field(ge=1)]
    """Validations in a row without an improvement, after which training ends; see `validate_every`."""
    min_improvement: Annotated[float, Field(ge=0)] = 0.0
    """Nats per token by which the held-out loss must fall to count as one."""


class Samples(Section):
    """What the model writes while it learns, in `pretrain/samples.jsonl`: to look at, not to measure."""

    prompts: Annotated[tuple[str, ...], Field(min_length=1)]
    """To go on from; for a masked model or an encoder–decoder to fill (write `[MASK]`)."""
    every: Annotated[int, Field(ge=1)] = 1
    """Validations from one sample to the next; see `validate_every`. The finished model's is always there."""
    tokens: Annotated[int, Field(ge=1, le=10_000)] = 40
    """Of an answer, at most."""
    temperature: Annotated[float, Field(ge=0, le=100)] = 0.0
    """0 takes the likeliest token each time; above, tokens are drawn, by the recipe's seed."""


class Energy(Section):
    country: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """Where the machine stands, in three letters (ISO 3166-1): its electricity's emissions are reckoned with."""


class Price(Section):
    amount: Annotated[float, Field(ge=0)]
    """Of an hour of all that trains together."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """In three letters (ISO 4217)."""

    def of(self, seconds: float) -> float:
        """What so many seconds cost."""
        return self.amount * seconds / 3600


class Pretrain(Section):
    budget: Budget
    batch_size: BatchSize = 16
    """Sequences in an optimiser step, over all processes."""
    micro_batch_size: BatchSize | Literal["auto"] = "auto"
    """Sequences in one forward pass of one process. `auto` tries all that fall to it, then half of them, and so on
    until they fit into memory. The step is the same but for roundings, so a resumed run keeps what was found."""
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    gradient_checkpointing: bool = False
    """Keep only the layers' inputs for the backward pass, and compute the rest again: a third more time for much less
    memory (Chen et al. 2016)."""
    isolate_documents: bool = True
    """Whether a token sees only its own document, where a sequence holds the end of one and the start of the next."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the probability that each target gives to all tokens alike. Metrics stay those of the plain loss."""
    z_loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Factor of ln² Z, which keeps logits from drifting in long bf16 runs; PaLM used 1e-4 (Chowdhery et al. 2022)."""
    mask_probability: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Masked models only. Wettig et al. 2023: more than BERT's 15% serves small models better."""
    mask_whole_words: bool = False
    """Masked models only: all tokens of a word are hidden together, by the tokenizer's own cut into words. Of BERT's
    published variants, those so trained do better (its authors, 2019); whether small models do is not known."""
    span_corruption: SpanCorruption = SpanCorruption()
    """Encoder–decoders only."""
    goldfish: Goldfish | None = None
    """Models that go on with a text only: leave some tokens out of the loss, so that none is learnt by heart."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` times a matrix product in both and takes bf16 where it is faster."""
    compile: Literal["auto", "always", "never"] = "auto"
    """`auto` compiles where a C++ compiler is found and the budget is long enough to earn the wait back."""
    checkpoint_minutes: Annotated[float, Field(ge=0, le=525_600)] = 1.0
    """Time between checkpoints: what a power cut may cost. 0 writes one at each step."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Checkpoints to resume from: the newest, and one before it in case the newest cannot be read."""
    keep_every_steps: Annotated[int, Field(ge=1)] | None = None
    """Besides, a checkpoint at each multiple of this is written and kept, to study a model on its way (Biderman et
    al. 2023 keep one in 1,000 steps). Each holds the optimisers' states too."""
    stability: Stability = Stability()
    validate_every: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the steps between validations."""
    early_stop: EarlyStop | None = None
    """Off by default: a budget is there to be used, and the loss of a run on fresh data seldom rises."""
    samples: Samples | None = None
    """None by default: `evaluate.prompts` shows the finished model."""
    trackers: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()
    """Who is told what `metrics.jsonl` is told, below `pretrain/trackers/`, each an extra of its name. wandb stays
    offline unless WANDB_MODE says otherwise."""
    energy: Energy | None = None
    """Whether to count energy and emissions, with codecarbon: `pip install desdecero[energy]`."""
    price_per_hour: Price | None = None
    """Told as a cost before training, and in the report. A change trains anew, as in all of this section: enter it
    before you start."""
