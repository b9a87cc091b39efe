"""Seals: what they cover, what makes them stale, and what an interruption may not lose."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_json
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.of_run import verify


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe("smoke")


def build(run: RunDir, recipe: Recipe, stage: str, content: str = "content") -> None:
    """Build and seal a stage that writes one file and a report."""
    out = run.start(stages(recipe)[stage], recipe)
    (out.folder(stage, recipe) / "output.txt").write_text(content, encoding="utf-8")
    if stage in ("pretrain", "card"):
        out.model.mkdir(parents=True, exist_ok=True)
        (out.model / f"{stage}.txt").write_text(content, encoding="utf-8")
    write_json(out.folder(stage, recipe) / "report.json", {"length": len(content)})
    run.commit(stages(recipe)[stage], recipe, seconds=1.0, sources="as they are" if stage == "corpus" else None)


@pytest.fixture
def run(tmp_path: Path, recipe: Recipe) -> RunDir:
    """Every stage built and sealed."""
    run = RunDir(tmp_path / "run")
    for stage in stages(recipe):
        build(run, recipe, stage)
    return run


def states(run: RunDir, recipe: Recipe) -> dict[str, str]:
    return {name: run.state(stage, recipe).name for name, stage in stages(recipe).items()}


def seal_faults(run: RunDir, recipe: Recipe) -> list[str]:
    """What `verify` finds, but for the card: from the invented reports of these tests none can be made again."""
    return [fault for fault in verify(run, recipe) if "does not hold what its stage writes" not in fault]


def test_built_stages_are_sealed_and_nothing_unsealed_is_left(run: RunDir, recipe: Recipe) -> None:
    assert set(states(run, recipe).values()) == {"sealed"}
    assert seal_faults(run, recipe) == []
    assert not run.unsealed.path.exists()


def test_seal_records_hash_size_versions_and_machine(run: RunDir, recipe: Recipe) -> None:
    seal = run.seal("tokenizer", recipe)
    assert seal is not None
    assert seal.outputs["tokenizer/output.txt"]["bytes"] == len("content")
    assert seal.libraries["numpy"] and seal.hardware["cores"] == os.cpu_count()


def test_any_altered_byte_is_named(run: RunDir, recipe: Recipe) -> None:
    sealed = [path for path in sorted(run.path.rglob("*")) if path.is_file() and path.name != ".lock"]
    assert len(sealed) > 20
    for path in sealed:
        original = path.read_bytes()
        path.write_bytes(bytes([original[0] ^ 1]) + original[1:])
        try:
            faults = verify(run, recipe)
        finally:
            path.write_bytes(original)
        assert any(str(path.relative_to(run.path)) in fault for fault in faults), path
    assert seal_faults(run, recipe) == []


def test_missing_and_foreign_files_are_named(run: RunDir, recipe: Recipe) -> None:
    (run.corpus / "output.txt").unlink()
    (run.model / "stranger.bin").write_bytes(b"?")
    faults = " | ".join(verify(run, recipe))
    assert "corpus/output.txt: sealed by corpus, and missing" in faults
    assert "model/stranger.bin: in a sealed folder, but no stage wrote it" in faults


def test_links_that_a_library_leaves_are_sealed_as_files(tmp_path: Path, recipe: Recipe) -> None:
    run = RunDir(tmp_path / "run")
    out = run.start(stages(recipe)["corpus"], recipe)
    write_json(out.folder("corpus", recipe) / "report.json", {})
    (out.corpus / "log.txt").write_text("said", encoding="utf-8")
    (out.corpus / "latest.txt").symlink_to("log.txt")
    (out.corpus / "latest").symlink_to(".")
    (out.corpus / "nothing").symlink_to("nowhere")
    run.commit(stages(recipe)["corpus"], recipe, seconds=1.0)
    assert (run.corpus / "latest.txt").read_text(encoding="utf-8") == "said"
    assert seal_faults(run, recipe) == []


def test_a_small_file_that_was_altered_makes_its_stage_stale_though_it_is_as_long(run: RunDir, recipe: Recipe) -> None:
    (run.audit / "output.txt").write_text("CONTENT", encoding="utf-8")
    assert run.state(stages(recipe)["audit"], recipe).reason == "audit/output.txt is not as it was sealed"


def test_a_seal_that_was_altered_makes_its_stage_stale_and_says_what_is_wrong(run: RunDir, recipe: Recipe) -> None:
    (run.audit / "done.json").write_text("{", encoding="utf-8")
    state = run.state(stages(recipe)["audit"], recipe)
    assert state.name == "stale" and state.reason.startswith("audit/done.json is not JSON (line 1")


@pytest.mark.parametrize("fate", ["altered", "gone", "unsealed"])
def test_a_report_that_is_not_as_it_was_sealed_is_not_read(run: RunDir, recipe: Recipe, fate: str) -> None:
    report = run.audit / "report.json"
    if fate == "altered":
        report.write_text('{"length": 9}\n', encoding="utf-8")
    elif fate == "gone":
        report.unlink()
    else:
        (run.audit / "done.json").unlink()
    with pytest.raises(UserError, match="desdecero audit") as error:
        run.report("audit", recipe)
    assert "audit" in str(error.value) and "\n" not in str(error.value)


def test_changed_section_makes_its_stage_stale_and_names_itself(run: RunDir, recipe: Recipe) -> None:
    changed = load_recipe("smoke", ["audit.margin=0.4"])
    assert [name for name, state in states(run, changed).items() if state == "stale"] == ["audit", "audit:pandas"]
    assert "audit" in run.state(stages(recipe)["audit"], changed).reason


def test_rebuilt_input_makes_later_stages_stale_unless_its_bytes_are_the_same(run: RunDir, recipe: Recipe) -> None:
    build(run, recipe, "tokenizer", "content")
    assert set(states(run, recipe).values()) == {"sealed"}
    build(run, recipe, "tokenizer", "another")
    assert states(run, recipe)["corpus"] == "sealed"
    assert run.state(stages(recipe)["tokens"], recipe).reason == "tokenizer changed"


def test_changed_sources_make_the_corpus_stale(run: RunDir, recipe: Recipe) -> None:
    assert run.state(stages(recipe)["corpus"], recipe, sources="as they are").name == "sealed"
    assert run.state(stages(recipe)["corpus"], recipe, sources="otherwise").reason == "the sources changed"


def test_raised_code_version_makes_a_stage_stale(run: RunDir, recipe: Recipe) -> None:
    from dataclasses import replace

    assert "code version" in run.state(replace(stages(recipe)["audit"], version=99), recipe).reason


def test_failed_rebuild_leaves_the_sealed_stage_as_it_was(run: RunDir, recipe: Recipe) -> None:
    out = run.start(stages(recipe)["corpus"], recipe)
    (out.corpus / "half.parquet").write_bytes(b"PAR1")
    assert seal_faults(run, recipe) == []
    assert (run.corpus / "output.txt").read_text() == "content"


def test_unfinished_work_is_kept_only_for_the_same_resumable_stage(tmp_path: Path, recipe: Recipe) -> None:
    run, stage = RunDir(tmp_path), stages(recipe)["pretrain"]
    out = run.start(stage, recipe)
    (out.pretrain / "checkpoint").write_text("1")
    assert (run.start(stage, recipe).pretrain / "checkpoint").exists()
    changed = load_recipe("smoke", ["model.layers=3"])
    assert not (run.start(stage, changed).pretrain / "checkpoint").exists()


@pytest.mark.parametrize("moved", [0, 1])
def test_power_cut_between_the_moves_is_mended(tmp_path: Path, recipe: Recipe, moved: int) -> None:
    """A sealed stage of two folders, interrupted before its `moved`-th move, is in place after `recover`."""
    run = RunDir(tmp_path / "run")
    for stage in ("corpus", "tokenizer", "tokens", "pretrain"):
        build(run, recipe, stage)
    unsealed = run.unsealed
    unsealed.path.mkdir()
    shutil.move(run.pretrain, unsealed.pretrain)
    if moved == 0:
        shutil.move(run.model, unsealed.model)
    run.recover(recipe)
    assert run.state(stages(recipe)["pretrain"], recipe).name == "sealed"
    assert seal_faults(run, recipe) == []


def test_card_adds_to_the_model_folder_and_seals_only_its_own_files(run: RunDir, recipe: Recipe) -> None:
    assert sorted(path.name for path in run.model.iterdir()) == ["card.txt", "pretrain.txt"]
    seal = run.seal("card", recipe)
    assert seal is not None and "model/card.txt" in seal.outputs and "model/pretrain.txt" not in seal.outputs


def test_training_node_with_tokens_alone_trusts_the_seals_it_has(run: RunDir, recipe: Recipe) -> None:
    shutil.rmtree(run.corpus)
    assert run.state(stages(recipe)["tokens"], recipe).name == "sealed"


def test_second_command_on_one_run_is_refused(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    with run.lock(), pytest.raises(UserError, match="another desdecero command is using"), RunDir(run.path).lock():
        pass


def test_report_refuses_numbers_that_json_has_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "report.json", {"loss": float("nan")})
    assert not (tmp_path / "report.json").exists()


def test_seal_edited_by_hand_is_no_seal(run: RunDir, recipe: Recipe) -> None:
    path = run.audit / "done.json"
    content = json.loads(path.read_text())
    content["seconds"] = 0.0
    path.write_text(json.dumps(content))
    assert run.seal("audit", recipe) is None


def test_find_run_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="desdecero run nothing"):
        find_run("nothing")
