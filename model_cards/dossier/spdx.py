"""`model.spdx.json`: the model (AI profile) and its corpus (Dataset profile) in SPDX 3.0.1, as JSON-LD.

https://spdx.github.io/spdx-spec/v3.0.1. What the profiles have no property for stands in the extension for CycloneDX's
properties, under the same names as there. No clock and no random number go into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desdecero.model_cards.dossier.cyclonedx import identity, version, weights
from desdecero.model_cards.dossier.facts import PREFIX, Facts
from desdecero.model_cards.evidence import Evidence, Missing
from desdecero.model_cards.stated import in_language
from desdecero.model_cards.words import name

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
CREATED = "_:creation"


def spdx(evidence: Evidence, facts: Facts) -> dict[str, Any]:
    """Return the document: a model, the corpus that it was trained on, their licences, and who provides them."""
    base = f"urn:sha256:{identity(facts)}"
    about = {"creationInfo": CREATED}
    provider = _agent(evidence, f"{base}#provider")
    model, corpus = _model(evidence, facts, f"{base}#model"), _corpus(evidence, facts, f"{base}#corpus")
    elements = [provider, {**model, "suppliedBy": provider["spdxId"]}, corpus, _trained_on(base)]
    if expression := evidence["recipe:/card/license"]:
        elements += _licensed(base, expression)
    created = {"type": "CreationInfo", "@id": CREATED, "specVersion": "3.0.1", "createdBy": [provider["spdxId"]]}
    created["created"] = evidence["seal.pretrain:/finished"]
    document = {
        "type": "SpdxDocument",
        "spdxId": f"{base}#document",
        "name": evidence["recipe:/name"],
        "profileConformance": ["core", "software", "ai", "dataset", "simpleLicensing", "extension"],
        "rootElement": [model["spdxId"]],
        "element": [element["spdxId"] for element in elements],
    }
    graph = [created, *({**_present(element), **about} for element in (document, *elements))]
    return {"@context": CONTEXT, "@graph": graph}


def _agent(evidence: Evidence, place: str) -> dict[str, Any]:
    provider = evidence["recipe:/dossier/provider"]
    if isinstance(provider, Missing):
        return {"type": "Agent", "spdxId": place, "name": "NOASSERTION"}
    return {"type": "Organization", "spdxId": place, "name": provider}


def _model(evidence: Evidence, facts: Facts, place: str) -> dict[str, Any]:
    card = evidence["recipe:/card"]
    texts = facts.texts("model", "training", "evaluation", "audit")
    measured = facts.texts("evaluation", "audit")
    return {
        "type": "ai_AIPackage",
        "spdxId": place,
        "name": evidence["recipe:/name"],
        "description": in_language("en", evidence["recipe:/purpose"]),
        "software_packageVersion": version(evidence, "pretrain"),
        "software_primaryPurpose": "model",
        "software_downloadLocation": _address(evidence["recipe:/publish/repo_id"]),
        "releaseTime": _midnight(evidence["recipe:/dossier/market_date"]),
        "verifiedUsing": [
            {"type": "Hash", "algorithm": "sha256", "hashValue": digest} for _, digest in weights(evidence)
        ],
        "ai_typeOfModel": [evidence["pretrain:/architecture"], evidence["pretrain:/objective"]],
        "ai_informationAboutApplication": in_language("en", card["intended_use"]) or Missing(""),
        "ai_limitation": in_language("en", card["limitations"]) or Missing(""),
        "ai_hyperparameter": _entries({fact: text for fact, text in texts.items() if fact not in measured}),
        "ai_metric": _entries(measured),
        "ai_energyConsumption": _energy(evidence),
        # What was found was replaced; whether any is left is not known.
        "ai_useSensitivePersonalInformation": "noAssertion",
        "extension": [_extension(texts)],
    }


def _energy(evidence: Evidence) -> Any:
    energy = evidence["pretrain:/energy"]
    if not energy:
        return Missing("")
    used = {"type": "ai_EnergyConsumptionDescription", "ai_energyQuantity": energy["kwh"]}
    used["ai_energyUnit"] = "kilowattHour"
    return {"type": "ai_EnergyConsumption", "ai_trainingEnergyConsumption": [used]}


def _corpus(evidence: Evidence, facts: Facts, place: str) -> dict[str, Any]:
    corpus = evidence.view("corpus")
    redacted = corpus["edits"]["redacted"]
    return {
        "type": "dataset_DatasetPackage",
        "spdxId": place,
        "name": f"{evidence['recipe:/name']}-corpus",
        "software_packageVersion": version(evidence, "corpus"),
        "software_primaryPurpose": "data",
        "dataset_datasetType": ["text"],
        "dataset_datasetSize": corpus["bytes"]["kept"],
        "dataset_dataPreprocessing": [name("en", "step", step["step"]) for step in corpus["steps"]],
        "dataset_dataCollectionProcess": "; ".join(
            f"{source['name']} ({name('en', 'source', source['kind'])})" for source in corpus["sources"]
        )
        or Missing(""),
        "dataset_hasSensitivePersonalInformation": "noAssertion",
        "dataset_anonymizationMethodUsed": [
            f"replaced: {name('en', 'personal_data', kind)}" for kind in redacted if redacted[kind]
        ],
        "dataset_intendedUse": in_language("en", evidence["recipe:/purpose"]),
        "builtTime": evidence["seal.corpus:/finished"],
        "extension": [_extension(facts.texts("corpus"))],
    }


def _trained_on(base: str) -> dict[str, Any]:
    return {
        "type": "Relationship",
        "spdxId": f"{base}#trained-on",
        "from": f"{base}#model",
        "relationshipType": "trainedOn",
        "to": [f"{base}#corpus"],
    }


def _licensed(base: str, expression: str) -> list[dict[str, Any]]:
    license_ = {
        "type": "simplelicensing_LicenseExpression",
        "spdxId": f"{base}#license",
        "simplelicensing_licenseExpression": expression,
    }
    declared = {
        "type": "Relationship",
        "spdxId": f"{base}#declared-license",
        "from": f"{base}#model",
        "relationshipType": "hasDeclaredLicense",
        "to": [license_["spdxId"]],
    }
    return [license_, declared]


def _entries(texts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"type": "DictionaryEntry", "key": f"{PREFIX}{fact}", "value": text} for fact, text in texts.items()]


def _extension(texts: Mapping[str, str]) -> dict[str, Any]:
    entries = [
        {
            "type": "extension_CdxPropertyEntry",
            "extension_cdxPropName": f"{PREFIX}{fact}",
            "extension_cdxPropValue": text,
        }
        for fact, text in texts.items()
    ]
    return {"type": "extension_CdxPropertiesExtension", "extension_cdxProperty": entries}


def _address(repository: Any) -> Any:
    return repository if isinstance(repository, Missing) else f"https://huggingface.co/{repository}"


def _midnight(date: Any) -> Any:
    return date if isinstance(date, Missing) else f"{date}T00:00:00Z"


def _present(element: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in element.items() if not isinstance(value, Missing) and value not in ([], "")}
