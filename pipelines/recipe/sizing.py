"""Derive the shape, vocabulary and training settings of a model from `model.size`.

    sized(model, tokenizer, pretrain)     {"model": {"layers": 5, "hidden_size": 256, …}, "tokenizer": …, "pretrain": …}

A size is a number of parameters, embeddings included (`5M`, `1.2B`), or a depth (`d12`: twelve layers of width 768).
Values that the recipe gives are kept, and the rest are derived; a size that the given values rule out is an error. Each
rule is a named constant with its source; `docs/models.md` says which of them were measured here.

Imported by the recipe's parser: no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from desdecero.pipelines.recipe.architectures import GATED, SHAPED
from desdecero.pipelines.recipe.model import Model, parse_size
from desdecero.pipelines.recipe.pretrain import Pretrain
from desdecero.pipelines.recipe.tokenizer import Tokenizer

ASPECT = 64
"""Width divided by layers. Loss hardly depends on it (Kaplan et al. 2020, §3.2: 3% between 33 and 715); GPT-2 and
GPT-3 lie at 33 to 85 up to 1.5B parameters. With a constant ratio, the depth alone determines a model."""

HEAD_SIZE = 64
"""Width of an attention head in GPT-2, GPT-3 up to 760M, BERT and T5."""

TOLERANCE = 0.10
"""Relative error allowed in the number of parameters: widths are multiples of a head, and layers whole numbers."""

VOCABULARY = (1.94, 0.83)
"""Parameters of the vocabulary = 1.94 · N^0.83: the exponent of Tao et al. 2024, "Scaling Laws with Vocabulary", and
the factor that gives the 43,000 tokens of width 3,200 that they found best at 3B."""

SMALLEST_VOCABULARY, LARGEST_VOCABULARY = 4096, 131_072
"""Limits of the vocabulary. The smallest models of Tao et al. had 4,096 tokens; smaller vocabularies give longer
sequences, and were not studied."""

BATCH = (0.58, 0.571)
"""Tokens per step = 0.58 · D^0.571 of D training tokens, whatever the model's size (Li et al. 2025, "Step Law")."""

TOKENS_PER_PARAMETER = 20
"""Training tokens if the budget does not determine them: compute-optimal training (Hoffmann et al. 2022, Table 3)."""

CPU_FLOPS = 2e11
"""Operations assumed per second of a budget in minutes, up to that horizon: two cores did 6e10 in fp32 and 3e11 with
AMX. A recipe must not depend on the machine that reads it: for a GPU give the budget in tokens, or the batch size."""

REFERENCE_WIDTH, ADAMW_RATE, MATRIX_RATE = 256, 3e-3, 0.02
"""Learning rates of the shipped recipes at about this width. AdamW's scales as 1/width if it trains the matrices (Yang
et al. 2022, "μP", Table 3), and as 1/√width if Muon trains them and AdamW only embeddings and norms (as in nanochat).
Muon's is constant, because its steps are orthogonal (Bernstein 2025, "Deriving Muon")."""

TIMESCALE = (1.084, -0.527)
"""Time scale of weight decay: τ = 1 / (rate · decay) steps; the best τ is 1.084 · (tokens per parameter)^−0.527 of the
whole training (Bergsma et al. 2025, "Power Lines", §3, after Wang & Aitchison 2024)."""


