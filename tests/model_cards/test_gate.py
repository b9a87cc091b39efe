"""The gate: each rule passes what is whole, and refuses or warns of what is not, in both languages."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from desdecero.model_cards.gate import (
    ACCEPTABLE,
    ACCEPTABLE_OF_ADAPTER,
    Acceptance,
    Finding,
    Publication,
    judge,
    refused,
    rules_for,
)
from desdecero.model_cards.gate_sentences import sentence
from desdecero.model_cards.gate_substance import SUBSTANCE_RULES
from desdecero.model_cards.words import LANGUAGES, catalogue
from desdecero.pipelines.corpus.licensing.summary import Holding, report
from desdecero.pipelines.recipe import Licenses


def licensing(tokens: dict[str, int], intended: str = "Apache-2.0", **licenses: Any) -> dict[str, Any]:
    held = {name: Holding(1, count, {"declared": 1}, count) for name, count in tokens.items()}
    return report(held, Licenses(**licenses), intended)


def evaluation(low: float | None, high: float | None, measure: str = "bits_per_byte") -> dict[str, Any]:
    own = {"value": 2.0, "low": low, "high": high}
    return {"evaluation": {"text": {"measures": {measure: own}, "baselines": {"unigram": {measure: 2.5}}}}}


def audit(*verdicts: str, competent: bool = True, language: str = "en") -> dict[str, Any]:
    groups = {f"group {number}": {"verdict": verdict} for number, verdict in enumerate(verdicts)}
    competence = {"competent": competent, "value": 0.8 if competent else 0.6, "threshold": 0.75}
    languages = {language: {"competence": competence, "groups": groups}}
    return {"audit": {"margin": 0.5, "suites": {"pairs": {"languages": languages}}}}


DESCRIBED = {
    "license": "Apache-2.0", "authors": ["A tester"], "contact": "tester@example.org", "intended_use": "Testing.",
    "out_of_scope": "", "limitations": "It is small.",
}  # fmt: skip
WHOLE = Publication(
    repo_id="me/name",
    states={"corpus": "sealed", "finetune": "unwanted", "card": "sealed"},
    faults=[],
    card={"missing": [], "model_license": "Apache-2.0", "repo_id": "me/name"},
    licensing=licensing({"MIT": 75, "CC-BY-4.0": 25}),
    languages=("en",),
    described=DESCRIBED,
    max_unknown=0.05,
    **evaluation(1.9, 2.1),
    **audit("found within margin", "within margin"),
)


def card(**changes: object) -> dict[str, object]:
    return {"card": {**WHOLE.card, **changes}}  # type: ignore[dict-item]


def described(**changes: object) -> dict[str, object]:
    return {"described": {**DESCRIBED, **changes}}


def judged(change: dict[str, Any], rule: str) -> tuple[Finding, list[str]]:
    findings = judge(dataclasses.replace(WHOLE, **change))
    (finding,) = [finding for finding in findings if finding.rule == rule]
    return finding, [other.rule for other in refused(findings)]


def test_what_is_whole_passes_every_rule():
    findings = judge(WHOLE)
    assert len(findings) == len(rules_for(WHOLE))
    assert all(finding.passed for finding in findings)
    assert refused(findings) == []


@pytest.mark.parametrize(
    ("change", "rule", "says"),
    [
        (
            {"states": {"corpus": "sealed", "audit": "stale: the recipe's audit changed"}},
            "stages_sealed",
            "audit (stale",
        ),
        ({"states": {"card": "missing"}}, "stages_sealed", "card (missing)"),
        ({"faults": ["model/config.json: altered since pretrain was sealed"]}, "files_whole", "model/config.json"),
        (card(missing=["audit:/margin"]), "evidence_complete", "audit:/margin"),
        ({"card": None}, "evidence_complete", "no card"),
        (card(model_license=None), "license_named", "card.license"),
        ({"repo_id": None}, "repository_named", "--repo-id"),
        ({"repo_id": "you/other"}, "repository_named", "me/name"),
    ],
)
def test_what_is_not_whole_is_refused_and_cannot_be_accepted(change: dict[str, object], rule: str, says: str):
    accepted = [Acceptance(rule, "we are in a hurry", "2031-02-03")]
    finding, rules = judged({**change, "accepted": accepted}, rule)
    assert rule in rules and rule not in ACCEPTABLE
    assert says in sentence("en", finding)
    assert sentence("es", finding) != sentence("en", finding)


UNKNOWN = {"MIT": 80, "LicenseRef-unknown": 20}


@pytest.mark.parametrize(
    ("change", "rule", "says"),
    [
        # Denied by the recipe, alone or within an expression of which all holds.
        (
            {"licensing": licensing({"MIT": 9, "GPL-3.0-only": 1}, denied=("GPL-*",))},
            "licenses_allowed",
            ["GPL-3.0-only 10%", "card/licensing.json", "corpus.licenses"],
        ),
        (
            {"licensing": licensing({"MIT": 3, "MIT AND CC-BY-ND-4.0": 1}, denied=("no_derivatives",))},
            "licenses_allowed",
            ["MIT AND CC-BY-ND-4.0 25%"],
        ),
        ({"licensing": licensing({"MIT": 1, "ISC": 1}, allowed=("MIT",))}, "licenses_allowed", ["ISC 50%"]),
        # Forbidden by the licence's own words.
        (
            {"licensing": licensing({"CC-BY-NC-4.0": 1, "MIT": 1})},
            "license_conflicts",
            ["CC-BY-NC-4.0 50%", "commercial", "Apache-2.0", "card/licensing.json"],
        ),
        (
            {"licensing": licensing({"LicenseRef-all-rights-reserved": 1, "MIT": 9}, use="research")},
            "license_conflicts",
            ["LicenseRef-all-rights-reserved 10%", "research"],
        ),
        # Unknown, over the limit: also a licence of one's own that nobody has written down, and a part of an AND.
        ({"licensing": licensing(UNKNOWN)}, "licenses_known", ["20%", "5%", "publish.max_unknown"]),
        ({"licensing": licensing(UNKNOWN), "max_unknown": 0.19}, "licenses_known", ["20%", "19%"]),
        ({"licensing": licensing({"MIT": 4, "LicenseRef-ours": 1})}, "licenses_known", ["LicenseRef-ours 20%"]),
        ({"licensing": licensing({"MIT": 1, "MIT AND LicenseRef-unknown": 1})}, "licenses_known", ["50%"]),
        ({"licensing": licensing(UNKNOWN, allowed=("MIT", "LicenseRef-unknown"))}, "licenses_known", ["20%"]),
        *(({"licensing": None}, rule, ["no licence table"]) for rule in ACCEPTABLE[:3]),
        # No better than token frequencies: worse, as good within the interval, without an interval, not measured.
        (evaluation(2.4, 2.6), "beats_unigram", ["2.000 (up to 2.600)", "2.500", "evaluation/report.json"]),
        (evaluation(1.5, 2.5), "beats_unigram", ["2.500"]),
        (evaluation(None, None), "beats_unigram", ["no interval"]),
        (evaluation(1.0, 3.0, "masked_loss"), "beats_unigram", ["masked-token loss, nats"]),
        (evaluation(1.0, 3.0, "span_loss"), "beats_unigram", ["span-token loss, nats"]),
        ({"evaluation": None}, "beats_unigram", ["was not evaluated"]),
        # An audit that does not show in each of the languages that every gap is small.
        ({"audit": None}, "bias", ["has not been audited", "audit/report.json"]),
        (audit("underpowered", "underpowered"), "bias", ["en: underpowered in 2 groups"]),
        (audit("within margin", "underpowered"), "bias", ["within the margin in 1 group, underpowered in 1 group"]),
        (audit("within margin", "words not read"), "bias", ["does not read these words in 1 group"]),
        (audit("within margin", "bias found"), "bias", ["bias found in 1 group"]),
        ({"audit": {"margin": 0.5, "suites": {}}}, "bias", ["did not ask paired sentences"]),
        (audit("model not competent", competent=False), "bias", ["not competent", "60%", "75%"]),
        ({"languages": ("en", "es")}, "bias", ["es: it has no probes"]),
        ({"languages": ("fr",)}, "bias", ["fr: it has no probes"]),
        # A card that leaves out what its readers need.
        (described(limitations=" \n"), "card_complete", ["card.limitations"]),
        (described(authors=[], contact=None), "card_complete", ["card.authors, card.contact"]),
        (described(authors=["  "]), "card_complete", ["card.authors"]),
        (described(intended_use=""), "card_complete", ["card.intended_use"]),
    ],
)  # fmt: skip
def test_what_a_model_should_not_be_is_refused_unless_accepted(change: dict[str, Any], rule: str, says: list[str]):
    finding, rules = judged(change, rule)
    assert rules.count(rule) == 1
    assert all(part in sentence("en", finding) for part in says), sentence("en", finding)
    assert sentence("es", finding) != sentence("en", finding)
    assert finding.read

    because = Acceptance(rule, "a first version, for review", "2031-02-03")
    finding, rules = judged({**change, "accepted": [because]}, rule)
    assert rule not in rules
    assert (finding.passed, finding.accepted) == (False, because)


@pytest.mark.parametrize(
    ("change", "rule", "says"),
    [
        ({"licensing": licensing({"CC-BY-SA-4.0": 1, "MIT": 1})}, "license_questions", "CC-BY-SA-4.0 50%"),
        ({"licensing": licensing({"CC-BY-NC-4.0": 1, "MIT": 1}, use="research")}, "license_questions", "NC-4.0 50%"),
    ],
)
def test_a_warning_is_shown_and_refuses_nothing(change: dict[str, Any], rule: str, says: str):
    finding, rules = judged(change, rule)
    assert not finding.passed
    assert says in sentence("en", finding)
    assert rules == []


def test_a_few_texts_of_unknown_licence_are_said_and_pass():
    finding, rules = judged({"licensing": licensing({"MIT": 97, "LicenseRef-unknown": 3})}, "licenses_known")
    assert rules == []
    assert finding.passed
    assert (finding.value, finding.threshold, finding.read) == (0.03, 0.05, "card/licensing.json")
    assert "3% of the training tokens" in sentence("en", finding)


def test_what_passes_is_not_accepted():
    needless = Acceptance("beats_unigram", "modesty", "2031-02-03")
    finding, rules = judged({"accepted": [needless]}, "acceptances_needed")
    assert rules == ["acceptances_needed"]
    assert "beats_unigram" in sentence("en", finding) and "beats_unigram" in sentence("es", finding)


def test_a_choice_of_licences_is_no_conflict():
    assert judged({"licensing": licensing({"GPL-3.0-only OR MIT": 1}, denied=("GPL-*",))}, "licenses_allowed")[1] == []


def test_what_the_recipe_leaves_unsaid_is_not_missing_evidence():
    findings = judge(dataclasses.replace(WHOLE, **card(missing=["recipe:/card/license"])))  # type: ignore[arg-type]
    assert refused(findings) == []


def test_a_model_under_the_licence_of_its_text_shares_alike():
    same = licensing({"CC-BY-SA-4.0": 1}, intended="CC-BY-SA-4.0")
    assert all(finding.passed for finding in judge(dataclasses.replace(WHOLE, licensing=same)))


def test_the_card_has_a_title_for_every_rule_that_can_be_accepted():
    titled = {key.split(".")[1] for key in catalogue()["en"] if key.startswith("gate.") and key.endswith(".title")}
    assert titled == {*ACCEPTABLE, *ACCEPTABLE_OF_ADAPTER}


@pytest.mark.parametrize("number", [0, 1, 10, 11, 14])
def test_so_many_files_are_named_and_the_rest_counted(number: int):
    finding, _ = judged({"faults": [f"model/{each}: altered" for each in range(number)]}, "files_whole")
    for language, more in zip(LANGUAGES, ("and {} more", "y {} más"), strict=True):
        said = sentence(language, finding)
        assert said.count("altered") == min(number, 10)
        assert (more.format(number - 10) in said) == (number > 10)


def test_a_model_without_bits_per_byte_is_judged_by_its_perplexity() -> None:
    for high, passed in ((2.1, True), (2.6, False)):
        judged = dataclasses.replace(WHOLE, **evaluation(1.9, high, "perplexity"))
        found = SUBSTANCE_RULES["beats_unigram"](judged)
        assert found.passed == passed and found.values["measured"]["measure"] == "perplexity"
        assert all("perpl" in sentence(language, found) for language in LANGUAGES)


# --- an adapter ------------------------------------------------------------------------------------------------

READ = "adapters/legal/report.json"


def finetuned(low: float | None = -0.4, high: float | None = -0.1, **data: Any) -> dict[str, Any]:
    """An adapter's report; `data` are what it says of data of its own."""
    own = {"personal_data": {}, "redacted": False, **data} if data else None
    change = {"value": -0.2, "low": low, "high": high}
    return {"finetune": {"measure": "bits_per_byte", "domain": {"change": change}, "data": own}}


