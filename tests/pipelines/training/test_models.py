"""Models are plain transformers classes of the size that the recipe asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedTokenizerFast

from pipelines.recipe import Model
from pipelines.training.models import MASKED, build_config, build_model, count_parameters, training_flops_per_token

ARCHITECTURES = ["llama", "qwen3", "gpt2", "bert", "modernbert"]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    special = {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "[MASK]", "cls_token": "[CLS]"}
    words = [*special.values(), *(f"t{i}" for i in range(4, 320))]
    vocabulary = {word: number for number, word in enumerate(words)}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(vocabulary, "t4")), **special)


def wanted(architecture: str, **changes: object) -> Model:
    return Model(architecture=architecture, layers=3, hidden_size=64, heads=4, context_length=32, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_model_has_the_size_that_the_recipe_names(architecture: str, tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_model(build_config(wanted(architecture), tokenizer))
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (3, 64, 4)
    assert (config.vocab_size, config.max_position_embeddings) == (320, 32)
    assert (config.eos_token_id, config.pad_token_id) == (0, 1)
    assert model(input_ids=torch.zeros(1, 32, dtype=torch.long)).logits.shape == (1, 32, 320)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_once(architecture: str, tied: bool, tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_model(build_config(wanted(architecture, tie_embeddings=tied), tokenizer))
    every, inner = count_parameters(model)
    assert every == model.num_parameters()
    tables = 320 * 64 * (1 if tied else 2) + (32 * 64 if architecture in ("gpt2", "bert") else 0)
    output_bias = 320 if architecture in MASKED else 0
    segments = 64 if architecture == "bert" else 0
    assert every - inner - tables in (0, output_bias, output_bias + segments)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_training_flops_agree_with_those_that_torch_counts(
    architecture: str, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = build_model(build_config(wanted(architecture), tokenizer))
    model.set_attn_implementation("eager")  # the counter does not see inside the fused kernel
    with FlopCounterMode(display=False) as counter:
        model(input_ids=torch.zeros(2, 32, dtype=torch.long)).logits.sum().backward()
    # Torch counts the whole of a causal attention's square; ours is the half that need be computed.
    square = 12 * 3 * 64 * 32 * (0.0 if architecture in MASKED else 0.5)
    assert training_flops_per_token(model, 32) + square == pytest.approx(counter.get_total_flops() / 64, rel=0.06)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_saved_model_is_loaded_by_plain_transformers(
    architecture: str, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = build_model(build_config(wanted(architecture), tokenizer)).eval()
    model.save_pretrained(tmp_path)
    auto = AutoModelForMaskedLM if architecture in MASKED else AutoModelForCausalLM
    loaded = auto.from_pretrained(tmp_path).eval()
    inputs = torch.arange(4, 24)[None]
    with torch.no_grad():
        torch.testing.assert_close(loaded(input_ids=inputs).logits, model(input_ids=inputs).logits)
