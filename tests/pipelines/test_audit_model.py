"""The audit stage, run on models that were really saved: what it writes, and that it writes it twice alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from desdecero.eval_suites.bias import GROUPS, load_probes
from desdecero.pipelines.audit_model import audit_model
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
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


def test_a_context_too_short_for_any_probe_is_refused_in_one_sentence(tmp_path: Path) -> None:
    wanted = recipe("llama", ["es"])
    run = run_with_model(wanted, tmp_path)
    config = json.loads((run.model / "config.json").read_text())
    (run.model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4}))
    with pytest.raises(UserError, match=r"raise model\.context_length"):
        audit(wanted, run, "out")