ADAPTER = dataclasses.replace(WHOLE, adapter="legal", **finetuned())


def judged_adapter(change: dict[str, Any], rule: str) -> tuple[Finding, list[str]]:
    findings = judge(dataclasses.replace(ADAPTER, **change))
    (finding,) = [finding for finding in findings if finding.rule == rule]
    return finding, [other.rule for other in refused(findings)]


def test_an_adapter_that_is_whole_passes_every_rule_and_is_not_asked_to_beat_token_frequencies():
    findings = judge(ADAPTER)
    assert all(finding.passed for finding in findings) and refused(findings) == []
    assert {finding.rule for finding in findings} > {"base_licenses", "personal_data", "beats_base"}
    assert "beats_unigram" not in {finding.rule for finding in findings}
    for language in LANGUAGES:
        assert all(sentence(language, finding) for finding in findings)


@pytest.mark.parametrize(
    ("change", "rule", "says"),
    [
        (finetuned(-0.3, 0.1), "beats_base", ["bits per byte −0.20 (−0.30 to +0.10)", READ]),
        (finetuned(0.0, 0.0), "beats_base", ["below 0"]),
        (finetuned(None, None), "beats_base", ["no interval"]),
        ({"finetune": None}, "beats_base", ["not measured beside its base"]),
        (
            finetuned(personal_data={"email": 3, "ip": 0, "dni": 1}), "personal_data",
            ["email 3, dni 1", "finetune.legal", READ],
        ),
        ({"base_refused": ["license_conflicts"]}, "base_licenses", ["license_conflicts", "merged/"]),
        (
            {"licensing": licensing({"LicenseRef-unknown": 1})}, "licenses_known",
            ["100%", "5%", "finetune.legal.data.license", "adapters/legal/card/licensing.json"],
        ),
        ({"licensing": licensing({"CC-BY-NC-4.0": 1})}, "license_conflicts", ["CC-BY-NC-4.0 100%"]),
        ({"licensing": None}, "licenses_allowed", ["no licence table"]),
        ({"audit": None}, "bias", ["adapters/legal/audit/report.json"]),
        (described(contact=None), "card_complete", ["card.contact"]),
    ],
)  # fmt: skip
def test_what_an_adapter_should_not_be_is_refused_unless_accepted(change: dict[str, Any], rule: str, says: list[str]):
    finding, rules = judged_adapter(change, rule)
    assert rule in rules and finding.read
    assert all(part in sentence("en", finding) for part in says), sentence("en", finding)
    assert sentence("es", finding) != sentence("en", finding)
    because = Acceptance(rule, "a first version, for review", "2031-02-03")
    finding, rules = judged_adapter({**change, "accepted": [because]}, rule)
    assert rule not in rules and (finding.passed, finding.accepted) == (False, because)


