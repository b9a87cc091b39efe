"""What audits are made with: index and tracing against tokengrams, paired sentences against minicons, and EsBBQ against
lm-eval: `make bench-audits RUN=runs/quickstart` (a quarter of an hour).

    python tests/benchmarks/bench_audits.py RUN                    a run whose tokens and model are sealed
    python tests/benchmarks/bench_audits.py RUN --times 9          its tokens so many times over, with one in 50 changed
    python tests/benchmarks/bench_audits.py RUN --only pairs       one part: index, pairs or esbbq

Prints one line of JSON a comparison, {"benchmark", "ours", "peer", "unit", "ratio"}; the ratio is above 1 where ours is
better, and the peer None where it is not installed. Times are processor seconds, on one thread.

- index: tokens sorted a second, and bytes of index. trace: milliseconds to find the longest match at each of 200 tokens
  of held-out text, the mean of 50 texts; the peer has no such search. memory: the peak of a process that builds it.
- pairs: sentences of the shipped English probes of two groups after their mentions, a second. Ours is `score_probes`;
  the peer gets all that it asks, shuffled words too, in the batch size that is fastest for it. "off" is the
  largest difference of two log-likelihoods, in nats; the exit status is 1 where it is above `LIMIT_NATS`.
- esbbq: `bench_esbbq.py`, which needs DESDECERO_DATA.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.paired_sentences.probes import shipped_probes
from desdecero.eval_suites.paired_sentences.scoring import score_probes
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens import suffix_array
from desdecero.pipelines.tokens.suffix_array import HeldOut, Part, SuffixArray, TokenIndex, sort_tokens

TRACED = 200
"""Tokens of a text that is traced."""
GROUPS = ("gender", "age")
LIMIT_NATS = 1e-3
BATCH_SIZES = (16, 64, 256)
ROUNDS = 3
"""Of which the least time of each side counts; they take turns."""
TRIAL = 512
"""Sentences on which the peer's batch size is chosen."""


def say(benchmark: str, ours: float, peer: float | None, unit: str, larger_is_better: bool, **more: Any) -> None:
    ratio = None if not peer else ours / peer if larger_is_better else peer / ours
    print(
        json.dumps({"benchmark": benchmark, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, **more}),
        flush=True,
    )


def main() -> int:
    """Compare, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--only", choices=("index", "pairs", "esbbq"))
    args = parser.parse_args()
    run, status = RunDir(args.run), 0
    if args.only in (None, "index"):
        index(run, args.times)
    if args.only in (None, "pairs"):
        status = pairs(load(run.model))
    if args.only in (None, "esbbq") and installed("lm_eval") and "DESDECERO_DATA" in os.environ:
        status = max(status, importlib.import_module("bench_esbbq").main([]))
    return status


def installed(name: str) -> Any:
    """Return a peer's module, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def timed(what: Callable[[], Any]) -> tuple[Any, float]:
    """Return what it returns, and the processor seconds that it took."""
    started = time.process_time()
    found = what()
    return found, time.process_time() - started


# --- index -----------------------------------------------------------------------------------------------------


