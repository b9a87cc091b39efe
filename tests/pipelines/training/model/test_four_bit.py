"""Frozen weights in 4 bits: what is replaced, what stays, and what a change on them learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from plain_models import PLAIN

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Finetune
from desdecero.pipelines.training.adapter import add_adapter
from desdecero.pipelines.training.model.four_bit import quantize_linear_layers

bitsandbytes = pytest.importorskip("bitsandbytes")
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft


def plain_model(architecture: str) -> Any:
    """A model with rows of whole blocks."""
    torch.manual_seed(0)
    narrow: Any = PLAIN[architecture]()[0]
    wide = {"gpt2": {"n_embd": 64}, "t5": {"d_model": 64, "d_kv": 32}}.get(architecture, {"hidden_size": 64})
    if "intermediate_size" in narrow.config.to_dict():
        wide["intermediate_size"] = 128
    return type(narrow)(type(narrow.config)(**{**narrow.config.to_dict(), "dtype": "float32", "head_dim": 32, **wide}))


def logits(model: Any, architecture: str) -> torch.Tensor:
    ids = torch.arange(24).reshape(2, 12)
    more = {"decoder_input_ids": ids} if architecture == "t5" else {}
    return model(input_ids=ids, **more).logits


@pytest.mark.parametrize("architecture", list(PLAIN))
def test_linear_layers_but_the_outputs_are_replaced_and_answer_nearly_the_same(architecture: str) -> None:
    model, whole = plain_model(architecture).eval(), plain_model(architecture).eval()
    number = quantize_linear_layers(model)
    assert type(model.get_output_embeddings()) is torch.nn.Linear
    replaced = [name for name, one in model.named_modules() if isinstance(one, bitsandbytes.nn.Linear4bit)]
    assert len(replaced) == number > 0
    for name in replaced:
        quantized, layer = model.get_submodule(name), whole.get_submodule(name)
        read = torch.randn(8, quantized.in_features)
        with torch.no_grad():
            before, after = layer(read), quantized(read)
        error = float((after - before).norm() / before.norm())
        assert 0 < error < 0.12  # NormalFloat's, of normal weights: 0.09
    with torch.no_grad():
        assert torch.isfinite(logits(model, architecture)).all()


@pytest.mark.parametrize("architecture", list(PLAIN))
def test_a_change_on_them_is_trained_and_they_stay(architecture: str) -> None:
    model = plain_model(architecture)
    quantize_linear_layers(model)
    frozen = {name: weight.clone() for name, weight in model.named_parameters() if weight.dtype == torch.uint8}
    adapted = add_adapter(model, Finetune(quantize="4bit", rank=2, data=None), architecture, None)
    optimizer = torch.optim.AdamW([one for one in adapted.parameters() if one.requires_grad], lr=0.01)
    losses = []
    for _ in range(8):
        loss = torch.nn.functional.cross_entropy(logits(adapted, architecture).flatten(0, 1), torch.zeros(24).long())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    now = {name.replace("base_layer.", ""): one for name, one in model.named_parameters() if one.dtype == torch.uint8}
    assert frozen and now.keys() == frozen.keys()
    assert all(torch.equal(weight, frozen[name]) for name, weight in now.items())


def test_modules_that_are_to_stay_whole_do() -> None:
    model = plain_model("bert")
    quantize_linear_layers(model, ["bert.encoder.layer.0"])
    kinds = [
        {type(one) for one in layer.modules() if isinstance(one, torch.nn.Linear)} for layer in model.bert.encoder.layer
    ]
    assert kinds[0] == {torch.nn.Linear} and kinds[1] == {bitsandbytes.nn.Linear4bit}


def test_a_model_of_other_widths_is_refused() -> None:
    with pytest.raises(UserError, match="no layer of this model has a width of a multiple of 64"):
        quantize_linear_layers(PLAIN["t5"]()[0])


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_what_was_learnt_is_loaded_onto_the_whole_weights(architecture: str, tmp_path: Path) -> None:
    quantized, whole = plain_model(architecture).eval(), plain_model(architecture).eval()
    quantize_linear_layers(quantized)
    adapted = add_adapter(quantized, Finetune(quantize="4bit", rank=2), architecture, "CAUSAL_LM")
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    adapted.save_pretrained(str(tmp_path), save_embedding_layers=False)
    loaded = PeftModel.from_pretrained(whole, str(tmp_path))
    with torch.no_grad(), loaded.disable_adapter():
        base = logits(loaded, architecture)
    with torch.no_grad():
        change, wanted = logits(loaded, architecture) - base, logits(adapted, architecture) - base
        merged = logits(loaded.merge_and_unload(), architecture) - base
    assert (change - wanted).norm() < 0.5 * change.norm()  # they differ by what 4 bits lose
    torch.testing.assert_close(merged, change, atol=1e-3, rtol=1e-3)
