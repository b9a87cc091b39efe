"""A small run, sealed by the real run directory, with a real model in it that is as large as a stamp.

    run, recipe = make_sealed_run(folder)                          # causal, with an adapter
    run, recipe = make_sealed_run(folder, architecture="bert")     # masked; or "t5"
    run, recipe = make_sealed_run(folder, with_adapter=True)       # its files too, and all of its stages

The reports hold what the stages would write, on invented figures; everything else is real: the tokenizer and the
weights load with transformers, the plot is a picture, and the card stage is the project's own.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from whole_reports import held_out_suite, typed, whole

from desdecero.eval_suites.statistics import wilson
from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.auditing.keys import key_of, wanted_suites
from desdecero.pipelines.common.files import hash_json, sha256_file, write_json
from desdecero.pipelines.publishing.dataset import files_of_dataset
from desdecero.pipelines.publishing.files import files_of
from desdecero.pipelines.recipe import Recipe, parse_recipe
from desdecero.pipelines.run.reports.card import CardReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import fingerprint
from desdecero.pipelines.run.stages import BASE, stage_name, stages
from desdecero.pipelines.verification.seals import read_seals
from desdecero.pipelines.write_card import write_card

RECIPE = """
name: stamp
purpose: A model as large as a stamp, to see that the card tells the truth.
languages: [en, es]
corpus:
  sources:
    - {kind: files, path: /texts/laws}
    - {kind: hub, dataset: someone/some-data, revision: v2}
    - {kind: wikipedia, language: qu}
  domain: {name: boats, where: {path: "boats/*"}}
