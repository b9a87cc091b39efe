"""Models are plain transformers classes of the size that the recipe asks for."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedTokenizerFast

from pipelines.recipe import Model
from pipelines.training.models import build_config, build_model, count_parameters, training_flops_per_token


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {"<|endoftext|>": 0, "<|pad|>": 1, **{f"t{i}": i for i in range(2, 320)}}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(vocabulary, "t2")), eos_token="<|endoftext|>", pad_token="<|pad|>"
    )


def wanted(architecture: str, **changes: object) -> Model:
    return Model(architecture=architecture, layers=3, hidden_size=64, heads=4, context_length=32, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert"])
def test_model_has_the_size_that_the_recipe_names(architecture: str, tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_model(build_config(wanted(architecture), tokenizer))
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (3, 64, 4)
    assert (config.vocab_size, config.max_position_embeddings) == (320, 32)
    assert (config.eos_token_id, config.pad_token_id) == (0, 1)
    assert model(input_ids=torch.zeros(1, 32, dtype=torch.long)).logits.shape == (1, 32, 320)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert"])
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_once(architecture: str, tied: bool, tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_model(build_config(wanted(architecture, tie_embeddings=tied), tokenizer))
    every, inner = count_parameters(model)
    assert every == model.num_parameters()
    tables = 320 * 64 * (1 if tied else 2) + (0 if architecture == "llama" else 32 * 64)
    output_bias = 320 if architecture == "bert" else 0
    segments = 64 if architecture == "bert" else 0
    assert every - inner - tables in (0, output_bias, output_bias + segments)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert"])
def test_training_flops_agree_with_those_that_torch_counts(
    architecture: str, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = build_model(build_config(wanted(architecture), tokenizer))
    model.set_attn_implementation("eager")  # the counter does not see inside the fused kernel
    with FlopCounterMode(display=False) as counter:
        model(input_ids=torch.zeros(2, 32, dtype=torch.long)).logits.sum().backward()
    # Torch counts the whole of a causal attention's square; ours is the half that need be computed.
    square = 12 * 3 * 64 * 32 * (0.5 if architecture != "bert" else 0.0)
    assert training_flops_per_token(model, 32) + square == pytest.approx(counter.get_total_flops() / 64, rel=0.06)
