"""What a device could do at best: from its data sheet, or tried."""

from __future__ import annotations

import pytest
import torch

from pipelines.training.devices import _of_gpu, _of_tpu, peak_flops


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 NVL", 835e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA GeForce RTX 4090", 165.2e12),
        ("Tesla T4", 65e12),
        ("NVIDIA RTX A4000", None),  # no A40
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
    ],
)
def test_a_gpu_is_known_by_words_of_its_name(name: str, peak: float | None) -> None:
    assert _of_gpu(name)[0] == peak


def test_a_tpu_is_known_by_its_machines_type(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, peak in (("v5litepod-8", 197e12), ("v4-8", 275e12), ("v5p-8", 459e12), ("v99-8", None)):
        monkeypatch.setenv("TPU_ACCELERATOR_TYPE", kind)
        assert _of_tpu()[0] == peak


def test_a_processor_is_tried_and_training_draws_the_same_numbers_after() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    peak, how = peak_flops(torch.device("cpu"), "fp32")
    assert torch.equal(torch.rand(4), expected)
    assert peak is not None and 1e9 < peak < 1e15  # a Raspberry Pi, a rack
    assert how == "probed"
