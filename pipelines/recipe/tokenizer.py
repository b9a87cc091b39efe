"""The `tokenizer` section."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from desdecero.pipelines.recipe.base import BatchSize, Section, number, path_or_hub_id
from desdecero.pipelines.recipe.special_tokens import ROLES, check_special_tokens

VocabSize = Annotated[int, Field(ge=300, le=2_000_000)]
"""Lower bound: 256 bytes and some tokens. Upper bound: eight times the largest in use (Gemma's 262,144)."""


class Chat(Section):
    """Tokens that open and close the turns of a conversation, and a `chat_template` for `apply_chat_template`."""

    system: str = "<|system|>"
    """Token that opens a turn of the system."""
    user: str = "<|user|>"
    """Token that opens a turn of the user."""
    assistant: str = "<|assistant|>"
    """Token that opens a turn of the assistant."""
    end: str = "<|end|>"
    """Token that ends a turn. It differs from the end-of-text token, which separates documents: turns must attend to
    each other."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Return the four tokens."""
        return self.system, self.user, self.assistant, self.end


class Sweep(Section):
    """Chooses among vocabulary sizes by the validation bits per byte of small models trained with equal compute."""

    sizes: Annotated[tuple[VocabSize, ...], Field(min_length=2)]
    """Vocabulary sizes to try."""
    flops: Annotated[float, Field(gt=0, le=1e28)] = 3e12
    """Floating-point operations to train each model, output layer included: about a minute each on two cores (one does
    3.4e10 per second)."""
    architecture: Literal["llama", "qwen3", "gpt2"] = "llama"
    """Architecture of the small models. Default: that of the recipe if it is one of these, else `llama`: other models
    have no bits per byte or no known shape."""
    layers: Annotated[int, Field(ge=1, le=1024)] = 2
    """Layers of the small models."""
    hidden_size: Annotated[int, Field(ge=8, le=131_072)] = 128
    """Hidden size of the small models."""
    heads: Annotated[int, Field(ge=1, le=4096)] = 2
    """Attention heads of the small models."""
    context_length: Annotated[int, Field(ge=16, le=10_000_000)] = 128
    """Tokens in a training sequence of the small models."""
    batch_size: BatchSize = 16
    """Sequences in an optimiser step of the small models."""

    @field_validator("flops", mode="before")
    @classmethod
    def _read_power(cls, flops: Any) -> Any:
        return number(flops)

    @field_validator("sizes")
    @classmethod
    def _sort_sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(sizes)) < len(sizes):
            raise ValueError("a size is given twice: give it once")
        return tuple(sorted(sizes))


class Tokenizer(Section):
    """Divides text into tokens."""

    kind: Literal["bpe", "wordpiece", "unigram"] = "bpe"
    """`bpe` is byte-level: it encodes any text and decodes it unchanged. So does `unigram`, which falls back on bytes
    and encodes more slowly. `wordpiece` is BERT's, and lossy."""
    vocab_size: VocabSize = 8192
    """Tokens in the vocabulary, special tokens included. Not used if `sweep` chooses."""
    sweep: Sweep | None = None
    """Sizes to choose from: `[2048, 4096, 8192]`, or a section."""
    min_frequency: Annotated[int, Field(ge=1)] = 2
    """Minimum number of occurrences of a token. Not used by `unigram`, which has probabilities."""
    lowercase: bool = False
    """Lowercase the text; `wordpiece` only."""
    max_training_bytes: Annotated[int, Field(gt=0)] = 200_000_000
    """Maximum bytes of text to train on. Longer corpora are sampled down, each source and language in proportion:
    memory stays bounded and merges hardly change."""
    sentinels: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Special tokens that replace spans removed from a text, within `vocab_size`. 100 for `t5`, as its authors use."""
    special_tokens: tuple[str, ...] = ()
    """More special tokens within `vocab_size`, for later use: tools, task markers. A name has letters between
    punctuation marks, as in `<|tool|>`."""
    chat: Chat | None = None
    """`chat: {}` adds the roles of a conversation. Pretraining does not use them; an adapter may."""
    variety_field: str = "variety"
    """Metadata key that names a document's variety of its language, for the report: `dialect`, `country`, …"""
    compare_with: tuple[Annotated[str, AfterValidator(path_or_hub_id)], ...] = ()
    """Other tokenizers that the report measures on the same validation text: folders, or names on the Hub."""

    @field_validator("sweep", mode="before")
    @classmethod
    def _sizes_as_section(cls, sweep: Any) -> Any:
        return {"sizes": sweep} if isinstance(sweep, list | tuple) else sweep

    @model_validator(mode="after")
    def _check_special_tokens(self) -> Tokenizer:
        vocabulary = self.sweep.sizes[0] if self.sweep else self.vocab_size
        check_special_tokens(self.kind, self.added_tokens, vocabulary)
        return self

    @property
    def roles(self) -> dict[str, str]:
        """Return role → token."""
        return ROLES[self.kind]

    @property
    def added_tokens(self) -> list[str]:
        """Return the special tokens of the recipe, besides those with a role."""
        return [*self.special_tokens, *(self.chat.tokens if self.chat else ()), *self.sentinel_tokens]

    @property
    def sentinel_tokens(self) -> tuple[str, ...]:
        """Return the tokens that replace spans removed from a text."""
        return tuple(f"<extra_id_{number}>" for number in range(self.sentinels))
