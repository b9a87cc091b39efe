"""The `tokenizer` section."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from desdecero.pipelines.recipe.base import BatchSize, Section, number, path_or_hub_id
from desdecero.pipelines.recipe.special_tokens import ROLES, check_special_tokens

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
    """`[2048, 4096, 8192]`, or a section: the size is chosen by trial. See `tokenizer/size_search.py`."""
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
        vocabulary = self.sweep.sizes[0] if self.sweep else self.vocab_size
        check_special_tokens(self.kind, self.added_tokens, vocabulary)
        return self

    @property
    def roles(self) -> dict[str, str]:
        """Role → token."""
        return ROLES[self.kind]

    @property
    def added_tokens(self) -> list[str]:
        """The special tokens that the recipe asks for, besides those with a role."""
        return [*self.special_tokens, *(self.chat.tokens if self.chat else ()), *self.sentinel_tokens]

    @property
    def sentinel_tokens(self) -> tuple[str, ...]:
        return tuple(f"<extra_id_{number}>" for number in range(self.sentinels))
