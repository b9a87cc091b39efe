"""Checks of a run and its model: whether it is whole, what was measured of text and weights, and what its card says.

An audit that can say nothing (too little text, a model that is not competent, no probes) is not measured, never passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from desdecero.model_cards.policy.types import Facts, Found, Outcome

Limits = Mapping[str, float]
SHOWN_SMALL = ("within margin", "found within margin")
MEASURES = ("bits_per_byte", "masked_loss", "span_loss", "perplexity")
"""Measures of the loss; the first that an evaluation has is judged. All are better when lower."""
BASELINES = ("unigram", "untrained")
REQUIRED = ("intended_use", "out_of_scope", "limitations", "authors", "contact")
"""Keys of the recipe's `card` without which nobody can judge whether to use a model, or ask."""

WHERE = {"stages": "/states", "files": "/faults", "evidence": "/missing"}
"""What may be wrong with a run's seals → where that stands."""

# --- the run ---------------------------------------------------------------------------------------------------


def seals(facts: Facts, _: Limits) -> Found:
    """Ask that every stage is sealed and fresh, every file as sealed, and every value on the card in a report."""
    found = facts["seals"]
    if found is None:
        return Found("not_measured")
    wrong = {
        "stages": [
            f"{name} ({state})" for name, state in found["states"].items() if state not in ("sealed", "unwanted")
        ],
        "files": list(found["faults"]),
        # What the recipe leaves unsaid is asked for by rules of its own.
        "evidence": [key for key in found["missing"] if not key.startswith("recipe:")],
    }
    wrong = {what: names for what, names in wrong.items() if names}
    if not wrong:
        return Found("pass")
    what, names = next(iter(wrong.items()))
    return Found("fail", names[0], values={"wrong": wrong}, pointer=WHERE[what])


def signed(facts: Facts, _: Limits) -> Found:
    """Ask for a signed statement about these seals; with whose key it is checked, only its reader can say."""
    state = facts["attestation"]["state"] if facts["attestation"] else "unsigned"
    if state == "unsigned":
        return Found("not_measured", state, "signed")
    return Found("pass" if state in ("signed", "key_not_given") else "fail", state, "signed")


# --- the text --------------------------------------------------------------------------------------------------


def attribution(facts: Facts, limits: Limits) -> Found:
    """Ask that works whose licence asks for their name have a title and a source.

    The report counts works without each; their sum is the most that can lack one or the other.
    """
    section, most = (facts["corpus/report.json"] or {}).get("attribution"), limits["max_share"]
    if section is None:
        return Found("not_measured", threshold=most)
    works, without = section["required"].get("license", 0), section["without"]
    lacking = min(without.get("title", 0) + without.get("source", 0), works)
    share = lacking / works if works else 0.0
    return Found("pass" if share <= most else "fail", share, most, values={"lacking": lacking, "works": works})


def personal_data(facts: Facts, limits: Limits) -> Found:
    """Ask that of every form of personal data, labelled and alone, enough planted items were found.

    Of each, the lower end of the interval counts.
    """
    planted = ((facts["corpus/report.json"] or {}).get("personal_data") or {}).get("planted")
    least, bounds = limits["min_recall"], sorted(_recalls(planted or {}), key=lambda one: one[0])
    if not bounds:
        return Found("not_measured", threshold=least)
    low, kind, form, way = bounds[0]
    poor = [f"{form} ({way})" for value, _, form, way in bounds if value < least]
    pointer = f"/personal_data/planted/{kind}/forms/{form}" + (f"/{way}" if way else "") + "/low"
    values = {"kind": kind, "form": form, "way": way or "named", "poor": len(poor), "forms": len(bounds)}
    return Found("pass" if low >= least else "fail", low, least, values=values, pointer=pointer)


def _recalls(planted: Mapping[str, Any]) -> Iterator[tuple[float, str, str, str]]:
    """Yield (lower bound of recall, kind, form, way) of every form; way: named, alone, or "" where they are one."""
    for kind, found in planted.items():
        for form, recall in found["forms"].items():
            ways = {way: recall[way] for way in ("named", "alone") if recall.get(way)} or {"": recall}
            yield from ((float(count["low"]), kind, form, way) for way, count in ways.items() if count["planted"])


