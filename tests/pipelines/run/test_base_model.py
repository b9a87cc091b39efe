"""A model of elsewhere becomes the base of a run once; others are told from it, and what cannot be one is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fakehub import FakeHub, File
from helpers import forked
from plain_models import save_plain, write_examples
from transformers import BertModel, GPT2Model

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.base_model import is_base, open_base
from desdecero.pipelines.run.stages import stages


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_plain("gpt2", tmp_path / "models" / "my model")


def test_a_folder_becomes_a_run_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"not taken")
    (folder / "README.md").write_text("---\nlanguage: [es, multilingual]\n---\n", encoding="utf-8")
    run = open_base(str(folder), None, ["model.context_length=32", "finetune.x.steps=3"])
    assert run.path == tmp_path / "runs" / "my-model"
    recipe = run.recipe()
    assert recipe.base is not None and recipe.base.writes and recipe.languages == ("es",)
    assert (recipe.model.architecture, recipe.model.context_length) == ("gpt2", 32)
    assert {path.name for path in run.model.iterdir()} == set(recipe.base.files)
    assert "pytorch_model.bin" not in recipe.base.files and not run.unsealed.path.exists()
    assert stages(recipe) == {} and recipe == load_recipe(run.recipe_file)
    before = run.recipe_file.stat().st_mtime_ns
    assert open_base(str(folder), None, []).path == run.path and run.recipe_file.stat().st_mtime_ns == before


def test_another_base_of_the_same_name_is_refused(folder: Path, tmp_path: Path) -> None:
    run_dir = str(tmp_path / "run")
    open_base(str(folder), run_dir, [])
    other = save_plain("gpt2", tmp_path / "other", seed=1)
    with pytest.raises(UserError, match=r"has another base: its model.safetensors has the sha256 .* --run-dir"):
        open_base(str(other), run_dir, [])
    shutil.copyfile(folder / "model.safetensors", other / "model.safetensors")
    assert open_base(str(other), run_dir, []).path == Path(run_dir)  # the same model in another place


def test_a_run_with_a_model_of_its_own_is_no_base_of_adapters(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(load_recipe("smoke").to_yaml(), encoding="utf-8")
    with pytest.raises(UserError, match="is a run with a model of its own"):
        open_base(str(folder), str(tmp_path), [])


@pytest.mark.parametrize(
    ("missing", "added", "said"),
    [
        ("model.safetensors", "pytorch_model.bin", "pickled weights .* can run code"),
        ("model.safetensors", "model.safetensors.index.json", "in several files"),
        ("tokenizer.json", "vocab.json", "has no tokenizer.json"),
    ],
)
def test_a_model_without_the_files_needed_is_refused(
    folder: Path, tmp_path: Path, missing: str, added: str, said: str
) -> None:
    (folder / missing).rename(folder / added)
    with pytest.raises(UserError, match=said):
        open_base(str(folder), str(tmp_path / "run"), [])
    assert not (tmp_path / "run" / "recipe.yaml").exists()


def test_a_model_without_an_output_layer_can_only_give_labels(tmp_path: Path) -> None:
    for architecture, kind in (("gpt2", GPT2Model), ("bert", BertModel)):
        folder = save_plain(architecture, tmp_path / architecture)
        kind.from_pretrained(folder).save_pretrained(folder)
        recipe = open_base(str(folder), str(tmp_path / f"{architecture}_run"), []).recipe()
        assert recipe.base is not None and not recipe.base.writes


def test_a_place_is_told_from_a_name() -> None:
    assert is_base("owner/name") and is_base("owner/name@main") and is_base("owner/name@refs/pr/1")
    assert not is_base("quickstart") and not is_base("/no/such/folder") and not is_base("runs/a/b")


# --- the Hub ---------------------------------------------------------------------------------------------------


def test_a_model_of_the_hub_is_taken_at_one_commit_and_needs_no_network_again(tmp_path: Path) -> None:
    folder = save_plain("gpt2", tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(b"pickled")
    (folder / "README.md").write_text("---\nlanguage: es\n---\n", encoding="utf-8")
    files = {path.name: File(path.read_bytes(), path.suffix == ".safetensors") for path in folder.iterdir()}
    data = write_examples(tmp_path)["text"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    words = ["finetune", "me/small", "--adapter", "a", "--data", data, "--set", "finetune.a.steps=2",
             "--set", "pretrain.precision=fp32"]  # fmt: skip

    def said(*words: str | Path, **environment: str) -> str:
        finished = forked(
            *words, cwd=tmp_path, environment={**inherited, "HF_HOME": str(tmp_path / "cache"), **environment},
            anew=["huggingface_hub"],
        )  # fmt: skip
        return f"{finished.returncode} {finished.stdout}{finished.stderr}"

    with FakeHub() as hub:
        hub.create("me/small", private=False)
        commit = hub.repositories["me/small"].commit(files)
        assert said(*words, **hub.environment()).startswith("0 ")
        asked = [line for line in hub.requests if line.endswith(("pytorch_model.bin", "model.safetensors"))]
        assert asked and not any("pytorch_model.bin" in line for line in asked)
        hub.repositories["me/small"].commit({**files, "model.safetensors": File(b"other", True)})
        assert "has another base" in said(
            *["finetune", "me/small@" + hub.repositories["me/small"].head, *words[2:]], **hub.environment()
        )
        hub.create("me/pickled", private=False)
        hub.repositories["me/pickled"].commit({k: v for k, v in files.items() if k != "model.safetensors"})
        assert "pickled weights" in said("finetune", "me/pickled", *words[2:], **hub.environment())
        assert "no model on the Hub" in said("finetune", "me/nothing", *words[2:], **hub.environment())
    recipe = load_recipe(tmp_path / "runs" / "small" / "recipe.yaml")
    assert recipe.base is not None and (recipe.base.name, recipe.base.revision) == ("me/small", commit)
    assert recipe.publish.repo_id == "me/small" and recipe.languages == ("es",)
    card = (tmp_path / "runs" / "small" / "adapters" / "a" / "card" / "README.md").read_text(encoding="utf-8")
    assert "base_model: me/small" in card and commit in card
    assert "sealed, nothing to do" in said(*words, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in said("finetune", "me/other", *words[2:], HF_HUB_OFFLINE="1")