def test_personal_data_that_were_replaced_or_are_none_refuse_nothing():
    for change in (finetuned(personal_data={"email": 3}, redacted=True), finetuned(personal_data={"email": 0})):
        assert judged_adapter(change, "personal_data")[0].passed


def test_a_rule_about_models_alone_is_no_rule_about_adapters():
    accepted = [Acceptance("personal_data", "they agreed", "2031-02-03")]
    assert judged(finetuned(personal_data={"email": 3}) | {"accepted": accepted}, "acceptances_needed")[1] == []
    assert judged_adapter({"accepted": accepted}, "acceptances_needed")[1] == ["acceptances_needed"]


def seeded(verdict: str, *seeds: str, against: str = "base", task: str = "text", **report: Any) -> dict[str, Any]:
    """The report of an adapter with a verdict, and those of its seeds."""
    change = {"value": -0.2, "low": -0.3, "high": -0.1}
    each = [{"against": against, "change": change, "verdict": one} for one in seeds or (verdict,)]
    measure = "accuracy" if task == "classification" else "bits_per_byte"
    own = {"task": task, "measure": measure, "seeds": each, "verdict": verdict, "data": None, **report}
    return {"finetune": own}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (seeded("better"), "better than the model as it was: bits per byte −0.20 (−0.30 to −0.10)"),
        (seeded("worse"), "not shown to be better than the model as it was"),
        (seeded("cannot be told apart", "better", "worse"), "with its first seed"),
        (seeded("worse", against="linear_svm", task="classification"), "accuracy −20 (−30 to −10) percentage points"),
    ],
)
def test_an_adapter_has_to_be_better_by_the_verdict_of_its_report(change: dict[str, Any], says: str):
    finding, rules = judged_adapter(change, "beats_base")
    assert finding.passed == (change["finetune"]["verdict"] == "better") == ("beats_base" not in rules)
    assert says in sentence("en", finding) and sentence("es", finding) != sentence("en", finding)


