"""What `verify` finds in a run that somebody has worked on: each fault by its file, and never more than a sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sealed_run import make_sealed_run, reseal

from desdecero.pipelines.cli import main
from desdecero.pipelines.common.files import hash_json, sha256_file, write_json
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import fingerprint
from desdecero.pipelines.run.stages import BASE, stages
from desdecero.pipelines.verification.files import model_faults
from desdecero.pipelines.verification.of_run import verify

OF_CARD = [stage.name for stage in BASE]
SEALED = [*OF_CARD, "finetune:boats", "card"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, _ = make_sealed_run(tmp_path_factory.mktemp("whole") / "run")
    return run.path


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With every stage of its recipe, which has no adapter."""
    run, _ = make_sealed_run(tmp_path_factory.mktemp("complete") / "run", "finetune=null")
    return run.path


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> RunDir:
    return RunDir(shutil.copytree(whole, tmp_path / "run"))


@pytest.fixture
def recipe(run: RunDir) -> Recipe:
    return run.recipe()


def folder(stage: str, run: RunDir) -> Path:
    return run.folder(stage, run.recipe())


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_run_that_nobody_touched_is_whole(run: RunDir, recipe: Recipe) -> None:
    assert verify(run, recipe) == []
    assert model_faults(run, recipe) == []


@pytest.mark.parametrize("stage", SEALED)
def test_a_report_hashed_into_its_own_seal_is_named(run: RunDir, recipe: Recipe, stage: str) -> None:
    """Without the digest its seal no longer hashes to itself; with it, the later seals hold another one."""
    report = folder(stage, run) / "report.json"
    edit(report, "{", '{"added": 1,')
    path = folder(stage, run) / "done.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    place = report.relative_to(run.path).as_posix()
    content["outputs"][place] |= {"sha256": sha256_file(report), "bytes": report.stat().st_size}
    content["seal"] = hash_json({key: value for key, value in content.items() if key != "seal"})
    path.write_text(json.dumps(content), encoding="utf-8")
    (fault,) = verify(run, recipe)
    assert fault == f"{path.relative_to(run.path)}: the seal was altered: its digest is not that of its outputs"


@pytest.mark.parametrize("stage", OF_CARD)
def test_a_stage_sealed_again_by_hand_does_not_fit_the_later_ones(run: RunDir, recipe: Recipe, stage: str) -> None:
    edit(folder(stage, run) / "report.json", "{", '{"added": 1,')
    reseal(run, stage)
    faults = verify(run, recipe)
    assert all("changed" in fault or "altered since" in fault or "evidence.json" in fault for fault in faults)
    assert any(f"{stages(recipe)[stage].folder}/done.json" in fault for fault in faults), faults


def test_an_older_seal_that_was_altered_is_told_from_a_stage_made_anew(run: RunDir, recipe: Recipe) -> None:
    edit(folder("audit", run) / "report.json", "{", '{"added": 1,')
    reseal(run, "audit", finished="2001-01-01T00:00:00Z")
    assert "audit/done.json: altered since card was sealed, which holds another digest of audit" in verify(run, recipe)
    reseal(run, "audit", finished="2101-01-01T00:00:00Z")
    assert "card: stale: audit changed (audit/done.json has another digest)" in verify(run, recipe)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"value": "Apache-2.0"',
            '"value": "MIT"',
            "quotes MIT for gate:/verdicts/4/value, where card/gate.json says Apache-2.0",
        ),
        ('"key": "audit:/', '"key": "audit:/nowhere/', "is in no report of this run"),
        ("[", '["a quote", ', "holds something that is not a quoted value"),
    ],
)
def test_the_card_may_quote_nothing_else_than_the_reports(
    run: RunDir, recipe: Recipe, old: str, new: str, said: str
) -> None:
    """The card's own digest is in no other seal: its evidence is compared with the reports."""
    path = run.card / "evidence.json"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    reseal(run, "card")
    faults = verify(run, recipe)
    assert faults and all(fault.startswith("card/evidence.json: ") for fault in faults)
    assert said in faults[0]