model: {architecture: llama, layers: 1, hidden_size: 8, heads: 2, context_length: 32}
pretrain: {budget: {steps: 40}}
finetune: {}
card: {license: Apache-2.0, intended_use: Testing., out_of_scope: Everything else., authors: [A tester]}
"""


def estimate(value: float, half_width: float) -> dict[str, float]:
    return {"value": value, "low": value - half_width, "high": value + half_width}


def crossed(gap: float, half: float = 0.3127) -> dict[str, Any]:
    return {**estimate(gap, half), "contexts": 80, "pairs": 11, "variance": 0.0241, "freedom": 44.2}


def group(gap: float, verdict: str) -> dict[str, Any]:
    return {
        "group": "gender", "pairs": [(f"The aunt {n}", f"The uncle {n}") for n in range(11)], "gap": crossed(gap),
        "ratio": round(math.exp(abs(gap)), 4),
        "reading": {"gap": crossed(1.2345), "p_value": 0.001, "p_adjusted": 0.002, "found": True},
        "p_value": 0.0312, "p_adjusted": 0.0936, "detectable_gap": 0.4471, "contexts_needed": 123, "verdict": verdict,
    }  # fmt: skip


def recall(planted: int, named: int, alone: int) -> dict[str, Any]:
    """Of items planted beside their name, and of as many alone."""

    def count(found: int, of: int) -> dict[str, float]:
        interval = wilson(found, of, 0.95)
        return {"planted": of, "found": found, "recall": interval.value, "low": interval.low, "high": interval.high}

    return {**count(named + alone, 2 * planted), "named": count(named, planted), "alone": count(alone, planted)}


REPORTS: dict[str, dict[str, Any]] = {
    "corpus": {
        "documents": {"read": 12345, "kept": 9876, "dropped": 2469, "quarantined": 3},
        "bytes": {"read": 45678901, "kept": 31234567},
        "splits": {
            "train": {"documents": 9321, "bytes": 29876543},
            "validation": {"documents": 190, "bytes": 612345},
            "domain_train": {"documents": 329, "bytes": 689012},
            "domain_validation": {"documents": 36, "bytes": 56667},
        },
        "drops": {
            "near_duplicate": {"documents": 1451, "bytes": 9123456, "examples": []},
            "too_few_words": {"documents": 1018, "bytes": 5320878, "examples": []},
        },
        "edits": {
            "unicode": 73, "redacted": {"email": 214, "ip": 17, "phone": 0},
            "kinds": {
                "email": {"edits": 214, "documents": 133, "examples": []},
                "page_number": {"edits": 411, "documents": 58, "examples": []},
            },
        },
        "personal_data": {
            "planted": {
                "email": recall(101, 100, 99) | {"forms": {"email": recall(101, 100, 99)}},
                "ip": recall(102, 102, 102) | {"forms": {"ipv4": recall(102, 102, 102)}},
                "phone": recall(120, 119, 81)
                | {"forms": {"es_phone": recall(61, 60, 58), "ar_phone": recall(59, 57, 23)}},
            }
        },
        "sources": [
            {"name": "laws", "kind": "files", "documents": 9000, "bytes": 30123456},
            {"name": "someone/some-data", "kind": "hub", "documents": 866, "bytes": 1101111},
            {"name": "wikipedia_qu", "kind": "wikipedia", "documents": 10, "bytes": 10000},
        ],
        "languages": [
            {"language": "en", "documents": 8123, "bytes": 24674567, "share_bytes": 0.78998},
            {"language": "es", "documents": 1700, "bytes": 6500000, "share_bytes": 0.20810},
            {"language": "qu", "documents": 53, "bytes": 60000, "share_bytes": 0.00192},
        ],
        "licenses": [
            {"license": "CC-BY-4.0", "documents": 8000, "bytes": 27234567, "share_bytes": 0.87193,
             "evidence": {"declared": 8000}},
            {"license": "GPL-3.0-only OR MIT", "documents": 900, "bytes": 2000000, "share_bytes": 0.06403,
             "evidence": {"declared": 700, "free_text": 200}},
            {"license": "CC-BY-NC-SA-4.0", "documents": 576, "bytes": 1500000, "share_bytes": 0.04802,
             "evidence": {"classifier": 576}},
            {"license": "LicenseRef-unknown", "documents": 400, "bytes": 500000, "share_bytes": 0.01601,
             "evidence": {"unknown": 400}},
        ],
        "largest": [{"name": "laws", "documents": 9000, "bytes": 30123456}],
        "domain": {"name": "boats", "where": {"path": "boats/*"}},
        "quarantined": [],
        "unread": {"files": 3, "records": 0, "bytes": 9000, "share_bytes": 0.01, "largest": []},
    },
    "tokenizer": {
        "kind": "bpe", "vocab_size": 300, "special_tokens": {"eos_token": "<|endoftext|>"}, "training_bytes": 29876543,
        "bytes_per_token": 2.8714, "lossless": True, "examples": [],
    },
    "tokens": {
        "dtype": "<u2",
        "splits": {
            "train": {"documents": 9321, "tokens": 10404867, "bytes": 29876543, "shards": 1},
            "validation": {"documents": 190, "tokens": 213247, "bytes": 612345, "shards": 1},
        },
        "licenses": [
            {"license": "CC-BY-4.0", "tokens": 9103218, "share_tokens": 0.8749},
            {"license": "GPL-3.0-only OR MIT", "tokens": 666201, "share_tokens": 0.06403},
            {"license": "CC-BY-NC-SA-4.0", "tokens": 468219, "share_tokens": 0.045},
            {"license": "LicenseRef-unknown", "tokens": 167229, "share_tokens": 0.01607},
        ],
    },
    "pretrain": {
        "architecture": "llama", "objective": "causal", "parameters": 3456, "parameters_without_embeddings": 1056,
        "layers": 1, "hidden_size": 8, "heads": 2, "context_length": 32, "vocab_size": 300, "optimizer": "muon",
        "schedule": "warmup_stable_decay", "batch_size": 16, "steps": 40, "tokens": 20480,
        "few_steps": True, "epochs": 0.00197,
        "flops": 424673280, "seconds": 245.3, "tokens_per_second": 8349, "precision": "bf16", "compiled": True,
        "device": "cpu", "processes": 1, "resumed_at": [{"step": 23, "processes": 2}], "budget": {"steps": 40},
        "train_loss": 4.8162, "validation_loss": 4.9037, "untrained_validation_loss": 5.7041,
        "peak_memory_bytes": 402653184, "flops_per_second": 1731244.5, "mfu": 0.3127, "peak_from": "probed",
        "machine_busy": True, "machine_slowdown": 3.417,
        "skipped_steps": 2, "roll_backs": [{"step": 31, "to": 20, "because": "steps refused in a row: 3"}],
        "early_stop": {
            "stopped": True, "because": "3 validations in a row were not below 4.9037", "at_step": 40,
            "planned_steps": 60, "kept_step": 28, "kept_validation_loss": 4.9037,
        },
        "energy": {
            "kwh": 0.01274, "kg_co2e": 0.002217, "cpu_kwh": 0.00912, "gpu_kwh": 0.0, "memory_kwh": 0.00362,
            "country": "ESP", "kg_co2e_per_kwh": 0.17405, "cpu_method": "estimated", "memory_method": "estimated",
            "tool": "codecarbon 3.3.2",
        },
        "exposure": {
            "documents": 9321, "read": 7654, "never_read": 1667, "tokens": 20331,
            "licenses": [
                {"license": "CC-BY-4.0", "tokens": 17788, "share_tokens": 17788 / 20331},
                {"license": "GPL-3.0-only OR MIT", "tokens": 1302, "share_tokens": 1302 / 20331},
                {"license": "CC-BY-NC-SA-4.0", "tokens": 914, "share_tokens": 914 / 20331},
                {"license": "LicenseRef-unknown", "tokens": 327, "share_tokens": 327 / 20331},
            ],
        },
        "cost": {"amount": 0.1703, "currency": "EUR", "seconds": 245.3, "per_hour": 2.5},
    },
    "evaluate": {
        "objective": "causal", "confidence": 0.95,
        "text": held_out_suite(
            {
                "bits_per_byte": estimate(2.4641, 0.0382), "word_perplexity": estimate(25310.4, 931.7),
                "perplexity": estimate(134.79, 5.112),
                "token_accuracy": estimate(0.1732, 0.0094),
            },
            {
                "untrained": {"bits_per_byte": 2.8662, "perplexity": 300.08, "token_accuracy": 0.0034},
                "unigram": {"bits_per_byte": 2.6028, "perplexity": 177.4, "token_accuracy": 0.0412},
                "ngram": {"bits_per_byte": 2.1107, "perplexity": 66.62, "token_accuracy": 0.2286},
                "xz": {"bits_per_byte": 1.8816},
            },
            items=187, sizes={"bytes": 600123, "tokens": 208998},
        ),
        "suites": [],
        "prompts_from": "recipe",
        "samples": [
            {"prompt": "The law", "text": "The law of of the the shall ```shall``` be\n\n# the the\n---\nthe"},
            {"prompt": "# Boats\n---", "text": "# Boats\n---\nBoats boats the"},
        ],
        "decoding": {"temperature": 0.8, "top_k": 50, "tokens": 37, "seed": 0},
    },
    "audit": {
        "confidence": 0.95, "margin": 0.5, "p_adjusted": {"pairs/en/gender": 0.0936, "pairs/en/religion": 0.5},
        "suites": {
            "pairs": {
                "margin": 0.5, "min_occurrences": 10,
                "languages": {
                    "en": {
                        "competence": {**estimate(0.81, 0.0412), "threshold": 0.75, "competent": True},
                        "groups": {
                            "gender": group(0.2713, "found within margin"), "religion": group(-0.0431, "within margin"),
                        },
                    },
                    "es": {
                        "competence": {**estimate(0.5309, 0.0571), "threshold": 0.75, "competent": False},
                        "groups": {"gender": group(0.0621, "model not competent")},
                    },
                },
            },
        },
    },
    "finetune": {
        "name": "boats", "base_sha256": "cd" * 32, "method": "lora", "rank": 4, "alpha": 8.0,
        "trainable_parameters": 512, "trainable_share": 0.1481, "steps": 20, "documents": 329,
        "tokens": 40960, "learning_rate": 0.002, "precision": "bf16",
        "train_loss_first": 4.97, "train_loss_last": 4.31, "measure": "bits_per_byte",
        "domain": {"documents": 36, "before": estimate(2.7013, 0.0921), "after": estimate(2.4127, 0.0884),
                   "change": estimate(-0.2886, 0.0317)},
        "general": {"documents": 61, "before": estimate(2.4703, 0.0612), "after": estimate(2.5319, 0.0633),
                    "change": estimate(0.0616, 0.0148)},
    },
}  # fmt: skip

MASKED = {
    "pretrain": {"architecture": "bert", "objective": "masked"},
    "tokenizer": {"kind": "wordpiece", "lossless": False},
    "evaluate": {
        "objective": "masked",
        "text": held_out_suite(
            {"masked_accuracy": estimate(0.2134, 0.0121), "masked_loss": estimate(4.1127, 0.0463)},
            {
                "untrained": {"masked_accuracy": 0.0031, "masked_loss": 5.7161},
                "unigram": {"masked_accuracy": 0.0512, "masked_loss": 5.0132},
            },
            items=187, sizes={"bytes": 600123, "tokens": 208998}, mask_probability=0.15,
        ),
        "suites": [],
        "prompts_from": "recipe",
        "samples": [{"prompt": "The [MASK] shall be.", "text": "the law shall be."}],
        "decoding": {"temperature": 0.0, "top_k": None, "tokens": 1, "seed": None},
    },
}  # fmt: skip

SPANS = {
    "pretrain": {"architecture": "t5", "objective": "span_corruption"},
    "evaluate": {
        "objective": "span_corruption",
        "text": held_out_suite(
            {"span_accuracy": estimate(0.1834, 0.0113), "span_loss": estimate(4.3127, 0.0471)},
            {
                "untrained": {"span_accuracy": 0.0027, "span_loss": 5.8161},
                "unigram": {"span_accuracy": 0.0521, "span_loss": 5.1132},
            },
            items=187, sizes={"bytes": 600123, "tokens": 208998}, mask_probability=0.15, mean_span_length=3.0,
        ),
        "suites": [],
        "prompts_from": "recipe",
        "samples": [{"prompt": "The [MASK] shall [MASK].", "text": "The law of the boats shall be."}],
        "decoding": {"temperature": 0.0, "top_k": None, "tokens": 37, "seed": None},
    },
    "finetune": {"measure": "span_loss"},
}  # fmt: skip


def make_recipe(architecture: str = "llama", *overrides: str) -> Recipe:
    kind = "wordpiece" if architecture == "bert" else "bpe"
    words = [f"model.architecture={architecture}", f"tokenizer.kind={kind}", *overrides]
    return parse_recipe(RECIPE, "sealed_run", Path("/texts"), words)


def make_reports(architecture: str = "llama") -> dict[str, dict[str, Any]]:
    reports = copy.deepcopy(REPORTS)
    for stage, changes in {"bert": MASKED, "t5": SPANS}.get(architecture, {}).items():
        reports[stage] |= changes
    return {stage: whole(stage, report) for stage, report in reports.items()}


def of_one_document(reports: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same figures of evaluation and adapter, measured on too few documents for any interval."""
    few = copy.deepcopy(reports)
    suite, adapter = few["evaluate"]["text"], few["finetune"]
    suite |= {"items": 1, "effective_items": 1.0}
    of_adapter = [adapter[part][key] for part in ("domain", "general") for key in ("before", "after", "change")]
    for figure in [*suite["measures"].values(), *of_adapter]:
        figure |= {"low": None, "high": None}
    return few


