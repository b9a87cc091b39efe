"""The sections `tokenizer` and `tokens`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from desdecero.pipelines.recipe.section import BatchSize, Proportion, Section, number, path_or_hub_id
from desdecero.pipelines.vocabulary.special_tokens import check_special_tokens

VocabSize = Annotated[int, Field(ge=300, le=2_000_000)]
"""256 bytes and some tokens, at least; eight times the largest that are in use (Gemma's 262,144), at most."""


class Chat(Section):
    """Tokens that open and close the turns of a conversation, and a `chat_template` for `apply_chat_template`."""

    system: str = "<|system|>"
    user: str = "<|user|>"
    assistant: str = "<|assistant|>"
    end: str = "<|end|>"
    """Of a turn. Not the end of a text: documents are kept apart there, and turns must see each other."""

    @property
    def tokens(self) -> tuple[str, ...]:
        return self.system, self.user, self.assistant, self.end


class Sweep(Section):
    """Vocabulary sizes to choose from, by the held-out bits per byte of small models trained with equal compute."""

    sizes: Annotated[tuple[VocabSize, ...], Field(min_length=2)]
    flops: Annotated[float, Field(gt=0, le=1e28)] = 3e12
    """To train each of them, the output layer included: about a minute each on two cores (3.4e10 a second on one)."""
    architecture: Literal["llama", "qwen3", "gpt2"] = "llama"
    """The recipe's own, where it is one of these; of other models there are no bits per byte, or no known shape."""
    layers: Annotated[int, Field(ge=1, le=1024)] = 2
    hidden_size: Annotated[int, Field(ge=8, le=131_072)] = 128
    heads: Annotated[int, Field(ge=1, le=4096)] = 2
    context_length: Annotated[int, Field(ge=16, le=10_000_000)] = 128
    batch_size: BatchSize = 16

    @field_validator("flops", mode="before")
    @classmethod
    def _power(cls, flops: Any) -> Any:
        return number(flops)

    @field_validator("sizes")
    @classmethod
    def _ascending(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(sizes)) < len(sizes):
            raise ValueError("a size stands there twice: name it once")
        return tuple(sorted(sizes))


class Tokenizer(Section):
    kind: Literal["bpe", "wordpiece", "unigram"] = "bpe"
    """`bpe` is byte-level: it writes any text and gives it back unchanged. So does `unigram`, which falls back on bytes
    and encodes more slowly. `wordpiece` is BERT's, and lossy."""
    vocab_size: VocabSize = 8192
    """Special tokens included. Not used where `sweep` chooses."""
    sweep: Sweep | None = None
    """`[2048, 4096, 8192]`, or a section: the size is chosen by trial. See `vocabulary/sweep.py`."""
    min_frequency: Annotated[int, Field(ge=1)] = 2
    """Of the rarest token when it is made; not of `unigram`, which has probabilities."""
    lowercase: bool = False
    """WordPiece only."""
    max_training_bytes: Annotated[int, Field(gt=0)] = 200_000_000
    """Longer corpora are thinned, each source and language alike: memory stays bounded and merges hardly change."""
    sentinels: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Special tokens that stand for spans cut out of a text, among `vocab_size`; 100 for `t5`, as its authors have."""
    special_tokens: tuple[str, ...] = ()
    """More, among `vocab_size`, for what comes later: tools, marks of a task. Names are letters between signs."""
    chat: Chat | None = None
    """`chat: {}` gives the tokenizer the roles of a conversation. Pretraining does not use them; an adapter may."""
    variety_field: str = "variety"
    """Metadata key that names a document's variety of its language, for the report: `dialect`, `country`, …"""
    compare_with: tuple[Annotated[str, AfterValidator(path_or_hub_id)], ...] = ()
    """Other tokenizers that the report measures on the same held-out text: folders, or names on the Hub."""

    @field_validator("sweep", mode="before")
    @classmethod
    def _only_sizes(cls, sweep: Any) -> Any:
        return {"sizes": sweep} if isinstance(sweep, list | tuple) else sweep

    @model_validator(mode="after")
    def _special_tokens_stand_apart(self) -> Tokenizer:
        check_special_tokens(self)
        return self

    @property
    def sentinel_tokens(self) -> tuple[str, ...]:
        return tuple(f"<extra_id_{number}>" for number in range(self.sentinels))


class Share(Section):
    """What a source gives to training."""

    weight: Annotated[float, Field(ge=1e-6, le=1e6)] | None = None
    """Its proportion of the training tokens; where one source has a weight, all must have one."""
    epochs: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Times that its text is trained on, at most; below 1, a part of it."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Training tokens that it gives, at most, repetitions included."""


class Reweight(Section):
    """Train more often on the groups that the corpus has too little of."""

    by: str = "source"
    """source, language, license, or a metadata key of the documents."""
    target: Literal["uniform"] | Mapping[str, Proportion] = "uniform"
    """Share of the training text by group; groups that are not named keep their proportions in what is left."""
    max_epochs: Annotated[float, Field(ge=1, le=1000)] = 4.0
    """Times that any text is trained on. Up to 4, repetition is about as good as new text (Muennighoff et al. 2023)."""


class Tokens(Section):
    mixture: Mapping[str, Share] = {}
    """Source → its share. Sources that are not named give all that they have, once. Held-out text is never mixed."""
    reweight: Reweight | None = None
    packing: Literal["concatenate", "best_fit"] = "concatenate"
    """`concatenate` cuts the stream of documents every `model.context_length` tokens; `best_fit` cuts no document that
    fits into a sequence, at the price of some padding (Ding et al. 2024). Held-out text is always concatenated, so that
    losses compare. `packing` in the tokens' report says what either way wastes and cuts; docs/tokens.md, which to take.
    """
    block_length: Annotated[int, Field(ge=16)] | None = None
    """Tokens in a block of `best_fit`: follows from the model whatever is given, and is written out here so that the
    tokens' seal knows of it."""

    @model_validator(mode="after")
    def _one(self) -> Tokens:
        if self.mixture and self.reweight:
            raise ValueError("mixture and reweight both say how often a text is trained on: give one of them")
        return self
