"""Facts of a model and of its corpus, by one name in every document of the dossier.

    facts = facts_of(evidence)
    facts["corpus.documents.kept"]        # 9876: as the sealed report has it
    facts.texts("corpus")                 # {"corpus.documents.kept": "9876", …}: what the machine formats hold

CycloneDX, Croissant and SPDX carry the same text of a fact under the same name, so that two of them can be compared
field by field; the pages print the value with the card's formats. A fact that no report holds is left out: the pages
say that it is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from desdecero.model_cards.evidence import Evidence, Missing, View

PREFIX = "desdecero:"
"""Namespace of the facts' names in the machine formats."""

MODEL = {
    "model.name": "recipe:/name",
    "model.license": "recipe:/card/license",
    "model.architecture": "pretrain:/architecture",
    "model.objective": "pretrain:/objective",
    "model.parameters": "pretrain:/parameters",
    "model.parameters_without_embeddings": "pretrain:/parameters_without_embeddings",
    "model.layers": "pretrain:/layers",
    "model.hidden_size": "pretrain:/hidden_size",
    "model.heads": "pretrain:/heads",
    "model.context_length": "pretrain:/context_length",
    "model.vocab_size": "pretrain:/vocab_size",
    "training.optimizer": "pretrain:/optimizer",
    "training.schedule": "pretrain:/schedule",
    "training.batch_size": "pretrain:/batch_size",
    "training.steps": "pretrain:/steps",
    "training.tokens": "pretrain:/tokens",
    "training.epochs": "pretrain:/epochs",
    "training.documents_read": "pretrain:/exposure/read",
    "training.documents_never_read": "pretrain:/exposure/never_read",
    "training.flops": "pretrain:/flops",
    "training.seconds": "pretrain:/seconds",
    "training.precision": "pretrain:/precision",
    "training.device": "pretrain:/device",
    "training.train_loss": "pretrain:/train_loss",
    "training.validation_loss": "pretrain:/validation_loss",
    "training.energy.kwh": "pretrain:/energy/kwh",
    "training.energy.kg_co2e": "pretrain:/energy/kg_co2e",
}
CORPUS = {
    "corpus.documents.read": "corpus:/documents/read",
    "corpus.documents.kept": "corpus:/documents/kept",
    "corpus.documents.quarantined": "corpus:/documents/quarantined",
    "corpus.bytes.read": "corpus:/bytes/read",
    "corpus.bytes.kept": "corpus:/bytes/kept",
    "corpus.attribution.works": "corpus:/attribution/works",
}
"""Name of a fact → its key in the evidence. Lists and tables of the reports follow in `_corpus` and `_measures`."""

Value = str | int | float | bool


class Facts(Mapping[str, Value]):
    """Values by name, in the order of the tables above."""

    def __init__(self, values: Mapping[str, Value]):
        self._values = dict(values)

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def texts(self, *groups: str) -> dict[str, str]:
        """Return name → text of the facts whose names begin with one of `groups`; of all without any."""
        return {name: as_text(value) for name, value in self.items() if not groups or name.partition(".")[0] in groups}


def as_text(value: Value) -> str:
    """Return a value as the machine formats write it: the shortest text that reads back as the same number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def facts_of(evidence: Evidence) -> Facts:
    """Look up every fact; those that are missing are left out."""
    found = [(name, evidence[key]) for name, key in MODEL.items()]
    found += [(name, evidence[key]) for name, key in CORPUS.items()]
    found += [*_corpus(evidence), *_measures(evidence)]
    return Facts({name: value for name, value in found if not isinstance(value, Missing | View)})


def _corpus(evidence: Evidence) -> Iterator[tuple[str, Any]]:
    corpus, tokens = evidence.view("corpus"), evidence.view("tokens")
    for split in corpus["splits"]:
        for what in ("documents", "bytes"):
            yield f"corpus.split.{split}.{what}", corpus["splits"][split][what]
        yield f"corpus.split.{split}.tokens", tokens["splits"][split]["tokens"]
    for source in corpus["sources"]:
        for what in ("documents", "bytes"):
            yield f"corpus.source.{source['name']}.{what}", source[what]
    for row in corpus["languages"]:
        yield f"corpus.language.{row['language'] or 'und'}.share_bytes", row["share_bytes"]
    for row in corpus["licenses"]:
        for what in ("bytes", "share_bytes"):
            yield f"corpus.license.{row['license']}.{what}", row[what]
    for row in evidence.view("pretrain")["exposure"]["licenses"]:  # what the weights read
        for what in ("tokens", "share_tokens"):
            yield f"corpus.license.{row['license']}.{what}", row[what]
    for reason in corpus["drops"]:
        for what in ("documents", "bytes"):
            yield f"corpus.dropped.{reason}.{what}", corpus["drops"][reason][what]
    for kind in corpus["edits"]["redacted"]:
        yield f"corpus.personal_data.{kind}.replaced", corpus["edits"]["redacted"][kind]
        planted = corpus["personal_data"]["planted"][kind]
        for way in ("named", "alone"):
            for what in ("planted", "found", "low"):
                yield f"corpus.personal_data.{kind}.{way}.{what}", planted[way][what]


def _measures(evidence: Evidence) -> Iterator[tuple[str, Any]]:
    measures = evidence["evaluate:/text/measures"]
    for measure in measures:
        for what in ("value", "low", "high"):
            yield f"evaluation.{measure}.{what}", measures[measure][what]
    pairs = evidence["audit:/suites/pairs/languages"]
    for language in pairs:
        for group in pairs[language]["groups"]:
            gap = pairs[language]["groups"][group]["gap"]
            for what in ("value", "low", "high"):
                yield f"audit.{language}.{group}.{what}", gap[what]