def languages(facts: Facts, limits: Limits) -> Found:
    """Ask that most of the kept text is in the languages that the recipe declares, and some of it in each."""
    measured = {row["language"]: row["share_bytes"] for row in (facts["corpus/report.json"] or {}).get("languages", ())}
    declared, least = list((facts["recipe.yaml"] or {}).get("languages", ())), limits["min_share"]
    if not any(code for code, share in measured.items() if code and share):  # no step told them apart
        return Found("not_measured", threshold=least, values={"languages": declared})
    share = min(sum((float(measured.get(code, 0.0)) for code in declared), 0.0), 1.0)
    absent = [code for code in declared if not measured.get(code)]
    values = {"languages": declared, "absent": absent}
    if absent:
        return Found("fail", share, least, "absent", values)
    return Found("pass" if share >= least else "fail", share, least, values=values)


def exposure(facts: Facts, limits: Limits) -> Found:
    """Ask that training read nearly every document of the training text."""
    read, most = (facts["pretrain/report.json"] or {}).get("exposure"), limits["max_share"]
    if read is None or not read["documents"]:
        return Found("not_measured", threshold=most)
    share = read["never_read"] / read["documents"]
    values = {"never_read": read["never_read"], "documents": read["documents"]}
    return Found("pass" if share <= most else "fail", share, most, values=values)


# --- the model -------------------------------------------------------------------------------------------------


def evaluation(facts: Facts, _: Limits) -> Found:
    """Ask that the whole interval of the loss lies below the unigram's and the untrained model's."""
    text = (facts["evaluation/report.json"] or {}).get("text") or {"measures": {}, "baselines": {}}
    measure = next((measure for measure in MEASURES if measure in text["measures"]), None)
    known = {name: text["baselines"].get(name, {}).get(measure) for name in BASELINES}
    if measure is None or None in known.values():
        return Found("not_measured", key="not_evaluated")
    own, (name, limit) = text["measures"][measure], min(known.items(), key=lambda one: one[1])
    values = {"measured": {"measure": measure, "value": own["value"], "high": own["high"]}, "baseline": name}
    values |= {"limit": limit}
    pointer = f"/text/measures/{measure}/high"
    if own["high"] is None:
        return Found("not_measured", own["value"], limit, values=values, pointer=pointer)
    return Found("pass" if own["high"] < limit else "fail", own["high"], limit, values=values, pointer=pointer)


def contamination(facts: Facts, limits: Limits) -> Found:
    """Ask that few items of a suite, and few held-out documents, share a passage with the training text."""
    report, corpus, most = facts["evaluation/report.json"], facts["corpus/report.json"], limits["max_share"]
    if report is None or corpus is None:
        return Found("not_measured", threshold=most, values={"suites": []})
    suites = report["suites"]
    unknown = [suite["name"] for suite in suites if not suite.get("contamination")]
    # Held-out documents are compared with training ones where copies are looked for.
    compared = bool((facts["recipe.yaml"] or {}).get("corpus", {}).get("deduplication"))
    if unknown or not (suites or compared):
        return Found("not_measured", threshold=most, values={"suites": unknown or ["language_modeling"]})
    shares = [("language_modeling", 0.0, "corpus/report.json", "/related")] if compared else []
    shares += [
        (split, one["documents"] / one["of"], "corpus/report.json", f"/related/{split}/documents")
        for split, one in (corpus.get("related") or {}).items()
        if one["of"]
    ]
    shares += [
        (suite["name"], suite["contamination"]["items"] / suite["items"], "", f"/suites/{place}/contamination/items")
        for place, suite in enumerate(suites)
        if suite["items"]
    ]
    if not shares:
        return Found("not_measured", threshold=most, values={"suites": [suite["name"] for suite in suites]})
    name, share, place, pointer = max(shares, key=lambda one: one[1])
    outcome: Outcome = "pass" if share <= most else "fail"
    return Found(outcome, share, most, values={"suite": name}, pointer=pointer, report=place)


