"""`model.cdx.json`: the model and its corpus as a CycloneDX 1.7 bill of materials with a `modelCard`.

https://cyclonedx.org/docs/1.7/json: all values are strings, also those of metrics. cyclonedx-python-lib 11 has no class
for `modelCard`, so the JSON is built here and validated with that library's schema. No clock and no random number go
into it: the serial number is derived from the facts, the time is that of the model's seal.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from desdecero.model_cards.dossier.facts import PREFIX, Facts, as_text
from desdecero.model_cards.evidence import Evidence, Missing, View
from desdecero.model_cards.stated import in_language
from desdecero.model_cards.words import name

TASKS = {"causal": "text-generation", "masked": "fill-mask", "span_corruption": "text2text-generation"}
KG_PER_TONNE = 1000
ADDRESS = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
"""Name space of addresses (RFC 9562, §6.6): the serial number is a UUID of version 5 in it."""


def cyclonedx(evidence: Evidence, facts: Facts) -> dict[str, Any]:
    """Return the bill of materials."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid.uuid5(ADDRESS, f'{PREFIX}{identity(facts)}')}",
        "version": 1,
        "metadata": _present({"timestamp": evidence["seal.pretrain:/finished"], "component": _model(evidence, facts)}),
        "components": [_corpus(evidence, facts)],
        "dependencies": [{"ref": "model", "dependsOn": ["corpus"]}, {"ref": "corpus"}],
    }


def identity(facts: Facts) -> str:
    """Return the sha256 of all facts: the same for the same run."""
    return hashlib.sha256(json.dumps(facts.texts(), sort_keys=True).encode()).hexdigest()


def _model(evidence: Evidence, facts: Facts) -> dict[str, Any]:
    model_license = evidence["recipe:/card/license"]
    return _present(
        {
            "type": "machine-learning-model",
            "bom-ref": "model",
            "name": evidence["recipe:/name"],
            "version": version(evidence, "pretrain"),
            "description": in_language("en", evidence["recipe:/purpose"]),
            "supplier": _named(evidence["recipe:/dossier/provider"]),
            "authors": [{"name": author} for author in evidence["recipe:/card/authors"]],
            "licenses": [{"expression": model_license}] if model_license else Missing(""),
            "hashes": [{"alg": "SHA-256", "content": digest} for _, digest in weights(evidence)],
            "modelCard": _model_card(evidence),
            "properties": _properties(facts.texts("model", "training", "evaluation", "audit")),
        }
    )


def _model_card(evidence: Evidence) -> dict[str, Any]:
    pretrain = evidence.view("pretrain")
    return {
        "bom-ref": "model-card",
        "modelParameters": _present(
            {
                "approach": {"type": "self-supervised"},
                "task": TASKS.get(pretrain["objective"], Missing("")),
                "architectureFamily": "transformer",
                "modelArchitecture": pretrain["architecture"],
                "datasets": [{"ref": "corpus"}],
                "inputs": [{"format": "text"}],
                "outputs": [{"format": "text"}],
            }
        ),
        "quantitativeAnalysis": {"performanceMetrics": [*_metrics(evidence)]},
        "considerations": _considerations(evidence),
    }


