"""Runs so small that they train in seconds, as far as their tokens."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

RECIPE = """\
name: tiny
purpose: To test the stages, one by one.
languages: [en]
corpus:
  sources: [{{kind: files, path: {texts}, license: PSF-2.0}}]
  quality: {{min_words: 5}}
  validation: 0.1
tokenizer: {{kind: {tokenizer}, vocab_size: 600}}
model: {{architecture: {architecture}, layers: 2, hidden_size: 32, heads: 2, context_length: 32}}
pretrain: {{budget: {{steps: 12}}, batch_size: 4}}
evaluate: {{sample_tokens: 10}}
"""


DOMAIN = "corpus.domain={name: early, where: {path: '*0[01]??.txt'}, validation: 0.2}"


def make_tiny_runs(folder: Path, prose: Sequence[str], *overrides: str) -> None:
    """In the folder, `texts`; and for each architecture a folder with a recipe, and a run whose tokens are sealed.

    overrides: of all recipes, beside their files
    """
    from desdecero.pipelines.recipe import load_recipe
    from desdecero.pipelines.run.chain import run_chain
    from desdecero.pipelines.run.run_dir import RunDir

    (folder / "texts").mkdir()
    for number, text in enumerate(prose):
        (folder / "texts" / f"{number:04d}.txt").write_text(text, encoding="utf-8")
    for architecture in ("llama", "gpt2", "bert", "t5"):
        home = folder / architecture
        if architecture == "llama":
            home.mkdir()
        else:  # what they have in common is not made again
            shutil.copytree(folder / "llama", home)
        tokenizer = "wordpiece" if architecture == "bert" else "bpe"
        recipe = RECIPE.format(texts=folder / "texts", tokenizer=tokenizer, architecture=architecture)
        (home / "tiny.yaml").write_text(recipe, encoding="utf-8")
        run_chain(load_recipe(home / "tiny.yaml", overrides), RunDir(home / "run"), last="tokens")


def recipes(folder: Path) -> dict[str, Path]:
    """Architecture → the recipe's file, beside its `run`."""
    return {path.parent.name: path for path in folder.glob("*/tiny.yaml")}