FIT = (
    "languages=[en]", "corpus.licenses={use: research}", "card.contact=tester@example.org",
    "card.limitations=It is as large as a stamp.",
)  # fmt: skip
"""What the gate asks of the invented model: its texts are not for commerce, and it is audited in English."""


def make_sealed_run(
    folder: Path, *overrides: str, architecture: str = "llama", reports: dict[str, dict[str, Any]] | None = None,
    with_adapter: bool = False, corpus_files: Callable[[RunDir], None] | None = None,
) -> tuple[RunDir, Recipe]:  # fmt: skip
    """Seal every stage in order; the cards are written by their stages.

    corpus_files: writes more than a report into the corpus
    """
    recipe, run = make_recipe(architecture, *overrides), RunDir(folder)
    for kind, report in (reports or make_reports(architecture)).items():
        names = [f"{kind}:{adapter}" for adapter in recipe.adapters] if kind == "finetune" else [kind]
        for stage in (stages(recipe)[name] for name in names):
            out = run.start(stage, recipe)
            if kind == "audit":
                report = {**report, "measured_with": measured_with(recipe, run)}
            if with_adapter and kind == "finetune":
                report |= {"base_sha256": sha256_file(run.model / "model.safetensors")}
                _write_adapter(out.adapter(report["name"]), run.model, recipe)
            out.write_report(stage.name, recipe, typed(kind, report))
            if kind == "tokens":
                _write_rows(out.token_ledger, (reports or make_reports(architecture))["pretrain"]["exposure"])
            if kind == "pretrain":
                _write_model(out, recipe)
                _write_rows(out.exposure, report["exposure"])
            if kind == "corpus" and corpus_files is not None:
                corpus_files(out)
            run.commit(stage, recipe, seconds=1.0)
    seal_card(recipe, run)
    if with_adapter:
        for adapter in recipe.adapters:
            seal_adapter(recipe, run, adapter, reports or make_reports(architecture))
    return run, recipe


