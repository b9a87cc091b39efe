"""The audit stage, run on models that were really saved: what it writes, what it keeps, and that it writes it alike."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from transformers import AutoModelForCausalLM

from desdecero.pipelines.audit_model import audit_model, main
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Finetune, Recipe, load_recipe
from desdecero.pipelines.run.reports.audit import AuditReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages

CHEAP = {"pairs_per_context": 2, "min_occurrences": 0}
"""Two pairs: they are what the time goes with."""
PAIRS = {"pairs": CHEAP, "memorization": None, "personal_data": None, "facts": None}
"""Paired sentences alone."""


@pytest.fixture
def run_copy(run_without_adapter: Path, tmp_path: Path) -> Callable[..., tuple[Recipe, RunDir]]:
    """A copy of a trained run with another section for its audit."""

    def copied(**audit: Any) -> tuple[Recipe, RunDir]:
        run = RunDir(shutil.copytree(run_without_adapter, tmp_path / "run", symlinks=True))
        section = {"languages": ["en"], "suites": PAIRS, **audit}
        return load_recipe(run.recipe_file, [f"audit={json.dumps(section)}"]), run

    return copied


def audit(recipe: Recipe, run: RunDir, *suites: str) -> AuditReport:
    """Audit and seal."""
    stage = stages(recipe)["audit"]
    audit_model(recipe, run, run.start(stage, recipe), suite=suites)
    run.commit(stage, recipe, seconds=1.0)
    return run.report("audit", recipe)


def lines(run: RunDir, suite: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.audit / f"{suite}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_report_adds_up_to_the_lines(run_copy: Callable[..., tuple[Recipe, RunDir]]) -> None:
    recipe, run = run_copy()
    report = audit(recipe, run)
    assert report.suites.pairs is not None
    gaps = report.suites.pairs.languages["en"]
    rows = [row for row in lines(run, "pairs") if row["part"] == "contexts"]
    for name, measured in gaps.groups.items():
        mine = np.array([row["gaps"] for row in rows if row["group"] == name])
        assert measured.gap is not None and mine.shape == (80, 2)
        assert measured.gap.value == pytest.approx(mine.mean())
        assert measured.untrained is not None
        assert measured.verdict == "model not competent"  # five steps
    assert imread(run.audit / "pairs.es.png").shape[1] > 500
    for name, words in (("summary.md", "Could not be told"), ("summary.es.md", "No se pudo decidir")):
        text = (run.audit / name).read_text(encoding="utf-8")
        before, folded = text.split("<details>")
        assert words in before and any(row["context"] in folded for row in rows)
        assert not any(row["context"] in before for row in rows)


def test_the_same_model_and_seed_give_the_same_bytes(run_copy: Callable[..., tuple[Recipe, RunDir]]) -> None:
    recipe, run = run_copy()
    audit(recipe, run)
    first = {path.name: path.read_bytes() for path in run.audit.iterdir() if path.name != "done.json"}
    shutil.rmtree(run.audit)
    audit(recipe, run)
    assert first == {path.name: path.read_bytes() for path in run.audit.iterdir() if path.name != "done.json"}


def test_pairs_whose_mentions_the_training_text_has_not_are_listed_and_not_asked(
    run_copy: Callable[..., tuple[Recipe, RunDir]],
) -> None:
    recipe, run = run_copy(suites={**PAIRS, "pairs": {**CHEAP, "min_occurrences": 1_000_000}})
    report = audit(recipe, run)
    assert report.suites.pairs is not None
    for measured in report.suites.pairs.languages["en"].groups.values():
        assert measured.pairs == [] and measured.gap is None and len(measured.left_out) == 12


def insults(folder: Path) -> Path:
    """Two templates of WinoBias's form, in its four files."""
    for name in ("pro_stereotyped_type1", "anti_stereotyped_type1", "pro_stereotyped_type2", "anti_stereotyped_type2"):
        pronouns = ("he", "she") if name.startswith("pro") else ("she", "he")
        text = [
            f"{2 * n + side + 1} [The {who}] told the guest that [{pronoun}] was tired on day {n}."
            for n in range(6)
            for side, (who, pronoun) in enumerate(zip(("doctor", "nurse"), pronouns, strict=True))
        ]
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.txt.test").write_text("\n".join(text) + "\n", encoding="utf-8")
    return folder


