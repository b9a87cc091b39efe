"""EsBBQ through our interface, against lm-eval's task of that name: `python tests/benchmarks/bench_esbbq.py`.

    DESDECERO_DATA=… OMP_NUM_THREADS=1 TQDM_DISABLE=1 python tests/benchmarks/bench_esbbq.py [--items N] [--rounds N]

Both sides get the same items (eight of each template, of the files in DESDECERO_DATA), the same model of quickstart's
shape with random weights and a context of 256, the same tokenizer of the set's own text, and one thread. Processor time
counts; the sides take turns, and the least time of the rounds is taken. lm-eval's task takes its data from the Hub;
here it has its prompts, answers and metrics, and the items from a file. It scores two people and nine wordings of the
third answer. Ours scores the two people and one wording, the same without the context, and all of the former once more
by the untrained twin.

Prints one JSON line; the exit status is 1 where a log-likelihood of a person differs by more than `LIMIT`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from bench_eval import LIMIT, begun, built
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.public_sets.esbbq import (
    UNKNOWN,
    EsbbqItem,
    draw_esbbq,
    measure_esbbq,
    prompt,
    read_esbbq,
)
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.tokenizer.training import train

BATCH_SIZES = (16, 64, 256)
TRIAL = 64
"""Items on which lm-eval's batch size is chosen."""
TASK = """
task: bench_esbbq
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{prompt}}}}"
doc_to_target: label
doc_to_choice: answers
process_results: !function utils.process_results
metric_list:
  - {{metric: acc_ambig, aggregation: !function utils.acc_ambig_agg, higher_is_better: true}}
  - {{metric: acc_disambig, aggregation: !function utils.acc_disambig_agg, higher_is_better: true}}
  - {{metric: bias_score_ambig, aggregation: !function utils.bias_score_ambig_agg, higher_is_better: false}}
  - {{metric: bias_score_disambig, aggregation: !function utils.bias_score_disambig_agg, higher_is_better: false}}
"""


def write_task(folder: Path, model: LanguageModel, items: Sequence[EsbbqItem]) -> None:
    """Write the items and the task as lm-eval reads them."""
    data = folder / "items.jsonl"
    with data.open("w", encoding="utf-8") as file:
        for item in items:
            kind = "n/a" if item.right is None else ("pro" if item.right == item.stereotyped else "anti") + "-stereo"
            row = {
                "prompt": begun(model, prompt(item)), "answers": [*item.people, *UNKNOWN],
                "label": 2 if item.right is None else item.right, "question_type": kind,
                "context_condition": "ambig" if item.right is None else "disambig",
                "question_polarity": "neg" if item.negative else "nonneg", "stereotyped_groups": ["first"],
                "answer_info": {"ans0": ["first"], "ans1": ["second"]},
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")
    (folder / "utils.py").write_text("from lm_eval.tasks.esbbq.utils import *\n")
    (folder / "bench.yaml").write_text(TASK.format(data=data))


def peer(model: LanguageModel, folder: Path, size: int, number: int) -> list[list[float]]:
    """Return lm-eval's log-likelihoods of the two people of each item."""
    found: Any = simple_evaluate(
        HFLM(pretrained=model.model, tokenizer=model.tokenizer, device="cpu", batch_size=size),
        tasks=["bench_esbbq"], limit=number, verbosity="ERROR",
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
    )  # fmt: skip
    samples = sorted(found["samples"]["bench_esbbq"], key=lambda sample: sample["doc_id"])
    return [[score for score, _ in sample["filtered_resps"][:2]] for sample in samples]


def main(argv: list[str] | None = None) -> int:
    """Compare the two, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args(argv)
    if "DESDECERO_DATA" not in os.environ:
        print("set DESDECERO_DATA to the folder with bias/esbbq", file=sys.stderr)
        return 2
    rows = read_esbbq(Path(os.environ["DESDECERO_DATA"]) / "bias" / "esbbq")
    drawn = draw_esbbq(rows, 8, seed=0)
    recipe = load_recipe("quickstart")
    settings = recipe.model.model_copy(update={"context_length": 256})  # a few contexts take more than its 128
    model = built(settings, train(recipe.tokenizer, list(dict.fromkeys(prompt(item) for item in rows))))
    asked = [[prompt(item), *item.people, *UNKNOWN] for item in drawn]
    longest = [max(len(model.prompt_ids(f"{before} {end}")) for end in ends) for before, *ends in asked]
    # A context that is too long is cut by both, but not at the same place.
    fitting = (item for item, size in zip(drawn, longest, strict=True) if size < model.context_length)
    items = list(islice(fitting, given.items))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["HF_DATASETS_CACHE"] = datasets.config.HF_DATASETS_CACHE = str(folder / "cache")
        write_task(folder, model, items)
        tried = dict[int, float]()
        for size in BATCH_SIZES:
            peer(model, folder, size, 32)  # to be warm
            began = time.process_time()
            peer(model, folder, size, TRIAL)
            tried[size] = time.process_time() - began
        best = min(tried, key=tried.__getitem__)
        mine, theirs = list[float](), list[float]()
        for _ in range(given.rounds):
            began = time.process_time()
            lines = measure_esbbq(type(model)(model.model, model.tokenizer), items, 0.95, seed=0).lines
            mine.append(time.process_time() - began)
            began = time.process_time()
            scores = np.array(peer(model, folder, best, len(items)))
            theirs.append(time.process_time() - began)
    own = np.array([line["log_likelihood"][:2] for line in lines])
    off = float(np.max(np.abs(own - scores) / np.abs(scores)))
    print(json.dumps({
        "benchmark": "esbbq", "ours": len(items) / min(mine), "peer": len(items) / min(theirs),
        "unit": "items a second", "ratio": min(theirs) / min(mine), "items": len(items), "batch_size": best, "off": off,
        "fine": off <= LIMIT, "seconds": [mine, theirs],
    }))  # fmt: skip
    return int(off > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
