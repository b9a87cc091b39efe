"""Model card: sealed evidence → Markdown with the Hub's metadata, in English and in Spanish.

The sections follow Mitchell et al. 2019 ("Model Cards for Model Reporting", §4) and the Hub's annotated card.
`render` looks everything up in an `Evidence` with these reports:

    recipe                                          the resolved recipe
    corpus tokenizer tokens pretrain evaluate audit each stage's report.json
    licensing                                       what the licences ask of this model: card/licensing.json
    config                                          model/config.json, as pretraining sealed it
    gate                                            what the gate says: card/gate.json
    seal.<stage>                                    each stage's done.json

What is absent is printed as missing. Adapters have cards of their own: see `adapter_card.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment

from desdecero.model_cards.audit_sentences import (
    Said,
    audit_sentences,
    competence_sentence,
    group_name,
    not_found,
    verdict_counts,
)
from desdecero.model_cards.baseline_sentences import beside_baselines
from desdecero.model_cards.evidence import Evidence, Missing, View
from desdecero.model_cards.formats import plain
from desdecero.model_cards.gate_sentences import written
from desdecero.model_cards.licenses import hub_metadata
from desdecero.model_cards.origins import datasets, languages, sources
from desdecero.model_cards.pages import environment
from desdecero.model_cards.stated import quoted_block, quoted_line, stated
from desdecero.model_cards.words import Language, file_in, name, say

REPORTS = ("recipe", "corpus", "tokenizer", "tokens", "pretrain", "evaluate", "audit")
"""Reports that every card quotes; one that is not there is printed as missing."""
TASKS = {"causal": "text-generation", "masked": "fill-mask", "span_corruption": "text2text-generation"}
"""Objective → the Hub's word for what the model does."""
MEASURES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "causal": (
        ("bits_per_byte", "lower_is_better", "plain"),
        ("word_perplexity", "lower_is_better", "plain"),
        ("perplexity", "lower_is_better", "plain"),
        ("token_accuracy", "higher_is_better", "percent"),
    ),
    "masked": (("masked_accuracy", "higher_is_better", "percent"), ("masked_loss", "lower_is_better", "plain")),
    "span_corruption": (("span_accuracy", "higher_is_better", "percent"), ("span_loss", "lower_is_better", "plain")),
}
"""Objective → the columns of the evaluation's table: measure, which values of it are better, how it is written."""
SUITE_TASKS = {"choice": "question-answering", "labels": "text-classification"}
"""Kind of suite → the Hub's word for its task; the model's own for the others."""
STATED = (
    "license", "version", "authors", "contact", "removal_contact", "collected", "intended_use", "out_of_scope",
    "limitations",
)  # fmt: skip
"""Statements of the authors in the recipe's `card`; one that is empty is printed as missing."""
BASELINES = {"causal": ("xz", "ngram", "unigram", "untrained"), "masked": ("unigram", "untrained")}


def render(evidence: Evidence, language: Language) -> str:
    """Render the whole card. The English one opens with the Hub's metadata: the Hub reads README.md alone."""
    templates = environment(language, finalize=lambda value: finalize(evidence, language, value))
    statement_filters(templates, language)
    audit_filters(templates, language)
    objective = evidence["pretrain:/objective"] or "masked"
    held_out = evidence.view("evaluate")["text"]
    unmeasured = list(held_out["not_measured"])
    baselines = BASELINES.get(objective, BASELINES["masked"])
    body = templates.get_template("card.md.jinja").render(
        {name: evidence.view(name) for name in REPORTS},
        held_out=held_out,
        other_suites=evidence.view("evaluate")["suites"],
        seals={name: evidence.view(f"seal.{name}") for name in REPORTS[1:]},
        stated=statements(evidence),
        trained=evidence["seal.pretrain:/finished"],
        sources=list(sources(evidence)),
        weights=weights(evidence.view("seal.pretrain")),
        missing_weights=Missing("seal.pretrain:/outputs"),
        dtype=stored_as(evidence),
        peak_memory=evidence["pretrain:/peak_memory_bytes"],
        command=_command(evidence),
        licenses=license_rows(evidence),
        licensing=evidence.view("licensing"),
        gate=evidence.view("gate"),
        picture=_picture(evidence, language),
        objective=objective,
        measures=[column for column in MEASURES[objective] if column[0] not in unmeasured],
        baselines=[name for name in baselines if name != "xz" or "bits_per_byte" not in unmeasured],
    )
    return f"---\n{hub_data(evidence).to_yaml()}\n---\n\n{body}" if language == "en" else body


