"""The report of each stage, typed: the contract between stages, card, page, gate and summary.

A stage builds one of these types and `RunDir.write_report` writes it; `RunDir.report` reads and checks it. Card and
gate take the JSON: a card quotes values by their place in the file.
"""

from __future__ import annotations

from typing import Any

from desdecero.pipelines.run.reports.audit import AuditReport
from desdecero.pipelines.run.reports.base import Part
from desdecero.pipelines.run.reports.card import CardReport
from desdecero.pipelines.run.reports.corpus import CorpusReport
from desdecero.pipelines.run.reports.dossier import DossierReport
from desdecero.pipelines.run.reports.evaluate import EvaluationReport
from desdecero.pipelines.run.reports.finetune import FinetuneReport
from desdecero.pipelines.run.reports.pretrain import PretrainReport
from desdecero.pipelines.run.reports.tokenizer import TokenizerReport
from desdecero.pipelines.run.reports.tokens import TokensReport

__all__ = [
    "REPORTS", "AuditReport", "CardReport", "CorpusReport", "DossierReport", "EvaluationReport", "FinetuneReport",
    "PretrainReport", "TokenizerReport", "TokensReport", "content_of",
]  # fmt: skip

REPORTS: dict[str, type[Part]] = {
    "corpus": CorpusReport, "tokenizer": TokenizerReport, "tokens": TokensReport, "pretrain": PretrainReport,
    "evaluate": EvaluationReport, "audit": AuditReport, "finetune": FinetuneReport, "card": CardReport,
    "dossier": DossierReport,
}  # fmt: skip
"""Kind of stage → the type of its `report.json`."""


def content_of(report: Part) -> dict[str, Any]:
    """Return a report, or a part of one, as the JSON that is written of it: fields that were not given are left out."""
    return report.model_dump(mode="json", exclude_unset=True)
