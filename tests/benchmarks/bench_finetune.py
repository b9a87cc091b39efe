"""Adapters trained by our loop and by peft with `transformers.Trainer`: `make bench-finetune` (about 40 minutes).

    python tests/benchmarks/bench_finetune.py                                    everything
    python tests/benchmarks/bench_finetune.py --only chat                        or text, classification, laws
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_finetune.py --processor      on a busy machine: processor seconds

text, chat, classification: speed and peak memory. Both sides get the same base (4 layers of width 256, context 256, of
this project's own stages, with weights as good as random), tokenizer, examples, batch and rank, and train as many steps
in a process of their own, in turns. Ours is the stage's own training of an adapter with the budget of the task, ended
early: with the precision and the compilation that it decides on itself, with checkpoints and metrics. The peer is what
the examples of transformers and peft do, see `peer_peft.py`; and in lines of their own, what somebody would ask for who
knows them. Tokens without padding are counted, of the steps after the first ones, in which caches fill and code is
compiled. A batch of a step is the same in each round, and its seconds are the median of the rounds'; tokens a second
are all tokens over all seconds, because batches of like lengths differ from each other. `ratios` are those of the
rounds. The examples are questions about signatures, answered by first sentences, and the docstrings, of packages that
are installed; and banking77, where DESDECERO_DATA is.

laws: a Spanish model is trained on novels, and adapters on laws that it never saw, without and with replay; the change
of loss on held-out laws and on held-out novels, with their intervals.

Prints one line of JSON a comparison, {"benchmark", "ours", "peer", "unit", "ratio"}: a ratio above 1 is better, also of
memory.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import importlib
import inspect
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from desdecero.pipelines.recipe import Finetune, load_recipe

PEER = Path(__file__).with_name("peer_peft.py")
BASE = """
name: {architecture}
purpose: To time adapters.
languages: [en]
corpus: {{sources: [{{kind: installed_docs, requirements_of: desdecero}}], max_bytes: 3_000_000}}
tokenizer: {{kind: {tokenizer}, vocab_size: 4096}}
model: {{architecture: {architecture}, layers: 4, hidden_size: 256, heads: 4, context_length: 256}}
pretrain: {{budget: {{steps: 2}}, batch_size: 4}}
"""
BASES = {"text": ("llama", "bpe"), "chat": ("llama", "bpe"), "classification": ("bert", "wordpiece")}
STEPS = {"text": 15, "chat": 15, "classification": 70}
"""Timed, with the first ones. Of texts to classify two windows of batches of like lengths: see `labelled_rows.py`."""
FIRST_STEPS = 6  # not counted: what is compiled, and caches
MODULES = "torch torch.nn.functional numpy numpy.linalg numpy.random pandas transformers sklearn.metrics scipy.stats \
scipy.signal scipy.linalg scipy.special networkx statistics os os.path shutil json csv re random math itertools \
collections functools subprocess asyncio string textwrap datetime calendar email zipfile tarfile socket threading"


# --- examples ----------------------------------------------------------------------------------------------------


def documented() -> Iterator[tuple[str, str]]:
    """Yield (name with signature, docstring) of what is installed."""
    seen = set[str]()
    for name in MODULES.split():
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for key, value in sorted(vars(module).items()):
            text = inspect.getdoc(value) if callable(value) and not key.startswith("_") else None
            if not text or text in seen:
                continue
            seen.add(text)
            try:
                yield f"{name}.{key}{inspect.signature(value)}", text
            except (TypeError, ValueError):
                continue


def examples_of(task: str) -> list[dict[str, str]]:
    """Return the examples of a task; none where the data are not there."""
    if task == "classification":
        file = Path(os.environ.get("DESDECERO_DATA", "")) / "eval/banking77/train.csv"
        if not os.environ.get("DESDECERO_DATA") or not file.is_file():
            return []
        rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
        return [{"text": row["text"], "label": row["category"]} for row in rows]
    if task == "text":
        return [{"text": text} for _, text in documented()]
    asked = ((name, " ".join(text.split("\n\n")[0].split())) for name, text in documented())
    return [{"prompt": name[:300], "response": text.split(". ")[0][:300]} for name, text in asked]


# --- ours --------------------------------------------------------------------------------------------------------


def ours(task: str, run: Path, data: Path, steps: int, out: Path, processor: bool) -> dict[str, Any]:
    """Train as the stage does, and end after so many steps."""
    from desdecero.pipelines.finetune import ADAPTATIONS
    from desdecero.pipelines.run.layout import TrainingFiles
    from desdecero.pipelines.run.run_dir import RunDir
    from desdecero.pipelines.training.devices.processes import join_processes
    from desdecero.pipelines.training.replica import make_deterministic
    from desdecero.pipelines.training.trainer import Trainer

    clock = time.process_time if processor else time.perf_counter

    class Timed(Trainer):
        """Ends early, and keeps the clock at the end of each step."""

        ends: list[float]

        @property
        def over(self) -> bool:
            return self.step >= steps or super().over

        def _take_step(self) -> float:
            if not self.step:
                self.ends = [clock()]
            loss = super()._take_step()
            self.ends.append(clock())
            return loss

    make_deterministic()
    accelerator, settings = join_processes(), settings_of(task, data)
    adaptation = ADAPTATIONS[settings.task](load_recipe(run / "recipe.yaml"), RunDir(run), out, settings)
    adaptation.data = adaptation.read()
    training = adaptation.task(settings, 0)
    trainer = Timed(training, accelerator, TrainingFiles(out), {"bench": 1})
    padding = adaptation.tokenizer.pad_token_id
    tokens = [int((training.train_data.batch(step)[0] != padding).sum()) for step in range(steps)]
    trainer.run()
    trainer.finish()
    plan, memory = trainer.plan, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    decided = f"{plan.precision}{', compiled' if plan.compiled else ''}"
    return {"ends": trainer.ends, "tokens": tokens, "memory": memory, "decided": decided}


def settings_of(task: str, data: Path) -> Finetune:
    """Return the task's own settings, with the examples in the file to train on."""
    budget = {"epochs": 3} if task == "text" else {}
    return Finetune.model_validate({"task": task, "data": {"train": str(data), "validation": 0}, **budget})


