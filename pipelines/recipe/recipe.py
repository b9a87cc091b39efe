"""The recipe as a whole, and the rules that concern several of its sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from desdecero.pipelines.recipe.architectures import objective_of
from desdecero.pipelines.recipe.audit import Audit
from desdecero.pipelines.recipe.base import WITHOUT_PLACES, Section, Seed
from desdecero.pipelines.recipe.base_model import OWN_MODEL, Base
from desdecero.pipelines.recipe.card import Card
from desdecero.pipelines.recipe.corpus import Corpus
from desdecero.pipelines.recipe.dossier import Dossier
from desdecero.pipelines.recipe.evaluate import Evaluate
from desdecero.pipelines.recipe.finetune import Finetune, Finetuning, names_no_adapter
from desdecero.pipelines.recipe.identifiers import LanguageCode, folder_name
from desdecero.pipelines.recipe.model import Model
from desdecero.pipelines.recipe.policy import Policy
from desdecero.pipelines.recipe.pretrain import Pretrain
from desdecero.pipelines.recipe.publish import Publish
from desdecero.pipelines.recipe.sequence_lengths import block_length
from desdecero.pipelines.recipe.sizing import sized
from desdecero.pipelines.recipe.texts import Text
from desdecero.pipelines.recipe.tokenizer import Tokenizer
from desdecero.pipelines.recipe.tokens import CANARY, Tokens


def _fills_spans(architecture: str) -> bool:
    try:
        return objective_of(architecture) == "span_corruption"
    except ValueError:  # `Model` reports it, with its line
        return False


UNUSED = ("corpus", "tokens", "audit")
"""Sections that adapters on a base of elsewhere have no use for: it came without its corpus."""
USED = {"model": ("architecture", "context_length"), "tokenizer": ("sentinels",)}
"""What they read of sections that describe how a model is made."""


class Recipe(Section):
    """One YAML file that says what a run makes."""

    name: Annotated[str, AfterValidator(folder_name)]
    """Name of the run, which is written to `runs/<name>`."""
    purpose: Text
    """Purpose of the model, in one sentence, or `{en: …, es: …}`. The card opens with it."""
    languages: Annotated[tuple[LanguageCode, ...], Field(min_length=1)]
    """Languages that the model is meant to write: ISO 639-1 codes, or 639-3 for languages without one; no regions."""
    seed: Seed = 0
    """Seed of all random draws: splits, initial weights, the order of batches, bootstrap samples."""
    base: Base | None = None
    """A model that was not trained here, in place of `corpus` and of a model to train: the run then holds adapters
    alone, and of `pretrain` they take precision, compilation, micro-batch and checkpoints."""
    corpus: Corpus
    tokenizer: Tokenizer = Tokenizer()
    tokens: Tokens = Tokens()
    model: Model = Model()
    pretrain: Pretrain
    evaluate: Evaluate = Evaluate()
    audit: Audit = Audit()
    finetune: Finetuning = None
    """Adapters by name, `{legal: {rank: 8}, health: {}}`; those that write text are evaluated and audited too. A
    section of one adapter, `{rank: 8}`, is read as that of the adapter with the name of the corpus' domain slice."""
    card: Card = Card()
    policy: Policy = Policy()
    publish: Publish = Publish()
    dossier: Dossier | None = None
    """Documents that the EU's AI Act asks for, and the same facts for programs. Without it, none are written."""

    @field_validator("languages")
    @classmethod
    def _check_distinct(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(languages)) < len(languages):
            raise ValueError("a language is named twice: name it once")
        return languages

    @model_validator(mode="before")
    @classmethod
    def _set_removal_contact(cls, data: Any) -> Any:
        """Write the address for removals into both sections that print it, where one of them has it."""
        match data:
            case {"dossier": {"removal_contact": str(address)}}:
                card = data.get("card") or {}
                return data if card.get("removal_contact") else merged(data, {"card": {"removal_contact": address}})
            case {"dossier": dict(), "card": {"removal_contact": str(address)}}:
                return merged(data, {"dossier": {"removal_contact": address}})
        return data

    @model_validator(mode="before")
    @classmethod
    def _set_sentinels(cls, data: Any) -> Any:
        """Write the sentinels of an encoder–decoder into the tokenizer's section, so that its seal depends on them."""
        match data:
            case {"model": {"architecture": str(architecture)}} if _fills_spans(architecture):
                return {**data, "tokenizer": {"sentinels": 100, **(data.get("tokenizer") or {})}}
        return data

    @model_validator(mode="before")
    @classmethod
    def _fill_in_beside_a_base(cls, data: Any) -> Any:
        """Fill in the sections that only a model to train needs: no sources, and a budget that nothing reads."""
        match data:
            case {"base": base} if base is not None:
                pretrain = {"budget": {"steps": 1}, **(data.get("pretrain") or {})}
                return {**data, "corpus": Corpus.model_construct(sources=()), "pretrain": pretrain}
        return data

    @model_serializer(mode="wrap")
    def _leave_out_what_is_not_used(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out `base` and `dossier` where there is none, and beside a base what adapters do not read."""
        content: dict[str, Any] = serialize(self)
        if self.dossier is None:
            content.pop("dossier", None)
        if self.base is None:
            content.pop("base", None)
            return content
        kept = {name: section for name, section in content.items() if name not in UNUSED}
        for name, keys in USED.items():
            if name in kept:
                kept[name] = {key: kept[name][key] for key in keys}
        return kept

    @model_validator(mode="before")
    @classmethod
    def _name_the_adapter(cls, data: Any) -> Any:
        """Name the adapter of a `finetune` section without names after the domain slice."""
        match data:
            case {"finetune": section} if section is not None and names_no_adapter(section):
                match data:
                    case {"corpus": {"domain": {"name": str(name)}}}:
                        return {**data, "finetune": {name: section}}
                raise ValueError("finetune needs corpus.domain: say which slice of the corpus the adapter learns")
        return data

    @model_validator(mode="before")
    @classmethod
    def _set_sweep_architecture(cls, data: Any) -> Any:
        """Write the model's architecture into the tokenizer's sweep, so that its seal depends on it."""
        match data:
            case {
                "model": {"architecture": ("qwen3" | "gpt2") as architecture},
                "tokenizer": {"sweep": list() | dict() as sweep},
            }:
                sweep = {"sizes": sweep} if isinstance(sweep, list) else sweep
                return {**data, "tokenizer": {**data["tokenizer"], "sweep": {"architecture": architecture, **sweep}}}
        return data

    @model_validator(mode="wrap")
    @classmethod
    def _apply_size(cls, data: Any, read: ModelWrapValidatorHandler[Recipe]) -> Recipe:
        recipe = read(data)
        return (
            read(merged(data, sized(recipe.model, recipe.tokenizer, recipe.pretrain))) if recipe.model.size else recipe
        )

    @model_validator(mode="wrap")
    @classmethod
    def _set_block_length(cls, data: Any, read: ModelWrapValidatorHandler[Recipe]) -> Recipe:
        recipe = read(data)
        length = block_length(recipe.model, recipe.pretrain) if recipe.tokens.packing == "best_fit" else None
        if recipe.tokens.block_length == length:
            return recipe
        return read(merged(data, {"tokens": {"block_length": length}}))

    @model_validator(mode="after")
    def _check_packing(self) -> Recipe:
        if self.tokens.packing == "best_fit" and not self.pretrain.isolate_documents:
            raise ValueError(
                "tokens.packing best_fit needs pretrain.isolate_documents, or tokens would see padding: "
                "set it to true, or packing to concatenate"
            )
        return self

    @model_validator(mode="after")
    def _check_goldfish(self) -> Recipe:
        if self.pretrain.goldfish and self.model.objective != "causal":
            raise ValueError(
                f"pretrain.goldfish is for models that continue a text, which {self.model.architecture} does not: "
                "remove it"
            )
        return self

    @model_validator(mode="after")
    def _check_canaries(self) -> Recipe:
        if self.tokens.canaries is None:
            return self
        if self.model.objective != "causal":
            raise ValueError(
                f"tokens.canaries are measured on models that continue a text, which {self.model.architecture} does "
                "not: leave them out"
            )
        if any(source.name == CANARY for source in self.corpus.sources):
            raise ValueError(
                f"corpus.sources: {CANARY} is the source of tokens.canaries in the ledger: give yours another name"
            )
        return self

    @model_validator(mode="after")
    def _check_base(self) -> Recipe:
        if self.base is None:
            return self
        if self.dossier is not None:
            raise ValueError(
                f"dossier: {self.base.name} comes without a corpus and without its training: leave dossier out"
            )
        for name in self.adapters_elsewhere:
            raise ValueError(
                f"finetune.{name}.base: this is the recipe of adapters on {self.base.name}: leave base out"
            )
        for name, section in self.adapters.items():
            if section.data is None:
                raise ValueError(
                    f"finetune.{name}: {self.base.name} comes without a corpus: give the adapter data of its own"
                )
            if section.replay:
                raise ValueError(
                    f"finetune.{name}.replay: {self.base.name} comes without the tokens that it was trained on: leave "
                    "replay out"
                )
            if not (section.labels or self.base.writes):
                raise ValueError(
                    f"finetune.{name}: the weights of {self.base.name} have no output layer of a language model, which "
                    f"the task {section.task} needs: take another base, or the task classification or tokens"
                )
        return self

    @model_validator(mode="after")
    def _check_domain(self) -> Recipe:
        if not self.corpus.domain and any(section.data is None for section in self.adapters.values()):
            raise ValueError("finetune needs corpus.domain, the slice of the corpus that it learns, or data of its own")
        return self

    @model_validator(mode="after")
    def _check_tasks(self) -> Recipe:
        for name, section in self.adapters.items():
            if section.task == "chat" and self.model.objective == "masked":
                raise ValueError(
                    f"finetune.{name}: {self.model.architecture} fills gaps and writes no answers: take an "
                    "architecture that continues text for chat, or another task"
                )
        return self

    @model_validator(mode="after")
    def _check_prompts(self) -> Recipe:
        room = self.model.context_length - self.evaluate.sample_tokens
        if self.model.objective == "causal" and self.evaluate.prompts and room < 1:
            raise ValueError(
                f"evaluate.sample_tokens {self.evaluate.sample_tokens} leaves no room for a prompt in "
                f"model.context_length {self.model.context_length}: lower sample_tokens"
            )
        if self.model.objective != "causal" and any("[MASK]" not in prompt for prompt in self.evaluate.prompts):
            raise ValueError("a model of this architecture fills gaps: write [MASK] in each of evaluate.prompts")
        return self

    @model_validator(mode="after")
    def _check_vocabulary(self) -> Recipe:
        if self.tokenizer.sweep and self.model.size:
            raise ValueError("model.size counts a vocabulary that tokenizer.sweep has yet to choose: give one of them")
        tokens = max(self.tokenizer.sweep.sizes) if self.tokenizer.sweep else self.tokenizer.vocab_size
        if self.model.overrides.get("vocab_size", tokens) < tokens:
            raise ValueError(
                f"model.overrides.vocab_size {self.model.overrides['vocab_size']} is less than the {tokens} tokens of "
                "the tokenizer: raise the first or lower the second"
            )
        return self

    @property
    def adapters(self) -> Mapping[str, Finetune]:
        """Return the adapters of the recipe's model, by name."""
        return {name: one for name, one in (self.finetune or {}).items() if one.base == OWN_MODEL}

    @property
    def adapters_elsewhere(self) -> Mapping[str, Finetune]:
        """Return the adapters of other models, by name: each belongs to the run of its model."""
        return {name: one for name, one in (self.finetune or {}).items() if one.base != OWN_MODEL}

    @property
    def calls_sources_by_name(self) -> bool:
        """Return whether any setting refers to a source by its name."""
        by_name = self.corpus.domain is not None and "source" in self.corpus.domain.where
        reweight = self.tokens.reweight
        return bool(self.tokens.mixture) or by_name or (reweight is not None and reweight.by == "source")

    def content(self) -> dict[str, Any]:
        """Return what seals compare: every value except paths of files, whose content is compared instead."""
        return self.model_dump(mode="json", context=WITHOUT_PLACES)

    def to_yaml(self) -> str:
        """Return the resolved recipe: every default written out, in the order of the sections above."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)


def merged(data: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return `data` updated by `more`, section by section; an empty section counts as an empty mapping."""
    both = {key: merged(data.get(key) or {}, value) for key, value in more.items() if isinstance(value, Mapping)}
    return {**data, **{key: value for key, value in more.items() if key not in both}, **both}