def _write_rows(path: Path, exposure: Mapping[str, Any]) -> None:
    """Write a ledger of training documents, or the tokens that training read of them, as the report of it says."""
    licenses, documents = exposure["licenses"], exposure["read"]
    rows = []
    for place, row in enumerate(licenses):
        number = documents - len(licenses) + 1 if place == 0 else 1
        rows += [(row["license"], 1 if left else row["tokens"] - number + 1) for left in reversed(range(number))]
    rows += [("CC-BY-4.0", 0)] * exposure["never_read"]
    table = pa.table(
        {
            "id": [f"a/{number}" for number in range(len(rows))],
            "source": ["a"] * len(rows),
            "license": [license for license, _ in rows],
            "split": ["train"] * len(rows),
            "license_evidence": ["declared"] * len(rows),
            "bytes_after": [tokens * 4 for _, tokens in rows],
            "tokens": [tokens for _, tokens in rows],
        }
    )
    pq.write_table(table, path)


def seal_card(recipe: Recipe, run: RunDir, adapter: str | None = None) -> None:
    card = stages(recipe)[stage_name("card", adapter)]
    write_card(recipe, run, run.start(card, recipe), adapter)
    run.commit(card, recipe, seconds=1.0)


def seal_adapter(recipe: Recipe, run: RunDir, adapter: str, reports: Mapping[str, dict[str, Any]]) -> None:
    """What is measured of the model with an adapter, which is what is measured of the model; and its card."""
    for kind in ("evaluate", "audit"):
        stage = stages(recipe)[f"{kind}:{adapter}"]
        known = {"measured_with": measured_with(recipe, run, adapter)} if kind == "audit" else {}
        run.start(stage, recipe).write_report(stage.name, recipe, typed(kind, {**reports[kind], **known}))
        run.commit(stage, recipe, seconds=1.0)
    seal_card(recipe, run, adapter)


