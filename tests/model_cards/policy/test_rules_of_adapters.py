"""The rules as they are asked of adapters: those of models where they apply, and what an adapter has beyond them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import pytest

from desdecero.model_cards.gate_sentences import fix, measured, sentence
from desdecero.model_cards.policy.judge import judge, refused
from desdecero.model_cards.policy.types import Facts, Policy, Verdict, Waiver
from desdecero.model_cards.words import LANGUAGES
from desdecero.pipelines.corpus.licensing.summary import Holding, report
from desdecero.pipelines.recipe import Licenses

TODAY = datetime.date(2026, 11, 27)
DESCRIBED = {
    "license": "Apache-2.0", "authors": ["A tester"], "contact": "tester@example.org", "intended_use": "Testing.",
    "out_of_scope": "All else.", "limitations": "It is small.",
}  # fmt: skip
COMPETENT = {"competent": True, "value": 0.8, "threshold": 0.75}
SMALL = {"competence": COMPETENT, "groups": {"gender": {"verdict": "within margin"}}}


def licensing(tokens: dict[str, int]) -> dict[str, Any]:
    held = {name: Holding(1, count, {"declared": 1}, count) for name, count in tokens.items()}
    return {"card/licensing.json": report(held, Licenses(), "Apache-2.0")}


def finetuned(low: float | None = -0.4, high: float | None = -0.1, **data: Any) -> dict[str, Any]:
    """An adapter's report; `data` are what it says of data of its own."""
    own = {"personal_data": {}, "redacted": False, **data} if data else None
    change = {"value": -0.2, "low": low, "high": high}
    return {"report.json": {"measure": "bits_per_byte", "domain": {"change": change}, "data": own}}


def seeded(verdict: str, *seeds: str, against: str = "base", task: str = "text", **others: Any) -> dict[str, Any]:
    """The report of an adapter with a verdict, and those of its seeds."""
    change = {"value": -0.2, "low": -0.3, "high": -0.1}
    each = [{"against": against, "change": change, "verdict": one} for one in seeds or (verdict,)]
    measure = "accuracy" if task == "classification" else "bits_per_byte"
    return {
        "report.json": {"task": task, "measure": measure, "seeds": each, "verdict": verdict, "data": None, **others}
    }


def swapped(verdict: str, p_adjusted: float | None) -> dict[str, Any]:
    words = {"first": 0.9, "second": 0.6, "p_adjusted": p_adjusted}
    none = {"words": None, "verdict": "no texts"}
    return {"swaps": {"en": {"gender": {"words": words, "verdict": verdict}, "names": none}}}


WHOLE: Mapping[str, Any] = {
    "recipe.yaml": {"languages": ["en"], "card": DESCRIBED},
    "audit/report.json": {"margin": 0.5, "suites": {"pairs": {"languages": {"en": SMALL}}}},
    "seals": {"states": {"corpus": "sealed", "finetune:legal": "sealed"}, "faults": [], "missing": []},
    "attestation": {"state": "signed"},
    "base": {"refused": []},
    **licensing({"MIT": 75, "CC-BY-4.0": 25}),
    **finetuned(),
}


def verdicts(change: Mapping[str, Any], labels: bool = False, *waivers: Waiver) -> dict[str, Verdict]:
    facts = Facts({**WHOLE, **change}, adapter="legal", labels=labels)
    return {one.rule: one for one in judge(facts, Policy(waivers=waivers), TODAY)}


def test_an_adapter_is_not_asked_to_beat_token_frequencies_and_all_it_is_asked_is_told() -> None:
    found = verdicts({})
    assert refused(list(found.values())) == []
    assert {"license_denied", "base_licenses", "personal_data", "beats_base", "bias", "memorization"} < found.keys()
    assert not found.keys() & {"evaluation", "swaps_alike", "exposure", "languages"}
    for verdict in found.values():
        assert all(sentence(each, verdict) and measured(each, verdict) and fix(each, verdict) for each in LANGUAGES)
    assert found["bias"].report == "adapters/legal/audit/report.json"
    assert found["beats_base"].report == "adapters/legal/report.json"
    assert found["card_complete"].report == "recipe.yaml"


