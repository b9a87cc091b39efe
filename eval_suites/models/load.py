"""Load a model and its tokenizer from a folder or the Hub, whether trained by this project or not.

model = load("runs/quickstart/model")
model = load("openai-community/gpt2")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer

from desdecero.eval_suites.models.adapters import load_adapter
from desdecero.eval_suites.models.causal import Causal
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.kinds import Objective, objective_by_heads, objective_of_classes
from desdecero.eval_suites.models.masked import Masked
from desdecero.eval_suites.models.seq2seq import EncoderDecoder

KINDS: dict[Objective, type[LanguageModel]] = {kind.objective: kind for kind in (Causal, Masked, EncoderDecoder)}


def load(name: str | Path, tokenizer_at: Path | None = None, adapter: Path | None = None) -> LanguageModel:
    """Return the model in float32 and evaluation mode, on the CUDA device where there is one.

    `name` is a folder as `save_pretrained` writes it, which needs no network, or a repository of the Hub. The tokenizer
    is beside the model unless `tokenizer_at` names another folder; `adapter` is the folder of a LoRA adapter, which is
    merged into the weights, and whose tokenizer is taken where it has one. Raises `ValueError` for a model that is not
    a language model, or not the adapter's base.
    """
    where: dict[str, Any] = {"local_files_only": Path(name).is_dir()}
    config = AutoConfig.from_pretrained(name, **where)
    objective = objective_of_classes(config.model_type, config.architectures or ())
    if objective is None:
        raise ValueError(f"{name}: transformers has no language model of type {config.model_type}")
    kind = KINDS[objective]
    model = kind.auto.from_pretrained(name, dtype=torch.float32, **where)
    if tokenizer_at is None and adapter is not None and (adapter / "tokenizer_config.json").is_file():
        tokenizer_at = adapter
    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_at or name, **where)
    if adapter is not None:
        if len(tokenizer) > config.vocab_size:  # those of roles in conversations: the adapter has their embeddings
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        merged: Any = load_adapter(model, name, adapter).merge_and_unload()
        model = merged
    return kind(model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer)


def kind_of(model_type: str) -> type[LanguageModel]:
    """Return the class for a model type of transformers. Raises `ValueError` for one that has no language model."""
    objective = objective_by_heads(model_type)
    if objective is None:
        raise ValueError(f"transformers has no language model of type {model_type}")
    return KINDS[objective]
