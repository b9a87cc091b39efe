"""The table of stages, and the instances of it that a recipe asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import forked

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_json
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.chain import find_stage, stages_until
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import BASE, CARD, DOSSIER, KINDS, OF_ADAPTER, load, stages
from desdecero.pipelines.verification.seals import stale_reasons

OF_FINETUNE = ("seed", "evaluate.confidence")
OF_EACH = ("finetune", "evaluate", "audit", "card")
TWO = "finetune={legal: {rank: 2, steps: 5}, health: {rank: 4, steps: 5}}"


def build(run: RunDir, recipe: Recipe, name: str) -> None:
    """Seal a stage that writes a report of its name."""
    stage = stages(recipe)[name]
    out = run.start(stage, recipe)
    write_json(out.folder(name, recipe) / "report.json", {"name": name})
    run.commit(stage, recipe, seconds=1.0)


def test_a_section_without_names_is_that_of_the_adapter_named_after_the_domain() -> None:
    recipe = load_recipe("smoke", ["finetune={rank: 4}"])
    assert list(recipe.adapters) == ["pandas"] and recipe.adapters["pandas"].rank == 4
    stage = stages(recipe)["finetune:pandas"]
    assert (stage.folder, stage.reads) == ("adapters/pandas", (*OF_FINETUNE, "finetune.pandas"))
    assert (stage.adapter, stage.options) == ("pandas", {"adapter": "pandas"})


def test_each_named_adapter_has_its_own_stages_and_folders() -> None:
    chain = stages(load_recipe("smoke", [TWO]))
    adapters = [f"{kind}:{name}" for name in ("legal", "health") for kind in OF_EACH]
    assert list(chain) == [*(stage.name for stage in BASE), *adapters, "card"]
    assert {chain[name].folder for name in adapters[:4]} == {
        "adapters/legal", "adapters/legal/evaluation", "adapters/legal/audit", "adapters/legal/card",
    }  # fmt: skip
    assert chain["audit:health"].inputs == ("tokens", "audit", "finetune:health")
    assert chain["finetune:legal"].reads == (*OF_FINETUNE, "finetune.legal")
    assert set(chain["card"].inputs) == {stage.name for stage in BASE}  # adapters leave the model's card alone


def test_without_a_finetune_section_there_is_no_stage_of_an_adapter() -> None:
    assert [stage.kind for stage in stages(load_recipe("smoke", ["finetune=null"])).values()] == [
        *(stage.name for stage in BASE), "card",
    ]  # fmt: skip


def test_only_a_recipe_with_a_section_has_a_dossier_which_comes_last() -> None:
    assert "dossier" not in stages(load_recipe("smoke")) and "dossier" not in load_recipe("smoke").content()
    chain = stages(load_recipe("smoke", ["dossier={}"]))
    assert list(chain)[-2:] == ["card", "dossier"]


def test_every_page_and_every_reference_of_the_table_exists() -> None:
    for stage in (*BASE, *OF_ADAPTER, CARD, DOSSIER):
        assert load(f"{stage.module}:{stage.page}") and load(f"{stage.module}:main")
        assert all(map(load, (*stage.stale_if, *([stage.sources] if stage.sources else []))))
    assert set(KINDS) == {stage.name for stage in (*BASE, *OF_ADAPTER, CARD, DOSSIER)}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("finetune={ranks: 4}", "finetune.ranks: unknown key; did you mean rank?"),
        ("finetune={legal: {ranks: 4}}", "finetune.legal.ranks: unknown key; did you mean rank?"),
        ("finetune={../legal: {rank: 4}}", "this name is also that of a folder"),
        ("finetune={legal: {rank: 0}}", "finetune.legal.rank"),
    ],
)
def test_wrong_adapters_are_refused_with_their_place(override: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        load_recipe("smoke", [override])
    assert words in str(error.value)


def test_a_changed_adapter_makes_only_its_own_stages_stale(tmp_path: Path) -> None:
    recipe, run = load_recipe("smoke", [TWO]), RunDir(tmp_path / "run")
    for name in stages(recipe):
        build(run, recipe, name)
    changed = load_recipe("smoke", [TWO, "finetune.legal.rank=8"])
    stale = {name: run.state(stage, changed) for name, stage in stages(changed).items()}
    assert {name for name, state in stale.items() if state.name == "stale"} == {"finetune:legal"}
    assert stale["finetune:legal"].reason == "the recipe's finetune.legal changed"
    build(run, changed, "finetune:legal")  # whose report is the same, so that what was made from it still holds
    assert {run.state(stage, changed).name for stage in stages(changed).values()} == {"sealed"}
    assert (
        run.sealed_json("evaluate:legal", changed, "adapters/legal/evaluation/report.json")["name"] == "evaluate:legal"
    )


def test_an_adapter_is_stale_only_by_what_its_training_and_measuring_use(tmp_path: Path) -> None:
    recipe, run = load_recipe("smoke"), RunDir(tmp_path / "run")
    build(run, recipe, "finetune:pandas")
    for unused in ("prompts=['In the']", "sample_tokens=7", "max_bytes=9999"):
        changed = load_recipe("smoke", [f"evaluate.{unused}"])
        assert run.state(stages(changed)["finetune:pandas"], changed).name == "sealed", unused
    changed = load_recipe("smoke", ["evaluate.confidence=0.9"])
    assert run.state(stages(changed)["finetune:pandas"], changed).reason == "the recipe's evaluate.confidence changed"


def test_an_adapter_of_the_version_that_read_the_whole_section_is_stale_by_its_version_alone(tmp_path: Path) -> None:
    recipe, run = load_recipe("smoke"), RunDir(tmp_path / "run")
    stage = stages(recipe)["finetune:pandas"]
    before = replace(stage, version=4, reads=("seed", "evaluate", "finetune.pandas"))
    out = run.start(before, recipe)
    write_json(out.folder("finetune:pandas", recipe) / "report.json", {})
    seal = run.commit(before, recipe, seconds=1.0)
    assert run.state(stage, recipe).reason == f"sealed by code version 4, now {stage.version}"
    assert list(stale_reasons(run, recipe, stage, seal)) == [
        f"finetune:pandas: stale: sealed by code version 4, now {stage.version}"
    ]


def test_a_seal_names_no_file_of_a_stage_whose_folder_lies_inside(tmp_path: Path) -> None:
    recipe, run = load_recipe("smoke", [TWO]), RunDir(tmp_path / "run")
    for name in stages(recipe):
        build(run, recipe, name)
    build(run, recipe, "finetune:legal")
    seal = run.seal("finetune:legal", recipe)
    assert seal is not None and set(seal.outputs) == {"adapters/legal/report.json"}


def test_a_stage_of_an_adapter_is_found_by_its_name() -> None:
    two, one, none = (load_recipe("smoke", words) for words in ([TWO], [], ["finetune=null"]))
    assert find_stage(two, "finetune", "legal").name == "finetune:legal"
    assert find_stage(two, "evaluate", None).name == "evaluate"
    assert find_stage(one, "finetune", None).name == "finetune:pandas"
    for recipe, adapter, words in (
        (two, None, "name one of the recipe's adapters with --adapter: legal, health"),
        (two, "law", "name one of the recipe's adapters with --adapter: legal, health"),
        (one, "legal", "name one of the recipe's adapters with --adapter: pandas"),
        (none, None, "has no finetune section"),
    ):
        with pytest.raises(UserError, match=words):
            find_stage(recipe, "finetune", adapter)
    assert list(stages_until(two, None, "finetune:legal"))[-1] == "finetune:legal"


@pytest.mark.slow
def test_two_adapters_are_trained_measured_and_have_cards(tiny_runs: dict[str, Path], tmp_path: Path) -> None:
    words = [
        "corpus.domain={name: early, where: {path: '*00[0-4]?.txt'}, validation: 0.2}",
        "evaluate={max_bytes: 20000, sample_tokens: 5, prompts: ['Return the']}",
        "audit.languages=[en]",
        "finetune={small: {rank: 2, alpha: 4, steps: 3, max_eval_bytes: 6000}, "
        "large: {rank: 4, alpha: 8, steps: 3, max_eval_bytes: 6000}}",
    ]
    command = ["run", tiny_runs["llama"], "--run-dir", tmp_path / "run"]
    finished = forked(*command, *(part for word in words for part in ("--set", word)), cwd=tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    status = forked("status", tmp_path / "run", cwd=tmp_path).stdout
    assert status.count(" sealed ") == 15
    for name in ("small", "large"):
        for place in (
            "adapter/adapter_config.json",
            "merged/config.json",
            "evaluation/report.json",
            "audit/report.json",
        ):
            assert (tmp_path / "run" / "adapters" / name / place).is_file()
    for page, audited in (("README.md", "model not competent in"), ("README.es.md", "modelo no competente en")):
        for name in ("small", "large"):
            card = (tmp_path / "run" / "adapters" / name / "card" / page).read_text(encoding="utf-8")
            assert f"*{name}*" in card and f"| evaluate:{name} | `" in card
            assert card.count(f": {audited} 8 gr") == 2  # before and after: groups, grupos
        assert "*small*" not in (tmp_path / "run" / "card" / page).read_text(encoding="utf-8")
    verified = forked("verify", tmp_path / "run", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout


def test_what_is_not_made_yet_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    one, two = load_recipe("smoke"), load_recipe("smoke", [TWO])
    for recipe, stage, command in (
        (one, "finetune:pandas", f"`desdecero finetune {run.recipe_file} --adapter pandas`"),
        (two, "audit:legal", f"`desdecero audit {run.recipe_file} --adapter legal`"),
    ):
        with pytest.raises(UserError) as error:
            run.report(stage, recipe)
        assert command in str(error.value)
