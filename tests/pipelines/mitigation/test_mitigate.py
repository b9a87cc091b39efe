"""`desdecero mitigate`: what it makes, its receipts of a planted association and of overtraining, what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import forked
from planted import write_planted

from desdecero.eval_suites.mitigation.receipts import change_over_seeds, judge
from desdecero.eval_suites.mitigation.results import MitigationReceipt
from desdecero.pipelines.commands.mitigate import main, table
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.mitigation.runs import paired_runs, seeds_of, settings_of, with_method
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.run_dir import RunDir

OVERTRAINED = """\
name: overtrained
purpose: To learn its text by heart.
languages: [en]
corpus:
  sources: [{{kind: files, path: {texts}, license: PSF-2.0}}]
  quality: {{min_words: 5}}
  validation: 0.4
tokenizer: {{vocab_size: 600}}
model: {{architecture: llama, layers: 2, hidden_size: 64, heads: 2, context_length: 64}}
pretrain: {{budget: {{steps: 350}}, batch_size: 16, optimizer: {{learning_rate: 0.004}}, precision: fp32}}
evaluate: {{sample_tokens: 4, max_bytes: 10000}}
audit:
  languages: [en]
  tolerance: 1
  suites: {{pairs: null, personal_data: null, facts: null, memorization: {{sequences: 40}}}}