def feed_forward_width(architecture: str, hidden_size: int) -> int:
    """Return 4 × hidden size, or 8/3 of it for gated units, rounded up to a multiple of 32 (faster kernels)."""
    return -(-(hidden_size * 8 // 3) // 32) * 32 if architecture in GATED else 4 * hidden_size


def parameter_count(
    architecture: str, layers: int, width: int, feed_forward: int, vocabulary: int, context: int, tied: bool
) -> int:
    """Return the number of parameters without biases and norms' scales, which are under 1% of a model."""
    tables = vocabulary * width * (1 if tied else 2)
    if architecture in ("gpt2", "bert"):
        tables += context * width  # learned positions
    head = width * width + vocabulary if SHAPED[architecture] == "masked" else 0
    attention, units = 4 * width * width, (3 if architecture in GATED else 2) * width * feed_forward
    block = 3 * attention + 2 * units if architecture == "t5" else attention + units  # an encoder's and a decoder's
    return tables + head + layers * block


def sized(model: Model, tokenizer: Tokenizer, pretrain: Pretrain) -> dict[str, Any]:
    """Return the derived values that these sections do not give: section → key → value.

    Raises `ValueError` if no model comes within `TOLERANCE` of the size.
    """
    assert model.size
    vocabulary = _explicit(tokenizer, "vocab_size")
    parameters, depth = parse_size(model.size)
    if parameters is None:
        assert depth
        parameters = 12 * ASPECT**2 * depth**3  # of the layers: enough for the vocabulary's rule
    vocabulary = vocabulary or vocabulary_size(parameters)
    shape = _shape(model, parameters, depth, vocabulary)
    training = _training(pretrain, shape, count_of(model, shape, vocabulary))
    return {
        "model": _missing(model, shape),
        "tokenizer": _missing(tokenizer, {"vocab_size": vocabulary}),
        "pretrain": _missing(pretrain, training),
    }


def vocabulary_size(parameters: int) -> int:
    """Return the power of two nearest to the vocabulary that `VOCABULARY` gives at the usual width of this size."""
    factor, exponent = VOCABULARY
    width = ASPECT * (parameters / (12 * ASPECT**2)) ** (1 / 3)
    return min(LARGEST_VOCABULARY, max(SMALLEST_VOCABULARY, power_of_two(factor * parameters**exponent / width)))


def context_of(width: int) -> int:
    """Return the power of two nearest to the width: attention's own products are then about a twelfth of the layers'.

    GPT-2 (768 and 1,024) and GPT-3 at 1.3B (2,048 and 2,048) have such a ratio.
    """
    return power_of_two(width)


def power_of_two(value: float) -> int:
    """Return the nearest power of two, on a logarithmic scale; at least 1."""
    return 1 << max(0, round(math.log2(value)))


# --- the shape -------------------------------------------------------------------------------------------------


def _shape(model: Model, parameters: int, depth: int | None, vocabulary: int) -> dict[str, int]:
    """Choose layers and width that meet the size with an aspect close to `ASPECT`; derive the rest from them."""
    layers, width = _explicit(model, "layers") or depth, _explicit(model, "hidden_size")
    if depth:
        return _with_heads(model, depth, width or ASPECT * depth)
    step = 2 * model.heads if _explicit(model, "heads") else HEAD_SIZE
    usual = ASPECT * (parameters / (12 * ASPECT**2)) ** (1 / 3)
    widths = [width] if width else [step * n for n in range(1, 2 + int(4 * usual / step))]
    shapes = [_with_heads(model, n, w) for w in widths for n in ([layers] if layers else range(1, 129))]

    def miss(shape: dict[str, int]) -> float:
        return abs(math.log(count_of(model, shape, vocabulary) / parameters))

    def cost(shape: dict[str, int]) -> float:  # 10% in aspect counts as much as 1% in size
        return miss(shape) + 0.1 * abs(math.log(shape["hidden_size"] / shape["layers"] / ASPECT))

    allowed = math.log(1 + TOLERANCE)
    best = min(shapes, key=lambda shape: (miss(shape) > allowed, cost(shape)))
    if miss(best) > allowed:
        raise ValueError(
            f"model.size {model.size}: the nearest model that the rest of the recipe allows has "
            f"{count_of(model, best, vocabulary):,} parameters ({best['layers']} layers of width "
            f"{best['hidden_size']}, {vocabulary:,} tokens): change the size, or remove layers, hidden_size "
            "or tokenizer.vocab_size from the recipe"
        )
    return best


def _with_heads(model: Model, layers: int, width: int) -> dict[str, int]:
    return {
        "layers": layers,
        "hidden_size": width,
        "heads": _explicit(model, "heads") or heads_of(width),
        "intermediate_size": model.intermediate_size or feed_forward_width(model.architecture, width),
        "context_length": _explicit(model, "context_length") or max(16, context_of(width)),
    }


@cache
def heads_of(width: int) -> int:
    """Return the number of heads whose size is even and as close to `HEAD_SIZE` as the width allows."""
    splits = [heads for heads in range(1, width // 2 + 1) if width % (2 * heads) == 0] or [1]
    return min(splits, key=lambda heads: abs(width / heads - HEAD_SIZE))


def count_of(model: Model, shape: Mapping[str, int], vocabulary: int) -> int:
    """Return the number of parameters of a model of this shape."""
    return parameter_count(
        model.architecture,
        shape["layers"],
        shape["hidden_size"],
        shape["intermediate_size"],
        vocabulary,
        shape["context_length"],
        model.tie_embeddings,
    )


# --- the training ----------------------------------------------------------------------------------------------


def _training(pretrain: Pretrain, shape: Mapping[str, int], parameters: int) -> dict[str, Any]:
    """Derive batch size, learning rates and weight decay from a model's shape and the recipe's budget."""
    optimizer, context = pretrain.optimizer, shape["context_length"]
    given = _explicit(pretrain, "batch_size")
    tokens = horizon(pretrain, parameters, given * context if given else None)
    batch = given or power_of_two(BATCH[0] * tokens ** BATCH[1] / context)
    narrower = REFERENCE_WIDTH / shape["hidden_size"]
    rates = {
        "muon": {"learning_rate": ADAMW_RATE * narrower**0.5, "matrix_learning_rate": MATRIX_RATE},
        "adamw": {"learning_rate": ADAMW_RATE * narrower},
        "sgd": {},  # no rule is known; it keeps its default
    }[optimizer.name]
    rates = {name: round_to(_explicit(optimizer, name) or rate, 3) for name, rate in rates.items()}
    peak = rates.get("matrix_learning_rate") or rates.get("learning_rate") or optimizer.learning_rate
    timescale = TIMESCALE[0] * (tokens / parameters) ** TIMESCALE[1]
    decay = round_to(batch * context / (peak * timescale * tokens), 3)
    return {"batch_size": batch, "optimizer": {**rates, "weight_decay": decay}}


def horizon(pretrain: Pretrain, parameters: int, tokens_per_step: int | None) -> float:
    """Return the training tokens of the budget; estimated if it is given in minutes or operations."""
    budget = pretrain.budget
    if budget.tokens:
        return budget.tokens
    if budget.steps:  # D = steps · batch, and batch = f · D^e
        factor, exponent = BATCH
        return budget.steps * (tokens_per_step or (factor * budget.steps**exponent) ** (1 / (1 - exponent)))
    if budget.flops:
        return budget.flops / (6 * parameters)
    assert budget.minutes
    return min(TOKENS_PER_PARAMETER * parameters, 60 * budget.minutes * CPU_FLOPS / (6 * parameters))


def round_to(value: float, digits: int) -> float:
    """Round to significant digits, because people read the resolved recipe."""
    return float(f"{value:.{digits}g}")


def _explicit(section: Any, key: str) -> Any:
    """Return the value if the recipe gives it, else None."""
    return getattr(section, key) if key in section.model_fields_set else None


def _missing(section: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep those of `values` that the section does not give, nested sections included."""
    return {
        key: _missing(getattr(section, key), value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if isinstance(value, Mapping) or _explicit(section, key) is None
    }
