"""Blockwise attention computes what torch's own does, in values and in gradients."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from transformers import BertConfig, GPT2Config, LlamaConfig, ModernBertConfig, Qwen3Config

from desdecero.pipelines.training.model.attention import BLOCK, BLOCKWISE, blockwise_attention
from desdecero.pipelines.training.model.build import build_model
from desdecero.pipelines.training.model.compilation import takes_blockwise

SIZES = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
CONFIGS = {
    "llama": LlamaConfig(intermediate_size=48, max_position_embeddings=300, num_key_value_heads=2, **SIZES),
    "qwen3": Qwen3Config(intermediate_size=48, head_dim=16, num_key_value_heads=2, **SIZES),
    "gpt2": GPT2Config(
        vocab_size=50, n_embd=32, n_layer=2, n_head=2, n_positions=300, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0
    ),
}
ENCODERS = {
    "bert": BertConfig(
        intermediate_size=48, max_position_embeddings=300, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        **SIZES,
    ),
    "modernbert": ModernBertConfig(
        intermediate_size=48, local_attention=64, pad_token_id=0, bos_token_id=1, eos_token_id=1, cls_token_id=1,
        sep_token_id=1, **SIZES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("length", [BLOCK // 2, BLOCK, 2 * BLOCK + 44])
def test_values_and_gradients_are_those_of_torchs_attention(length: int, causal: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (2, 3, length, 16)
    inputs = [torch.randn(shape, generator=generator, requires_grad=True) for _ in range(3)]
    document = (torch.rand(2, length, generator=generator) < 0.02).cumsum(dim=1)
    mask = document[:, None, :, None] == document[:, None, None, :]
    if causal:
        mask = mask & torch.ones(length, length).tril().bool()
    gradient = torch.randn(shape, generator=generator)
    module: Any = SimpleNamespace(is_causal=causal)
    ours = blockwise_attention(module, *inputs, mask, scaling=0.25)[0].transpose(1, 2)
    theirs = F.scaled_dot_product_attention(*inputs, attn_mask=mask, scale=0.25)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    pairs = (torch.autograd.grad(output, inputs, gradient) for output in (ours, theirs))
    for found, expected in zip(*pairs, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def says_the_same(config: Any, **inputs: Any) -> None:
    """A model of this kind takes blockwise attention, and gives the same logits with it."""
    torch.manual_seed(0)
    model: Any = build_model(config).eval()
    assert takes_blockwise(model)
    expected = model(**inputs).logits
    model.set_attn_implementation(BLOCKWISE)
    torch.testing.assert_close(model(**inputs).logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("packed", [False, True])
def test_models_say_the_same_with_it_for_packed_documents_and_for_one(architecture: str, packed: bool) -> None:
    tokens = torch.randint(0, 50, (2, BLOCK + 60), generator=torch.Generator().manual_seed(0))
    places = torch.arange(BLOCK + 60).expand(2, -1)
    positions = places % 70 if packed else places
    says_the_same(CONFIGS[architecture], input_ids=tokens, position_ids=positions, use_cache=False)


@pytest.mark.parametrize("architecture", ENCODERS)
@pytest.mark.parametrize("packed", [False, True])
def test_encoders_say_the_same_with_it_too(architecture: str, packed: bool) -> None:
    tokens = torch.randint(2, 50, (2, BLOCK + 60), generator=torch.Generator().manual_seed(0))
    document = torch.arange(BLOCK + 60) // 70
    own: Any = (document[:, None] == document).expand(2, 1, -1, -1)
    mask = own if packed else None
    if packed and architecture == "modernbert":
        mask = {"full_attention": own, "sliding_attention": own & ((document[:, None] - document).abs() < 32)}
    says_the_same(ENCODERS[architecture], input_ids=tokens, attention_mask=mask)


def test_under_autocast_its_gradients_are_those_of_torchs_attention_without_compilation_too() -> None:
    torch.manual_seed(0)
    model: Any = build_model(CONFIGS["llama"])
    tokens = torch.randint(0, 50, (2, 20))

    def gradients() -> dict[str, torch.Tensor]:
        model.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=tokens, use_cache=False).logits
        logits.float().square().mean().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        return {name: parameter.grad for name, parameter in model.named_parameters()}

    expected = gradients()
    model.set_attn_implementation(BLOCKWISE)
    for name, found in gradients().items():
        # bfloat16 keeps eight bits: the two round differently on the way.
        assert (found - expected[name]).norm() <= 0.02 * expected[name].norm(), name
    attention = [gradient for name, gradient in expected.items() if "self_attn" in name]
    assert len(attention) == 8 and all(gradient.any() for gradient in attention)


def test_shared_keys_and_dropout_keep_torchs_attention() -> None:
    shared = LlamaConfig(intermediate_size=48, num_key_value_heads=1, **SIZES)
    dropped = LlamaConfig(intermediate_size=48, attention_dropout=0.1, **SIZES)
    assert not takes_blockwise(build_model(shared))
    assert not takes_blockwise(build_model(dropped))
