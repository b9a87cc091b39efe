"""Tiny models that wait for an adapter, and examples of each task, made of documentation that is on every machine."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers import docstrings

SPREAD = "model.overrides={initializer_range: 0.2}"
"""Embeddings so far apart that a frozen model of five steps can learn to say one thing and not another."""
BASES: dict[str, tuple[str, list[str]]] = {
    "llama": ("llama", [SPREAD]),
    "bert": ("bert", []),
    "t5": ("t5", []),
    "untied": ("llama", [SPREAD, "model.tie_embeddings=false"]),
    "roles": ("llama", [SPREAD, "tokenizer.chat={}"]),
}
"""Name → architecture, and what the recipe says beside it; `roles` knows the tokens that open and close turns."""
SETTINGS = ["pretrain={budget: {steps: 5}, batch_size: 4, precision: fp32, compile: never, checkpoint_minutes: 0}"]
LABELS = ("calendar", "optparse", "ssl")
"""Modules whose documentation is to be told apart."""
WORDS = {"VALUE": r"\b(?:None|True|False)\b", "THING": r"\b(?:file|string|list|object)s?\b"}
"""Label → what its spans cover."""
ANSWERS = {"Colour of the sky?": "Blue.", "Colour of grass?": "Green.", "Colour of snow?": "White."}


def make_bases(folder: Path, tiny_runs: dict[str, Path]) -> None:
    """In the folder, a folder for each of `BASES`: `tiny.yaml`, and a `run` whose model is sealed."""
    from desdecero.pipelines.recipe import load_recipe
    from desdecero.pipelines.run.chain import run_chain
    from desdecero.pipelines.run.run_dir import RunDir

    for name, (architecture, words) in BASES.items():
        home = Path(shutil.copytree(tiny_runs[architecture].parent, folder / name))
        run_chain(load_recipe(home / "tiny.yaml", [*SETTINGS, *words]), RunDir(home / "run"), last="pretrain")


def settings(base: str) -> list[str]:
    """What the recipe of a base says beside its file."""
    return [*SETTINGS, *BASES[base][1]]


def overrides(home: Path, adapter: str, section: dict[str, Any]) -> list[str]:
    """What the recipe says beside its file, to train one adapter of the base in a folder that is named as it is."""
    given = {"rank": 2, "steps": 2, "batch_size": 8, "max_eval_bytes": 2000, **section}
    given = {key: value for key, value in given.items() if value is not None}
    return [*settings(home.name), f"finetune={json.dumps({adapter: given})}"]


def words_for(home: Path, adapter: str, section: dict[str, Any]) -> list[str]:
    """What follows `finetune` to train that adapter."""
    words = [str(home / "tiny.yaml"), "--run-dir", str(home / "run"), "--adapter", adapter]
    return words + [word for one in overrides(home, adapter, section) for word in ("--set", one)]


def labelled(each: int = 20) -> list[dict[str, str]]:
    """So many sentences of each module's documentation, with its name."""
    return [{"text": text, "label": module} for module in LABELS for text in _sentences(module)[:each]]


def spans(count: int = 40) -> list[dict[str, Any]]:
    """Sentences with the places of some words in them."""
    texts = [text for text in _sentences("string", "codecs", "optparse", "pathlib") if _places(text)]
    return [{"text": text, "spans": _places(text)} for text in texts[:count]]


def conversations(times: int = 4) -> list[dict[str, str]]:
    """Questions and answers, each so many times, asked in other words."""
    return [
        {"prompt": f"{'So: ' * number}{asked}", "response": said}
        for asked, said in ANSWERS.items() for number in range(times)
    ]  # fmt: skip


def jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def table(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    """Write rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def brat(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write a folder of texts with the files in which brat keeps their spans."""
    folder.mkdir()
    for number, row in enumerate(rows):
        (folder / f"{number}.txt").write_text(row["text"], encoding="utf-8")
        lines = [
            f"T{place}\t{span['label']} {span['start']} {span['end']}\t{row['text'][span['start'] : span['end']]}\n"
            for place, span in enumerate(row["spans"], start=1)
        ]
        (folder / f"{number}.ann").write_text("".join(lines), encoding="utf-8")
    return folder


def _places(text: str) -> list[dict[str, Any]]:
    return [
        {"start": found.start(), "end": found.end(), "label": label}
        for label, pattern in WORDS.items() for found in re.finditer(pattern, text)
    ]  # fmt: skip


def _sentences(*modules: str) -> list[str]:
    texts = " ".join(" ".join(text.split()) for text in docstrings(*modules))
    return list(dict.fromkeys(text for text in re.split(r"(?<=[.:]) ", texts) if 30 < len(text) < 120))