BUILD = """\
import re, sys
from pathlib import Path
import numpy as np
from desdecero.pipelines.tokens.suffix_array import PART_TOKENS, sort_tokens
path, dtype = sys.argv[1], np.dtype(sys.argv[2])
for start in range(0, Path(path).stat().st_size // dtype.itemsize, PART_TOKENS):
    part = np.fromfile(path, dtype, PART_TOKENS, offset=start * dtype.itemsize)
    sort_tokens(part).tofile(f"{path}.again")
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
"""Sorts the tokens of a file part by part, as a run's index is built; prints the peak in KiB. `getrusage` would count
what the parent had when it forked."""


def peak_memory(text: Path, dtype: np.dtype[Any]) -> float:
    """Return the most memory that a process takes that builds the index and nothing else, in MiB."""
    made = subprocess.run([sys.executable, "-c", BUILD, text, dtype.str], check=True, capture_output=True, text=True)
    return int(made.stdout) / 1024


def index(run: RunDir, times: int) -> None:
    dtype = np.dtype(run.report("tokens", run.recipe()).dtype)
    once = np.concatenate([np.fromfile(file, dtype) for file in run.token_files("train")])
    closing = once[-1]
    generator, copies = np.random.default_rng(0), [once]
    for _ in range(times - 1):
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
        theirs, their_size = tokengrams(text)
        say("index", len(tokens) / seconds, theirs and len(tokens) / theirs, "tokens a second", larger_is_better=True)
        say("index, size", size, their_size, "bytes", larger_is_better=False)
        say("index, peak memory", peak_memory(text, dtype), None, "MiB", larger_is_better=False)
        made_index, held_out = (
            TokenIndex(arrays, dtype, HeldOut([], [])),
            np.fromfile(run.token_files("test")[0], dtype),
        )
        starts = generator.integers(len(held_out) - TRACED, size=50).tolist()
        started = time.process_time()
        for start in starts:
            made_index.longest(held_out[start : start + TRACED])
        spent = (time.process_time() - started) / len(starts) * 1000
        say(f"trace, {TRACED} tokens over {len(tokens):,}", spent, None, "ms", larger_is_better=False)


def tokengrams(text: Path) -> tuple[float | None, int | None]:
    """Return the processor seconds and the bytes of tokengrams' index; (None, None) where it is not installed."""
    module = installed("tokengrams")
    if module is None:
        return None, None
    table, started = text.with_name("table.bin"), time.process_time()
    module.MemmapIndex.build(str(text), str(table))
    return time.process_time() - started, table.stat().st_size


# --- paired sentences ------------------------------------------------------------------------------------------


class Recording:
    """A model that keeps what it was asked and what it answered, so that the peer is asked the same."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.asked, self.nats = model, list[tuple[str, str]](), list[float]()

    def log_likelihood(self, contexts: Sequence[str], continuations: Sequence[str]) -> NDArray[np.float64]:
        found = self.model.log_likelihood(contexts, continuations)
        self.asked += zip(contexts, continuations, strict=True)
        self.nats += found.tolist()
        return found

    def beginning(self, text: str) -> str:
        return self.model.beginning(text)


def pairs(model: LanguageModel) -> int:
    """Score the same sentences by both, and return the exit status."""
    probes = [one for one in shipped_probes("en") if one.group in GROUPS]

    def ours() -> Recording:
        anew = Recording(type(model)(model.model, model.tokenizer))
        for one in probes:
            score_probes(anew, one, one.pairs, seed=0)
        return anew

    scored, seconds = timed(ours)
    asked, module = scored.asked, installed("minicons.scorer")
    if module is None:
        say("pairs", len(asked) / seconds, None, "sentences a second", larger_is_better=True)
        return 0
    peer = module.IncrementalLMScorer(model.model, device="cpu", tokenizer=model.tokenizer)

    def theirs(some: list[tuple[str, str]], size: int) -> list[float]:
        found, begin = list[float](), model.decode(model.begin)
        for start in range(0, len(some), size):
            mentions, texts = zip(*some[start : start + size], strict=True)
            prefixes = [begin + mention for mention in mentions]
            found += peer.conditional_score(
                prefixes, list(texts), separator="", reduction=lambda each: each.sum().item()
            )
        return found

    tried = dict[int, float]()
    for size in BATCH_SIZES:
        theirs(asked[:TRIAL], size)  # to be warm
        tried[size] = timed(lambda size=size: theirs(asked[:TRIAL], size))[1]
    best = min(tried, key=tried.__getitem__)
    found, spent = timed(lambda: theirs(asked, best))
    for _ in range(ROUNDS - 1):
        seconds = min(seconds, timed(ours)[1])
        spent = min(spent, timed(lambda: theirs(asked, best))[1])
    off = float(np.max(np.abs(np.array(found) - np.array(scored.nats))))
    say(
        "pairs", len(asked) / seconds, len(asked) / spent, "sentences a second", larger_is_better=True, off=off,
        batch_size=best,
    )  # fmt: skip
    return int(off > LIMIT_NATS)


if __name__ == "__main__":
    sys.exit(main())
