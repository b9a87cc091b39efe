"""The index of training tokens and tracing, against tokengrams where it is installed.

    python tests/benchmarks/bench_audits.py RUN                    a run whose tokens are sealed
    python tests/benchmarks/bench_audits.py RUN --times 9          its tokens so many times over, with one in 50 changed

Prints one line of JSON a comparison, {"benchmark", "ours", "peer", "unit", "ratio"}; the ratio is above 1 where ours is
better. Times are processor seconds. index: tokens sorted a second, and bytes of index. trace: milliseconds to find the
longest match at each of 200 tokens of held-out text, the mean of 50 texts; the peer has no such search. memory: the
process' peak.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens import suffix_array
from desdecero.pipelines.tokens.suffix_array import HeldOut, Part, SuffixArray, TokenIndex, sort_tokens

TRACED = 200
"""Tokens of a text that is traced."""


def say(benchmark: str, ours: float, peer: float | None, unit: str, larger_is_better: bool) -> None:
    ratio = None if not peer else ours / peer if larger_is_better else peer / ours
    print(json.dumps({"benchmark": benchmark, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--times", type=int, default=1)
    args = parser.parse_args()
    run = RunDir(args.run)
    dtype = np.dtype(run.report("tokens", run.recipe()).dtype)
    once = np.concatenate([np.fromfile(file, dtype) for file in run.token_files("train")])
    closing = once[-1]
    generator, copies = np.random.default_rng(0), [once]
    for _ in range(args.times - 1):
        copy = once.copy()
        changed = generator.integers(len(copy), size=len(copy) // 50)
        copy[changed] = generator.choice(once, len(changed))
        copies.append(copy)
    tokens = np.concatenate(copies)
    ends = np.append(np.flatnonzero(tokens[:-1] == closing) + 1, len(tokens))
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.bin"
        tokens.tofile(text)
        arrays, started = [], time.process_time()
        for start in range(0, len(tokens), suffix_array.PART_TOKENS):
            part = tokens[start : start + suffix_array.PART_TOKENS]
            file = text.with_name(f"{start}.sa")
            sort_tokens(part).tofile(file)
            made = Part(text.name, start, len(part), file.name, "")
            arrays.append(SuffixArray(text, made, file, dtype.itemsize, ends))
        seconds, size = time.process_time() - started, sum(file.stat().st_size for file in text.parent.glob("*.sa"))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        theirs, their_size = peer(text)
        say("index", len(tokens) / seconds, theirs and len(tokens) / theirs, "tokens a second", larger_is_better=True)
        say("index, size", size, their_size, "bytes", larger_is_better=False)
        say("index, peak memory", peak, None, "MiB", larger_is_better=False)
        index, held_out = TokenIndex(arrays, dtype, HeldOut([], [])), np.fromfile(run.token_files("test")[0], dtype)
        starts = generator.integers(len(held_out) - TRACED, size=50).tolist()
        started = time.process_time()
        for start in starts:
            index.longest(held_out[start : start + TRACED])
        spent = (time.process_time() - started) / len(starts) * 1000
        say(f"trace, {TRACED} tokens over {len(tokens):,}", spent, None, "ms", larger_is_better=False)


def peer(text: Path) -> tuple[float | None, int | None]:
    """Return the processor seconds and the bytes of tokengrams' index; (None, None) where it is not installed."""
    try:
        tokengrams: Any = importlib.import_module("tokengrams")
    except ImportError:
        return None, None
    table, started = text.with_name("table.bin"), time.process_time()
    tokengrams.MemmapIndex.build(str(text), str(table))
    return time.process_time() - started, table.stat().st_size


if __name__ == "__main__":
    main()
