"""What the audit found, in words: the same sentences for card, page, gate, summary and terminal.

    for said in audit_sentences("en", report):        # `audit/report.json`, or a card's view of it
        said.suite, said.verdict, said.text
    verdict_counts("en", Counter(said.verdict for said in …))

None says that a model is fair: a suite can find a bias, never its absence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from desdecero.model_cards.formats import counted, figure, grouped, interval, percent, probability
from desdecero.model_cards.heart_sentences import memorization_told, personal_data_told
from desdecero.model_cards.use_sentences import Report, Told, facts_told, is_given, is_shown, swaps_told
from desdecero.model_cards.words import Language, name, say

Part = Literal["tried", "found", "small", "open"]

FOUND = ("bias found", "found within margin")
"""Verdicts that accuse."""
KNOWLEDGE = ("memorization", "personal_data", "facts")
"""Suites about what the model knows, and not about what it says of people."""
PARTS: dict[str, Part] = {"bias found": "found", "found within margin": "found", "within margin": "small"}
"""What other verdicts than these mean is that it could not be told."""


Sentences = Callable[[Language, Report], "Iterator[Said]"]


@dataclass(frozen=True)
class Said:
    """A sentence about one result of a suite."""

    suite: str
    language: str | None
    """Of what was asked; None where the suite has one language alone."""
    group: str | None
    verdict: str
    """A verdict, or `diagnostic` for what no verdict may rest on."""
    text: str
    part: Part
    """What was tried, found, shown to be small, or could not be told."""


def audit_sentences(language: Language, report: Report) -> list[Said]:
    """Return the sentences about all results of an audit, in the order of the suites."""
    suites = report["suites"]
    return [said for suite, say_it in SUITES.items() if _is_known(suites, suite) for said in say_it(language, report)]


def not_found(language: Language, sentences: Sequence[Said]) -> str:
    """Say that no bias was shown; or, where no question could be answered, that nothing can be said about bias."""
    about_bias = (said.verdict for said in sentences if said.suite not in KNOWLEDGE)
    asked = any(verdict in ("within margin", "underpowered", "none shown") for verdict in about_bias)
    return say(language, "finding.none" if asked else "finding.nothing_told")


def verdict_counts(language: Language, verdicts: Mapping[str, int]) -> str:
    """Count in how many groups each verdict was given: "underpowered in 5 groups, bias found in 1 group"."""
    return ", ".join(
        counted(language, "finding.in_groups", count, verdict=name(language, "verdict", verdict))
        for verdict, count in verdicts.items()
    )


def competence_sentence(language: Language, competence: Report) -> str:
    """Say whether the model knows a language well enough to be audited in it."""
    return say(
        language,
        "finding.competent" if competence["competent"] else "finding.not_competent",
        share=interval(language, competence, "percent"),
        threshold=percent(language, competence["threshold"]),
    )


def group_name(language: Language, probes: str) -> str:
    """Return the name of a group; of a probe file of one's own with the file's, in brackets."""
    group, _, file = probes.partition(":")
    return name(language, "group", group) + (f" ({file})" if file else "")


# --- paired sentences ------------------------------------------------------------------------------------------


def _pairs(language: Language, report: Report) -> Iterator[Said]:
    result = report["suites"]["pairs"]
    for audited in result["languages"]:
        gaps = result["languages"][audited]
        for group in gaps["groups"]:
            measured = gaps["groups"][group]
            text = _pairs_sentence(language, result, gaps["competence"], measured, audited, group)
            if measured["verdict"] in FOUND:
                text += _in_the_text(language, report, f"{audited}/{group}")
            yield _said("pairs", audited, group, measured["verdict"], text)


def _in_the_text(language: Language, report: Report, key: str) -> str:
    """Say whether the training text itself leans as the model does."""
    if not _is_known(report, "corpus_gaps") or not _is_known(report["corpus_gaps"], key):
        return ""
    return " " + say(language, f"finding.corpus.{report['corpus_gaps'][key]['leans']}")


def _pairs_sentence(
    language: Language, result: Report, competence: Report, measured: Report, audited: str, group: str
) -> str:
    verdict, counts, gap = measured["verdict"], len(measured["pairs"]), measured["gap"]
    margin = f"{result['margin']:g}"
    values: dict[str, Any] = {
        "group": group_name(language, group).capitalize(),
        "language": name(language, "language", audited),
        "verdict": name(language, "verdict", verdict),
        "margin": margin,
    }
    if verdict == "model not competent":
        values |= {
            "share": interval(language, competence, "percent"),
            "threshold": percent(language, competence["threshold"]),
        }
        return say(language, f"finding.{verdict}", **values)
    if not gap:
        return say(
            language,
            "finding.words not met",
            **values,
            pairs=counts,
            all=counts + len(measured["left_out"]),
            least=result["min_occurrences"],
        )
    direction = say(language, "finding.less" if gap["value"] < 0 else "finding.more")
    values |= {
        "gap": interval(language, gap, "signed"),
        "asked": say(language, "finding.asked", contexts=gap["contexts"], pairs=gap["pairs"]),
        "reading": interval(language, measured["reading"]["gap"], "signed"),
    }
    if verdict in FOUND:
        ratio, p = figure(measured["ratio"], 2), measured["p_adjusted"]
        values |= {"ratio": ratio, "direction": direction, "p": probability(p)}
    if verdict == "underpowered":
        needed = measured["contexts_needed"]
        more = say(language, "finding.more_pairs")
        if needed:
            more = say(language, "finding.more_contexts", count=grouped(language, max(1, needed - gap["contexts"])))
        values |= {"needed": more}
    return say(language, f"finding.{verdict}", **values)


# --- public sets -----------------------------------------------------------------------------------------------


def _esbbq(language: Language, report: Report) -> Iterator[Said]:
    result = report["suites"]["esbbq"]
    choices = {"all": result["all"], **{name: result["categories"][name] for name in result["categories"]}}
    for category, one in choices.items():
        verdict = verdict_of(report, f"esbbq/{category}") if one["competent"] else "model not competent"
        if category != "all" and verdict not in FOUND:
            continue  # the sentence on all of them says so; the table has the rest
        text = say(
            language,
            "finding.esbbq",
            category=name(language, "esbbq_category", category),
            verdict=name(language, "verdict", verdict),
            bias=interval(language, one["bias"], "percent"),
            accuracy=interval(language, one["accuracy"], "percent"),
            templates=grouped(language, one["bias"]["clusters"]),
        )
        yield _said("esbbq", "es", category, verdict, text)


def _crows_pairs(language: Language, report: Report) -> Iterator[Said]:
    result = report["suites"]["crows_pairs"]
    for direction in result["directions"]:
        preferred = result["directions"][direction]["preferred"]
        text = say(
            language,
            "finding.crows_pairs",
            direction=name(language, "crows_direction", direction),
            preferred=interval(language, preferred, "percent"),
            pairs=grouped(language, preferred["items"]),
        )
        yield _said("crows_pairs", "en", direction, "diagnostic", text)


def _winobias(language: Language, report: Report) -> Iterator[Said]:
    figures, verdict = report["suites"]["winobias"]["all"], verdict_of(report, "winobias/all")
    text = say(
        language,
        "finding.winobias",
        verdict=name(language, "verdict", verdict),
        difference=interval(language, figures["difference"], "signed"),
        preferred=interval(language, figures["preferred"], "percent"),
        pairs=grouped(language, figures["difference"]["clusters"]),
    )
    yield _said("winobias", "en", None, verdict, text)


def _honest(language: Language, report: Report) -> Iterator[Said]:
    result, verdict = report["suites"]["honest"], verdict_of(report, "honest/difference")
    text = say(
        language,
        "finding.honest",
        verdict=name(language, "verdict", verdict),
        language=name(language, "language", result["language"]),
        hurtful=interval(language, result["hurtful"], "percent"),
        difference=interval(language, result["difference"], "points"),
        items=grouped(language, result["items"]),
        precision=interval(language, result["judge"]["precision"], "percent"),
    )
    yield _said("honest", result["language"], None, verdict, text)


def _said(suite: str, language: str | None, group: str | None, verdict: str, text: str) -> Said:
    return Said(suite, language, group, verdict, text, PARTS.get(verdict, "open"))


# --- use, and what is known by heart ---------------------------------------------------------------------------


def _told(
    suite: str, told: Callable[[Language, Report], Iterator[Told]]
) -> Callable[[Language, Report], Iterator[Said]]:
    def said(language: Language, report: Report) -> Iterator[Said]:
        for one in told(language, report):
            yield Said(suite, None, one.group, one.verdict, one.text, one.part)

    return said


def verdict_of(report: Report, test: str) -> str:
    """Return what the adjusted p-value says: that a preference was found, or that none was shown."""
    return "bias found" if is_shown(report, test) else "none shown"


def _is_known(values: Report, key: str) -> bool:
    return key in list(values) and is_given(values[key])


SUITES: dict[str, Sentences] = {
    "pairs": _pairs,
    "esbbq": _esbbq,
    "crows_pairs": _crows_pairs,
    "winobias": _winobias,
    "honest": _honest,
    "swaps": _told("swaps", swaps_told),
    "memorization": _told("memorization", memorization_told),
    "personal_data": _told("personal_data", personal_data_told),
    "facts": _told("facts", facts_told),
}
"""Suite → its sentences, in the order in which they are told."""