# --- laws --------------------------------------------------------------------------------------------------------

SPANISH = """
name: novelas
purpose: To adapt to laws.
languages: [es]
corpus:
  sources: [{{kind: files, name: novelas, path: {novels}, license: CC0-1.0, language: es}}]
  max_bytes: 8_000_000
  test: 0.1
tokenizer: {{kind: bpe, vocab_size: 4096}}
model: {{architecture: llama, layers: 4, hidden_size: 128, heads: 2, context_length: 128}}
pretrain: {{budget: {{minutes: {minutes}}}, batch_size: 16}}
"""
LAWS = 200
"""Laws in the adapters' data."""


def laws(work: Path, minutes: float) -> None:
    """Print the change of loss on laws and on novels, of adapters without and with replay."""
    corpora = Path(os.environ.get("DESDECERO_DATA", "")) / "corpora"
    if not (corpora / "leyes_pe.jsonl.gz").is_file():
        print("laws were left out: they need corpora/ in the folder DESDECERO_DATA", file=sys.stderr)
        return
    recipe, run, data = work / "novelas.yaml", work / "novelas", work / "laws.jsonl"
    recipe.write_text(SPANISH.format(novels=corpora / "novelas_es.jsonl.gz", minutes=minutes), encoding="utf-8")
    with gzip.open(corpora / "leyes_pe.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [row["text"] for row in map(json.loads, lines) if not row.get("stub")][:LAWS]
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    if not (run / "model").is_dir():
        desdecero("run", recipe, "--until", "pretrain", "--run-dir", run)
    changes = dict[str, Any]()
    for name, replay in (("laws", 0), ("laws_replay", 0.1)):
        desdecero("finetune", run, "--adapter", name, "--data", data, "--set", f"finetune.{name}.replay={replay}")
        changes[name] = json.loads((run / "adapters" / name / "report.json").read_text(encoding="utf-8"))
    for name, report in changes.items():
        for part, text in (("domain", "laws"), ("general", "novels")):
            before, after, change = (report[part][key] for key in ("before", "after", "change"))
            say(f"{name}, {report['measure']} on {text}, beside the base", after["value"], before["value"],
                report["measure"], before["value"] / after["value"],
                change=[change["value"], change["low"], change["high"]])  # fmt: skip


# --- both, in turns ----------------------------------------------------------------------------------------------


def python(*words: Any) -> Any:
    """Run a Python program to its end, and return its last line as JSON."""
    command = [sys.executable, *(str(word) for word in words)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(finished.stdout.splitlines()[-1])


def desdecero(*words: Any) -> None:
    """Run a command."""
    command = [str(Path(sys.executable).with_name("desdecero")), *(str(word) for word in words)]
    subprocess.run(command, stdout=sys.stderr, check=True)


def say(benchmark: str, ours: float, peer: float, unit: str, ratio: float, **more: Any) -> None:
    print(json.dumps({"benchmark": benchmark, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, **more}),
          flush=True)  # fmt: skip


def compare(task: str, work: Path, rounds: int, processor: bool) -> None:
    """Time one task on all sides."""
    examples = examples_of(task)
    if not examples:
        print(f"{task} was left out: it needs eval/banking77/train.csv in the folder DESDECERO_DATA", file=sys.stderr)
        return
    architecture, tokenizer = BASES[task]
    run, data = work / architecture, work / f"{task}.jsonl"
    data.write_text("".join(json.dumps(example) + "\n" for example in examples), encoding="utf-8")
    if not (run / "model").is_dir():
        recipe = work / f"{architecture}.yaml"
        recipe.write_text(BASE.format(architecture=architecture, tokenizer=tokenizer), encoding="utf-8")
        desdecero("run", recipe, "--until", "pretrain", "--run-dir", run)
    words, clock = run / "model", ["--processor"] if processor else []
    if task == "chat":
        words = work / "chat_tokenizer"
        python("-c", CHAT_TOKENIZER, run / "model", words)
    settings, found = settings_of(task, data), dict[str, list[Any]](ours=[], peer=[], expert=[])
    for number in range(rounds):
        for side, results in found.items():
            with tempfile.TemporaryDirectory(dir=work) as out:
                if side == "ours":
                    own = ["--side", task, "--run", run, "--data", data, "--out", out, "--steps", STEPS[task]]
                    results.append(python(__file__, *own, *clock))
                else:
                    same = ["--batch", settings.batch_size, "--rank", settings.rank, "--steps", STEPS[task]]
                    expert = ["--expert"] if side == "expert" else []
                    results.append(
                        python(
                            PEER, task, run / "model", data, "--tokenizer", words, "--out", out, *same, *expert, *clock
                        )
                    )
            told = f"{speed(results[-1:]):,.0f} tokens a second, {results[-1]['memory'] / 2**20:,.0f} MiB"
            print(f"{task}, round {number + 1}, {side}: {told}", file=sys.stderr, flush=True)
    name = {"peer": "peft and Trainer", "expert": "peft and Trainer, bf16 and what suits the task"}
    decided = found["ours"][-1]["decided"]
    for side, peer in name.items():
        ratios = [speed([own]) / speed([other]) for own, other in zip(found["ours"], found[side], strict=True)]
        fast, slow = speed(found["ours"]), speed(found[side])
        say(f"{task}, {peer}", fast, slow, "tokens a second", fast / slow, ratios=ratios, decided=decided)
        memory = [max(one["memory"] for one in found[key]) / 2**20 for key in ("ours", side)]
        say(f"{task}, peak memory, {peer}", *memory, "MiB", memory[1] / memory[0])


def speed(rounds: Sequence[dict[str, Any]]) -> float:
    """Return tokens a second after the first steps: each step's seconds are the median of the rounds'."""
    seconds = [
        statistics.median(one["ends"][k + 1] - one["ends"][k] for one in rounds)
        for k in range(len(rounds[0]["tokens"]))
    ]
    return float(sum(rounds[0]["tokens"][FIRST_STEPS:]) / sum(seconds[FIRST_STEPS:]))


CHAT_TOKENIZER = """
import sys
from transformers import AutoTokenizer
from desdecero.pipelines.recipe import Chat
from desdecero.pipelines.tokenizer.chat import add_chat
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
add_chat(tokenizer, Chat())
tokenizer.save_pretrained(sys.argv[2])
print(len(tokenizer))
"""
"""Gives both sides the same chat template: the base has none."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*BASES, "laws"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processor", action="store_true", help="processor seconds: for a single thread")
    parser.add_argument("--minutes", type=float, default=4, help="of pretraining before the laws")
    parser.add_argument("--work", type=Path, help="keep the bases here, for another run")
    for name in ("--side", "--run", "--data", "--out", "--steps"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        out = Path(args.out)
        print(json.dumps(ours(args.side, Path(args.run), Path(args.data), int(args.steps), out, args.processor)))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = args.work or Path(folder)
        work.mkdir(exist_ok=True)
        for task in BASES:
            if args.only in (None, task):
                compare(task, work, args.rounds, args.processor)
        if args.only in (None, "laws"):
            laws(work, args.minutes)


if __name__ == "__main__":
    main()