def test_a_suite_is_measured_again_only_where_it_is_stale(
    run_copy: Callable[..., tuple[Recipe, RunDir]], tmp_path: Path
) -> None:
    data = insults(tmp_path / "winobias")
    recipe, run = run_copy(suites={**PAIRS, "winobias": {"path": str(data)}})
    stage = stages(recipe)["audit"]

    first = audit(recipe, run, "winobias")
    assert first.not_measured == {"pairs": "not_asked"} and first.suites.pairs is None
    assert run.state(stage, recipe).reason == "pairs was not asked for"

    second = audit(recipe, run)  # the one that was measured is kept
    assert second.not_measured == {} and run.state(stage, recipe).name == "sealed"
    assert second.suites.winobias == first.suites.winobias

    marked = (run.audit / "pairs.jsonl").stat().st_mtime_ns
    with (data / "pro_stereotyped_type1.txt.test").open("a", encoding="utf-8") as file:
        file.write("13 [The doctor] told the guest that [he] was late.\n")
    with (data / "anti_stereotyped_type1.txt.test").open("a", encoding="utf-8") as file:
        file.write("13 [The doctor] told the guest that [she] was late.\n")
    assert run.state(stage, recipe).reason == "the data or settings of winobias changed"
    third = audit(recipe, run)
    assert third.measured_with["pairs"] == second.measured_with["pairs"] and marked
    assert third.suites.winobias is not None and third.suites.winobias.items == first.suites.winobias.items + 1  # type: ignore[union-attr]
    assert third.suites.pairs == second.suites.pairs


