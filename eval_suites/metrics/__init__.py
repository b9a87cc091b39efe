"""Metrics as modules that `evaluate.load` reads from their folder, in this project or out of it.

    import evaluate
    metric = evaluate.load("eval_suites/metrics/bits_per_byte")
    metric.compute(nll=[310.2, 95.7], bytes=[401, 117])       # one entry a document → {"bits_per_byte": 1.13…}

Those that suites of tasks use take one entry an item. Those of held-out text take sums, one per document, and are a
rising function of a ratio of totals, so that the ends of the interval of that ratio go through the same module as the
value does. `evaluate` copies a module's file elsewhere before it imports it, and reads its imports line by line: one
import a line, and nothing shared between modules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import evaluate


def compute(names: Sequence[str], inputs: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Return the values of metrics, joined by `evaluate.combine`; `inputs` has what any of them takes, by name."""
    import evaluate  # a second and more: what only loads models need not wait for it

    joined = evaluate.combine([_module(name) for name in names])
    joined.add_batch(**inputs)  # gives each the inputs that it takes; `compute` would give each all of them
    found: dict[str, Any] = joined.compute()
    return found


@cache
def _module(name: str) -> evaluate.EvaluationModule:
    import evaluate

    return evaluate.load(str(Path(__file__).parent / name), keep_in_memory=True)
