"""The page shows no figure from a file that is not as it was sealed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sealed_run import reseal

from desdecero.app import audit_views, training_views, views
from desdecero.app.generation import InvalidRequest, Writer
from desdecero.app.loading import load_model
from desdecero.model_cards.words import LANGUAGES, Language, say
from desdecero.pipelines.run.run_dir import RunDir

View = Callable[..., str]
SHOWN: list[tuple[View, str, str, str]] = [  # a view, a file that it shows, an edit as long as the original, a figure
    (views.data, "corpus/report.json", "12345", "92345"),
    (views.data, "tokens/report.json", "9412331", "1412331"),
    (views.data, "pretrain/report.json", "10957", "90957"),
    (training_views.quality, "evaluation/report.json", "1.824", "0.824"),
    (training_views.before_curve, "pretrain/metrics.jsonl", '"loss": 8', '"loss": 1'),
    (training_views.after_curve, "pretrain/report.json", "3.134", "1.134"),
    (training_views.after_curve, "adapters/networkx/report.json", '"rank": ', '"rank":9'),
    (audit_views.audit, "audit/report.json", "bias found", "all right!"),
    (views.card, "card/README.md", "The card in English", "Another card in Eng"),
]
BINARY = [(audit_views.audit, "audit/pairs.png"), (views.card, "card/loss.png")]


@pytest.fixture
def run(causal_run: RunDir, tmp_path: Path) -> RunDir:
    return RunDir(shutil.copytree(causal_run.path, tmp_path / "run"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(("view", "name", "old", "new"), SHOWN, ids=[name for _, name, _, _ in SHOWN])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_notice_stands_in_the_place_of_an_altered_file(
    run: RunDir, language: Language, view: View, name: str, old: str, new: str
) -> None:
    if language == "es":
        name, old, new = ("card/README.es.md", "La ficha", "La finca") if name == "card/README.md" else (name, old, new)
    recipe = run.recipe()
    assert "dd-altered" not in view(run, recipe, language)
    edit(run.path / name, old, new)
    shown = view(run, recipe, language)
    assert say(language, "page.altered", file=name) in shown
    assert f"desdecero verify {run.path}" in shown
    assert new.strip('" ') not in shown


@pytest.mark.parametrize(("view", "name"), BINARY)
@pytest.mark.parametrize("fate", ["altered", "link", "gone"])
def test_a_picture_is_hashed_too(run: RunDir, view: View, name: str, fate: str) -> None:
    path, recipe = run.path / name, run.recipe()
    content = path.read_bytes()
    path.unlink()
    if fate == "altered":
        path.write_bytes(content[:-20] + b"?" + content[-19:])
    elif fate == "link":
        (run.path.parent / "equal.png").write_bytes(content)
        path.symlink_to(run.path.parent / "equal.png")
    shown = view(run, recipe, "en")
    assert f"{name} is not as it was sealed" in shown and "data:image" not in shown


def test_an_altered_curve_is_not_drawn(run: RunDir) -> None:
    recipe = run.recipe()
    assert training_views.curve(run, recipe, "en")["visible"]
    edit(run.metrics, '"loss": 8', '"loss": 2')
    assert training_views.curve(run, recipe, "en") == {"visible": False}


def test_a_report_hashed_into_its_own_seal_is_not_shown_either(run: RunDir) -> None:
    recipe = run.recipe()
    edit(run.audit / "report.json", "bias found", "within margin")
    reseal(run, "audit", finished="2001-01-01T00:00:00Z")
    assert "audit/done.json is not as it was sealed" in audit_views.audit(run, recipe, "en")
    reseal(run, "audit", finished="2101-01-01T00:00:00Z")
    assert say("en", "page.remade") in audit_views.audit(run, recipe, "en"), (
        "as after `desdecero audit`: the card is older"
    )


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"stage": 1}', "\x00", '{"outputs": NaN}'])
def test_garbage_in_a_seal_is_a_notice(run: RunDir, content: str) -> None:
    recipe = run.recipe()
    for folder, view in {"audit": audit_views.audit, "evaluation": training_views.quality, "card": views.card}.items():
        (run.path / folder / "done.json").write_text(content, encoding="utf-8")
        assert f"{folder}/done.json is not as it was sealed" in view(run, recipe, "en")


@pytest.mark.parametrize("content", ["{}", '{"languages": 3}', '{"confidence": "x", "margin": null, "languages": {}}'])
def test_garbage_that_was_sealed_is_a_notice(run: RunDir, content: str) -> None:
    (run.audit / "report.json").write_text(content, encoding="utf-8")
    reseal(run, "audit", finished="2101-01-01T00:00:00Z")
    shown = audit_views.audit(run, run.recipe(), "en")
    assert "audit/report.json is not as it was sealed" in shown


def test_a_deleted_stage_is_not_one_that_was_never_made(run: RunDir) -> None:
    recipe = run.recipe()
    shutil.rmtree(run.evaluation)
    assert "evaluation/done.json is not as it was sealed" in training_views.quality(run, recipe, "en")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model/model.safetensors", None),
        ("model/tokenizer.json", None),
        ("model/adapter_config.json", b"{}"),
        ("model/pytorch_model.bin", b"?"),
    ],
)
def test_an_altered_model_is_not_loaded(run: RunDir, name: str, content: bytes | None) -> None:
    path, recipe = run.path / name, run.recipe()
    if content is None:
        old = path.read_bytes()
        content = old[:-2] + bytes([old[-2] ^ 1]) + old[-1:]
    path.write_bytes(content)
    with pytest.raises(InvalidRequest) as caught:
        load_model(run, recipe, Writer)
    assert (caught.value.key, caught.value.values) == ("refused_altered", {"file": name})


def test_a_card_in_the_models_folder_does_not_keep_it_from_being_tried(run: RunDir) -> None:
    edit(run.card / "README.md", "The card", "A card")
    assert load_model(run, run.recipe(), Writer).context_length == 4096


def test_weights_that_are_edited_while_the_page_is_served_change_no_answer(run: RunDir) -> None:
    model = load_model(run, run.recipe(), Writer).model.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with (run.model / "model.safetensors").open("r+b") as file:
        file.seek(-5000, 2)
        file.write(b"?" * 5000)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("content", ["{}", "[]", '{"model_type": 3}', "\x00"])
def test_a_configuration_that_was_sealed_and_is_none_gets_a_sentence(run: RunDir, content: str) -> None:
    (run.model / "config.json").write_text(content, encoding="utf-8")
    reseal(run, "pretrain", finished="2101-01-01T00:00:00Z")
    with pytest.raises(InvalidRequest) as caught:
        load_model(run, run.recipe(), Writer)
    assert caught.value.key == "refused_altered"
