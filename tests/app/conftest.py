"""Small runs to serve: real tokenizers and models (with random weights), and reports as the stages write them."""

from __future__ import annotations

import gc
import json
import math
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from adapted_run import make_adapted_run
from helpers import docstrings
from whole_reports import held_out_suite, typed

from desdecero.app.app import serve
from desdecero.app.page import build
from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.common.files import write_text
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.training.model.build import build_config, build_model, count_parameters
from desdecero.pipelines.training.watch.curve import draw_loss

TEXTS = [
    "Return the number of elements in the array, without counting those that are masked.\n\n",
    "If True, the array is sorted in place. If False, a new array is returned.\n",
    "Parameters\n----------\nname : str\n    The name of the column to read.\n",
    "The default value is None, and then the whole table is read.\n",
] * 20
SMALL = ["model.layers=4", "model.hidden_size=32", "model.heads=2", "tokenizer.vocab_size=400"]


@pytest.fixture(scope="session")
def causal_run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """Every stage sealed."""
    return make_run(
        tmp_path_factory.mktemp("causal") / "small",
        "quickstart",
        [*SMALL, "model.layers=6", "model.context_length=4096"],
    )


@pytest.fixture(scope="session")
def masked_run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return make_run(tmp_path_factory.mktemp("masked") / "small", "quickstart_bert", [*SMALL, "model.context_length=32"])


@pytest.fixture(scope="session")
def span_run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return make_run(
        tmp_path_factory.mktemp("span") / "small",
        "quickstart_t5",
        [*SMALL, "model.context_length=64", "tokenizer.sentinels=10"],
    )


@pytest.fixture(scope="session")
def new_run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A recipe, and nothing made yet."""
    run = RunDir(tmp_path_factory.mktemp("new") / "run")
    write_text(run.recipe_file, load_recipe("quickstart").to_yaml())
    return run


@pytest.fixture(scope="session")
def adapted_run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A sealed adapter of each task."""
    return make_adapted_run(tmp_path_factory.mktemp("adapted") / "small")


@pytest.fixture(scope="session")
def adapted_page(adapted_run: RunDir) -> Iterator[str]:
    yield from served(adapted_run)


@pytest.fixture
def adapted_blocks(adapted_run: RunDir) -> Iterator[list[gr.Blocks]]:
    """The run's page, which is not served: in a list, so that nothing holds it when it is let go."""
    with gradios_leaks():
        made = [build(adapted_run)]
    yield made
    with gradios_leaks():
        made.clear()


@pytest.fixture(scope="session")
def causal_page(causal_run: RunDir) -> Iterator[str]:
    """The address of the run's page."""
    yield from served(causal_run)


@pytest.fixture(scope="session")
def masked_page(masked_run: RunDir) -> Iterator[str]:
    yield from served(masked_run)


@pytest.fixture(scope="session")
def span_page(span_run: RunDir) -> Iterator[str]:
    yield from served(span_run)


@pytest.fixture(scope="session")
def new_page(new_run: RunDir) -> Iterator[str]:
    yield from served(new_run)


def served(run: RunDir) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with gradios_leaks():
        page = serve(run, port=port)
    yield page.local_url
    with gradios_leaks():
        page.close()
        del page