@pytest.mark.parametrize(
    ("places", "old", "new"),
    [
        (("card/README.md", "model/README.md"), "2.46", "1.46"),
        (("card/README.es.md", "model/README.es.md"), "2.46", "1.46"),
        (("card/licensing.json",), '"certainty": "stated"', '"certainty": "unsettled"'),
        (("card/report.json",), '"missing": [', '"missing": ["audit:/margin", '),
        (("card/evidence.json",), '"pointer": "/', '"pointer": "/other/'),
        (("model/README.md",), "stamp", "stump"),
    ],
    ids=["card", "Spanish card", "licences", "report", "evidence", "model only"],
)
def test_a_card_that_was_edited_and_sealed_again_is_named(
    run: RunDir, recipe: Recipe, places: tuple[str, ...], old: str, new: str
) -> None:
    """No later seal holds its digest, so it is compared with what the sealed reports give."""
    for place in places:
        edit(run.path / place, old, new)
    reseal(run, "card")
    faults = verify(run, recipe)
    assert [fault.partition(": ")[0] for fault in faults] == list(places), faults
    assert all("make the card again with `desdecero card " in fault for fault in faults)


def test_a_picture_that_is_not_the_sealed_one_is_named(run: RunDir, recipe: Recipe) -> None:
    (run.model / "loss.png").write_bytes((run.model / "loss.png").read_bytes() + b"?")
    reseal(run, "card")
    (fault,) = verify(run, recipe)
    assert fault.startswith("model/loss.png: not what the card stage makes")


@pytest.mark.parametrize("stage", [*OF_CARD, "card"])
def test_a_deleted_stage_is_named(run: RunDir, recipe: Recipe, stage: str) -> None:
    shutil.rmtree(folder(stage, run))
    faults = verify(run, recipe)
    place = stages(recipe)[stage].folder
    expected = "model/README.md: in a sealed folder" if stage == "card" else f"{place}: not here, although "
    assert any(fault.startswith(expected) for fault in faults), faults


@pytest.mark.parametrize("stage", [*OF_CARD, "card"])
def test_a_deleted_seal_is_named(run: RunDir, recipe: Recipe, stage: str) -> None:
    (folder(stage, run) / "done.json").unlink()
    assert any("no seal (done.json)" in fault for fault in verify(run, recipe))