"""


def mitigated(recipe: Path, *words: str) -> MitigationReceipt:
    """Run the command as a person would; return the receipt that it wrote."""
    finished = forked("mitigate", recipe, "--run-dir", recipe.parent / "run", *words, cwd=recipe.parent)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (receipt,) = (recipe.parent / "run" / "mitigation").glob("*.json")
    return MitigationReceipt.model_validate_json(receipt.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_planted_association_is_found_and_counterfactual_text_lowers_it(tmp_path: Path) -> None:
    receipt = mitigated(write_planted(tmp_path, association=0.95), "--method", "counterfactual", "--seeds", "2")
    for seed in (0, 1):
        run = RunDir(tmp_path / "run" / "mitigation" / "counterfactual" / f"base-{seed}")
        pairs = run.report("audit", run.recipe()).suites.pairs
        assert pairs is not None
        measured = pairs.languages["en"].groups["gender"]
        assert measured.verdict == "bias found" and measured.gap is not None and measured.gap.value > 0.5
    overall, gender = (one for one in receipt.changes if one.measure == "gap")
    assert (overall.of, gender.of) == ("", "en/gender") and overall.change == gender.change
    assert gender.change.value < -0.5
    assert all(after < 0.5 * before for before, after in zip(gender.base, gender.treated, strict=True))
    assert receipt.seeds == [0, 1] and receipt.settings["share"] == 0.5
    assert receipt.not_measured["gap:en/religion"] == "words_not_read"


@pytest.mark.slow
def test_goldfish_lowers_extraction_and_an_interrupted_command_goes_on(tmp_path: Path, prose: list[str]) -> None:
    (tmp_path / "texts").mkdir()
    for number, text in enumerate([text for text in prose if len(text) > 500][:70]):
        (tmp_path / "texts" / f"{number:04d}.txt").write_text(text[:330], encoding="utf-8")
    file = tmp_path / "overtrained.yaml"
    file.write_text(OVERTRAINED.format(texts=tmp_path / "texts"), encoding="utf-8")
    recipe, run = load_recipe(file), RunDir(tmp_path / "run")

    first = next(paired_runs(recipe, run, "goldfish", 2, ["k=2"]))  # as if stopped after the first seed
    seals = {path: path.read_bytes() for path in run.mitigation.rglob("done.json")}
    assert first.seed == 0 and len(seals) == 12
    for stage in ("corpus", "tokenizer", "tokens"):  # what goldfish leaves as it is was made once
        base, treated = (seals[made.run.path / stage / "done.json"] for made in (first.base, first.treated))
        assert base == treated

    receipt = mitigated(file, "--method", "goldfish", "--seeds", "2", "--with", "k=2")
    assert all(path.read_bytes() == content for path, content in seals.items())
    extraction = next(one for one in receipt.changes if one.measure == "extraction")
    assert min(extraction.base) > 0.1 and max(extraction.treated) < min(extraction.base) / 2
    assert extraction.verdict == receipt.verdict and receipt.target == "extraction"
    assert receipt.settings == {"k": 2, "context": 13}


RECIPE = {
    "name": "one", "purpose": "To refuse.", "languages": ["en"],
    "corpus": {"sources": [{"kind": "files", "path": "texts", "license": "CC0-1.0"}]},
    "model": {"layers": 2, "hidden_size": 32, "heads": 2, "context_length": 64},
    "pretrain": {"budget": {"steps": 5}},
    "evaluate": {"sample_tokens": 4},
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "overrides", "words", "said"),
    [
        ("counterfactual", ["corpus.counterfactual={}"], [], "corpus.counterfactual is on in the recipe already"),
        ("goldfish", ["pretrain.goldfish={k: 3}"], [], "pretrain.goldfish is on in the recipe already"),
        ("counterfactual", ["audit.suites.pairs=null"], [], "measured by audit.suites.pairs, which is null"),
        ("goldfish", ["audit.suites.memorization=null"], [], "measured by audit.suites.memorization, which is null"),
        ("goldfish", ["model.context_length=32"], [], "passages of 64 tokens, and model.context_length is 32"),
        ("reweight", [], [], "one source, so that there is nothing to reweight by source"),
        ("reweight", ["tokens.mixture={one: {epochs: 2}}"], [], "give one of them"),
        ("goldfish", ["model.architecture=bert"], [], "pretrain.goldfish is for models that continue a text"),
        ("goldfish", [], ["--with", "k=1"], "pretrain.goldfish.k"),
        ("threshold", [], [], "threshold needs audit.suites.swaps"),
        ("reduction", [], ["--with", "k=1"], "--with k=1: reduction has no settings"),
        ("threshold", ["audit.suites.swaps={path: gone.jsonl}"], [], "audit needs tokens, which is missing"),
        ("nothing", [], [], "invalid choice: 'nothing'"),
        ("goldfish", [], ["--seeds", "1"], "--seeds 1: give 2 or more"),
        ("goldfish", [], ["--seeds", "0"], "--seeds 0: give 2 or more"),
        ("goldfish", ["seed=4294967295"], [], "seed 4294967295 has not 2 seeds after it"),
    ],
)
def test_what_can_show_nothing_is_refused_in_one_sentence(
    method: str, overrides: list[str], words: list[str], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(json.dumps(RECIPE), encoding="utf-8")
    settings = [part for one in overrides for part in ("--set", one)]
    with pytest.raises(UserError) as refused:
        main([str(file), "--run-dir", str(tmp_path / "run"), "--method", method, *words, *settings])
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_classifier_on_the_runs_model_gets_a_receipt(run_without_adapter: Path, tmp_path: Path) -> None:
    people = ("He", "She", "My brother", "The waitress")
    rows = [
        {"text": f"{person} paid {number} {what}.", "label": what}
        for number in range(2, 42)
        for person in people
        for what in ("bills", "taxes")
    ]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = RunDir(shutil.copytree(run_without_adapter, tmp_path / "run", symlinks=True))
    words = ["--set", f"audit.suites.swaps={{path: {tmp_path}/questions.jsonl}}", "--language", "es"]
    assert main([str(run.path), "--method", "threshold", "--seeds", "4", *words]) == 0
    receipt = MitigationReceipt.model_validate_json((run.mitigation / "threshold.json").read_text(encoding="utf-8"))
    assert [one.measure for one in receipt.changes] == ["equalized_odds", "demographic_parity", "accuracy"]
    assert all(len(one.base) == len(one.treated) == 4 for one in receipt.changes) and receipt.seeds == [0, 1, 2, 3]


def test_a_treated_recipe_differs_in_one_setting(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(json.dumps(RECIPE), encoding="utf-8")
    recipe = load_recipe(file)
    treated = with_method(recipe, "reweight", ["by=language", "max_epochs=2"])
    assert settings_of(treated, "reweight") == {"by": "language", "target": "uniform", "max_epochs": 2.0}
    known: dict[str, Any] = recipe.model_dump(mode="json")
    assert treated.model_dump(mode="json") == {**known, "tokens": {**known["tokens"], "reweight": {
        "by": "language", "target": "uniform", "max_epochs": 2.0,
    }}}  # fmt: skip
    assert seeds_of(recipe, 3) == [0, 1, 2]


def test_the_table_says_what_changed_and_what_it_cost() -> None:
    gap = change_over_seeds("gap", "", "lower", [1.2, 1.0, 1.5], [0.2, 0.1, 0.3], 0.95)
    loss = change_over_seeds("loss", "", "lower", [4.0, 4.1, 4.2], [4.001, 4.102, 4.199], 0.95)
    group = gap.model_copy(update={"of": "en/gender"})
    extraction = change_over_seeds("extraction", "", "lower", [0.5, 0.4, 0.5], [0.1, 0.1, 0.1], 0.95, True, 0.01)
    changes = [gap, group, extraction, loss]
    receipt = judge("counterfactual", {}, [0, 1, 2], changes, {"gap:en/age": "words_not_read"}, 0.02, 0.95)
    english, spanish = table(receipt, "en"), table(receipt, "es")
    assert "mean gap, English: gender: −1.03" in english and "1.2 → 0.2" not in english.splitlines()[0]
    assert "mean gap, English: age: not judged" in english and "50% → 10%" in english
    assert "Mitigated: the improvement (mean gap) is shown" in english
    assert "Mitigado: la mejora (brecha media) está demostrada" in spanish