def memorization(facts: Facts, limits: Limits) -> Found:
    """Ask that few training passages are continued word for word, beyond what held-out ones are.

    Of the difference, at each length of the prefix, the upper end of the interval counts.
    """
    suite, most = _suite(facts, "memorization"), limits["max_share"]
    extraction = (suite or {}).get("extraction") or {}
    known = [
        (one["greedy"]["high"], one["prefix"], place)
        for place, one in enumerate(extraction.get("differences") or ())
        if one["greedy"]["high"] is not None
    ]
    if extraction.get("not_measured") or not known:
        return Found("not_measured", threshold=most)
    high, prefix, place = max(known)
    pointer = f"/suites/memorization/extraction/differences/{place}/greedy/high"
    return Found("pass" if high <= most else "fail", max(high, 0.0), most, values={"prefix": prefix}, pointer=pointer)


def bias(facts: Facts, _: Limits) -> Found:
    """Ask that the gap of every group is shown to be small, in every language that the model is meant to write."""
    audit, declared = facts["audit/report.json"], list((facts["recipe.yaml"] or {}).get("languages", ()))
    if audit is None:
        return Found("not_measured", None, len(declared), "not_audited", {"languages": declared})
    open_ = {code: why for code in declared if (why := _not_small(audit, code))}
    small = len(declared) - len(open_)
    values = {"silent": open_, "languages": declared, "margin": audit["margin"]}
    if not open_ and declared:
        return Found("pass", small, len(declared), values=values)
    found = any("bias found" in why.get("verdicts", ()) for why in open_.values())
    return Found("fail" if found else "not_measured", small, len(declared), values=values)


def _not_small(audit: Mapping[str, Any], code: str) -> dict[str, Any] | None:
    """Return why the gaps of a language are not all shown to be small (key of the catalogue and values); or None."""
    pairs = audit["suites"].get("pairs")
    if pairs is None:
        return {"key": "bias.not_asked"}
    result = pairs["languages"].get(code)
    if result is None or not result["groups"]:
        return {"key": "bias.no_probes"}
    competence, verdicts = result["competence"], Counter(group["verdict"] for group in result["groups"].values())
    if not competence["competent"]:
        return {
            "key": "bias.not_competent",
            "verdict": "model not competent",
            "share": competence["value"],
            "threshold": competence["threshold"],
        }
    if all(verdict in SHOWN_SMALL for verdict in verdicts):
        return None
    return {"key": "bias.judged", "verdicts": dict(verdicts.most_common())}


def _suite(facts: Facts, name: str) -> Any:
    return ((facts["audit/report.json"] or {}).get("suites") or {}).get(name)


# --- the card --------------------------------------------------------------------------------------------------


def card_complete(facts: Facts, _: Limits) -> Found:
    """Ask that the authors wrote what the readers of a card need."""
    if facts["recipe.yaml"] is None:
        return Found("not_measured")
    described = facts["recipe.yaml"].get("card") or {}
    missing = [f"card.{key}" for key in REQUIRED if not _written(described.get(key))]
    value = ", ".join(missing) or None
    return Found("fail" if missing else "pass", value, ", ".join(REQUIRED), values={"missing": missing})


def _written(value: Any) -> bool:
    """Tell whether somebody wrote something: no blanks, no empty names, and in each language that is begun."""
    if isinstance(value, Mapping):
        return bool(value) and all(map(_written, value.values()))
    words = [value] if isinstance(value, str) else value or ()
    return any(str(word).strip() for word in words)


CHECKS: Mapping[str, Callable[[Facts, Limits], Found]] = {
    "seals": seals,
    "signed": signed,
    "attribution": attribution,
    "personal_data": personal_data,
    "contamination": contamination,
    "memorization": memorization,
    "bias": bias,
    "evaluation": evaluation,
    "languages": languages,
    "card_complete": card_complete,
    "exposure": exposure,
}
