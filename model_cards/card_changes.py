"""What changed between two cards, in words: statements, data, licences, training, scores, verdicts.

    before, after = (reports_of(json.loads(evidence)) for evidence in …)      # two `evidence.json`
    for change in changes("es", before, after):
        change.section, change.what, change.before, change.after

Cards quote every value that they print, so that their evidence is all that is needed: no run, and no corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from desdecero.model_cards.card import MEASURES
from desdecero.model_cards.evidence import split_key
from desdecero.model_cards.formats import filters, interval
from desdecero.model_cards.words import Language, name, say

Section = Literal["statements", "data", "licenses", "training", "scores", "verdicts"]
SECTIONS: tuple[Section, ...] = ("statements", "data", "licenses", "training", "scores", "verdicts")
Tree = Mapping[str, Any]
"""A report as far as a card quotes it; a list is an object with its positions as keys."""

VALUES: tuple[tuple[Section, str, str, str], ...] = (
    ("statements", "recipe:/card/version", "version", "plain"),
    ("statements", "recipe:/card/contact", "contact", "plain"),
    ("statements", "recipe:/card/removal_contact", "removal_contact", "plain"),
    ("data", "corpus:/documents/read", "documents_read", "grouped"),
    ("data", "corpus:/documents/kept", "documents_kept", "grouped"),
    ("data", "corpus:/bytes/kept", "text_kept", "size"),
    ("data", "tokens:/splits/train/tokens", "training_tokens", "grouped"),
    ("data", "pretrain:/exposure/never_read", "never_read", "grouped"),
    ("licenses", "recipe:/card/license", "license", "plain"),
    ("training", "pretrain:/architecture", "architecture", "plain"),
    ("training", "pretrain:/parameters", "parameters", "grouped"),
    ("training", "pretrain:/steps", "steps", "grouped"),
    ("training", "pretrain:/tokens", "tokens", "grouped"),
    ("training", "pretrain:/validation_loss", "validation_loss", "figure"),
    ("training", "finetune:/steps", "adapter_steps", "grouped"),
    ("training", "finetune:/documents", "adapter_documents", "grouped"),
)
"""Section, value, its name in the catalogue, and the filter that writes it."""
TABLES: tuple[tuple[Section, str, str, str, str, str, str], ...] = (
    ("data", "corpus:/sources", "of_source", "name", "documents", "grouped", ""),
    ("data", "corpus:/languages", "of_language", "language", "share_bytes", "percent", "language"),
    ("data", "corpus:/drops", "of_drop", "", "documents", "grouped", "drop"),
    ("data", "corpus:/edits/kinds", "of_edit", "", "edits", "grouped", "edit"),
    ("data", "corpus:/edits/redacted", "of_personal_data", "", "", "grouped", "personal_data"),
    ("licenses", "pretrain:/exposure/licenses", "of_license", "license", "share_tokens", "percent", ""),
    ("licenses", "licensing:/asks", "of_ask", "kind", "share_tokens", "percent", "ask"),
)
"""Section, table, its name in the catalogue, the column that names a row ("": its key), the column that is compared
("": the row itself), the filter that writes it, and the family of the rows' names."""
TEXTS = ("purpose", "card/intended_use", "card/out_of_scope", "card/limitations")
SCALES = {measure: scale for columns in MEASURES.values() for measure, _, scale in columns}


@dataclass(frozen=True)
class Change:
    """One thing that two cards say otherwise; None where one of them does not say it."""

    section: Section
    key: str
    """Where it stands: the report's key, and of a table the name of the row."""
    what: str
    """Its name, in words."""
    before: str | None
    after: str | None


