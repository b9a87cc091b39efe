"""Load a trained model as any user of transformers would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.training.model.build import AUTO


def load_model(folder: Path, recipe: Recipe) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The model in float32 on the device at hand, and its tokenizer, as any transformers user would load them."""
    model: Any = AUTO[recipe.model.objective].from_pretrained(folder, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer
