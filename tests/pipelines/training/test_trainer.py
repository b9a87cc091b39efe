"""A step's gradients are those of the mean over all its targets, however the batch is cut."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.model.attention import BLOCKWISE
from desdecero.pipelines.training.replica import Replica
from desdecero.pipelines.training.task import Pretraining


def made(home: Path, *settings: str, precision: str = "fp32", compiled: bool = False) -> Replica:
    task = Pretraining(load_recipe(home / "tiny.yaml", settings), RunDir(home / "run"))
    return Replica(task, Accelerator(cpu=True), precision, compiled)


@pytest.mark.parametrize(("architecture", "micro"), [("bert", 8), ("bert", 3), ("bert", 1), ("llama", 3)])
def test_gradients_of_uneven_micro_batches_are_those_of_the_whole_batch(
    tiny: Callable[[str], Path], architecture: str, micro: int
) -> None:
    """Of masked models, and of those that are not asked for all: every sequence has another number of targets."""
    home = tiny(architecture)
    settings = ["pretrain.batch_size=8", f"pretrain.micro_batch_size={micro}", "pretrain.clip_norm=1e9"]
    if architecture == "llama":
        settings.append("pretrain.goldfish={k: 4, context: 3}")
    settings.append("pretrain.isolate_documents=false")
    replica = made(home, *settings)
    inputs, targets = replica.task.train_data.batch(0)
    counts = (targets != IGNORED).sum(dim=1)
    assert len(set(counts.tolist())) > 2

    loss, norm = replica.gradients(0)
    found = {name: p.grad for name, p in replica.task.model.named_parameters()}
    replica.task.model.zero_grad(set_to_none=True)
    logits = replica.task.model(input_ids=inputs).logits  # the model's own head, and torch's own mean
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-5)
    grads = [p.grad for p in replica.task.model.parameters() if p.grad is not None]
    assert norm == pytest.approx(float(torch.cat([g.flatten() for g in grads]).norm()), rel=1e-5)
    for name, parameter in replica.task.model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(found[name], parameter.grad, atol=1e-6, rtol=0, msg=name)


def test_in_bfloat16_attention_is_blockwise_and_its_loss_is_that_of_float32(tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    losses = [made(home).gradients(0)[0], made(home, precision="bf16").gradients(0)[0]]
    assert made(home).task.model.config._attn_implementation == "sdpa"
    assert made(home, precision="bf16").task.model.config._attn_implementation == BLOCKWISE
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.slow
def test_one_program_serves_all_batches_and_validation(tiny: Callable[[str], Path]) -> None:
    torch._dynamo.reset()  # other tests have compiled the same code in other precisions
    home = tiny("llama")
    replica = made(home, compiled=True)
    inputs, targets = replica.task.train_data.batch(0)
    end = replica.task.model.config.eos_token_id
    batches = [inputs.where(inputs != end, end + 1), inputs.index_fill(1, torch.tensor([5]), end)]
    with torch._dynamo.config.patch(error_on_recompile=True):
        for batch in batches:  # within one document each, and across two
            replica.wrapped(batch, targets)[0].backward()
        assert math.isfinite(replica.validation_loss(len(inputs)))


def test_layers_begin_by_adding_nothing_and_learn_at_once(tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    replica = made(home)
    model = replica.task.model
    ids = replica.task.train_data.batch(0)[0]
    states = model.base_model(input_ids=ids, output_hidden_states=True).hidden_states
    torch.testing.assert_close(states[-2], states[0])  # the last is normalised
    replica.step(0, replica.new_optimizers())
    assert not torch.allclose(model.base_model(input_ids=ids, output_hidden_states=True).hidden_states[-2], states[0])
