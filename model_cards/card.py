"""The model card: sealed evidence → Markdown with the Hub's metadata, in English and in Spanish.

The sections follow Mitchell et al. 2019 ("Model Cards for Model Reporting", §4) and the Hub's annotated card.
`render` looks everything up in an `Evidence` with these reports:

    recipe                                          the resolved recipe
    corpus tokenizer tokens pretrain evaluate audit finetune     each stage's report.json
    licensing                                       what the licences ask of this model: card/licensing.json
    seal.<stage>                                    each stage's done.json

A model without an adapter has no `finetune`; everything else that is absent is printed as missing.
"""

from __future__ import annotations

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from desdecero.model_cards.evidence import Evidence, Missing, View
from desdecero.model_cards.formats import Language
from desdecero.model_cards.gate import TITLES
from desdecero.model_cards.licenses import hub_metadata
from desdecero.model_cards.pages import environment

REPORTS = ("recipe", "corpus", "tokenizer", "tokens", "pretrain", "evaluate", "audit", "finetune")
SEALED = ("corpus", "tokenizer", "tokens", "pretrain", "evaluate", "audit", "finetune")
MISSING: dict[Language, str] = {"en": "**missing**", "es": "**falta**"}
TASKS = {"causal": "text-generation", "masked": "fill-mask", "span_corruption": "text2text-generation"}
"""Objective → the Hub's word for what the model does."""
METRICS = {
    "bits_per_byte": "bits per byte",
    "perplexity": "perplexity per token",
    "token_accuracy": "next-token accuracy",
    "masked_accuracy": "masked-token accuracy",
    "masked_loss": "masked-token loss (nats)",
    "span_accuracy": "cut-out token accuracy",
    "span_loss": "cut-out token loss (nats)",
}


def render(evidence: Evidence, language: Language) -> str:
    """The whole card. The English one opens with the Hub's metadata: the Hub reads README.md alone."""
    templates = environment(language, finalize=lambda value: _finalize(evidence, language, value))
    templates.tests["missing"] = lambda value: isinstance(value, Missing)
    template = templates.get_template(f"card.{language}.md.jinja")
    body = template.render(
        {name: evidence.view(name) for name in REPORTS},
        seals={name: evidence.view(f"seal.{name}") for name in SEALED},
        licenses=license_rows(evidence),
        licensing=evidence.view("licensing"),
        rules={rule: titles[language == "es"] for rule, titles in TITLES.items()},
    )
    return f"---\n{hub_data(evidence).to_yaml()}\n---\n\n{body}" if language == "en" else body


def _finalize(evidence: Evidence, language: Language, value: Any) -> Any:
    """What a template prints passes through here; a missing value is noted, and printed as what it is."""
    if not isinstance(value, Missing):
        return value
    evidence.note_missing(value)
    return MISSING[language]


def license_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Each licence with its documents and bytes (of the kept corpus) and its tokens (of the training split)."""
    tokens = {row["license"]: row for row in evidence.view("tokens")["licenses"]}
    return [
        {
            "license": row["license"],
            "corpus": row,
            "tokens": tokens.get(row["license"]),  # none of it fell to training
        }
        for row in evidence.view("corpus")["licenses"]
    ]


def hub_data(evidence: Evidence) -> ModelCardData:
    """The metadata that the Hub files the model by."""
    recipe, task = evidence.view("recipe"), TASKS.get(evidence["pretrain:/objective"])
    license = recipe["card"]["license"]
    results = _eval_results(evidence, task)
    return ModelCardData(
        language=list(recipe["languages"]),
        library_name="transformers",
        pipeline_tag=task,
        tags=["desdecero", "trained-from-scratch", *_present(evidence["pretrain:/architecture"])],
        datasets=[source["dataset"] for source in recipe["corpus"]["sources"] if source["kind"] == "hub"] or None,
        model_name=recipe["name"],
        eval_results=results or None,
        **(hub_metadata(license) if license else {}),
    )


def _eval_results(evidence: Evidence, task: str | None) -> list[EvalResult]:
    """What was measured, for the Hub's `model-index`. The data set is the run's own, so it has no Hub name."""
    report = evidence.view("evaluate")
    return [
        EvalResult(
            task_type=task or "",
            dataset_type="custom",
            dataset_name="documents held out of the model's own corpus",
            dataset_split="validation",
            metric_type=name,
            metric_name=METRICS[name],
            metric_value=report[name]["value"],
        )
        for name in METRICS
        if isinstance(report[name], View)
    ]


def _present(value: Any) -> list[Any]:
    return [] if isinstance(value, Missing) else [value]
