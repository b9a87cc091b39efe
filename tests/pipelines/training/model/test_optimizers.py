"""Optimisers take the right parameters, and schedules the right shape."""

from __future__ import annotations

import pytest
import torch
from small_models import ARCHITECTURES, OTHERS, small

from desdecero.pipelines.recipe import Optimizer, Schedule
from desdecero.pipelines.training.model.optimizers import Muon, build_optimizers, learning_rate_factor, orthogonalize


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *OTHERS])
@pytest.mark.parametrize("name", ["muon", "adamw", "sgd"])
def test_every_parameter_is_trained_once_and_only_inner_matrices_decay(architecture: str, name: str) -> None:
    model = small(architecture)
    optimizers = build_optimizers(model, Optimizer(name=name, weight_decay=0.1), in_bfloat16=False)  # type: ignore[arg-type]
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    trained = [id(p) for group in groups for p in group["params"]]
    assert sorted(trained) == sorted(id(p) for p in model.parameters())
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    embeddings = {id(p) for m in model.modules() if isinstance(m, torch.nn.Embedding) for p in m.parameters()}
    assert decayed and not decayed & embeddings
    assert all(p.ndim == 2 for p in model.parameters() if id(p) in decayed)
    assert {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Linear)} - decayed <= {
        id(model.get_output_embeddings().weight)
    }


def test_a_head_has_a_rate_of_its_own_and_each_parameter_is_in_one_group() -> None:
    model = small("bert")
    head = [parameter for name, parameter in model.named_parameters() if name.startswith("cls.predictions.transform")]
    (adamw,) = build_optimizers(model, Optimizer(name="adamw", learning_rate=1e-3), False, head, 1e-2)
    peaks = {id(p): group["peak"] for group in adamw.param_groups for p in group["params"]}
    assert len(peaks) == sum(len(group["params"]) for group in adamw.param_groups) == len(list(model.parameters()))
    assert {key for key, peak in peaks.items() if peak == 1e-2} == {id(parameter) for parameter in head}
    assert adamw.param_groups[0]["peak"] == 1e-3  # what metrics.jsonl shows


@pytest.mark.parametrize("shape", [(3, 24, 24), (2, 16, 48), (2, 48, 16)])
def test_orthogonalized_matrix_keeps_its_singular_vectors_and_flattens_its_values(shape: tuple[int, ...]) -> None:
    count, rank = shape[0], min(shape[1:])
    generator = torch.Generator().manual_seed(0)
    u, _, vh = torch.linalg.svd(torch.randn(*shape, generator=generator), full_matrices=False)
    values = torch.linspace(1.0, 0.1, rank).expand(count, rank)
    result = u.mT @ orthogonalize(u @ torch.diag_embed(values) @ vh) @ vh.mT
    flattened = torch.diagonal(result, dim1=-2, dim2=-1)
    assert flattened.min() > 0.6 and flattened.max() < 1.3  # the range that the coefficients aim at, with room
    assert (result - torch.diag_embed(flattened)).abs().max() < 1e-3


def test_muon_steps_as_torchs_own_does_in_half_precision() -> None:
    """`torch.optim.Muon` with the same settings is the reference; it always multiplies in bfloat16."""
    start = torch.randn(24, 16, generator=torch.Generator().manual_seed(1))
    gradients = torch.randn(4, 24, 16, generator=torch.Generator().manual_seed(2))
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizers = (
        Muon([ours], lr=0.02, momentum=0.95, weight_decay=0.1, in_bfloat16=True),
        torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.1, nesterov=True),
    )
    for gradient in gradients:
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.02 * moved


@pytest.mark.parametrize("name", ["warmup_stable_decay", "cosine", "linear", "constant"])
def test_learning_rate_rises_stays_and_falls(name: str) -> None:
    factor = learning_rate_factor(Schedule(name=name, warmup=0.1, decay=0.3, final=0.1), steps=100)  # type: ignore[arg-type]
    rates = [factor(step) for step in range(100)]
    assert 0 < rates[0] < rates[5] < rates[10] <= 1.0
    assert max(rates) == pytest.approx(1.0, abs=1e-6)
    if name == "constant":
        assert rates[99] == 1.0
    else:
        assert rates[50] > rates[90] > rates[99] >= 0.1
    if name == "warmup_stable_decay":
        assert rates[10] == rates[69] == 1.0
    if name == "linear":
        assert rates[55] == pytest.approx(0.1 + 0.9 / 2)  # half-way between the warm-up's end and the last step
