"""The loss in chunks is the loss, to the last gradient."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from desdecero.pipelines.training.model import losses
from desdecero.pipelines.training.model.losses import linear_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
@pytest.mark.parametrize("biased", [True, False])
def test_loss_and_gradients_are_those_of_whole_logits(
    smoothing: float, z_loss: float, biased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(losses.CHUNK_BYTES, "cpu", 7 * 300 * 4)  # 7 rows a chunk: 50 do not divide by it
    torch.manual_seed(0)
    leaves = [torch.randn(50, 16), torch.randn(300, 16), torch.randn(300)]
    hidden, weight, bias = (leaf.requires_grad_() for leaf in leaves)
    targets = torch.randint(0, 300, (50,))
    logits = hidden @ weight.T + (bias if biased else 0)
    plain = F.cross_entropy(logits, targets, reduction="sum")
    expected = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    expected = expected + z_loss * logits.logsumexp(dim=1).square().sum()
    wanted = torch.autograd.grad(3 * expected, [hidden, weight, *[bias][:biased]])

    total, measured = linear_cross_entropy(hidden, weight, bias if biased else None, targets, smoothing, z_loss)
    found = torch.autograd.grad(3 * total, [hidden, weight, *[bias][:biased]])
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(measured, plain)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_compiled_or_not_it_is_the_same_loss_with_the_same_gradients() -> None:
    torch.manual_seed(0)
    targets = torch.randint(0, 300, (50,))
    leaves = [torch.randn(50, 16), torch.randn(300, 16), torch.randn(300)]
    found = []
    for compiled in (False, True):  # two ways to mark the targets
        hidden, weight, bias = (leaf.clone().requires_grad_() for leaf in leaves)
        total, measured = linear_cross_entropy(hidden, weight, bias, targets, 0.1, 1e-2, compiled)
        found.append([total, measured, *torch.autograd.grad(total, [hidden, weight, bias])])
    for plain, fused in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-5)


def test_bfloat16_multiplies_narrow_and_adds_up_wide() -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(64, 32), torch.randn(500, 32)
    targets = torch.randint(0, 500, (64,))
    narrow = hidden.bfloat16().requires_grad_()
    wide = weight.clone().requires_grad_()
    total, _ = linear_cross_entropy(narrow, wide, None, targets)
    total.backward()
    exact = F.cross_entropy(hidden @ weight.T, targets, reduction="sum")
    assert float(total.detach()) == pytest.approx(float(exact), rel=5e-3)
    assert wide.grad is not None and wide.grad.dtype == torch.float32
    assert narrow.grad is not None and narrow.grad.dtype == torch.bfloat16


def test_no_gradient_is_kept_where_none_is_asked_for() -> None:
    with torch.no_grad():
        total, measured = linear_cross_entropy(
            torch.randn(8, 4), torch.randn(300, 4), None, torch.zeros(8, dtype=torch.long)
        )
    assert not total.requires_grad
    assert float(total) == float(measured)