@pytest.mark.parametrize(
    ("change", "rule", "says"),
    [
        (finetuned(-0.3, 0.1), "beats_base", "bits per byte −0.20 (−0.30 to +0.10)"),
        (finetuned(0.0, 0.0), "beats_base", "below 0"),
        (finetuned(None, None), "beats_base", "no interval"),
        ({"report.json": None}, "beats_base", "not measured beside its base"),
        (finetuned(personal_data={"email": 3, "ip": 0, "dni": 1}), "personal_data", "email 3, dni 1"),
        ({"base": {"refused": ["license_conflict"]}}, "base_licenses", "license_conflict"),
        (licensing({"LicenseRef-unknown": 1}), "license_unknown", "LicenseRef-unknown 100%"),
        (licensing({"CC-BY-NC-4.0": 1}), "license_conflict", "CC-BY-NC-4.0 100%"),
        ({"card/licensing.json": None}, "license_denied", "no licence table"),
        ({"audit/report.json": None}, "bias", "has not been audited"),
        (
            {"recipe.yaml": {"languages": ["en"], "card": {**DESCRIBED, "contact": None}}},
            "card_complete",
            "card.contact",
        ),
        (seeded("worse"), "beats_base", "not shown to be better than the model as it was"),
        (seeded("cannot be told apart", "better", "worse"), "beats_base", "with its first seed"),
    ],
)
def test_what_an_adapter_should_not_be_is_refused_unless_waived(change: dict[str, Any], rule: str, says: str) -> None:
    found = verdicts(change)
    assert found[rule].refuses and says in sentence("en", found[rule])
    assert sentence("es", found[rule]) != sentence("en", found[rule])
    waiver = Waiver(rule, "Ana", "a first version", TODAY)
    waived = verdicts(change, False, waiver)[rule]
    assert (waived.verdict, waived.waivers, waived.refuses) == ("waived", (waiver,), False)


def test_personal_data_that_were_replaced_or_are_none_refuse_nothing() -> None:
    for change in (
        finetuned(personal_data={"email": 3}, redacted=True),
        finetuned(personal_data={"email": 0}),
        finetuned(),
    ):
        assert verdicts(change)["personal_data"].verdict == "pass"


def test_an_adapter_is_better_by_the_verdict_of_its_report() -> None:
    verdict = verdicts(seeded("better"))["beats_base"]
    assert verdict.verdict == "pass"
    assert "better than the model as it was: bits per byte −0.20 (−0.30 to −0.10)" in sentence("en", verdict)
    of_labels = seeded("worse", against="linear_svm", task="classification")
    said = sentence("en", verdicts(of_labels, True)["beats_base"])
    assert "accuracy −20 (−30 to −10) percentage points" in said


def test_an_adapter_that_gives_labels_is_asked_about_exchanged_words_and_not_for_an_audit() -> None:
    of_labels = seeded("better", against="linear_svm", task="classification", **swapped("differs", 0.01))
    found = verdicts({"audit/report.json": None, **of_labels}, True)
    assert not found.keys() & {"bias", "evaluation", "memorization"}
    assert refused(list(found.values())) == ["swaps_alike"]
    assert "gender in English, 90% and 60% right" in sentence("en", found["swaps_alike"])
    assert "género en inglés" in sentence("es", found["swaps_alike"])


@pytest.mark.parametrize(
    ("swaps", "verdict", "says"),
    [
        (swapped("cannot be told apart", 0.3), "pass", "not shown to be right less often"),
        (swapped("too few texts", None), "not_measured", "too few test examples"),
        ({"swaps": {}}, "not_measured", "too few test examples"),
    ],
)
def test_too_few_texts_with_such_words_are_not_measured(swaps: dict[str, Any], verdict: str, says: str) -> None:
    found = verdicts(seeded("better", against="majority", task="tokens", **swaps), True)["swaps_alike"]
    assert found.verdict == verdict and says in sentence("en", found)