def reports_of(quotes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the reports of a card's evidence, by kind: those of an adapter in place of its base's."""
    reports: dict[str, Any] = {}
    adapted = {split_key(quote["key"])[0].partition(":")[0] for quote in quotes if _of_adapter(quote["key"])}
    for quote in quotes:
        report, pointer = split_key(quote["key"])
        kind = report.partition(":")[0]
        if kind in adapted and not _of_adapter(quote["key"]):
            continue
        place = reports.setdefault(kind, {})
        *steps, last = (step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
        for step in steps:
            place = place.setdefault(step, {})
        place[last] = quote["value"]
    return reports


def _of_adapter(key: str) -> bool:
    return ":" in split_key(key)[0]


def changes(language: Language, before: Tree, after: Tree) -> list[Change]:
    """Return what two cards say otherwise, by section."""
    readers = (_texts, _values, _tables, _against, _scores, _verdicts)
    found = [change for read in readers for change in read(language, before, after)]
    return [change for section in SECTIONS for change in found if change.section == section]


def _compared(
    section: Section, key: str, what: str, pair: tuple[Any, Any], write: Callable[[Any], Any]
) -> Iterator[Change]:
    before, after = pair
    if before != after:
        yield Change(section, key, what, *(None if value is None else str(write(value)) for value in pair))


def _texts(language: Language, before: Tree, after: Tree) -> Iterator[Change]:
    plain = filters(language)["plain"]

    def write(text: Any) -> Any:
        return plain(text if isinstance(text, str) else text.get(language) or next(iter(text.values())))

    for place in TEXTS:
        key, what = f"recipe:/{place}", say(language, f"card_diff.{place.rpartition('/')[2]}")
        yield from _compared("statements", key, what, (_at(before, key), _at(after, key)), write)
    key = "recipe:/card/authors"
    authors = (_at(before, key), _at(after, key))
    yield from _compared(
        "statements", key, say(language, "card_diff.authors"), authors, lambda listed: plain(", ".join(listed.values()))
    )


def _values(language: Language, before: Tree, after: Tree) -> Iterator[Change]:
    for section, key, label, how in VALUES:
        what = say(language, f"card_diff.{label}")
        yield from _compared(section, key, what, (_at(before, key), _at(after, key)), filters(language)[how])


def _tables(language: Language, before: Tree, after: Tree) -> Iterator[Change]:
    for section, key, label, column, compared, how, family in TABLES:
        first, second = (dict(_rows(_at(tree, key), column, compared)) for tree in (before, after))
        for row in dict.fromkeys([*first, *second]):
            what = say(language, f"card_diff.{label}", name=name(language, family, row) if family else row)
            pair = (first.get(row), second.get(row))
            yield from _compared(section, f"{key}/{row}", what, pair, filters(language)[how])


def _against(language: Language, before: Tree, after: Tree) -> Iterator[Change]:
    """Yield the conflicts of licences with the model's use and licence."""
    first, second = (dict(_conflicts(_at(tree, "licensing:/conflicts"))) for tree in (before, after))
    for kind, against in dict.fromkeys([*first, *second]):
        ask, other = name(language, "ask", kind), name(language, "against", against)
        what, key = say(language, "card.against", ask=ask, against=other), f"licensing:/conflicts/{kind}/{against}"
        pair = (first.get((kind, against)), second.get((kind, against)))
        yield from _compared("licenses", key, what, pair, filters(language)["percent"])


def _rows(table: Any, column: str, compared: str) -> Iterator[tuple[str, Any]]:
    for key, row in (table or {}).items():
        value = row.get(compared) if compared else row
        if value is not None:
            yield (row.get(column, key) if column else key), value


def _conflicts(table: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    for row in (table or {}).values():
        if "share_tokens" in row:
            yield (row["kind"], row["against"]), row["share_tokens"]


def _scores(language: Language, before: Tree, after: Tree) -> Iterator[Change]:
    first, second = (dict(_measures(tree)) for tree in (before, after))
    for suite, measure in dict.fromkeys([*first, *second]):
        pair = (first.get((suite, measure)), second.get((suite, measure)))
        share = any(score and score.get("share") for score in pair)
        scale: Any = SCALES.get(measure, "percent" if share else "plain")

        def write(score: Any, scale: Any = scale) -> Any:
            return interval(language, {"low": None, "high": None, **score}, scale)

        what = f"{name(language, 'suite', suite)}, {name(language, 'measure', measure)}"
        yield from _compared("scores", f"evaluate:/{suite}/{measure}", what, pair, write)


def _measures(tree: Tree) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield the measures of held-out text and of each suite."""
    report = tree.get("evaluate", {})
    suites = [("language_modeling", report.get("text", {}))]
    suites += [(suite.get("name", ""), suite) for suite in report.get("suites", {}).values()]
    for suite, result in suites:
        for measure, score in result.get("measures", {}).items():
            if "value" in score:
                yield (suite, measure), {key: score[key] for key in ("value", "low", "high", "share") if key in score}


def _verdicts(language: Language, before: Tree, after: Tree) -> Iterator[Change]:
    first, second = (dict(_judged(tree.get("audit", {}).get("suites", {}))) for tree in (before, after))
    for path in dict.fromkeys([*first, *second]):
        what = ", ".join(_named(language, step) for step in path if step not in ("languages", "groups", "verdict"))
        key, pair = f"audit:/suites/{'/'.join(path)}", (first.get(path), second.get(path))
        yield from _compared("verdicts", key, what, pair, lambda word: name(language, "verdict", word))
    key = "finetune:/verdict"
    what, pair = say(language, "card_diff.adapter"), (_at(before, key), _at(after, key))
    yield from _compared("verdicts", key, what, pair, lambda word: name(language, "adapter_verdict", word))
    rules = tuple(dict(_rows(_at(tree, "gate:/verdicts"), "rule", "verdict")) for tree in (before, after))
    for rule in dict.fromkeys([*rules[0], *rules[1]]):
        what, pair = say(language, "card_diff.rule", rule=rule), (rules[0].get(rule), rules[1].get(rule))
        yield from _compared("verdicts", f"gate:/{rule}", what, pair, lambda word: name(language, "gate.verdict", word))


def _judged(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the verdicts of an audit, with the steps that lead to them."""
    for step, below in tree.items() if isinstance(tree, Mapping) else ():
        if step == "verdict" and isinstance(below, str):
            yield (*path, step), below
        else:
            yield from _judged(below, (*path, step))


def _named(language: Language, step: str) -> str:
    """Return the name of a suite, a language or a group."""
    for family in ("audit_suite", "language", "group"):
        if (shown := name(language, family, step)) != step.replace("_", " "):
            return shown
    return step


def _at(tree: Tree, key: str) -> Any:
    """Return the value, or the part of a report, at a key; None where the card does not quote it."""
    report, pointer = split_key(key)
    place: Any = tree.get(report)
    for step in pointer.split("/")[1:]:
        place = place.get(step) if isinstance(place, Mapping) else None
    return place
