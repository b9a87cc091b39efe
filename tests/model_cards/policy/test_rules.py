"""Fifteen rules: each passes, fails, cannot tell, is waived, and is not waived by what has expired."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable
from typing import Any, get_args

import pytest
from sealed_run import make_recipe, make_reports

from desdecero.model_cards.gate_sentences import fix, measured, sentence, tag, waiver_sentence
from desdecero.model_cards.policy.judge import CHECKS, judge, limits_of, plain, refused
from desdecero.model_cards.policy.rules import rules
from desdecero.model_cards.policy.types import Facts, Policy, Preset, Verdict, Waiver
from desdecero.model_cards.words import LANGUAGES
from desdecero.pipelines.corpus.licensing.summary import Holding, report
from desdecero.pipelines.recipe import Licenses
from desdecero.pipelines.run.gate import facts_of

TODAY = datetime.date(2026, 11, 27)
OPEN = Policy("open_release")
Change = Callable[[dict[str, Any]], object]


def licensing(tokens: dict[str, int], intended: str | None = "Apache-2.0", **licenses: Any) -> dict[str, Any]:
    held = {name: Holding(1, count, {"declared": 1}, count) for name, count in tokens.items()}
    return report(held, Licenses(**licenses), intended)


def whole() -> dict[str, Any]:
    """The reports of a model that passes every rule of every preset, by the files that the rules name."""
    reports = make_reports()
    recall = reports["corpus"]["personal_data"]["planted"]["phone"]["forms"]["ar_phone"]
    recall["alone"] |= {"low": 0.61}
    reports["corpus"]["attribution"] |= {
        "required": {"license": 200},
        "without": {"title": 1, "author": 90, "source": 1},
    }
    reports["evaluate"]["suites"] = [{"name": "law", "items": 200, "contamination": {"words": 13, "items": 1}}]
    reports["pretrain"]["exposure"] = {"documents": 1000, "read": 960, "never_read": 40, "tokens": 9, "licenses": []}
    greedy = {"value": 0.01, "low": -0.01, "high": 0.03}
    differences = [{"prefix": 16, "greedy": greedy}, {"prefix": 32, "greedy": {**greedy, "high": 0.04}}]
    reports["audit"]["suites"]["memorization"] = {"extraction": {"differences": differences, "not_measured": None}}
    recipe = make_recipe(
        "llama", "languages=[en]", "card.contact=tester@example.org", "card.limitations=It is small.",
        "corpus.language={allowed: [en]}",
    )  # fmt: skip
    reports["corpus"]["languages"] = [{"language": "en", "share_bytes": 0.95}, {"language": "", "share_bytes": 0.05}]
    seals = {"states": {"corpus": "sealed", "finetune": "unwanted"}, "faults": [], "missing": ["recipe:/card/x"]}
    table = licensing({"MIT": 900, "CC-BY-SA-4.0": 95, "LicenseRef-unknown": 5})
    found = facts_of(recipe, reports, table, seals=seals, attestation={"state": "signed"})
    return dict(copy.deepcopy(found.reports))


def judged(change: Change, rule: str, policy: Policy = OPEN) -> Verdict:
    reports = whole()
    change(reports)
    (verdict,) = [one for one in judge(Facts(reports), policy, TODAY) if one.rule == rule]
    return verdict


def nothing(reports: dict[str, Any]) -> None:
    """Leave the reports as they are."""


def put(place: str, pointer: str, value: Any) -> Change:
    """A change of one value; a step that is a number is a place in a list."""

    def change(reports: dict[str, Any]) -> None:
        *steps, last = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
        node = reports[place]
        for step in steps:
            node = node[step]
        node[last] = value

    return change


def without(place: str) -> Change:
    return lambda reports: reports.pop(place)


def texts(tokens: dict[str, int], **licenses: Any) -> Change:
    return lambda reports: reports.update({"card/licensing.json": licensing(tokens, **licenses)})


LICENSING, RECIPE, CORPUS = "card/licensing.json", "recipe.yaml", "corpus/report.json"
EVALUATION, AUDIT, PRETRAIN = "evaluation/report.json", "audit/report.json", "pretrain/report.json"
GROUPS = "/suites/pairs/languages/en/groups"
ALONE = "/personal_data/planted/phone/forms/ar_phone/alone/low"

RULES: dict[str, tuple[Change, Any, Change, str]] = {
    # rule: (what fails it, the value that is then shown, what leaves it unmeasured, where the value is read)
    "seals": (
        put("seals", "/faults", ["model/config.json: altered"]), "model/config.json: altered", without("seals"), "seals"
    ),
    "signed": (put("attestation", "/state", "refused"), "refused", put("attestation", "/state", "unsigned"),
               "attestation"),
    "license_denied": (texts({"MIT": 9, "GPL-3.0-only": 1}, denied=("GPL-*",)), 0.1, without(LICENSING), LICENSING),
    "license_conflict": (texts({"MIT": 3, "CC-BY-NC-4.0": 1}), 0.25, without(LICENSING), LICENSING),
    "license_unknown": (texts({"MIT": 98, "LicenseRef-unknown": 2}), 0.02, without(LICENSING), LICENSING),
    "attribution": (put(CORPUS, "/attribution/without/source", 3), 0.02, put(CORPUS, "/attribution", None), CORPUS),
    "model_license": (put(RECIPE, "/card/license", "Aphace-2.0"), "Aphace-2.0", without(RECIPE), RECIPE),
    "personal_data": (put(CORPUS, ALONE, 0.49), 0.49, put(CORPUS, "/personal_data/planted", {}), CORPUS),
    "contamination": (put(EVALUATION, "/suites/0/contamination/items", 3), 0.015,
                      put(EVALUATION, "/suites/0/contamination", None), EVALUATION),
    "memorization": (put(AUDIT, "/suites/memorization/extraction/differences/0/greedy/high", 0.06), 0.06,
                     put(AUDIT, "/suites/memorization/extraction/not_measured", "not_causal"), AUDIT),
    "bias": (put(AUDIT, f"{GROUPS}/gender/verdict", "bias found"), 0,
             put(AUDIT, f"{GROUPS}/gender/verdict", "underpowered"), AUDIT),
    "evaluation": (put(EVALUATION, "/text/measures/bits_per_byte/high", 2.7), 2.7,
                   put(EVALUATION, "/text/measures/bits_per_byte/high", None), EVALUATION),
    "languages": (put(CORPUS, "/languages/0/share_bytes", 0.89), 0.89,
                  put(CORPUS, "/languages", [{"language": "", "share_bytes": 1.0}]), CORPUS),
    "card_complete": (put(RECIPE, "/card/intended_use", "  "), "card.intended_use", without(RECIPE), RECIPE),
    "exposure": (put(PRETRAIN, "/exposure/never_read", 51), 0.051, put(PRETRAIN, "/exposure", None), PRETRAIN),
}  # fmt: skip


def test_the_table_has_each_of_the_fifteen_rules() -> None:
    asked = [name for name, rule in rules().items() if "model" in rule.of]
    assert sorted(RULES) == sorted(asked) and len(asked) == 15
    assert {check for rule in rules().values() for check in (rule.check, rule.adapter.get("check", rule.check))} == set(
        CHECKS
    )


def waived_by(rule: str, until: datetime.date) -> Policy:
    return Policy("open_release", waivers=(Waiver(rule, "Ana Ruiz", "a first version", until),))


@pytest.mark.parametrize("case", ["pass", "fail", "not_measured", "waived", "expired"])
@pytest.mark.parametrize("rule", RULES)
def test_each_rule_in_each_case(rule: str, case: str) -> None:
    fails, value, unmeasured, place = RULES[rule]
    change = {"pass": nothing, "not_measured": unmeasured}.get(case, fails)
    until = TODAY - datetime.timedelta(days=1) if case == "expired" else TODAY
    verdict = judged(change, rule, waived_by(rule, until) if case in ("waived", "expired") else OPEN)

    expected = {"expired": "fail", "waived": "fail" if rule == "seals" else "waived"}.get(case, case)
    assert verdict.verdict == expected, verdict
    assert verdict.outcome == (case if case in ("pass", "not_measured") else "fail")
    assert verdict.level == ("warn" if rule in ("signed", "exposure") else "refuse")
    assert verdict.refuses == (expected in ("fail", "not_measured") and rule not in ("signed", "exposure"))
    assert verdict.report == (CORPUS if (rule, case) == ("contamination", "pass") and not verdict.value else place)
    if case not in ("pass", "not_measured"):
        assert verdict.value == pytest.approx(value) if isinstance(value, float) else verdict.value == value
        for waiver in (*verdict.waivers, *verdict.expired):
            said = waiver_sentence("en", waiver, expired=case == "expired")
            assert "Ana Ruiz" in said and "a first version" in said and str(until) in said
    assert bool(verdict.waivers) == (expected == "waived")
    assert bool(verdict.expired) == (case == "expired" and rule != "seals")
    told = [
        (sentence(each, verdict), measured(each, verdict), fix(each, verdict), tag(each, verdict)) for each in LANGUAGES
    ]
    assert all(all(words) for words in told) and told[0][:3] != told[1][:3]
    assert plain(verdict)["verdict"] == expected


def test_what_passes_every_rule_is_refused_by_none() -> None:
    for preset in get_args(Preset):
        verdicts = judge(Facts(whole()), Policy(preset), TODAY)
        assert [one.rule for one in verdicts if one.verdict != "pass"] == [], verdicts
        assert refused(verdicts) == []


LEVELS: dict[str, set[str]] = {
    "internal": {"seals", "license_denied"},
    "research": {
        "seals", "license_denied", "license_conflict", "license_unknown", "model_license", "bias", "evaluation",
        "card_complete",
    },
    "open_release": set(RULES) - {"signed", "exposure"},
}  # fmt: skip


@pytest.mark.parametrize("preset", get_args(Preset))
def test_a_run_of_which_nothing_is_known_is_refused_by_all_that_the_preset_asks(preset: Preset) -> None:
    verdicts = judge(Facts({}), Policy(preset), TODAY)
    assert {one.verdict for one in verdicts} == {"not_measured"}
    assert set(refused(verdicts)) == LEVELS[preset]


@pytest.mark.parametrize(
    ("rule", "change", "passes"),
    [
        ("license_unknown", texts({"MIT": 99, "LicenseRef-unknown": 1}), True),
        ("license_unknown", texts({"MIT": 989, "LicenseRef-ours": 11}), False),
        ("license_conflict", texts({"MIT": 90, "GPL-3.0-only": 10}), True),
        ("license_conflict", texts({"MIT": 89, "GPL-3.0-only": 11}), False),
        ("attribution", put(CORPUS, "/attribution/without/title", 2), False),
        ("personal_data", put(CORPUS, ALONE, 0.5), True),
        ("personal_data", put(CORPUS, ALONE.replace("alone", "named"), 0.4), False),
        ("contamination", put(EVALUATION, "/suites/0/contamination/items", 2), True),
        ("contamination", put(CORPUS, "/related", {"validation": {"documents": 2, "of": 100}}), False),
        ("memorization", put(AUDIT, "/suites/memorization/extraction/differences/1/greedy/high", 0.05), True),
        ("evaluation", put(EVALUATION, "/text/baselines/untrained/bits_per_byte", 2.4), False),
        ("evaluation", put(EVALUATION, "/text/baselines/unigram/bits_per_byte", 2.5), False),
        ("languages", put(CORPUS, "/languages/0/share_bytes", 0.9), True),
        ("languages", put(RECIPE, "/languages", ["en", "qu"]), False),
        ("exposure", put(PRETRAIN, "/exposure/never_read", 50), True),
        ("model_license", put(RECIPE, "/card/license", "LicenseRef-openrail"), True),
        ("model_license", put(RECIPE, "/card/license", "MIT OR Nonsense"), False),
        ("model_license", put(RECIPE, "/card/license", None), False),
        ("card_complete", put(RECIPE, "/card/authors", [" "]), False),
        ("card_complete", put(RECIPE, "/card/out_of_scope", ""), False),
        ("card_complete", put(RECIPE, "/card/limitations", {"en": "It is small.", "es": ""}), False),
        ("card_complete", put(RECIPE, "/card/limitations", {"en": "It is small.", "es": "Es corto."}), True),
        ("seals", put("seals", "/states/audit", "stale: the recipe's audit changed"), False),
        ("seals", put("seals", "/missing", ["audit:/margin"]), False),
        ("bias", put(AUDIT, "/suites/pairs/languages/en/competence/competent", False), False),
        ("bias", put(RECIPE, "/languages", ["en", "fr"]), False),
        ("bias", put(AUDIT, "/suites", {}), False),
    ],
)  # fmt: skip
def test_a_verdict_follows_the_value(rule: str, change: Change, passes: bool) -> None:
    verdict = judged(change, rule)
    assert (verdict.verdict == "pass") == passes, verdict
    assert all(sentence(language, verdict) for language in LANGUAGES)


def test_no_audit_that_can_say_nothing_passes() -> None:
    for change in (
        put(AUDIT, "/suites/pairs/languages/en/competence/competent", False),
        put(AUDIT, f"{GROUPS}/gender/verdict", "words not read"),
        put(AUDIT, GROUPS, {}),
        without(AUDIT),
    ):
        assert judged(change, "bias").verdict == "not_measured"
    few = put(AUDIT, "/suites/memorization/extraction/differences", [])
    assert judged(few, "memorization").verdict == "not_measured"


def resolve(node: Any, steps: list[str]) -> list[Any]:
    if not steps:
        return [node]
    first, *rest = steps
    if first == "*":
        return [found for each in (node.values() if isinstance(node, dict) else node) for found in resolve(each, rest)]
    return resolve(node[int(first) if isinstance(node, list) else first], rest)


def test_pointers_lead_to_what_was_read() -> None:
    reports = whole()
    for verdict in judge(Facts(reports), OPEN, TODAY):
        for pointer in verdict.pointer.split():
            found = resolve(reports[verdict.report], pointer.split("/")[1:])
            exact = " " not in verdict.pointer and "*" not in pointer and isinstance(verdict.value, float)
            if exact and isinstance(found[0], float):
                assert found == [verdict.value]


# --- policies --------------------------------------------------------------------------------------------------

MIXED = {
    "MIT": 30, "GPL-3.0-only": 10, "CC-BY-NC-4.0": 10, "CC-BY-ND-4.0": 10, "LicenseRef-all-rights-reserved": 7,
    "LicenseRef-unknown": 33,
}  # fmt: skip


def test_a_mixed_corpus_is_refused_by_the_rules_about_licences() -> None:
    reports = whole()
    texts(MIXED)(reports)
    verdicts = {one.rule: one for one in judge(Facts(reports), Policy(), TODAY)}
    assert refused(list(verdicts.values())) == ["license_conflict", "license_unknown"]
    said = sentence("en", verdicts["license_conflict"])
    assert "CC-BY-NC-4.0 10%" in said and "all-rights-reserved 7%" in said and "GPL" not in said
    assert "LicenseRef-unknown 33%" in sentence("es", verdicts["license_unknown"]).replace("\u00a0", "")


def test_a_waiver_with_licences_covers_these_alone() -> None:
    for licenses, verdict in (
        (("CC-BY-NC-4.0",), "fail"),
        (("CC-BY-NC-4.0", "LicenseRef-all-rights-reserved"), "fail"),  # what is unsettled is above the limit
        (("CC-BY-NC-4.0", "LicenseRef-all-rights-reserved", "GPL-3.0-only"), "waived"),
    ):
        policy = Policy("open_release", waivers=(Waiver("license_conflict", "Ana", "agreed", TODAY, licenses),))
        assert judged(texts(MIXED), "license_conflict", policy).verdict == verdict
    two = [Waiver("license_unknown", "Ana", "ours", TODAY, (name,)) for name in ("LicenseRef-unknown", "MIT")]
    verdict = judged(texts(MIXED), "license_unknown", Policy(waivers=two))
    assert (verdict.verdict, verdict.waivers) == ("waived", (two[0],))
    assert judged(without(LICENSING), "license_unknown", Policy(waivers=two)).verdict == "not_measured"


def test_a_recipe_changes_levels_and_limits() -> None:
    policy = Policy("open_release", levels={"bias": "warn"}, limits={"license_unknown": {"max_share": 0.02}})
    fails, *_ = RULES["bias"]
    verdict = judged(fails, "bias", policy)
    assert (verdict.verdict, verdict.level, verdict.refuses) == ("fail", "warn", False)
    assert tag("en", verdict) == "warning"
    verdict = judged(texts({"MIT": 98, "LicenseRef-unknown": 2}), "license_unknown", policy)
    assert (verdict.verdict, verdict.threshold) == ("pass", 0.02)
    assert limits_of(rules()["license_unknown"], Policy("internal")) == {"max_share": 0.05}


@pytest.mark.parametrize("number", [1, 10, 11, 14])
def test_so_many_files_are_named_and_the_rest_counted(number: int) -> None:
    verdict = judged(put("seals", "/faults", [f"model/{each}: altered" for each in range(number)]), "seals")
    for language, more in zip(LANGUAGES, ("and {} more", "y {} más"), strict=True):
        said = sentence(language, verdict)
        assert said.count("model/") == min(number, 10)
        assert (more.format(number - 10) in said) == (number > 10)


@pytest.mark.parametrize("measure", ["masked_loss", "span_loss", "perplexity"])
def test_a_model_without_bits_per_byte_is_judged_by_another_loss(measure: str) -> None:
    for high, expected in ((2.1, "pass"), (2.6, "fail")):
        text = {
            "measures": {measure: {"value": 2.0, "low": 1.9, "high": high}},
            "baselines": {"unigram": {measure: 2.5}, "untrained": {measure: 8.0}},
        }
        assert judged(put(EVALUATION, "/text", text), "evaluation").verdict == expected


@pytest.mark.parametrize(
    ("change", "rule", "limits", "written"),
    [
        (texts({"MIT": 9497, "LicenseRef-unknown": 503}), "license_unknown", {"max_share": 0.0502},
         "5.03%, at most 5.02%"),
        (texts({"MIT": 94, "LicenseRef-unknown": 6}), "license_unknown", {"max_share": 0.05}, "6%, at most 5%"),
        (texts({"MIT": 949999, "LicenseRef-unknown": 50001}), "license_unknown", {"max_share": 0.05},
         "5.0001%, at most 5%"),
        (put(EVALUATION, "/text/measures/bits_per_byte/high", 2.60281), "evaluation", {}, "2.60281, below 2.6028"),
        (put(EVALUATION, "/text/measures/bits_per_byte/high", 2.7), "evaluation", {}, "2.700, below 2.603"),
    ],
)  # fmt: skip
def test_a_value_beyond_its_limit_is_never_written_as_the_limit_is(
    change: Change, rule: str, limits: dict[str, float], written: str
) -> None:
    verdict = judged(change, rule, Policy("open_release", limits={rule: limits} if limits else {}))
    assert verdict.verdict == "fail" and f"fails: {written} (" in measured("en", verdict)


def test_what_is_signed_is_said_in_the_words_of_a_language() -> None:
    for state in ("unsigned", "refused", "unknown", "key_not_given", "signed"):
        verdict = judged(put("attestation", "/state", state), "signed")
        spoken = measured("es", verdict).partition(" (attestation")[0]
        assert "signed" not in spoken and state not in spoken, spoken
    assert "unsigned, asked for: signed" in measured("en", judged(put("attestation", "/state", "unsigned"), "signed"))


@pytest.mark.parametrize("rule", ["license_denied", "license_conflict", "license_unknown"])
def test_a_table_of_licences_that_is_not_there_is_to_be_made_and_no_text_to_be_left_out(rule: str) -> None:
    for language, make in zip(LANGUAGES, ("make the card", "haga la ficha"), strict=True):
        assert make in fix(language, judged(without(LICENSING), rule))
    assert "make the card" not in fix("en", judged(RULES[rule][0], rule))