def _metrics(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Yield what was measured, with the interval of each slice: the held-out text, groups of people, forms of data."""
    measures = evidence["evaluate:/text/measures"]
    for measure in measures:
        yield _metric(measure, measures[measure], f"{evidence['evaluate:/split'] or 'validation'} text")
    for suite in evidence["evaluate:/suites"]:
        yield _metric(suite["main"], suite["measures"][suite["main"]], suite["name"])
    pairs = evidence["audit:/suites/pairs/languages"]
    for language in pairs:
        groups = pairs[language]["groups"]
        for group in groups:
            if groups[group]["gap"]:
                yield _metric("gap_nats", groups[group]["gap"], f"{language}: {name('en', 'group', group)}")
    planted = evidence["corpus:/personal_data/planted"]
    for kind in planted:
        for form in planted[kind]["forms"]:
            for way in ("named", "alone"):
                found = planted[kind]["forms"][form][way]
                if found:
                    yield _metric("personal_data_recall", found, f"{form}, {way}", "recall")
    for cell in evidence["audit:/suites/memorization/extraction/cells"]:
        slice_ = f"{cell['split']}, {cell['by']} {cell['group']}, prefix of {cell['prefix']} tokens"
        if cell["greedy"]:
            yield _metric("verbatim_extraction", cell["greedy"], slice_)


def _metric(kind: str, estimate: View, slice_: str, value: str = "value") -> dict[str, Any]:
    metric = {"type": kind, "value": _text(estimate[value]), "slice": slice_}
    if not (isinstance(estimate["low"], Missing) or isinstance(estimate["high"], Missing)):
        bounds = {"lowerBound": as_text(estimate["low"]), "upperBound": as_text(estimate["high"])}
        metric["confidenceInterval"] = bounds
    return _present(metric)


def _considerations(evidence: Evidence) -> dict[str, Any]:
    card = evidence["recipe:/card"]
    return {
        key: value
        for key, value in {
            "useCases": _texts(in_language("en", card["intended_use"])),
            "technicalLimitations": _texts(*(in_language("en", card[key]) for key in ("limitations", "out_of_scope"))),
            "environmentalConsiderations": _energy(evidence),
            "fairnessAssessments": [*_fairness(evidence)],
        }.items()
        if value
    }


def _energy(evidence: Evidence) -> dict[str, Any]:
    energy = evidence["pretrain:/energy"]
    if not energy:
        return {}
    cost = {
        "activity": "training",
        "energyProviders": [],  # who supplies the electricity is not known
        "activityEnergyCost": {"value": energy["kwh"], "unit": "kWh"},
        "co2CostEquivalent": {"value": energy["kg_co2e"] / KG_PER_TONNE, "unit": "tCO2eq"},
    }
    return {"energyConsumptions": [cost]}


def _fairness(evidence: Evidence) -> Iterator[dict[str, str]]:
    pairs = evidence["audit:/suites/pairs/languages"]
    for language in pairs:
        groups = pairs[language]["groups"]
        for group in groups:
            if verdict := groups[group]["verdict"]:
                about = f"{language}: {name('en', 'group', group)}"
                yield {"groupAtRisk": about, "harms": f"paired sentences: {name('en', 'verdict', verdict)}"}


def _corpus(evidence: Evidence, facts: Facts) -> dict[str, Any]:
    ledger = evidence["seal.corpus:/outputs"]["corpus/ledger.parquet"]["sha256"]
    return _present(
        {
            "type": "data",
            "bom-ref": "corpus",
            "name": f"{evidence['recipe:/name']}-corpus",
            "version": version(evidence, "corpus"),
            "hashes": [] if isinstance(ledger, Missing) else [{"alg": "SHA-256", "content": ledger}],
            "data": [{"type": "dataset", "name": "corpus/ledger.parquet"}],
            "properties": _properties(facts.texts("corpus")),
        }
    )


def version(evidence: Evidence, stage: str) -> Any:
    """Return the version of what a stage made: the first twelve digits of its seal's digest."""
    digest = evidence[f"seal.{stage}:/digest"]
    return digest if isinstance(digest, Missing) else digest[:12]


def weights(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield (file, sha256) of the model's weights."""
    outputs = evidence["seal.pretrain:/outputs"]
    for place in outputs:
        if place.startswith("model/") and place.endswith(".safetensors"):
            yield place, outputs[place]["sha256"]


def _properties(texts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": f"{PREFIX}{fact}", "value": text} for fact, text in texts.items()]


def _named(value: Any) -> Any:
    return value if isinstance(value, Missing) else {"name": value}


def _text(value: Any) -> Any:
    return value if isinstance(value, Missing) else as_text(value)


def _texts(*values: Any) -> list[str]:
    return [text for value in values if (text := str(value or "").strip())]


def _present(content: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is missing, and lists that hold nothing: the format has no word for what is not known."""
    return {key: value for key, value in content.items() if not isinstance(value, Missing) and value not in ([], "")}