def statements(evidence: Evidence) -> dict[str, Any]:
    """Return what the authors stated, by the name that templates give it."""
    return {"purpose": stated(evidence, "recipe:/purpose")} | {
        key: stated(evidence, f"recipe:/card/{key}") for key in STATED
    }


def weights(seal: Any) -> dict[str, Any]:
    """Return the files of weights that a stage sealed, by their path: each with its size and SHA-256."""
    outputs = seal["outputs"]
    return {path: outputs[path] for path in outputs if path.endswith(".safetensors")}


def stored_as(evidence: Evidence) -> Any:
    """Return the type of number that weights are stored in, as `config.json` has it; older ones have another key."""
    return evidence["config:/dtype"] or evidence["config:/torch_dtype"] or Missing("config:/dtype")


def run_command(evidence: Evidence, stage: str, section: str, adapter: str | None = None) -> str:
    """Return the command that trains the weights again.

    A budget in minutes gives other steps on another machine, so that the steps that were taken stand in its place.
    """
    words = ["desdecero", "finetune" if adapter else "run", "recipe.yaml", *(["--adapter", adapter] if adapter else [])]
    if evidence[f"{stage}:/budget/minutes"]:
        words += ["--set", f"{section}.budget.minutes=null", "--set", f"{section}.budget.steps={{steps}}"]
    return " ".join(words).format(steps=evidence[f"{stage}:/steps"])


def _command(evidence: Evidence) -> str:
    return run_command(evidence, "pretrain", "pretrain")


def statement_filters(templates: Environment, language: Language) -> None:
    """Add the filters that write the authors' statements, and how the model stands beside its baselines."""
    templates.filters["quoted_block"] = lambda text: quoted_block(language, text)
    templates.filters["quoted_line"] = lambda text: quoted_line(language, text)
    templates.filters["beside_baselines"] = lambda suite: beside_baselines(language, suite)


def audit_filters(templates: Environment, language: Language) -> None:
    """Add the filters that say what the audit found to the templates of a card."""

    def counts(sentences: Sequence[Said]) -> str:
        return verdict_counts(language, Counter(said.verdict for said in sentences if said.suite == "pairs"))

    def gate_value(value: Any, unit: str, beside: Any) -> str:
        """Write a value, or a limit, beside the other; null, which no rule calls missing, comes as missing."""
        value, beside = (None if isinstance(each, Missing) else each for each in (value, beside))
        said = written(language, unit, value, beside)
        return plain(said) if unit == "text" else said

    def by_suite(sentences: Sequence[Said]) -> list[tuple[str, list[Said]]]:
        suites = dict.fromkeys(said.suite for said in sentences)
        return [(suite, [said for said in sentences if said.suite == suite]) for suite in suites]

    templates.filters["gate_value"] = gate_value
    templates.filters["by_suite"] = by_suite
    templates.filters["not_found"] = lambda sentences: not_found(language, sentences)
    templates.filters["audit_sentences"] = lambda report: audit_sentences(language, report) if report else []
    templates.filters["verdict_counts"] = counts
    templates.filters["competence_sentence"] = lambda competence: competence_sentence(language, competence)
    templates.filters["group_name"] = lambda probes: group_name(language, probes)


def finalize(evidence: Evidence, language: Language, value: Any) -> Any:
    """Return what a template prints for a value: a missing one is noted, and printed as missing."""
    if not isinstance(value, Missing):
        return value
    evidence.note_missing(value)
    return say(language, "term.missing")