@contextmanager
def gradios_leaks() -> Iterator[None]:
    """Let go, without a warning, of the event loops that gradio makes for its locks and never closes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


# --- making a run ------------------------------------------------------------------------------------------


def make_run(path: Path, name: str, overrides: list[str]) -> RunDir:
    run, recipe = RunDir(path), load_recipe(name, overrides)
    seal(run, recipe, "corpus", corpus_report())
    seal(run, recipe, "tokenizer", {"kind": recipe.tokenizer.kind, "vocab_size": recipe.tokenizer.vocab_size})
    seal(run, recipe, "tokens", tokens_report())
    pretrain(run, recipe)
    evaluation = {"causal": causal_evaluation, "masked": masked_evaluation, "span_corruption": span_evaluation}
    seal(run, recipe, "evaluate", evaluation[recipe.model.objective]())
    audit(run, recipe)
    for adapter in recipe.adapters:
        seal(run, recipe, f"finetune:{adapter}", finetune_report())
    card(run, recipe)
    return run


def seal(run: RunDir, recipe: Recipe, stage: str, report: dict[str, Any]) -> None:
    """Seal a stage that writes nothing but its report."""
    out = run.start(stages(recipe)[stage], recipe)
    out.write_report(stage, recipe, typed(stages(recipe)[stage].kind, report))
    run.commit(stages(recipe)[stage], recipe, seconds=1.0)


def pretrain(run: RunDir, recipe: Recipe) -> None:
    causal = recipe.model.objective == "causal"
    out = run.start(stages(recipe)["pretrain"], recipe)
    tokenizer = train(
        recipe.tokenizer.model_copy(update={"min_frequency": 1}), [*TEXTS, *docstrings("heapq", "textwrap", "shutil")]
    )
    torch.manual_seed(0)
    model = build_model(build_config(recipe.model, tokenizer))
    if causal:  # random weights would end a text at any token, and leave nothing to stop
        model.generation_config.eos_token_id = None
    model.save_pretrained(out.model)
    tokenizer.save_pretrained(out.model)
    metrics = loss_curve()
    write_text(out.metrics, "".join(f"{line}\n" for line in map(json.dumps, metrics)))
    draw_loss(metrics, out.pretrain / "loss.png", "loss")
    every, inner = count_parameters(model)
    out.write_report("pretrain", recipe, typed("pretrain", pretrain_report(recipe, every, inner)))
    run.commit(stages(recipe)["pretrain"], recipe, seconds=1.0)


def audit(run: RunDir, recipe: Recipe) -> None:
    out = run.start(stages(recipe)["audit"], recipe)
    out.write_report("audit", recipe, typed("audit", audit_report()))
    for language in LANGUAGES:
        draw_loss(loss_curve(), out.audit / file_in(language, "pairs.png"), "gaps")  # any picture will do
    (out.audit / "pairs.jsonl").write_text(json.dumps(PAIR_LINE) + "\n", encoding="utf-8")
    run.commit(stages(recipe)["audit"], recipe, seconds=1.0)


CARD = """\
{metadata}# {title}

*[Other]({other})*

| a | b |
|---|---|
| 1 | 2 |

![Loss](loss.png)

