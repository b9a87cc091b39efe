"""Our training against `transformers.Trainer` on the same tokens: `make bench-train` (about 45 minutes).

    python tests/benchmarks/bench_train.py                         everything
    python tests/benchmarks/bench_train.py --only causal           one of causal (28 minutes), masked, spans, memory
    python tests/benchmarks/bench_train.py --seconds 60            a quick look, with other ratios

Both sides get the model class, the sizes, the tokenizer and the tokens of the recipe (quickstart, quickstart_bert,
quickstart_t5), and are measured on the same held-out documents. Each comparison is one JSON line:
{"benchmark", "ours", "peer", "unit", "ratio"}; a ratio above 1 is better than the peer, except against xz, where it is
our bits per byte over its own. Time is wall clock from the start of training, compilation included, with an empty cache
of compiled code. Only where the peer compiles, and has had a first look at its speed that is not counted, its code
is in the cache, and so is ours. Run it on an idle machine.

"Time to what Trainer reaches" is the shortest of a few budgets at whose end our model is no worse than the peer's at
the end of its time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from desdecero.eval_suites.baselines import xz_bits_per_byte
from desdecero.eval_suites.language_modeling import LanguageModeling
from desdecero.eval_suites.models.load import load
from desdecero.pipelines.corpus.documents import held_out
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.run_dir import RunDir

PEER = Path(__file__).with_name("peer_trainer.py")
SWEPT = (1e-3, 2e-3, 4e-3)  # learning rates of AdamW that an expert would try at these sizes
SWEEP_SHARE = 0.2  # of the time, for each of them
RECIPES = {"causal": "quickstart", "masked": "quickstart_bert", "spans": "quickstart_t5"}
SPEEDUPS = {"default": (16, 12, 8, 5, 3, 2, 1), "expert": (6, 4, 3.25, 3, 2, 1)}
"""Budgets that ours is tried with, as parts of the peer's time, until one is enough."""
MEASURED_BYTES = 300_000
VOCABULARY, MEMORY_BATCHES = 32_768, (16, 64)  # of memory; 64 × 128 tokens: the example's 8 × 1,024
MEMORY_SECONDS = 60  # enough for the few steps that a peer needs to be timed at all


@dataclass(frozen=True)
class Trained:
    """What a side made: its loss on held-out text (`unit`), its speed, and its peak memory."""

    value: float
    tokens_per_second: float
    seconds: float
    peak_memory: int
    more: dict[str, Any]


class Bench:
    """One recipe, its tokens, and both ways to train on them."""

    def __init__(self, work: Path, recipe: str, overrides: Sequence[str] = ()):
        self.work, self.name, self.overrides = work / recipe, recipe, list(overrides)
        self.recipe: Recipe = load_recipe(recipe, self.overrides)
        self.base = self.work / "run"
        self.count = 0
        self.cache = self.work / "compiled"
        """What the whole run of ours leaves for those that are compared with a peer that compiles."""
        run("desdecero", "run", recipe, "--until", "tokens", "--run-dir", self.base, *self.set())

    def set(self, *overrides: str) -> list[str]:
        return [word for each in (*self.overrides, *overrides) for word in ("--set", each)]

    def ours(self, *overrides: str, cache: Path | None = None) -> Trained:
        """Train as a user would, in a copy of the run that holds the tokens."""
        folder = self._folder("ours")
        for stage in ("corpus", "tokenizer", "tokens"):
            shutil.copytree(self.base / stage, folder / stage, copy_function=os.link)
        peak = run(
            "desdecero", "pretrain", self.name, "--anyway", "--run-dir", folder, *self.set(*overrides), cache=cache
        )
        report = json.loads((folder / "pretrain/report.json").read_text(encoding="utf-8"))
        lines = [json.loads(line) for line in (folder / "pretrain/metrics.jsonl").open(encoding="utf-8")]
        steps = [line for line in lines if "loss" in line]
        rates = [
            (after["tokens"] - before["tokens"]) / (after["seconds"] - before["seconds"])
            for before, after in pairwise(steps)
        ]
        rate = statistics.median(rates) if rates else report["tokens_per_second"]
        more = {key: report[key] for key in ("steps", "parameters", "precision", "compiled")}
        seconds = report["setup_seconds"] + report["seconds"]
        return Trained(self.measure(folder / "model"), rate, seconds, peak, more)

    def peer(self, how: str, seconds: float, *words: Any) -> Trained:
        folder = self._folder(how)
        peak = run(sys.executable, PEER, self.name, self.base, folder, "--how", how, "--seconds", seconds,
                   *words, *self.set())  # fmt: skip
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        value = self.measure(folder / "model")
        return Trained(value, result.pop("tokens_per_second"), result.pop("seconds"), peak, result)

    def expert(self, seconds: float) -> Trained:
        """The learning rate of a sweep, then the whole time with it."""
        swept = {rate: self.peer("expert", SWEEP_SHARE * seconds, "--learning-rate", rate).value for rate in SWEPT}
        best = min(swept, key=swept.__getitem__)
        found = self.peer("expert", seconds, "--learning-rate", best)
        found.more.update(learning_rate=best, swept=swept)
        return found

    def measure(self, model: Path) -> float:
        """Bits per byte of a causal model on held-out documents; nats per hidden token of the others."""
        loaded = load(model)
        scores = LanguageModeling(100, 0.95, seed=0).score(loaded, self.texts())
        nll = sum(score.nll for score in scores)
        if loaded.text_probability:
            return nll / math.log(2) / sum(score.bytes for score in scores)
        return nll / sum(score.tokens for score in scores)

    def texts(self) -> list[str]:
        documents = held_out(self.recipe, RunDir(self.base), "validation", MEASURED_BYTES)
        return [document["text"] for document in documents]

    def _folder(self, kind: str) -> Path:
        self.count += 1
        return self.work / f"{self.count:02d}-{kind}"


