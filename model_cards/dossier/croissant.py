"""`corpus.croissant.json`: the corpus in Croissant 1.0 with the vocabulary for responsible AI (RAI 1.0).

https://docs.mlcommons.org/croissant/docs/croissant-spec.html and croissant-rai-spec.html. The files are those of the
run, by their sha256; the texts themselves are not passed on. mlcroissant 1.1.1 reads the format that is declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desdecero.model_cards.dossier.cyclonedx import identity, version
from desdecero.model_cards.dossier.facts import PREFIX, Facts
from desdecero.model_cards.evidence import Evidence, Missing
from desdecero.model_cards.stated import in_language
from desdecero.model_cards.words import Language, name, say

CONFORMS_TO = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        term: f"cr:{term}"
        for term in (
            "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet",
            "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
            "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
            "transform",
        )
    },
}  # fmt: skip
"""The context that the specification prescribes."""
LEDGER = "corpus/ledger.parquet"
LANGUAGE: Language = "en"
"""Of texts in the format, which declares one."""
TYPES = {"text": "sc:Text", "whole": "sc:Integer"}


def croissant(evidence: Evidence, facts: Facts, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the description of the corpus.

    columns: of the ledger, by name: `text` or `whole` (numbers)
    """
    files = [*_files(evidence)]
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": f"{evidence['recipe:/name']}-corpus",
        "description": say("en", "dossier.croissant.description", model=evidence["recipe:/name"]),
        "conformsTo": CONFORMS_TO,
        "version": f"1.0.0+{version(evidence, 'corpus')}",
        "url": f"urn:sha256:{identity(facts)}",
        "citeAs": f"{evidence['recipe:/name']}, corpus {version(evidence, 'corpus')}",
        "dateCreated": evidence["seal.corpus:/finished"],
        "creator": _creators(evidence),
        "inLanguage": [row["language"] for row in evidence["corpus:/languages"] if row["language"]],
        "license": [row["license"] for row in evidence["corpus:/licenses"]],
        **_responsible(evidence),
        "additionalProperty": [
            {"@type": "sc:PropertyValue", "name": f"{PREFIX}{fact}", "value": text}
            for fact, text in facts.texts("corpus").items()
        ],
        "distribution": files,
        "recordSet": [_ledger(columns)] if any(file["@id"] == LEDGER for file in files) else [],
    }
    return {key: value for key, value in described.items() if not isinstance(value, Missing) and value != []}


def _creators(evidence: Evidence) -> list[dict[str, str]]:
    provider = evidence["recipe:/dossier/provider"]
    people = [{"@type": "sc:Person", "name": author} for author in evidence["recipe:/card/authors"]]
    return [*([] if isinstance(provider, Missing) else [{"@type": "sc:Organization", "name": provider}]), *people]


def _responsible(evidence: Evidence) -> dict[str, Any]:
    """Return the attributes of RAI that the reports answer; the others are left out."""
    corpus = evidence.view("corpus")
    sources = [f"{source['name']} ({name('en', 'source', source['kind'])})" for source in corpus["sources"]]
    steps = [name("en", "step", step["step"]) for step in corpus["steps"]]
    drops = [f"{name('en', 'drop', reason)}: {corpus['drops'][reason]['documents']}" for reason in corpus["drops"]]
    replaced = corpus["edits"]["redacted"]
    kinds = [f"{name('en', 'personal_data', kind)}: {replaced[kind]}" for kind in replaced]
    found = {
        "rai:dataCollection": _sentence("collection", items=sources),
        "rai:dataCollectionRawData": _sentence("raw", items=sources),
        "rai:dataPreprocessingProtocol": _sentence("steps", items=steps),
        "rai:dataManipulationProtocol": _sentence("drops", items=drops),
        "rai:personalSensitiveInformation": _sentence("personal_data", items=kinds),
        "rai:dataLimitations": say("en", "dossier.croissant.limitations"),
        "rai:dataUseCases": in_language("en", evidence["recipe:/purpose"]),
        "rai:dataReleaseMaintenancePlan": evidence["recipe:/dossier/removal_contact"],
    }
    return {key: value for key, value in found.items() if value}


def _sentence(key: str, items: Sequence[str]) -> str:
    return say(LANGUAGE, f"dossier.croissant.{key}", items="; ".join(items)) if items else ""


def _files(evidence: Evidence) -> Iterator[dict[str, Any]]:
    outputs = evidence["seal.corpus:/outputs"]
    for place in outputs:
        if place.endswith(".parquet") and (place == LEDGER or place.startswith("corpus/documents/")):
            yield {
                "@type": "cr:FileObject",
                "@id": place,
                "name": place,
                "contentUrl": place,
                "contentSize": f"{outputs[place]['bytes']} B",
                "encodingFormat": "application/vnd.apache.parquet",
                "sha256": outputs[place]["sha256"],
            }


def _ledger(columns: Mapping[str, str]) -> dict[str, Any]:
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"ledger/{column}",
            "name": column,
            "dataType": TYPES[kind],
            "source": {"fileObject": {"@id": LEDGER}, "extract": {"column": column}},
        }
        for column, kind in columns.items()
    ]
    return {"@type": "cr:RecordSet", "@id": "ledger", "name": "ledger", "key": {"@id": "ledger/id"}, "field": fields}
