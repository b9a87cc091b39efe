"""The report of each stage, typed: the contract between stages, card, page, gate and summary.

REPORTS["audit"].model_validate(content)      raises pydantic's ValidationError where it does not hold
"""

from __future__ import annotations

from desdecero.pipelines.run.reports.audit import AuditReport
from desdecero.pipelines.run.reports.base import Part
from desdecero.pipelines.run.reports.card import CardReport
from desdecero.pipelines.run.reports.corpus import CorpusReport
from desdecero.pipelines.run.reports.evaluate import EvaluationReport
from desdecero.pipelines.run.reports.finetune import FinetuneReport
from desdecero.pipelines.run.reports.pretrain import PretrainReport
from desdecero.pipelines.run.reports.tokenizer import TokenizerReport
from desdecero.pipelines.run.reports.tokens import TokensReport

REPORTS: dict[str, type[Part]] = {
    "corpus": CorpusReport, "tokenizer": TokenizerReport, "tokens": TokensReport, "pretrain": PretrainReport,
    "evaluate": EvaluationReport, "audit": AuditReport, "finetune": FinetuneReport, "card": CardReport,
}  # fmt: skip
"""Kind of stage → the type of its `report.json`."""
