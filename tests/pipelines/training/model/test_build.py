"""Models are plain transformers classes of the size that the recipe asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_models import ARCHITECTURES, OTHERS, PADDING, SEPARATOR, small, tokenizer, wanted
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Model
from desdecero.pipelines.recipe.architectures import objective_of
from desdecero.pipelines.training.model.build import (
    build_config,
    build_model,
    count_parameters,
    training_flops_per_token,
)


def logits(model: PreTrainedModel, tokens: torch.Tensor, written: int = 0) -> torch.Tensor:
    """Of a row of tokens; an encoder–decoder writes the first `written` of them."""
    spans: dict[str, Any] = {"decoder_input_ids": tokens[:, :written]} if written else {}
    return model(input_ids=tokens, **spans).logits


def written_by(architecture: str) -> int:
    return 12 if objective_of(architecture) == "span_corruption" else 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_model_has_the_size_that_the_recipe_names(architecture: str) -> None:
    model = small(architecture)
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (3, 64, 4)
    assert (config.vocab_size, config.max_position_embeddings) == (320, 64)
    assert (config.eos_token_id, config.pad_token_id) == (SEPARATOR, PADDING)
    written = written_by(architecture)
    shape = (1, written or 64, 320)
    assert logits(model, torch.zeros(1, 64, dtype=torch.long), written).shape == shape


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_once(architecture: str, tied: bool) -> None:
    model = small(architecture, tie_embeddings=tied)
    every, inner = count_parameters(model)
    assert every == model.num_parameters()
    words = 320 * 64 * (1 if tied else 2) + (320 if objective_of(architecture) == "masked" else 0)  # the output's bias
    places = {"gpt2": 64 * 64, "bert": 64 * 64 + 64, "t5": 2 * 32 * 4}  # positions, a segment, distances in both halves
    assert every - inner == words + places.get(architecture, 0)


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "olmo2", "umt5"])
def test_training_flops_agree_with_those_that_torch_counts(architecture: str) -> None:
    model, written = small(architecture), written_by(architecture)
    model.set_attn_implementation("eager")  # the counter does not see inside the fused kernel
    with FlopCounterMode(display=False) as counter:
        logits(model, torch.zeros(2, 64, dtype=torch.long), written).sum().backward()
    # Torch counts the whole of a causal attention's square; ours is the half that need be computed.
    causal = objective_of(architecture) == "causal"
    layers, read = model.config.num_hidden_layers, 64
    square = 12 * layers * 64 * (0.5 * read if causal else 0.5 * written * written / read)
    expected = training_flops_per_token(model, read, written) + square
    assert expected == pytest.approx(counter.get_total_flops() / (2 * read), rel=0.05)


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *OTHERS])
@pytest.mark.parametrize("tied", [True, False])
def test_saved_model_is_loaded_by_plain_transformers(architecture: str, tied: bool, tmp_path: Path) -> None:
    model = small(architecture, tie_embeddings=tied)
    model.save_pretrained(tmp_path)
    loaded = kind_of(architecture).auto.from_pretrained(tmp_path).eval()
    assert loaded.num_parameters() == model.num_parameters()
    inputs, written = torch.arange(4, 24)[None], written_by(architecture)
    with torch.no_grad():
        torch.testing.assert_close(logits(loaded, inputs, written), logits(model, inputs, written))


def test_t5_is_of_version_1_1() -> None:
    tied, untied = small("t5"), small("t5", tie_embeddings=False)
    assert tied.config.feed_forward_proj == "gated-gelu" and tied.config.dropout_rate == 0
    assert tied.config.decoder_start_token_id == PADDING
    assert tied.config.scale_decoder_outputs and not untied.config.scale_decoder_outputs
    assert tied.get_output_embeddings().weight is tied.get_input_embeddings().weight
    for model in (tied, untied):  # untrained, it knows nothing: logits small enough that no word stands out
        spread = logits(model, torch.arange(4, 40)[None], 12).std()
        assert 0.3 < spread < 2


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"architecture": "olmo2", "overrides": {"vocab_size": 100}}, r"320 tokens and the model room for 100"),
        ({"architecture": "gemma2", "overrides": {"num_attention_heads": 3}}, "cannot build a gemma2 of this shape"),
    ],
)
def test_what_cannot_be_built_is_refused_in_a_sentence(model: dict[str, Any], said: str) -> None:
    shape = OTHERS[model["architecture"]] | model["overrides"]
    with pytest.raises(UserError, match=said) as caught:
        build_model(build_config(Model(architecture=model["architecture"], overrides=shape), tokenizer()))
    assert "\n" not in str(caught.value)


def test_overrides_win_over_what_the_recipe_would_set() -> None:
    model = build_model(build_config(wanted("llama", overrides={"num_key_value_heads": 2}), tokenizer()))
    assert model.config.num_key_value_heads == 2