def test_only_a_run_with_all_of_its_stages_is_whole(
    complete: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(shutil.copytree(complete, tmp_path / "run"))
    assert main(["verify", str(run)]) == 0
    assert capsys.readouterr().out.startswith("whole: 7 stages, every file as it was sealed (corpus, ")
    assert main(["verify", str(run), "--language", "es"]) == 0
    assert capsys.readouterr().out.startswith("íntegra: 7 etapas, cada archivo tal como se selló (corpus, ")
    shutil.copytree(run.path, tmp_path / "without_card")
    shutil.rmtree(tmp_path / "without_card/card")
    for page in ("README.md", "README.es.md", "loss.png", "loss.es.png"):
        (tmp_path / "without_card/model" / page).unlink()
    assert main(["verify", str(tmp_path / "without_card")]) == 0
    assert "not whole: of 7 stages 6 are here" in (said := capsys.readouterr().out) and "\nnot here: card\n" in said
    shutil.rmtree(run.audit)
    assert main(["verify", str(run)]) == 1
    said = capsys.readouterr().out
    assert "audit: not here, although card was made from it" in said and "whole" not in said.splitlines()[-4:]


def test_the_findings_for_a_program(complete: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunDir(shutil.copytree(complete, tmp_path / "run"))
    assert main(["verify", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["whole"], found["faults"], found["not_here"]) == (True, [], []) and found["sealed"][0] == "corpus"
    assert found["signature"]["state"] == "unsigned"
    (run.audit / "\x1b[2J.json").write_bytes(b"?")
    assert main(["verify", str(run), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["faults"] == ["audit/\\x1b[2J.json: in a sealed folder, but no stage wrote it"] and not found["whole"]
    run.recipe_file.write_text("name: [")
    assert main(["verify", str(run), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert len(found["faults"]) == 1 and found["sealed"] == [] and found["signature"]["state"] == "unknown"


def test_a_training_node_has_no_corpus(run: RunDir, recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    for stage in ("corpus", "evaluate", "audit", "finetune:boats", "card"):
        shutil.rmtree(folder(stage, run))
    for page in ("README.md", "README.es.md", "loss.png", "loss.es.png"):
        (run.model / page).unlink()
    assert main(["verify", str(run)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("not whole: of 11 stages 3 are here, every file as it was sealed (tokenizer, tokens, pretra")
    assert "\nnot here: corpus, evaluate, " in said
    edit(folder("tokenizer", run) / "report.json", "{", '{"added": 1,')
    reseal(run, "tokenizer")
    assert verify(run, recipe)


def test_a_card_of_an_earlier_version_is_stale_and_is_not_compared_with_the_reports(
    run: RunDir, recipe: Recipe
) -> None:
    edit(run.card / "evidence.json", "evaluate:/", "evaluated:/")
    seal = run.seal("card", recipe)
    assert seal is not None
    reseal(run, "card", version=3, fingerprint=fingerprint("card", 3, seal.sections, seal.inputs))
    assert verify(run, recipe) == [f"card: stale: sealed by code version 3, now {stages(recipe)['card'].version}"]


def test_stages_made_from_different_versions_of_one_that_is_gone_are_named(run: RunDir, recipe: Recipe) -> None:
    path = folder("tokens", run) / "done.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["inputs"]["corpus"] = "0" * 64
    keys = ("stage", "version", "sections", "inputs")
    reseal(run, "tokens", inputs=content["inputs"], fingerprint=hash_json({key: content[key] for key in keys}))
    shutil.rmtree(run.corpus)
    assert any("made from different versions of corpus" in fault for fault in verify(run, recipe))


@pytest.mark.parametrize(
    "place", ["evaluation/report.json", "card/done.json", "recipe.yaml", "model", "corpus", "adapters", "audit"]
)
def test_links_are_named_even_if_what_they_lead_to_is_the_same(run: RunDir, recipe: Recipe, place: str) -> None:
    moved = run.path.parent / "elsewhere"
    (run.path / place).rename(moved)
    (run.path / place).symlink_to(moved)
    faults = verify(run, recipe)
    assert any(place in fault and "is a symbolic link" in fault for fault in faults), faults
    assert not any("and missing" in fault for fault in faults), "one link is one fault"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
@pytest.mark.parametrize("place", ["audit/report.json", "audit/done.json", "card/evidence.json", "model/config.json"])
def test_what_is_not_a_file_is_named_and_not_opened(
    run: RunDir, recipe: Recipe, place: str, make: Callable[[Path], None]
) -> None:
    (run.path / place).unlink()
    make(run.path / place)
    assert any(place in fault for fault in verify(run, recipe))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("model/pytorch_model.bin", "model/pytorch_model.bin: in a sealed folder, but no stage wrote it"),
        ("model/deep/er/file", "model/deep/er/file: in a sealed folder, but no stage wrote it"),
        ("adapters/others/adapter_config.json", "adapters/others/adapter_config.json: an adapter that no stage of"),
        ("adapters/boats/adapter/extra.py", "adapters/boats/adapter/extra.py: in a sealed folder, but no stage"),
        ("audit/\x1b[2Jwhole\nof it", "audit/\\x1b[2Jwhole\\nof it: in a sealed folder, but no stage wrote it"),
        ("tokens/\u202egnp.exe", "tokens/\\u202egnp.exe: in a sealed folder, but no stage wrote it"),
    ],
)
def test_foreign_files_are_named_in_words_that_can_be_printed(
    run: RunDir, recipe: Recipe, place: str, said: str
) -> None:
    path = run.path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"?")
    (fault,) = verify(run, recipe)
    assert fault.startswith(said)


def test_a_name_that_is_no_text_is_named(run: RunDir, recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    Path(os.fsdecode(os.fsencode(run.model) + b"/caf\xe9")).write_bytes(b"?")
    assert main(["verify", str(run)]) == 1
    assert "model/caf\\udce9: in a sealed folder" in capsys.readouterr().out
    assert main(["publish", str(run), "--dry-run"]) == 1
    assert "caf\\udce9" in capsys.readouterr().out


def test_folders_that_are_nested_very_deeply_are_walked(run: RunDir, recipe: Recipe) -> None:
    here = os.getcwd()
    os.chdir(run.model)
    try:
        for _ in range(1200):  # deeper than Python may call, and shorter than a path may be
            os.mkdir("d")
            os.chdir("d")
        Path("f").write_bytes(b"?")
    finally:
        os.chdir(here)
    try:
        (fault,) = verify(run, recipe)
        assert fault.startswith("model/d/d/d/")
    finally:  # pytest clears up with a function that calls itself for each folder
        subprocess.run(["rm", "-rf", run.model / "d"], check=True)


def test_a_seal_may_name_only_what_its_stage_writes(run: RunDir, recipe: Recipe) -> None:
    path = folder("audit", run) / "done.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["outputs"]["model/config.json"] = {"sha256": "", "bytes": 0}
    reseal(run, "audit", outputs=content["outputs"])
    assert "audit/done.json: the seal names model/config.json, which audit does not write" in verify(run, recipe)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("outputs", [], "outputs"),
        ("outputs", ["audit/report.json"], "outputs"),
        ("outputs", {"audit/report.json": []}, "outputs: audit/report.json"),
        ("outputs", {"../elsewhere": {"sha256": "0" * 64, "bytes": 0}}, "names a file outside the run"),
        ("outputs", {"/etc/passwd": {"sha256": "0" * 64, "bytes": 0}}, "names a file outside the run"),
        ("outputs", {"audit/./report.json": {"sha256": "0" * 64, "bytes": 0}}, "names a file outside the run"),
        ("outputs", {"\x1b[2J/..": {"sha256": "0" * 64, "bytes": 0}}, "\\x1b[2J/.."),
        ("inputs", [], "inputs"),
        ("inputs", None, "inputs"),
        ("digest", 7, "digest"),
    ],
)
def test_a_seal_of_another_form_is_one_sentence(
    run: RunDir, recipe: Recipe, name: str, value: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder("audit", run) / "done.json"
    content = json.loads(path.read_text(encoding="utf-8")) | {name: value}
    del content["seal"]
    content |= {"digest": hash_json(value)} if name == "outputs" else {}
    write_json(path, {**content, "seal": hash_json(content)})
    assert main(["verify", str(run)]) == 1
    shown = capsys.readouterr()
    (fault,) = [line for line in shown.out.splitlines() if line.startswith("audit/done.json: the seal ")]
    assert said in fault and "\x1b" not in shown.out and shown.err == ""


GARBAGE = [b"", b"{}", b"\xff\xfe", b"[" * 100_000]


@pytest.mark.parametrize("content", GARBAGE, ids=lambda content: repr(content[:6]))
def test_garbage_is_one_sentence_for_each_file(run: RunDir, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted(run.path.rglob("*")):
        if path.suffix not in (".json", ".jsonl", ".yaml") or not path.is_file():
            continue
        original, name = path.read_bytes(), path.relative_to(run.path).as_posix()
        path.write_bytes(content)
        assert main(["verify", str(run)]) == 1, name
        said = capsys.readouterr()
        assert name in said.out and said.err == ""
        assert all(len(line) < 400 for line in said.out.splitlines())
        path.write_bytes(original)


def test_the_model_is_known_by_its_files_alone(run: RunDir, recipe: Recipe) -> None:
    edit(folder("audit", run) / "report.json", "{", '{"added": 1,')
    assert model_faults(run, recipe) == []
    (run.model / "adapter_config.json").write_text("{}")
    assert model_faults(run, recipe) == ["model/adapter_config.json: in a sealed folder, but no stage wrote it"]
    (run.model / "adapter_config.json").unlink()
    (run.model / "tokenizer.json").unlink()
    assert model_faults(run, recipe) == ["model/tokenizer.json: sealed by pretrain, and missing"]