def _picture(evidence: Evidence, language: Language) -> str:
    """Return the file of the loss plot: in the language, if pretraining drew it so."""
    picture = file_in(language, "loss.png")
    return picture if f"pretrain/{picture}" in evidence["seal.pretrain:/outputs"] else "loss.png"


def license_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Each licence with its documents and bytes (of the kept corpus) and its tokens (read by the weights)."""
    tokens = {row["license"]: row for row in evidence.view("pretrain")["exposure"]["licenses"]}
    return [
        {
            "license": row["license"],
            "corpus": row,
            "tokens": tokens.get(row["license"]),  # the weights read none of it
        }
        for row in evidence.view("corpus")["licenses"]
    ]


def hub_data(evidence: Evidence) -> ModelCardData:
    """Return the metadata that the Hub files the model by."""
    recipe, task = evidence.view("recipe"), TASKS.get(evidence["pretrain:/objective"])
    model_license = recipe["card"]["license"]
    results = _eval_results(evidence, task)
    return ModelCardData(
        language=languages(evidence),
        library_name="transformers",
        pipeline_tag=task,
        tags=["desdecero", "trained-from-scratch", *_present(evidence["pretrain:/architecture"])],
        datasets=datasets(evidence) or None,
        model_name=recipe["name"],
        eval_results=results or None,
        **emissions(evidence, "pretrain", "pre-training"),
        **(hub_metadata(model_license) if model_license else {}),
    )


def emissions(evidence: Evidence, stage: str, kind: str) -> dict[str, Any]:
    """Return what a training gave off, as the Hub reads it: in grams of CO2 equivalent; nothing where it is not known.

    kind: `pre-training` or `fine-tuning`
    """
    energy, hardware = evidence.view(stage)["energy"], evidence.view(f"seal.{stage}")["hardware"]
    if not isinstance(energy["kg_co2e"], int | float):
        return {}
    devices = [device for device in hardware["devices"] if isinstance(device, str)]
    told = {
        "source": energy["tool"],
        "training_type": kind,
        "geographical_location": energy["country"],
        "hardware_used": ", ".join(devices) or hardware["processor"],
    }
    known = {key: value for key, value in told.items() if not isinstance(value, Missing)}
    return {"co2_eq_emissions": {"emissions": round(1000 * energy["kg_co2e"], 6), **known}}


def _eval_results(evidence: Evidence, task: str | None) -> list[EvalResult]:
    """Return what was measured, for the Hub's `model-index`, with the number of items.

    The held-out text is the run's own, so it has no Hub name; a suite is named by its data's digest too.
    """
    held_out = evidence.view("evaluate")["text"]
    split = evidence["evaluate:/split"] or "validation"
    results = [
        EvalResult(
            task_type=task or "",
            dataset_type="custom",
            dataset_name=say("en", "card.data_set"),
            dataset_split=split,
            dataset_args={"documents": held_out["items"]},
            metric_type=measure,
            metric_name=name("en", "measure", measure),
            metric_value=held_out["measures"][measure]["value"],
        )
        for columns in MEASURES.values()
        for measure, _, _ in columns
        if isinstance(held_out["measures"][measure], View)
    ]
    suites = evidence.view("evaluate")["suites"]
    for suite in [] if isinstance(suites, Missing) else suites:
        data = suite["data"]
        results.append(
            EvalResult(
                task_type=SUITE_TASKS.get(suite["kind"], task or ""),
                dataset_type=suite["name"],
                dataset_name=name("en", "suite", suite["name"]),
                dataset_args={
                    "items": suite["items"],
                    **({} if isinstance(data, Missing) else {"sha256": data["sha256"]}),
                },
                metric_type=suite["main"],
                metric_name=name("en", "measure", suite["main"]),
                metric_value=suite["measures"][suite["main"]]["value"],
            )
        )
    return results


def _present(value: Any) -> list[Any]:
    return [] if isinstance(value, Missing) else [value]
