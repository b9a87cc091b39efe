"""A checkpoint is whole or absent, is written while training goes on, and is taken up by its own training only."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from small_models import random_model
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedModel

from desdecero.pipelines.common.errors import UserError, explain
from desdecero.pipelines.training.checkpoints import Checkpoints, load_checkpoint

MADE_FROM = {"tokens": "a" * 64, "seed": 0, "pretrain": {"batch_size": 4, "optimizer": {"name": "adamw"}}}


def training(seed: int, architecture: str = "llama") -> tuple[PreTrainedModel, list[torch.optim.Optimizer]]:
    """A small model that has taken one step, so that its optimiser has a state."""
    model = random_model(architecture, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    step_once(model, optimizer)
    return model, [optimizer]


def step_once(model: PreTrainedModel, optimizer: torch.optim.Optimizer) -> None:
    model(input_ids=torch.arange(8)[None], labels=torch.arange(8)[None]).loss.backward()
    optimizer.step()


def save(folder: Path, steps: list[int], made_from: dict[str, Any] = MADE_FROM, **options: Any) -> Checkpoints:
    checkpoints = Checkpoints(folder, made_from, **options)
    model, optimizers = training(seed=0)
    for step in steps:
        checkpoints.save(step, model, optimizers, {"seconds": 1.5})
    checkpoints.wait()
    return checkpoints


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("architecture", ["llama", "bert"])  # their embeddings are tied, and BERT's bias too
def test_round_trip_restores_weights_and_optimiser_states(tmp_path: Path, architecture: str) -> None:
    model, optimizers = training(0, architecture)
    checkpoints = Checkpoints(tmp_path, MADE_FROM)
    checkpoints.save(7, model, optimizers, {"seconds": 1.5})
    checkpoints.wait()
    path, state = checkpoints.newest() or (None, None)
    assert path and state and (state["step"], state["seconds"]) == (7, 1.5)
    other, others = training(1, architecture)
    load_checkpoint(path, other, others)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    for ours, theirs in zip(optimizers[0].state.values(), others[0].state.values(), strict=True):
        assert torch.equal(ours["exp_avg"], theirs["exp_avg"])


def test_what_is_saved_is_what_was_there_however_long_the_writing_takes(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, MADE_FROM)
    model, optimizers = training(seed=0)
    expected = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    moment = optimizers[0].state[next(model.parameters())]["exp_avg"].clone()
    gate = threading.Event()
    checkpoints._writer.submit(gate.wait)  # the disk is slow
    checkpoints.save(1, model, optimizers, {})
    step_once(model, optimizers[0])  # … and training goes on meanwhile
    assert names(tmp_path) == []
    gate.set()
    checkpoints.wait()
    other, others = training(seed=1)
    load_checkpoint(tmp_path / "step-000001", other, others)
    assert all(torch.equal(expected[name], tensor) for name, tensor in other.state_dict().items())
    assert torch.equal(moment, others[0].state[next(other.parameters())]["exp_avg"])
    assert not torch.equal(expected["lm_head.weight"], model.state_dict()["lm_head.weight"])


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_checkpoint_loads_in_plain_transformers(tmp_path: Path, architecture: str) -> None:
    model, optimizers = training(0, architecture)
    checkpoints = Checkpoints(tmp_path, MADE_FROM)
    checkpoints.save(1, model, optimizers, {})
    checkpoints.wait()
    auto = AutoModelForMaskedLM if architecture == "bert" else AutoModelForCausalLM
    loaded, loading = auto.from_pretrained(tmp_path / "step-000001", output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    save(tmp_path, [1, 2, 3, 999_999, 1_000_000])  # in order of steps, not of letters
    assert names(tmp_path) == ["step-1000000", "step-999999"]


def test_some_are_kept_for_study_and_the_end_leaves_only_those_and_the_last(tmp_path: Path) -> None:
    checkpoints = save(tmp_path, [10, 15, 20, 25, 30, 31], keep_every=10, keep=3)
    assert names(tmp_path) == ["step-000010", "step-000020", "step-000025", "step-000030", "step-000031"]
    checkpoints.finish()
    assert names(tmp_path) == ["step-000010", "step-000020", "step-000030", "step-000031"]


def test_they_are_due_by_time_and_at_the_steps_that_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, MADE_FROM, keep_every=10)
    assert checkpoints.due(3, seconds=61, minutes=1)
    assert not checkpoints.due(3, seconds=59, minutes=1)
    assert checkpoints.due(20, seconds=0, minutes=1)


@pytest.mark.parametrize("damaged", ["model.safetensors", "optimizers.pt", "state.json", "config.json"])
def test_damaged_checkpoint_is_passed_over_aloud(
    tmp_path: Path, damaged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = save(tmp_path, [1, 2])
    file = tmp_path / "step-000002" / damaged
    file.write_bytes(file.read_bytes()[:-3])
    found = checkpoints.newest()
    assert found and found[1]["step"] == 1
    assert "step-000002 is damaged: going back to the one before it" in capsys.readouterr().out


def test_one_flipped_bit_is_damage(tmp_path: Path) -> None:
    checkpoints = save(tmp_path, [1, 2])
    file = tmp_path / "step-000002" / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    found = checkpoints.newest()
    assert found and found[1]["step"] == 1


def test_no_whole_checkpoint_is_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    checkpoints = save(tmp_path, [1, 2])
    for path in tmp_path.iterdir():
        (path / "optimizers.pt").unlink()
    with pytest.raises(UserError, match=r"no checkpoint in .* is whole: restore one .* or delete that folder"):
        checkpoints.newest()


def test_half_written_checkpoint_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial" / "model.safetensors").write_bytes(b"half")
    assert Checkpoints(tmp_path, MADE_FROM).newest() is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tokens": "b" * 64}, r"tokens was aaaaaaaaaaaa…, is bbbbbbbbbbbb…"),
        ({"pretrain": {"batch_size": 8, "optimizer": {"name": "adamw"}}}, r"pretrain.batch_size was 4, is 8"),
        ({"pretrain": {"batch_size": 4, "optimizer": {}}}, r"pretrain.optimizer.name was adamw, is absent"),
    ],
)
def test_checkpoint_of_another_training_is_refused_by_key(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    save(tmp_path, [1])
    with pytest.raises(UserError, match=f"belong to another training .*{told}.* or delete that folder"):
        Checkpoints(tmp_path, {**MADE_FROM, **change}).newest()
    assert names(tmp_path) == ["step-000001"]


def test_folder_that_may_not_be_read_is_a_sentence_not_a_fresh_start(tmp_path: Path) -> None:
    checkpoints = save(tmp_path, [1])
    with without_rights(tmp_path), pytest.raises(PermissionError) as caught:
        checkpoints.newest()
    assert "no permission to write or read" in (explain(caught.value) or "")


def test_full_disk_surfaces_as_a_sentence_and_leaves_what_was_whole(small_disk: Path) -> None:
    checkpoints = save(small_disk / "checkpoints", [1])
    taken = sum(path.stat().st_size for path in (small_disk / "checkpoints" / "step-000001").iterdir())
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    model, optimizers = training(seed=0)
    for spare in (taken // 4, taken // 2, 0):  # full while it writes weights, then states, then anything at all
        (small_disk / "filler").write_bytes(b"x" * (free - spare))
        checkpoints.save(2, model, optimizers, {})
        while not checkpoints.failed():
            pass
        with pytest.raises(Exception) as caught:  # noqa: PT011 - safetensors or torch, each has its own
            checkpoints.wait()
        assert "the disk is full" in (explain(caught.value) or ""), repr(caught.value)
        found = checkpoints.newest()
        assert found and found[1]["step"] == 1
        (small_disk / "filler").unlink()
    checkpoints.save(2, model, optimizers, {})  # somebody made room
    checkpoints.wait()
    assert names(small_disk / "checkpoints") == ["step-000001", "step-000002"]


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """As an ordinary user meets a folder of somebody else's."""
    before, user = folder.stat().st_mode, os.geteuid()
    folder.chmod(0)
    if user == 0:  # root reads everything
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)
        folder.chmod(before)