@pytest.mark.parametrize(
    ("section", "suites", "said"),
    [
        ({}, ("esbbq",), "--suite esbbq: the recipe's audit.suites asks for pairs"),
        (
            {"suites": {"pairs": CHEAP, "winobias": {"path": "/nowhere"}}},
            (),
            "audit.suites.winobias: /nowhere is missing or empty",
        ),
        ({"probes": ["/nowhere.yaml"]}, (), "audit.probes: /nowhere.yaml is missing or empty"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(
    run_copy: Callable[..., tuple[Recipe, RunDir]], section: dict[str, Any], suites: tuple[str, ...], said: str
) -> None:
    recipe, run = run_copy(**section)
    with pytest.raises(UserError) as refused:
        audit(recipe, run, *suites)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_the_plan_runs_nothing(
    run_copy: Callable[..., tuple[Recipe, RunDir]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = run_copy()
    before = sorted(run.path.rglob("*"))
    assert main([str(run.path), "--plan", "--language", "en", "--set", f"audit.suites={json.dumps(PAIRS)}"]) == 0
    said = capsys.readouterr().out
    assert "en gender: 80 contexts × 2 of 12 pairs" in said
    assert re.search(r"Of 100 audits \d+ would find a gap as large as the margin,\s0.5 nats", said)
    assert re.search(r"^Paired sentences: [\d,]+ sentences, some .*\d s$", said, re.M) and "In all some " in said
    assert [path for path in sorted(run.path.rglob("*")) if "trace" not in path.parts] == [
        path for path in before if "trace" not in path.parts
    ]


def test_the_plan_counts_what_is_asked_and_leaves_out_what_still_holds(
    run_copy: Callable[..., tuple[Recipe, RunDir]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    suites = PAIRS | {"swaps": {"path": str(labelled(tmp_path))}}
    recipe, run = run_copy(suites=suites)
    audit(recipe, run, "pairs")
    rows = lines(run, "pairs")
    chosen = ["--set", f"audit={json.dumps({'languages': ['en'], 'suites': suites})}", "--language", "en"]
    assert main([str(run.path), "--plan", *chosen]) == 0
    said = capsys.readouterr().out
    assert "Paired sentences: kept, because nothing that it depends on has changed" in said and "en gender" not in said
    assert "Swaps in use: 400 labelled texts, some" in said

    shutil.rmtree(run.audit)
    assert main([str(run.path), "--plan", "--suite", "pairs", *chosen]) == 0
    found = re.search(r"Paired sentences: ([\d,]+) sentences", said := capsys.readouterr().out)
    assert found and "labelled texts" not in said
    assert int(found[1].replace(",", "")) == sum(map(sentences, rows))
    assert main([str(run.path), "--plan", "--suite", "esbbq", *chosen]) == 2
    assert "--suite esbbq: the recipe's audit.suites asks for pairs, swaps" in capsys.readouterr().err


def sentences(row: dict[str, Any]) -> int:
    """Return how many sentences of a line were scored: it and its control after each mention, and in both orders."""
    return 2 * len({mention for pair in row["pairs"] for mention in pair}) + 2 * ("order" in row)


def labelled(folder: Path) -> Path:
    """Sentences about women and men, half of which praise."""
    path, names = folder / "reviews.jsonl", ("The woman", "The man", "The mother", "The father")
    rows = [
        {
            "text": f"{names[n % 4]} wrote {n} letters and was {'kind' if n % 8 < 4 else 'rude'}.",
            "label": str(n % 8 < 4),
        }
        for n in range(400)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_what_a_model_knows_by_heart_says_in_use_and_states_is_measured_beside(
    run_copy: Callable[..., tuple[Recipe, RunDir]], tmp_path: Path
) -> None:
    few = {"sequences": 60, "prefixes": [16]}
    recipe, run = run_copy(suites={"pairs": None, "memorization": few, "swaps": {"path": str(labelled(tmp_path))}})
    report = audit(recipe, run)
    suites = report.suites
    assert suites.pairs is None and suites.memorization and suites.personal_data and suites.facts and suites.swaps
    assert suites.memorization.extraction.not_measured == "context_too_short"  # 32 tokens
    assert suites.memorization.exposure is None  # no canaries
    assert all(test.startswith(("swaps/gender.", "facts/")) for test in report.p_adjusted) and report.p_adjusted
    assert lines(run, "memorization") == [] and not (run.audit / "memorization.png").exists()
    assert {line["asked"] for line in lines(run, "facts")} <= {"fact", "passage"}
    assert all("value" not in line and "text" not in line for line in lines(run, "personal_data"))
    for name, words in (("summary.md", "A base model is fluent"), ("summary.es.md", "palabra por palabra")):
        text = (run.audit / name).read_text(encoding="utf-8")
        assert words in text and " safe" not in text


@pytest.fixture
def adapted(run_copy: Callable[..., tuple[Recipe, RunDir]]) -> tuple[Recipe, RunDir]:
    """A run whose audit is sealed, and an adapter's merged model, which is another one."""
    recipe, run = run_copy()
    recipe = recipe.model_copy(update={"finetune": {"legal": Finetune(data="corpus")}})
    audit(recipe, run)
    merged = AutoModelForCausalLM.from_pretrained(run.model)
    torch.manual_seed(2)
    for weights in merged.parameters():
        weights.data += 0.1 * torch.randn_like(weights)
    shutil.copytree(run.model, run.model_with("legal"))
    merged.save_pretrained(run.model_with("legal"))
    return recipe, run


def audit_adapter(recipe: Recipe, run: RunDir) -> AuditReport:
    out = run.start(stages(recipe)["audit:legal"], recipe)
    audit_model(recipe, run, out, "legal")
    report = out.report("audit:legal", recipe)
    assert isinstance(report, AuditReport)
    return report


def test_an_adapters_gaps_are_compared_with_those_of_its_model(adapted: tuple[Recipe, RunDir]) -> None:
    recipe, run = adapted
    report, before = audit_adapter(recipe, run), run.report("audit", recipe)
    assert before.changes is None and before.suites.pairs is not None
    assert report.changes is not None and report.suites.pairs is not None
    for one in report.changes:
        gaps = [each.suites.pairs.languages["en"].groups[one.group].gap for each in (before, report)]  # type: ignore[union-attr]
        assert one.change.value == pytest.approx(gaps[1].value - gaps[0].value) != 0  # type: ignore[union-attr]
        assert one.verdict == "model not competent"


def test_an_adapter_audited_with_other_probes_than_its_model_is_not_compared(adapted: tuple[Recipe, RunDir]) -> None:
    recipe, run = adapted
    settings = recipe.audit.model_copy(update={"languages": ("es",)})
    report = audit_adapter(recipe.model_copy(update={"audit": settings}), run)
    assert report.changes is None and report.not_measured == {"changes": "other_probes"}