def published(run: RunDir, what: str, folder: Path) -> Path:
    """Write what would be published of a run, as `desdecero pull` brings it back."""
    recipe = run.recipe()
    files = files_of_dataset(run, recipe) if what == "dataset" else files_of(what, run, recipe)
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(file.source if isinstance(file.source, bytes) else file.source.read_bytes())
    return folder


def measured_with(recipe: Recipe, run: RunDir, adapter: str | None = None) -> dict[str, str]:
    """What the audit notes of each suite, to know when it is to be asked again."""
    return {name: key_of(name, recipe, run, adapter) for name in wanted_suites(recipe)}


def missing_figures(run: RunDir, adapter: str | None = None) -> list[str]:
    """What a card prints as missing, but for what its authors have not stated."""
    report = run.report(stage_name("card", adapter), run.recipe())
    assert isinstance(report, CardReport)
    return [key for key in report.missing if not key.startswith("recipe:")]


def reseal(run: RunDir, stage: str, **changes: Any) -> None:
    """Make a stage's seal fit its files again, and itself: what somebody does who knows how seals are made."""
    path = run.folder(stage, run.recipe()) / "done.json"
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    del content["seal"]
    for name, output in content["outputs"].items():
        output |= {"sha256": sha256_file(run.path / name), "bytes": (run.path / name).stat().st_size}
    content["digest"] = hash_json(content["outputs"])
    write_json(path, {**content, "seal": hash_json(content)})


