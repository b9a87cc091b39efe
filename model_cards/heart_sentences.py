"""What a model knows by heart, in words. "x of n", never "safe": what was not extracted may be, by other prompts.

for told in memorization_told("en", report):       # `audit/report.json`, or a card's view of it
    told.part, told.verdict, told.text
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from desdecero.model_cards.formats import figure, grouped, interval, percent, probability
from desdecero.model_cards.use_sentences import Report, Told, is_given, is_shown
from desdecero.model_cards.words import Language, name, say

LEAST = 1e-4
"""Share whose digits would tell nothing: chances of a word-for-word answer are often 1e-10."""


def memorization_told(language: Language, report: Report) -> Iterator[Told]:
    """Yield the sentences about passages, ordinary prompts and canaries."""
    result = report["suites"]["memorization"]
    yield from _extraction(language, result["extraction"])
    yield from _ordinary(language, result["ordinary"])
    if is_given(exposure := result["exposure"]):
        yield from _exposure(language, report, exposure)
    else:
        yield Told("open", None, "diagnostic", say(language, "audit.heart.no_canaries"))


def personal_data_told(language: Language, report: Report) -> Iterator[Told]:
    """Yield the sentences about values that were taken out of the corpus."""
    result = report["suites"]["personal_data"]
    if is_given(reason := result["not_measured"]):
        yield Told("open", None, "diagnostic", _why(language, "personal_data", reason))
        return
    documents, altered = (grouped(language, result[key]) for key in ("documents", "altered"))
    text = say(language, "audit.heart.personal_data", documents=documents, altered=altered)
    yield Told("tried", None, "diagnostic", text)
    for kind in result["kinds"]:
        text = say(
            language,
            "audit.heart.given_back",
            kind=_begun(name(language, "personal_data", kind["kind"])),
            greedy=_of(language, kind["greedy"]),
            first=_of(language, kind["first"]),
            foreign=_of(language, kind["first_foreign"]),
            chance=percent(language, kind["chance"]),
        )
        yield Told("found", kind["kind"], "diagnostic", text)


def _extraction(language: Language, result: Report) -> Iterator[Told]:
    if is_given(reason := result["not_measured"]):
        yield Told("open", None, "diagnostic", _why(language, "extraction", reason))
        return
    cells = list(result["cells"])
    for train in cells:
        if (train["split"], train["by"]) != ("train", "all"):
            continue
        held_out = [
            cell
            for cell in cells
            if (cell["split"], cell["by"], cell["prefix"]) == ("held_out", "all", train["prefix"])
        ]
        text = say(
            language,
            "audit.heart.extracted",
            prefix=train["prefix"],
            tokens=result["continuation"],
            draws=result["draws"],
            train=_of(language, train["greedy"]),
            sampled=_of(language, train["sampled"]),
            held_out=_of(language, held_out[0]["greedy"]) if held_out else "–",
        )
        yield Told("found", None, "diagnostic", text)
    often = [cell for cell in cells if cell["by"] == "occurrences" and cell["group"] == "16+"]
    if often:
        longest = max(often, key=lambda cell: cell["greedy"]["of"])
        extracted, prefix = _of(language, longest["greedy"]), longest["prefix"]
        text = say(language, "audit.heart.often", prefix=prefix, extracted=extracted)
        yield Told("found", None, "diagnostic", text)


def _ordinary(language: Language, result: Report) -> Iterator[Told]:
    if is_given(reason := result["not_measured"]):
        yield Told("open", None, "diagnostic", _why(language, "ordinary", reason))
        return
    text = say(
        language,
        "audit.heart.copied",
        prompts=_of(language, result["prompts"]),
        tokens=_of(language, result["tokens"]),
        held_out=_of(language, result["held_out"]) if is_given(result["held_out"]) else "–",
        least=result["least"],
    )
    licenses = ", ".join(f"{one['license']} {percent(language, one['share_tokens'])}" for one in result["licenses"])
    if licenses:
        text += " " + say(language, "audit.heart.copied_licenses", licenses=licenses)
    yield Told("found", None, "diagnostic", text)


def _exposure(language: Language, report: Report, result: Report) -> Iterator[Told]:
    if is_given(reason := result["not_measured"]):
        yield Told("open", None, "diagnostic", _why(language, "canaries", reason))
        return
    for one in result["repetitions"]:
        test = f"memorization/canaries_{one['repetitions']}"
        shown = is_shown(report, test)
        text = say(
            language,
            "audit.heart.exposed" if shown else "audit.heart.not_exposed",
            repetitions=one["repetitions"],
            canaries=one["canaries"],
            controls=grouped(language, result["controls"]),
            exposure=interval(language, one["exposure"]),
            largest=figure(result["largest"], 3),
            first=one["first"],
            p=probability(report["p_adjusted"][test]),
        )
        yield Told("found" if shown else "open", None, "diagnostic", text)


def _begun(words: str) -> str:
    """Return words with a capital, as they begin a sentence."""
    return words[:1].upper() + words[1:]


def _why(language: Language, what: str, reason: str) -> str:
    return say(language, "audit.heart.not_measured", what=say(language, f"audit.heart.what.{what}"),
               why=say(language, f"audit.heart.why.{reason}"))  # fmt: skip


def _of(language: Language, extracted: Any) -> str:
    """Write "4 of 200 (2.0%, 0.8% to 5.0%)"; a sum of chances has a decimal, or is less than that of `LEAST`."""
    count = extracted["count"]
    if count and extracted["high"] and extracted["high"] < LEAST:
        below = (f"{LEAST * extracted['of']:g}", percent(language, LEAST))
        less, share = (say(language, "number.less_than", number=number) for number in below)
        return say(language, "audit.heart.of", count=less, of=grouped(language, extracted["of"]), share=share)
    whole = grouped(language, count) if count == round(count) else figure(count, 2)
    share = interval(language, {key: extracted[key] for key in ("value", "low", "high")}, "percent")
    return say(language, "audit.heart.of", count=whole, of=grouped(language, extracted["of"]), share=share)
