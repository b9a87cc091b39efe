"""Measure this machine before training: the faster precision, compilation, the time of a step."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from accelerate.utils import broadcast_object_list

from desdecero.pipelines import recipe as recipes

PROBE_SIZE, PROBE_TIMES = 256, 20  # rows and columns of the matrices timed, and how often: under a millisecond each
WARMUP_STEPS = 2  # the first compiles, the second settles caches
MIN_PROBE_STEPS, MAX_PROBE_STEPS = 5, 100
PROBE_SHARE = 0.005  # of a wall-clock budget, spent on timing steps that teach nothing; it is revised on the way
# Compiling for a CPU costs some 20 s. In fp32 it saves a twentieth of each step (0.43 → 0.40 s, on two AVX2 cores); in
# bf16, where the unfused operations between matrix products weigh more, half (0.226 → 0.108 s, on two Zen 4 cores: even
# after 44 s with an empty cache).
COMPILE_PAYS_SECONDS = {"fp32": 600.0, "bf16": 60.0}
COMPILED_GAIN = {"fp32": 1.25, "bf16": 2.5}
"""Times as fast as without compilation, at most: somewhat more than what was measured above."""
TRIAL_SHARE = 0.1
"""Share of a budget in minutes: where the trial takes longer, so would the whole take longer than it saves. With an
empty cache a trial took 101 s on two cores under a load average of 10."""
LONGEST_STEP_SHARE = 0.02
"""Share of a budget in minutes: a step that takes longer is timed once."""
PASS_SHARE = 0.01
"""Share of a budget in minutes, for each of the first passes, which are not compiled."""
CPU_FLOPS, GPU_FLOPS = 1e11, 1e14  # rough, for that decision only: two AVX2 cores; one H100-class GPU at work


def choose_precision(setting: str, device: torch.device) -> str:
    """Choose `fp32` or `bf16`; for `auto` on a CPU, the one that multiplies matrices faster."""
    if setting != "auto":
        return setting
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device.type != "cpu":
        return "fp32"
    return "bf16" if matmul_seconds(torch.bfloat16) < matmul_seconds(torch.float32) else "fp32"


def matmul_seconds(dtype: torch.dtype) -> float:
    """Time a PROBE_SIZE² matrix product on one thread of the CPU: the best seconds, the same on a busy machine."""
    left, right = (torch.randn(PROBE_SIZE, PROBE_SIZE).to(dtype) for _ in range(2))
    with one_thread():
        return min(seconds_of(lambda: left @ right) for _ in range(PROBE_TIMES))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread for a while: several wait for the slowest of them, and on a busy machine not all cores are
    ever free at once."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def seconds_of(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def choose_compile(
    settings: recipes.Pretrain,
    device: torch.device,
    precision: str,
    flops_per_token: float,
    tokens_per_step: int,
    spent: float = 0.0,
) -> tuple[bool, str]:
    """Return (whether to use torch.compile, why); for `auto`, if a trial compiles in time and the budget is long.

    `spent`: seconds of a budget in minutes that are gone.
    """
    if settings.compile == "never":
        return False, "the recipe says never"
    if settings.compile == "auto":
        budget = settings.budget
        tokens = budget.tokens or (budget.steps or 0) * tokens_per_step
        flops = budget.flops or tokens * flops_per_token
        expected = (
            budget.minutes * 60 - spent
            if budget.minutes
            else flops / (GPU_FLOPS if device.type == "cuda" else CPU_FLOPS)
        )
        if expected < COMPILE_PAYS_SECONDS[precision]:
            return False, f"a training of some {expected:.0f} s would not earn the compilation back"
    try:
        seconds = seconds_of(lambda: torch.compile(lambda x: x.sin() + 1)(torch.ones(8, device=device)))
    except Exception as error:  # no compiler, no Python headers, no Triton: each fails in its own way
        torch.compiler.reset()
        if settings.compile == "always":
            raise
        return False, f"a trial did not compile ({type(error).__name__})"
    if settings.compile == "auto" and settings.budget.minutes and seconds > TRIAL_SHARE * 60 * settings.budget.minutes:
        return False, f"a trial took {seconds:.0f} s, and the whole would take longer than it saves"
    return True, "a trial compiled"


def seconds_of_pass(one_pass: Callable[[int], object], rows: int, budget_seconds: float) -> float:
    """Estimate the seconds of a pass over `rows` sequences from passes over 1, 2, 4 … of them, each within a share of
    the budget; beyond them, from a straight line through the last two."""
    limit, counts, seconds = PASS_SHARE * budget_seconds, [1], [seconds_of(lambda: one_pass(1))]
    if seconds[0] < limit:  # the first one also fills caches
        seconds[0] = min(seconds[0], seconds_of(lambda: one_pass(1)))
    while counts[-1] < rows and 2 * seconds[-1] < limit:
        count = min(rows, 2 * counts[-1])
        seconds.append(seconds_of(partial(one_pass, count)))
        counts.append(count)
    if counts[-1] == rows or len(counts) == 1:
        return seconds[-1] * rows / counts[-1]
    each = max(0.0, seconds[-1] - seconds[-2]) / (counts[-1] - counts[-2])
    return seconds[-1] + (rows - counts[-1]) * each


def time_steps(train_step: Callable[[int], object], budget_seconds: float, steps: int | None = None) -> float:
    """Measure the seconds of a step: the median over a share of the budget, after the first ones. All processes time
    the same number of steps; if steps are long for the budget, it is the second one's time. At most a twentieth of
    `steps` is timed.

    The median, because a neighbour's burst may slow single steps tenfold and more: on two cores with spinning
    threads, steps of 0.4 s took 3 to 16 s while another process computed.
    """
    for step in range(WARMUP_STEPS):
        seconds: float = broadcast_object_list([seconds_of(partial(train_step, step))])[0]
    if budget_seconds and seconds > LONGEST_STEP_SHARE * budget_seconds:
        return seconds
    first = seconds_of(lambda: train_step(WARMUP_STEPS))
    affordable = max(MIN_PROBE_STEPS, round(PROBE_SHARE * budget_seconds / first))
    most = MAX_PROBE_STEPS if steps is None else max(1, steps // 20)
    number: int = broadcast_object_list([min(affordable, most)])[0]
    rest = range(WARMUP_STEPS + 1, WARMUP_STEPS + number)
    return statistics.median([first, *(seconds_of(partial(train_step, step)) for step in rest)])