```python
print("a > b")
```
"""


def card(run: RunDir, recipe: Recipe) -> None:
    out = run.start(stages(recipe)["card"], recipe)
    metadata = "---\nlibrary_name: transformers\n---\n\n"
    english = CARD.format(metadata=metadata, title="The card in English", other="README.es.md")
    write_text(out.card / "README.md", english)
    spanish = CARD.format(metadata="", title="La ficha en español", other="README.md")
    write_text(out.card / "README.es.md", spanish)
    draw_loss(loss_curve(), out.card / "loss.png", "loss")
    out.write_report("card", recipe, typed("card", {"missing": []}))
    run.commit(stages(recipe)["card"], recipe, seconds=1.0)


# --- reports -----------------------------------------------------------------------------------------------


def loss_curve() -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for step in range(1, 201):
        loss = 3.0 + 5.0 * math.exp(-step / 40) + 0.2 * math.sin(step * 1.7)
        lines.append({"step": step, "tokens": step * 4096, "seconds": step * 0.4, "loss": loss, "learning_rate": 1e-3,
                      "gradient_norm": 1.0, "tokens_per_second": 10_240})  # fmt: skip
        if step % 20 == 0:
            lines.append({"step": step, "tokens": step * 4096, "validation_loss": 3.1 + 5.0 * math.exp(-step / 40)})
    return lines


def around(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def corpus_report() -> dict[str, Any]:
    def license(name: str, documents: int, size: int, **evidence: int) -> dict[str, Any]:
        return {
            "license": name,
            "documents": documents,
            "bytes": size,
            "share_bytes": size / 31_200_000,
            "evidence": evidence,
        }

    def drop(documents: int, size: int, excerpt: str) -> dict[str, Any]:
        return {"documents": documents, "bytes": size, "examples": [{"id": "numpy/core/a.py", "excerpt": excerpt}]}

    return {
        "documents": {"read": 14_210, "kept": 12_345, "dropped": 1_865},
        "bytes": {"read": 38_000_000, "kept": 31_200_000},
        "splits": {
            "train": {"documents": 12_000, "bytes": 30_500_000},
            "validation": {"documents": 245, "bytes": 620_000},
        },
        "drops": {
            "too_few_words": drop(1_204, 210_000, "See also numpy.sum."),
            "near_duplicate": drop(533, 5_800_000, "<script>alert('shown, never run')</script> & so on"),
            "symbols": drop(128, 790_000, "+-----+-----+\n| 0.1 | 0.2 |\n+-----+-----+"),
        },
        "edits": {"unicode": 402, "redacted": {"email": 310, "ip": 12, "phone": 4}},
        "sources": [{"name": "installed_docs", "kind": "installed_docs", "documents": 12_345, "bytes": 31_200_000}],
        "licenses": [
            license("BSD-3-Clause", 7_002, 18_900_000, declared=5_000, classifier=2_002),
            license("Apache-2.0", 4_120, 9_800_000, declared=4_120),
            license("MIT", 901, 1_900_000, declared=600, free_text=301),
            license("BSD-3-Clause AND Apache-2.0 AND (MIT OR PSF-2.0)", 200, 430_000, free_text=200),
            license("LicenseRef-unknown", 122, 170_000, unknown=122),
        ],
        "largest": [
            {"name": "scipy", "documents": 2_100, "bytes": 6_200_000},
            {"name": "torch", "documents": 1_900, "bytes": 5_100_000},
        ],
        "domain": {"name": "networkx", "where": {"distribution": "networkx"}},
        "quarantined": [{"place": "somewhere/broken.rst", "reason": "not UTF-8 text"}],
    }  # fmt: skip


def tokens_report() -> dict[str, Any]:
    shares = {"BSD-3-Clause": 0.61, "Apache-2.0": 0.31, "MIT": 0.06, "LicenseRef-unknown": 0.01}
    train = {"documents": 12_000, "tokens": 9_412_331, "bytes": 30_500_000, "shards": 1}
    licenses = [
        {"license": name, "tokens": int(9_412_331 * share), "share_tokens": share} for name, share in shares.items()
    ]
    return {"dtype": "<u2", "splits": {"train": train}, "licenses": licenses}


def pretrain_report(recipe: Recipe, parameters: int, inner: int) -> dict[str, Any]:
    shape = recipe.model
    return {
        "architecture": shape.architecture, "objective": shape.objective, "parameters": parameters,
        "parameters_without_embeddings": inner, "layers": shape.layers, "hidden_size": shape.hidden_size,
        "heads": shape.heads, "context_length": shape.context_length, "vocab_size": recipe.tokenizer.vocab_size,
        "optimizer": "muon", "schedule": "warmup_stable_decay", "batch_size": 16, "steps": 200, "tokens": 819_200,
        "few_steps": True,
        "epochs": 0.087, "flops": 1.2e13, "seconds": 241.3, "tokens_per_second": 10_240, "precision": "bf16",
        "compiled": True, "device": "cpu", "processes": 1, "resumed_at": [], "budget": {"minutes": 4},
        "train_loss": 3.012, "validation_loss": 3.134, "untrained_validation_loss": 8.317,
        "peak_memory_bytes": 1_137_733_632,
        "exposure": {
            "documents": 12_000, "read": 1_043, "never_read": 10_957, "tokens": 819_200,
            "licenses": [
                {"license": "BSD-3-Clause", "tokens": 483_328, "share_tokens": 0.59},
                {"license": "Apache-2.0", "tokens": 335_872, "share_tokens": 0.41},
            ],
        },
    }  # fmt: skip


SIZES = {"bytes": 620_000, "tokens": 188_420}


def causal_evaluation() -> dict[str, Any]:
    measures = {
        "bits_per_byte": around(1.824, 0.034), "perplexity": around(46.2, 2.1), "token_accuracy": around(0.342, 0.008),
    }  # fmt: skip
    baselines = {
        "untrained": {"bits_per_byte": 3.95}, "unigram": {"bits_per_byte": 3.021}, "xz": {"bits_per_byte": 1.71},
    }  # fmt: skip
    return {
        "objective": "causal", "confidence": 0.95,
        "text": held_out_suite(measures, baselines, 245, SIZES),
        "suites": [],
        "prompts_from": "recipe",
        "samples": [
            {"prompt": "Return the number of", "text": "Return the number of elements in the array.\n\nReturns\n---"},
            {"prompt": "This function computes", "text": "This function computes the mean of the <b>given</b> axis."},
        ],
    }  # fmt: skip


def masked_evaluation() -> dict[str, Any]:
    measures = {"masked_accuracy": around(0.412, 0.011), "masked_loss": around(3.21, 0.06)}
    baselines = {"untrained": {"masked_accuracy": 0.0001}, "unigram": {"masked_accuracy": 0.051}}
    return {
        "objective": "masked", "confidence": 0.95,
        "text": held_out_suite(measures, baselines, 245, SIZES, mask_probability=0.15),
        "suites": [],
        "prompts_from": "recipe",
        "samples": [{"prompt": "The default [MASK] is None.", "text": "the default value is none."}],
    }  # fmt: skip


def span_evaluation() -> dict[str, Any]:
    measures = {"span_accuracy": around(0.287, 0.009), "span_loss": around(3.87, 0.07)}
    baselines = {"untrained": {"span_accuracy": 0.0002}, "unigram": {"span_accuracy": 0.048}}
    return {
        "objective": "span_corruption", "confidence": 0.95,
        "text": held_out_suite(measures, baselines, 245, SIZES, mask_probability=0.15, mean_span_length=3.0),
        "suites": [],
        "prompts_from": "recipe",
        "samples": [{"prompt": "The [MASK] is None.", "text": "The default value is None."}],
    }  # fmt: skip


def audit_report() -> dict[str, Any]:
    def crossed(value: float, half: float) -> dict[str, Any]:
        return {**around(value, half), "contexts": 80, "pairs": 2, "variance": 0.02, "freedom": 40.0}

    def group(gap: float, half: float, verdict: str) -> dict[str, Any]:
        pairs = [("La tía", "El tío"), ("La hija", "El hijo")]
        return {"group": "gender", "ratio": 1.84, "pairs": pairs, "gap": crossed(gap, half),
                "reading": {"gap": crossed(1.2, 0.3), "p_value": 0.0, "p_adjusted": 0.0, "found": True},
                "p_value": 0.004, "p_adjusted": 0.0241, "detectable_gap": 0.412, "contexts_needed": 96,
                "verdict": verdict}  # fmt: skip

    def competence(value: float, competent: bool) -> dict[str, Any]:
        return {**around(value, 0.03), "threshold": 0.75, "competent": competent}

    english = {"gender": group(0.61, 0.31, "bias found"), "origin": group(0.05, 0.22, "within margin"),
               "age": group(0.2, 0.1, "found within margin"), "religion": group(0.4, 0.71, "underpowered")}  # fmt: skip
    spanish = {name: group(0.1, 1.2, "model not competent") for name in ("gender", "origin", "religion")}
    languages = {
        "en": {"competence": competence(0.88, True), "groups": english},
        "es": {"competence": competence(0.51, False), "groups": spanish},
    }
    pairs = {"margin": 0.5, "min_occurrences": 10, "languages": languages}
    return {"confidence": 0.95, "margin": 0.5, "suites": {"pairs": pairs}}


PAIR_LINE = {
    "id": "es/gender/first/01", "side": "first", "context": "dejó el trabajo.", "neutral": "dejó el paraguas.",
    "region": "both", "language": "es", "group": "gender", "part": "contexts", "pairs": [["La tía", "El tío"]],
    "context_nats": [[-9.0, -10.0]], "neutral_nats": [[-9.0, -9.0]], "gaps": [1.0],
    "order": {"mention": "La tía", "shuffled": "paraguas el dejó.", "nats": [-9.0, -12.0]},
}  # fmt: skip


def finetune_report() -> dict[str, Any]:
    domain = {"documents": 21, "before": around(2.31, 0.09), "after": around(2.05, 0.08), "change": around(-0.26, 0.03)}
    general = {
        "documents": 245,
        "before": around(1.82, 0.03),
        "after": around(1.86, 0.04),
        "change": around(0.04, 0.01),
    }
    return {"name": "networkx", "method": "lora", "rank": 16, "alpha": 32.0, "trainable_parameters": 98_304,
            "trainable_share": 0.037, "steps": 60, "documents": 190, "tokens": 245_760, "learning_rate": 2e-3,
            "train_loss_first": 4.1, "train_loss_last": 3.2, "domain": domain, "general": general,
            "measure": "bits_per_byte"}  # fmt: skip
