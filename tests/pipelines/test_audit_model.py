"""The audit stage, run on models that were really saved: what it writes, and that it writes it twice alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from desdecero.eval_suites.bias import GROUPS, load_probes
from desdecero.pipelines.audit_model import audit_model
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Finetune, Recipe
from desdecero.pipelines.run.reports.audit import AuditReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.training.model.build import build_config, build_model

ROLES = {"eos_token": "<|eos|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"}


def recipe(architecture: str, languages: list[str]) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "audited",
            "purpose": "To be audited.",
            "languages": ["en"],
            "corpus": {"sources": [{"kind": "installed_docs"}]},
            "model": {
                "architecture": architecture, "layers": 1, "hidden_size": 16, "heads": 2, "context_length": 32,
            },
            "pretrain": {"budget": {"steps": 1}},
            "evaluate": {"sample_tokens": 8},
            "audit": {"languages": languages, "resamples": 200},
        }
    )  # fmt: skip


def run_with_model(wanted: Recipe, folder: Path) -> RunDir:
    """A run directory with a model of random weights, and a tokenizer trained on the probes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000, special_tokens=[*ROLES.values(), "<extra_id_0>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator((probe.context for probe in load_probes("en")), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **ROLES)
    run = RunDir(folder)
    torch.manual_seed(1)
    build_model(build_config(wanted.model, fast)).save_pretrained(run.model)
    fast.save_pretrained(run.model)
    return run


def audit(wanted: Recipe, run: RunDir, name: str) -> tuple[RunDir, str]:
    out = RunDir(run.path / name)
    out.audit.mkdir(parents=True)
    return out, audit_model(wanted, run, out)


@pytest.mark.parametrize(
    ("architecture", "languages"), [("llama", ["en", "es"]), ("gpt2", ["es"]), ("bert", ["en"]), ("t5", ["en"])]
)
def test_the_report_holds_every_language_and_group(architecture: str, languages: list[str], tmp_path: Path) -> None:
    wanted = recipe(architecture, languages)
    out, summary = audit(wanted, run_with_model(wanted, tmp_path), "out")
    report = out.report("audit", wanted)
    assert list(report.languages) == languages
    for language in languages:
        assert list(report.languages[language].groups) == list(GROUPS)
        for group in report.languages[language].groups.values():
            assert group.gap.low <= group.gap.value <= group.gap.high
    assert [(f.language, f.group) for f in report.findings] == [(la, g) for la in languages for g in GROUPS]
    assert (report.untrained is None) == (architecture == "bert")  # a pass for every token would cost as much again
    assert summary == f"{240 * len(languages)} probes; model not competent in {6 * len(languages)} groups"


def test_the_probes_file_adds_up_to_the_report(tmp_path: Path) -> None:
    wanted = recipe("llama", ["en"])
    out, _ = audit(wanted, run_with_model(wanted, tmp_path), "out")
    rows = [json.loads(line) for line in (out.audit / "probes.jsonl").read_text(encoding="utf-8").splitlines()]
    for group, measured in out.report("audit", wanted).languages["en"].groups.items():
        gaps = [row["gap"] for row in rows if row["group"] == group]
        assert len(gaps) == measured.probes
        assert np.mean(gaps) == pytest.approx(measured.gap.value)
    assert rows[0]["context"] == load_probes("en")[0].context


def test_the_picture_is_a_picture(tmp_path: Path) -> None:
    wanted = recipe("llama", ["en", "es"])
    out, _ = audit(wanted, run_with_model(wanted, tmp_path), "out")
    height, width, _ = imread(out.audit / "gaps.png").shape
    assert height > 300 and width > 600


def test_the_same_model_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    wanted = recipe("llama", ["es"])
    run = run_with_model(wanted, tmp_path)
    first, second = audit(wanted, run, "first")[0], audit(wanted, run, "second")[0]
    for name in ("report.json", "probes.jsonl", "gaps.png"):
        assert (first.audit / name).read_bytes() == (second.audit / name).read_bytes()


@pytest.fixture
def adapted(tmp_path: Path) -> tuple[Recipe, RunDir]:
    """A run with a model whose audit in Spanish is sealed, and with an adapter's merged model, which is another one."""
    wanted = recipe("llama", ["es"]).model_copy(update={"finetune": {"legal": Finetune(data="corpus")}})
    run = run_with_model(wanted, tmp_path)
    merged = AutoModelForCausalLM.from_pretrained(run.model)
    torch.manual_seed(2)
    for weights in merged.parameters():
        weights.data += 0.1 * torch.randn_like(weights)
    shutil.copytree(run.model, run.model_with("legal"))
    merged.save_pretrained(run.model_with("legal"))
    audit_model(wanted, run, run.start(stages(wanted)["audit"], wanted))
    run.commit(stages(wanted)["audit"], wanted, seconds=1.0)
    return wanted, run


def audit_adapter(wanted: Recipe, run: RunDir) -> tuple[AuditReport, list[dict[str, Any]]]:
    out = run.start(stages(wanted)["audit:legal"], wanted)
    audit_model(wanted, run, out, "legal")
    report = out.report("audit:legal", wanted)
    assert isinstance(report, AuditReport)
    lines = (out.folder("audit:legal", wanted) / "probes.jsonl").read_text(encoding="utf-8").splitlines()
    return report, [json.loads(line) for line in lines]


def test_an_adapters_gaps_are_compared_with_those_of_its_model_probe_by_probe(adapted: tuple[Recipe, RunDir]) -> None:
    wanted, run = adapted
    report, after = audit_adapter(wanted, run)
    before = [json.loads(line) for line in (run.audit / "probes.jsonl").read_text(encoding="utf-8").splitlines()]
    assert run.report("audit", wanted).changes is None
    assert report.changes is not None and [one.group for one in report.changes] == list(GROUPS)
    for one in report.changes:
        pairs = [(b["gap"], a["gap"]) for b, a in zip(before, after, strict=True) if a["group"] == one.group]
        assert one.probes == len(pairs)
        assert one.change.value == pytest.approx(np.mean([a - b for b, a in pairs])) != 0
        assert one.verdict == "model not competent"  # random weights: their gaps say nothing


def test_an_adapter_audited_with_other_probes_than_its_model_is_not_compared(adapted: tuple[Recipe, RunDir]) -> None:
    wanted, run = adapted
    settings = wanted.audit.model_copy(update={"languages": ("en", "es")})
    report, _ = audit_adapter(wanted.model_copy(update={"audit": settings}), run)
    assert report.changes is None and "other probes" in report.not_measured["changes"]


def test_a_context_too_short_for_any_probe_is_refused_in_one_sentence(tmp_path: Path) -> None:
    wanted = recipe("llama", ["es"])
    run = run_with_model(wanted, tmp_path)
    config = json.loads((run.model / "config.json").read_text())
    (run.model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4}))
    with pytest.raises(UserError, match=r"raise model\.context_length"):
        audit(wanted, run, "out")
