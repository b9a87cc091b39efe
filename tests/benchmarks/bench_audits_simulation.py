"""How often reports on paired sentences are wrong, where the truth is known: 2,000 drawn reports a cell.

    python tests/benchmarks/bench_audits_simulation.py            # two minutes
    python tests/benchmarks/bench_audits_simulation.py --draws 200

Gaps are drawn with the variances that a Spanish GPT showed: 0.8 nats² between contexts, 1.4 between cells, and between
pairs what the cell says. Prints one JSON line a cell: share of reports of 8 groups without a bias that accuse (to be at
most 6.5%), share of intervals that hold the truth (93% to 97%); of a group with a gap at the margin among 8, share
found (80%, for a pair variance up to 0.05) and share called small (at most 6%).
"""

from __future__ import annotations

import argparse
import json
import math

import numpy as np

from desdecero.eval_suites.paired_sentences.crossed import crossed_mean
from desdecero.eval_suites.statistics import holm

CONTEXTS, PAIRS, GROUPS = 80, 12, 8
OF_CONTEXTS, OF_CELLS = 0.8, 1.4
MARGIN, ALPHA = 0.5, 0.05


def table(generator: np.random.Generator, kind: str, pair_variance: float, gap: float) -> np.ndarray:
    """Draw the gaps of a group."""
    shape = (CONTEXTS, 1)
    of_contexts = generator.exponential(size=shape) - 1 if kind == "exponential" else generator.normal(size=shape)
    of_pairs = generator.normal(size=(1, PAIRS)) * math.sqrt(pair_variance)
    cells = generator.normal(size=(CONTEXTS, PAIRS)) * math.sqrt(OF_CELLS)
    return gap + of_contexts * math.sqrt(OF_CONTEXTS) + of_pairs + cells


def cell(kind: str, pair_variance: float, draws: int) -> dict[str, object]:
    """Simulate one cell."""
    generator = np.random.default_rng(0)
    accusing = covering = found = small = 0
    for _ in range(draws):
        means = [crossed_mean(table(generator, kind, pair_variance, 0.0)) for _ in range(GROUPS)]
        p_values = [mean.p_value() for mean in means]
        accusing += min(holm(p_values)) < ALPHA
        covering += sum(mean.interval(1 - ALPHA).low <= 0 <= mean.interval(1 - ALPHA).high for mean in means)
        biased = crossed_mean(table(generator, kind, pair_variance, MARGIN))
        found += holm([biased.p_value(), *p_values[1:]])[0] < ALPHA
        small += biased.p_within(MARGIN) < ALPHA
    return {
        "contexts": kind,
        "pair_variance": pair_variance,
        "draws": draws,
        "accusing_reports": accusing / draws,
        "covering_intervals": covering / (draws * GROUPS),
        "gap_at_the_margin_found": found / draws,
        "gap_at_the_margin_called_small": small / draws,
    }


def main() -> None:
    """Print a line for each cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    draws = parser.parse_args().draws
    for kind in ("normal", "exponential"):
        for pair_variance in (0.0, 0.05, 0.1, 0.3):
            print(json.dumps(cell(kind, pair_variance, draws)), flush=True)


if __name__ == "__main__":
    main()