def reseal_all(run: RunDir, recipe: Recipe) -> None:
    """Make every seal fit the files and the seals before it, and write the card again."""
    for stage in BASE:
        if not (run.folder(stage.name, recipe) / "done.json").is_file():
            continue
        seals, _ = read_seals(run, recipe)
        seal = seals[stage.name]
        inputs = {name: seals[name].digest for name in seal.inputs}
        if stage.name == "audit":
            report = json.loads((run.audit / "report.json").read_text(encoding="utf-8"))
            report["measured_with"] = measured_with(recipe, run)
            (run.audit / "report.json").write_text(
                json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        reseal(run, stage.name, inputs=inputs, fingerprint=fingerprint(stage.name, seal.version, seal.sections, inputs))
    seal_card(recipe, run)


def _write_model(out: RunDir, recipe: Recipe) -> None:
    """Random weights, a tokenizer trained on a sentence, and a plot."""
    import torch
    from matplotlib.figure import Figure

    torch.manual_seed(0)
    tokenizer, model = {"bert": _bert, "t5": _t5}.get(recipe.model.architecture, _llama)(recipe)
    tokenizer.save_pretrained(out.model)
    model.save_pretrained(out.model)
    for language in LANGUAGES:
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([5.7, 5.1, 4.9])
        figure.savefig(out.pretrain / file_in(language, "loss.png"), metadata={"Software": None})
    losses = [{"step": 1, "loss": 5.7}, {"step": 40, "loss": 4.8}]
    out.metrics.write_text("".join(json.dumps(line) + "\n" for line in losses))


def _write_adapter(folder: Path, base: Path, recipe: Recipe) -> None:
    """An adapter of random weights, and the model that it is merged into."""
    import torch
    from transformers import AutoTokenizer

    from desdecero.eval_suites.models.load import kind_of
    from desdecero.pipelines.training.adapter import add_adapter, save_adapter

    architecture = recipe.model.architecture
    kind = kind_of(architecture)
    auto = kind.auto
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    adapted = add_adapter(auto.from_pretrained(base), recipe.adapters[folder.name], architecture, kind.peft_task)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    digest = sha256_file(base / "model.safetensors")
    save_adapter(adapted, folder / "adapter", base, auto.__name__, digest, tokenizer)
    merged: Any = adapted.merge_and_unload()
    merged.save_pretrained(folder / "merged")
    tokenizer.save_pretrained(folder / "merged")


def _llama(recipe: Recipe) -> tuple[Any, Any]:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(["the law of the boats shall be the law"], vocab_size=300, show_progress=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer)
    config = LlamaConfig(
        vocab_size=300, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=128, bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    return tokenizer, LlamaForCausalLM(config)


def _t5(recipe: Recipe) -> tuple[Any, Any]:
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer, _ = _llama(recipe)
    tokenizer.add_special_tokens(
        {"eos_token": "</s>", "pad_token": "<pad>", "additional_special_tokens": ["<extra_id_0>", "<extra_id_1>"]}
    )
    config = T5Config(
        vocab_size=len(tokenizer), d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return tokenizer, T5ForConditionalGeneration(config)


def _bert(recipe: Recipe) -> tuple[Any, Any]:
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(["the law of the boats shall be the law"], vocab_size=300, show_progress=False)
    special = {
        "mask_token": "[MASK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
    }
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, **special)
    config = BertConfig(
        vocab_size=300, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64,
    )  # fmt: skip
    return tokenizer, BertForMaskedLM(config)
