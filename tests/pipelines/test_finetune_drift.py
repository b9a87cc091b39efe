"""`drift.json`: what changed beside the task, in the report's own numbers."""

from __future__ import annotations

from whole_reports import whole

from desdecero.pipelines.finetune import drift_of
from desdecero.pipelines.run.reports.finetune import FinetuneReport

ESTIMATE = {"value": 0.5, "low": 0.25, "high": 0.75}
LABELS = {
    "labels": ["a"], "several": False, "untrained": {}, "yardsticks": {},
    "scores": {
        "items": 8, "measures": {"accuracy": ESTIMATE}, "calibration": {"error": 0.125, "bins": []},
        "by_label": {"a": {"precision": 0.5, "recall": 0.25, "f1": 0.375, "support": 4, "given": 2}},
    },
}  # fmt: skip
NO_TEXTS = {"texts": 0, "flips": None, "share": None, "words": None, "examples": [], "verdict": "no texts"}


def test_drift_is_a_part_of_the_report() -> None:
    seeds = [{"seed": 0, "steps": 3, "against": "base", "score": ESTIMATE, "change": ESTIMATE, "verdict": "worse"}]
    given = {"verdict": "worse", "seeds": seeds, "swaps": {"en": {"names": NO_TEXTS}}, "labels": LABELS,
             "domain": {"documents": 4, "before": ESTIMATE, "after": ESTIMATE, "change": ESTIMATE}}  # fmt: skip
    report = FinetuneReport.model_validate(whole("finetune", given))
    drift = drift_of(report)
    parts = {"seeds", "verdict", "domain", "general", "memorization", "swaps", "labels"}
    assert parts < set(drift) and not {"base_sha256", "steps", "data", "trials"} & set(drift)
    in_report = report.model_dump(mode="json")
    assert all(drift[part] == in_report[part] for part in parts - {"labels"})
    scores = in_report["labels"]["scores"]
    assert drift["labels"] == {"scores": {key: scores[key] for key in ("measures", "by_label", "calibration")}}
