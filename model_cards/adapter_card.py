"""Card of an adapter: sealed evidence → Markdown with the Hub's metadata, in English and in Spanish.

`render` looks everything up in an `Evidence` with these reports, of an adapter named `legal`:

    recipe                                          the resolved recipe
    pretrain evaluate audit                         reports of the model under the adapter
    finetune:legal evaluate:legal audit:legal       the adapter's own; of one that gives labels, the first alone
    config                                          config.json of the model with the adapter, as it was sealed
    gate                                            what the gate says: card/gate.json
    seal.<stage>                                    each stage's done.json
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from desdecero.model_cards.card import (
    MEASURES,
    TASKS,
    audit_filters,
    emissions,
    finalize,
    run_command,
    statement_filters,
    statements,
    stored_as,
    weights,
)
from desdecero.model_cards.evidence import Evidence, Missing, View
from desdecero.model_cards.licenses import hub_metadata
from desdecero.model_cards.pages import environment
from desdecero.model_cards.words import LANGUAGES, Language, name, say

AUTO = {
    "causal": "AutoModelForCausalLM",
    "masked": "AutoModelForMaskedLM",
    "span_corruption": "AutoModelForSeq2SeqLM",
}
"""Objective → the class of transformers that loads the model."""
PIPELINES = {"classification": "text-classification", "tokens": "token-classification"}
"""Task → the pipeline of transformers for a model with labels, which is also the task's name on the Hub."""
AUTO_OF_LABELS = {
    "classification": "AutoModelForSequenceClassification",
    "tokens": "AutoModelForTokenClassification",
}
THINGS = {"text": "documents", "chat": "conversations", "classification": "examples", "tokens": "examples"}
"""Task → what its data are called."""
MOST_LABELS, LOWEST_LABELS = 40, 20
"""Labels up to which the card has a row for each; of more, those with the lowest F1 have one."""


def render(
    evidence: Evidence,
    language: Language,
    adapter: str,
    pack: Mapping[str, Any] | None = None,
    repo_id: str | None = None,
    base_objective: str | None = None,
) -> str:
    """Render the card of an adapter. The English one opens with the Hub's metadata.

    repo_id: the adapter's own repository, once it is published
    base_objective: of a base that was not trained here, which has no report
    pack: what `Domain.read_in` gives of the domain pack in the language, where the adapter names one
    """
    templates = environment(language, finalize=lambda value: finalize(evidence, language, value))
    statement_filters(templates, language)
    audit_filters(templates, language)
    objective = base_objective or evidence["pretrain:/objective"] or "masked"
    evaluation = evidence.view(f"evaluate:{adapter}")
    own = evidence.view(f"finetune:{adapter}")
    task, labels = own["task"] or "text", own["labels"]  # adapters of older versions are for texts
    labelled = task in PIPELINES
    unmeasured = list(evaluation["text"]["not_measured"])
    stages = [report.removeprefix("seal.") for report in evidence.names if report.startswith("seal.")]
    body = templates.get_template("adapter.md.jinja").render(
        recipe=evidence.view("recipe"),
        finetune=own,
        evaluation=evaluation,
        audit=evidence.view(f"audit:{adapter}"),
        base={kind: evidence.view(kind) for kind in ("evaluate", "audit")},
        task=task,
        things=THINGS[task],
        labelled=labelled,
        pipeline=PIPELINES.get(task),
        scale="percent" if labelled else "plain",
        difference="points" if labelled else "signed",
        auto=AUTO_OF_LABELS.get(task, AUTO[objective]),
        seq2seq=objective == "span_corruption",
        outputs=outputs(task, len(labels["labels"])) if labelled else None,
        shown=shown_labels(labels["scores"]["by_label"]) if labelled else (),
        swapped=list(swapped(own["swaps"])),
        measures=[column for column in MEASURES[objective] if column[0] not in unmeasured],
        stated=statements(evidence),
        trained=evidence[f"seal.finetune:{adapter}:/finished"],
        weights=weights(evidence.view(f"seal.finetune:{adapter}")),
        missing_weights=Missing(f"seal.finetune:{adapter}:/outputs"),
        dtype=stored_as(evidence),
        peak_memory=own["peak_memory_bytes"],
        objective=objective,
        command=run_command(evidence, f"finetune:{adapter}", f"finetune.{adapter}", adapter),
        pack=pack,
        repo_id=repo_id,
        gate=evidence.view("gate"),
        trained_here=base_objective is None,
        seals={stage: evidence.view(f"seal.{stage}") for stage in stages},
    )
    return f"---\n{hub_data(evidence, adapter, objective).to_yaml()}\n---\n\n{body}" if language == "en" else body


def outputs(task: str, labels: int) -> int:
    """Return the number of outputs of the head: one for each label, or for each tag: beginning, inside and outside."""
    return labels if task == "classification" else 2 * labels + 1


def shown_labels(by_label: View) -> list[str]:
    """Return the labels that have a row: all, in their order, or of very many those with the lowest F1, from there."""
    labels = list(by_label)
    if len(labels) <= MOST_LABELS:
        return labels
    return sorted(labels, key=lambda label: float(by_label[label]["f1"]))[:LOWEST_LABELS]


def swapped(swaps: Any) -> Iterator[tuple[str, str, View]]:
    """Yield language, group and result of the exchanges; languages in which no text has a word are left out."""
    for language in swaps:
        groups = swaps[language]
        if any(groups[group]["texts"] for group in groups):
            yield from ((language, group, groups[group]) for group in groups)


def hub_data(evidence: Evidence, adapter: str, objective: str) -> ModelCardData:
    """Return the metadata that the Hub files the adapter by.

    objective: what its base was trained to predict
    """
    recipe, own = evidence.view("recipe"), evidence.view(f"finetune:{adapter}")
    task = PIPELINES.get(own["task"]) or TASKS.get(objective)
    model_license, repository = recipe["card"]["license"], recipe["publish"]["repo_id"]
    hub = recipe["finetune"][adapter]["data"]["hub"]
    return ModelCardData(
        language=list(recipe["languages"]),
        library_name="peft" if own["rank"] else "transformers",
        pipeline_tag=task,
        base_model=repository or (recipe["base"]["name"] if recipe["base"]["revision"] else None),
        tags=["desdecero", own["method"]],
        datasets=[hub["name"]] if hub else None,
        model_name=f"{recipe['name']}-{adapter}",
        eval_results=_eval_results(evidence, adapter, task) or None,
        **emissions(evidence, f"finetune:{adapter}", "fine-tuning"),
        **(hub_metadata(model_license) if model_license else {}),
    )


def _eval_results(evidence: Evidence, adapter: str, task: str | None) -> list[EvalResult]:
    """Return what was measured on the examples that the adapter did not train on."""
    report = evidence.view(f"finetune:{adapter}")
    kind = report["task"] or "text"
    labels = kind in PIPELINES
    measured = report["labels"]["scores"] if labels else report["domain"]
    if not isinstance(measured, View):
        return []
    value: Any = measured["measures"][report["measure"]] if labels else measured["after"]
    return [
        EvalResult(
            task_type=task or "",
            dataset_type="custom",
            dataset_name=say(LANGUAGES[0], f"adapter_card.data_set.{kind}"),
            dataset_split="test" if report["data"] else "domain_validation",
            dataset_args={THINGS[kind]: measured["items" if labels else "documents"]},
            metric_type=report["measure"],
            metric_name=name("en", "measure", report["measure"]),
            metric_value=value["value"],
        )
    ]