def run(*words: Any, cache: Path | None = None) -> int:
    """Run a command to its end, by default with an empty cache of compiled code; return its peak memory in bytes."""
    command = [str(word) for word in words]
    if command[0] == "desdecero":
        command[0] = str(Path(sys.executable).parent / "desdecero")
    with tempfile.TemporaryDirectory() as empty:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(cache or empty)}
        process = subprocess.Popen(command, env=environment, stdout=sys.stderr)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    return usage.ru_maxrss * 1024


def say(benchmark: str, ours: float, peer: float, unit: str, ratio: float, **more: Any) -> None:
    print(json.dumps({"benchmark": benchmark, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, **more}),
          flush=True)  # fmt: skip


def reached(bench: Bench, how: str, peer: Trained, unit: str) -> None:
    """Print the shortest of our budgets that does as well as the peer."""
    tried, cache = {}, bench.cache if how == "expert" else None
    for part in SPEEDUPS[how]:
        ours = bench.ours(f"pretrain.budget={{minutes: {peer.seconds / part / 60}}}", cache=cache)
        tried[round(ours.seconds)] = ours.value
        if ours.value <= peer.value:
            break
    say(
        f"{bench.name}: time to what Trainer ({how}) reaches, {peer.value:.3f} {unit}", ours.seconds, peer.seconds,
        "seconds", peer.seconds / ours.seconds if ours.value <= peer.value else 0.0, tried=tried, trainer=peer.more,
    )  # fmt: skip


def compare(work: Path, kind: str, seconds: float) -> None:
    bench = Bench(work, RECIPES[kind])
    unit = "bits per byte" if kind == "causal" else "nats a hidden token"
    ours = bench.ours(f"pretrain.budget={{minutes: {seconds / 60}}}", cache=bench.cache)  # empty as yet
    if kind == "causal":
        xz = xz_bits_per_byte(bench.texts())
        say(f"{bench.name}: held-out text after {seconds:g} s, against xz -9e", ours.value, xz, unit, ours.value / xz,
            **ours.more)  # fmt: skip
    sides = {"default": lambda: bench.peer("default", seconds), "expert": lambda: bench.expert(seconds)}
    for how in ("default", "expert") if kind == "causal" else ("default",):
        peer = sides[how]()
        say(
            f"{bench.name}: speed against Trainer ({how})", ours.tokens_per_second, peer.tokens_per_second,
            "tokens a second", ours.tokens_per_second / peer.tokens_per_second, ours_value=ours.value,
            peer_value=peer.value, value_unit=unit,
        )  # fmt: skip
        reached(bench, how, peer, unit)


def compare_memory(work: Path) -> None:
    bench = Bench(work / "memory", "quickstart", [f"tokenizer.vocab_size={VOCABULARY}"])
    for batch in MEMORY_BATCHES:
        ours = bench.ours("pretrain.budget={steps: 6}", f"pretrain.batch_size={batch}")
        peer = bench.peer("default", MEMORY_SECONDS, "--batch", batch)
        say(
            f"peak memory, vocabulary {VOCABULARY:,}, {batch} sequences of {bench.recipe.model.context_length}",
            ours.peak_memory / 2**20, peer.peak_memory / 2**20, "MiB", peer.peak_memory / ours.peak_memory,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--only", choices=[*RECIPES, "memory"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for kind in RECIPES:
            if args.only in (None, kind):
                compare(Path(temporary), kind, args.seconds if kind == "causal" else 0.4 * args.seconds)
        if args.only in (None, "memory"):
            compare_memory(Path(temporary))


if __name__ == "__main__":
    main()
