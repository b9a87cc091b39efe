"""What a device could do at best: from its data sheet, or tried."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import torch
from small_models import small

from desdecero.pipelines.training.devices.peak_flops import LATER_SECONDS, LATER_SHARE, PeakFlops, _of_gpu, _of_tpu
from desdecero.pipelines.training.model.build import count_parameters, product_shapes


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


SHAPES = {(128, 128): 16, (128, 352): 8, (352, 128): 4, (128, 4096): 1}


def test_a_processor_is_tried_and_training_draws_the_same_numbers_with_as_many_threads_after() -> None:
    torch.manual_seed(3)
    expected, threads = torch.rand(4), torch.get_num_threads()
    torch.manual_seed(3)
    peak = PeakFlops(torch.device("cpu"), "fp32", SHAPES)
    assert torch.equal(torch.rand(4), expected) and torch.get_num_threads() == threads
    assert peak.per_second is not None and 1e9 < peak.per_second < 1e15  # a Raspberry Pi, a rack
    assert peak.source == "probed"


def test_a_peak_only_rises_and_says_how_far_the_median_is_from_it() -> None:
    peak = PeakFlops(torch.device("cpu"), "fp32", SHAPES)
    found = [peak.per_second or 0.0]
    for _ in range(3):
        peak.sample(0.01)
        found.append(peak.per_second or 0.0)
    assert found == sorted(found)
    assert peak.slowdown is not None and peak.slowdown >= 1
    for product in peak.products:
        product.best *= 200  # as if the first times had been those of a machine 200 times as slow
    peak.sample(0.01)
    assert peak.per_second is not None and peak.per_second > 2 * found[-1] / 200
    for product in peak.products:
        product.best /= 1000  # and now of one that is much faster than any later time
    peak.sample(0.01)
    assert peak.per_second > 4 * found[-1] and peak.slowdown > 4


def test_timing_again_takes_a_hundredth_of_the_time_at_most() -> None:
    peak = PeakFlops(torch.device("cpu"), "fp32", SHAPES)
    rounds = len(peak.rounds)
    peak.sample_again()
    assert len(peak.rounds) == rounds  # just now they were timed
    peak.last -= LATER_SECONDS / LATER_SHARE
    peak.sample_again()
    assert len(peak.rounds) > rounds


def test_the_peak_of_a_busy_machine_is_that_of_the_same_machine() -> None:
    """With three processes more that compute on each core; the measure before this one lost nine tenths."""
    alone = PeakFlops(torch.device("cpu"), "fp32", SHAPES)
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3 * (os.cpu_count() or 1))]
    try:
        time.sleep(0.5)
        busy = PeakFlops(torch.device("cpu"), "fp32", SHAPES)
        for _ in range(10):  # as at ten validations
            busy.sample(LATER_SECONDS)
    finally:
        for other in others:
            other.kill()
            other.wait()
    for _ in range(10):  # the machine may have been busy with something else at the first try
        alone.sample(LATER_SECONDS)
    # 0.8 to 1.1 if nothing else runs; beside the other workers of a test run on two cores it was 0.51 once.
    assert alone.per_second and busy.per_second and 0.3 < busy.per_second / alone.per_second < 3
    assert (busy.slowdown or 0) > 1.2


def test_work_for_a_token_weighs_the_shapes() -> None:
    """Sixteen matrices of a shape count sixteen times, however long the timed product of one is."""
    peak = PeakFlops(torch.device("cpu"), "fp32", SHAPES)
    work = [product.flops for product in peak.products]
    assert work == pytest.approx([2 * inputs * outputs * count for (inputs, outputs), count in SHAPES.items()])


def test_other_devices_have_a_data_sheet_or_a_reason() -> None:
    peak = PeakFlops(torch.device("xla"), "fp32", SHAPES)
    assert (peak.per_second, peak.slowdown, peak.source) == (None, None, "not known in fp32")


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert", "t5"])
def test_the_shapes_are_those_that_a_model_multiplies_with(architecture: str) -> None:
    model = small(architecture)
    _, inner = count_parameters(model)
    head = model.get_output_embeddings().weight.numel()
    found = sum(inputs * outputs * count for (inputs, outputs), count in product_shapes(model).items())
    assert found == pytest.approx(inner + head, rel=0.05)  # biases and norms
