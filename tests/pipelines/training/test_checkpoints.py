"""A checkpoint is whole or absent, and a damaged one is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipelines.training.checkpoints import KEPT, load_checkpoint, newest_checkpoint, save_checkpoint


def training(seed: int) -> tuple[torch.nn.Module, list[torch.optim.Optimizer]]:
    """A small model that has taken one step, so that its optimiser has a state."""
    torch.manual_seed(seed)
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    return model, [optimizer]


def test_round_trip_restores_weights_and_optimiser_states(tmp_path: Path) -> None:
    model, optimizers = training(seed=0)
    save_checkpoint(tmp_path, 7, model, optimizers, {"seconds": 1.5})
    path, state = newest_checkpoint(tmp_path) or (None, None)
    assert path and state and (state["step"], state["seconds"]) == (7, 1.5)
    other, others = training(seed=1)
    load_checkpoint(path, other, others)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    for ours, theirs in zip(optimizers[0].state.values(), others[0].state.values(), strict=True):
        assert torch.equal(ours["exp_avg"], theirs["exp_avg"])


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    model, optimizers = training(seed=0)
    for step in (1, 2, 3, 4):
        save_checkpoint(tmp_path, step, model, optimizers, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000003", "step-000004"]
    assert KEPT == 2


@pytest.mark.parametrize("damaged", ["weights.safetensors", "optimizers.pt", "state.json"])
def test_damaged_checkpoint_is_passed_over_aloud(
    tmp_path: Path, damaged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model, optimizers = training(seed=0)
    for step in (1, 2):
        save_checkpoint(tmp_path, step, model, optimizers, {})
    file = tmp_path / "step-000002" / damaged
    file.write_bytes(file.read_bytes()[:-3])
    found = newest_checkpoint(tmp_path)
    assert found and found[1]["step"] == 1
    assert "step-000002 is damaged" in capsys.readouterr().out


def test_half_written_checkpoint_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial" / "weights.safetensors").write_bytes(b"half")
    assert newest_checkpoint(tmp_path) is None
