"""Memory that runs out ends a training with one sentence, that says what to lower."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.pretrain import main
from desdecero.pipelines.training.devices.out_of_memory import explain_out_of_memory

SENTENCE = r"memory ran out \(.+\): lower pretrain\.micro_batch_size.*; where that does not help, take a smaller model"


def test_torch_s_own_allocator_is_understood() -> None:
    with pytest.raises(UserError, match=SENTENCE) as caught, explain_out_of_memory():
        torch.empty(1 << 50)
    assert "can't allocate memory: you tried to allocate" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_gpu_s_words_are_understood() -> None:
    with pytest.raises(UserError, match=SENTENCE), explain_out_of_memory():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has …")


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), explain_out_of_memory():
        raise RuntimeError("shapes do not fit")
    with pytest.raises(OSError, match="No space left"), explain_out_of_memory():
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_model_that_is_too_large_is_not_called_misshapen(
    tiny: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home = tiny("llama")
    words = [word for one in ("hidden_size=131072", "intermediate_size=1048576") for word in ("--set", f"model.{one}")]
    assert main([str(home / "tiny.yaml"), "--run-dir", str(home / "run"), *words]) == 2  # a layer has 412 GB
    assert "desdecero: memory ran out (" in capsys.readouterr().err