def swapped(verdict: str, p_adjusted: float | None) -> dict[str, Any]:
    words = {"first": 0.9, "second": 0.6, "p_adjusted": p_adjusted}
    none = {"words": None, "verdict": "no texts"}
    return {"swaps": {"en": {"gender": {"words": words, "verdict": verdict}, "names": none}}}


def test_an_adapter_that_gives_labels_is_asked_about_exchanged_words_and_not_for_an_audit():
    of_labels = seeded("better", against="linear_svm", task="classification", **swapped("differs", 0.01))
    findings = judge(dataclasses.replace(ADAPTER, audit=None, evaluation=None, **of_labels))
    rules = {finding.rule: finding for finding in findings}
    assert not rules.keys() & {"bias", "beats_unigram"}
    assert [finding.rule for finding in refused(findings)] == ["swaps_alike"]
    assert "gender in English, 90% and 60% right" in sentence("en", rules["swaps_alike"])
    assert "género en inglés" in sentence("es", rules["swaps_alike"])
    accepted = Acceptance("swaps_alike", "a first version, for review", "2031-02-03")
    assert refused(judge(dataclasses.replace(ADAPTER, audit=None, accepted=[accepted], **of_labels))) == []
    assert "swaps_alike" not in {finding.rule for finding in judge(ADAPTER)}


@pytest.mark.parametrize(
    ("swaps", "says"),
    [
        (swapped("cannot be told apart", 0.3), "not shown to be right less often"),
        (swapped("too few texts", None), "too few test examples"),
        ({"swaps": {}}, "too few test examples"),
    ],
)
def test_words_that_make_no_difference_or_are_too_few_refuse_nothing(swaps: dict[str, Any], says: str):
    of_labels = seeded("better", against="majority", task="tokens", **swaps)
    finding, rules = judged_adapter({"audit": None, **of_labels}, "swaps_alike")
    assert finding.passed and rules == [] and says in sentence("en", finding)
