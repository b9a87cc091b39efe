"""Recall and precision on texts whose personal data was marked by hand.

The thresholds sit just below what was measured; `tests/benchmarks/bench_personal_data.py` prints the table.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.privacy.detection import Detector
from desdecero.pipelines.recipe import PersonalData

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from bench_personal_data import meddocan, presidio, score

DATA = os.environ.get("DESDECERO_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="DESDECERO_DATA is not set")


def test_spanish_clinical_cases() -> None:
    counts = score(meddocan(Path(str(DATA))), Detector(PersonalData()))
    assert counts["email"]["marked"] == 710 and counts["email"]["found"] >= 706
    assert counts["phone"]["marked"] == 104 and counts["phone"]["found"] == 104
    for kind, count in counts.items():
        assert count["right"] >= 0.99 * count["claimed"], kind


def test_english_sentences() -> None:
    counts = score(presidio(Path(str(DATA))), Detector(PersonalData()))
    for kind, (marked, found) in {
        "email": (49, 49), "ip": (14, 14), "national_id": (16, 16), "bank_account": (21, 21),
        "credit_card": (136, 136), "phone": (92, 92),
    }.items():  # fmt: skip
        assert counts[kind]["marked"] == marked and counts[kind]["found"] >= found, kind
        assert counts[kind]["right"] == counts[kind]["claimed"], kind
