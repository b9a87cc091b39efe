"""`audit/report.json`."""

from __future__ import annotations

from desdecero.eval_suites.by_heart.results import MemorizationResult, PersonalDataSuite
from desdecero.eval_suites.in_use.results import SwapsInUseResult
from desdecero.eval_suites.paired_sentences.corpus_results import CorpusGap
from desdecero.eval_suites.paired_sentences.results import PairsResult
from desdecero.eval_suites.public_sets.results import CrowsResult, EsbbqResult, HonestResult, WinobiasResult
from desdecero.eval_suites.results import GapChange, Part
from desdecero.eval_suites.true_or_false.results import TrueOrFalseResult


class SuiteResults(Part):
    """The result of each suite that was measured."""

    pairs: PairsResult | None = None
    esbbq: EsbbqResult | None = None
    crows_pairs: CrowsResult | None = None
    winobias: WinobiasResult | None = None
    honest: HonestResult | None = None
    swaps: SwapsInUseResult | None = None
    memorization: MemorizationResult | None = None
    personal_data: PersonalDataSuite | None = None
    facts: TrueOrFalseResult | None = None


class AuditReport(Part):
    """What each suite of the audit measured."""

    confidence: float
    margin: float
    """Nats; a mean gap below it is called small."""
    p_adjusted: dict[str, float]
    """p-values by `SUITE/NAME`, adjusted over all of them (Holm 1979)."""
    suites: SuiteResults
    measured_with: dict[str, str]
    """Suite → hash of its settings, its data, the model and the training tokens."""
    not_measured: dict[str, str]
    """Suite that the recipe asks for → key of the reason for which it was not measured."""
    corpus_gaps: dict[str, CorpusGap] | None = None
    """`LANGUAGE/NAME` → the gap of a group in the training text itself; None where paired sentences were not asked."""
    changes: list[GapChange] | None = None
    """What became of the gaps of the model under an adapter; None for a model, and where the two were audited with
    different probes."""
