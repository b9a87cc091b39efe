"""Card of an adapter: sealed evidence → Markdown with the Hub's metadata, in English and in Spanish.

`render` looks everything up in an `Evidence` with these reports, of an adapter named `legal`:

    recipe                                          the resolved recipe
    pretrain evaluate audit                         reports of the model under the adapter
    finetune:legal evaluate:legal audit:legal       the adapter's own
    seal.<stage>                                    each stage's done.json
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from desdecero.model_cards.card import MEASURES, TASKS, bias_filters, finalize
from desdecero.model_cards.evidence import Evidence, View
from desdecero.model_cards.licenses import hub_metadata
from desdecero.model_cards.pages import environment
from desdecero.model_cards.words import Language, name, say

AUTO = {
    "causal": "AutoModelForCausalLM",
    "masked": "AutoModelForMaskedLM",
    "span_corruption": "AutoModelForSeq2SeqLM",
}
"""Objective → the class of transformers that loads the model."""


def render(evidence: Evidence, language: Language, adapter: str, pack: Mapping[str, Any] | None = None) -> str:
    """Render the card of an adapter. The English one opens with the Hub's metadata.

    pack: the domain pack's `title`, `note` and `not_for` in the language, where the adapter names one
    """
    templates = environment(language, finalize=lambda value: finalize(evidence, language, value))
    bias_filters(templates, language)
    objective = evidence["pretrain:/objective"] or "masked"
    evaluation = evidence.view(f"evaluate:{adapter}")
    unmeasured = list(evaluation["text"]["not_measured"])
    stages = [report.removeprefix("seal.") for report in evidence.names if report.startswith("seal.")]
    body = templates.get_template("adapter.md.jinja").render(
        recipe=evidence.view("recipe"),
        finetune=evidence.view(f"finetune:{adapter}"),
        evaluation=evaluation,
        audit=evidence.view(f"audit:{adapter}"),
        base={kind: evidence.view(kind) for kind in ("evaluate", "audit")},
        auto=AUTO[objective],
        measures=[column for column in MEASURES[objective] if column[0] not in unmeasured],
        pack=pack,
        seals={stage: evidence.view(f"seal.{stage}") for stage in stages},
    )
    return f"---\n{hub_data(evidence, adapter).to_yaml()}\n---\n\n{body}" if language == "en" else body


def hub_data(evidence: Evidence, adapter: str) -> ModelCardData:
    """Return the metadata that the Hub files the adapter by."""
    recipe, task = evidence.view("recipe"), TASKS.get(evidence["pretrain:/objective"])
    model_license, repository = recipe["card"]["license"], recipe["publish"]["repo_id"]
    return ModelCardData(
        language=list(recipe["languages"]),
        library_name="peft",
        pipeline_tag=task,
        base_model=repository or None,
        tags=["desdecero", "lora"],
        model_name=f"{recipe['name']}-{adapter}",
        eval_results=_eval_results(evidence, adapter, task) or None,
        **(hub_metadata(model_license) if model_license else {}),
    )


def _eval_results(evidence: Evidence, adapter: str, task: str | None) -> list[EvalResult]:
    """Return what was measured on the documents of the domain that the adapter did not train on."""
    report = evidence.view(f"finetune:{adapter}")
    value: Any = report["domain"]["after"]["value"]
    if not isinstance(report["domain"], View):
        return []
    return [
        EvalResult(
            task_type=task or "",
            dataset_type="custom",
            dataset_name=say("en", "adapter_card.data_set"),
            dataset_split="domain_validation",
            dataset_args={"documents": report["domain"]["documents"]},
            metric_type=report["measure"],
            metric_name=name("en", "measure", report["measure"]),
            metric_value=value,
        )
    ]
