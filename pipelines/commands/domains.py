"""List the domain packs, or show one: its task, data, metric, word exchanges, and the limits of its use.

    desdecero domains                             the packs, a line each
    desdecero domains health --language es        one pack, for a person
    desdecero domains health --json               one pack, for a program; without a name, all of them

A pack downloads nothing: it names datasets of the Hub, and shows the form that a data file of your own has.
"""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from desdecero.model_cards.words import LANGUAGES, Language, name, say
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK
from desdecero.pipelines.recipe.domains import Domain, HubSet, LocalSet, domain, domains

WIDTH = 100


def main(argv: list[str]) -> int:
    """List the domain packs, or show one."""
    parser = Arguments("domains", __doc__)
    parser.add_argument("name", nargs="?", help="a pack, as `desdecero domains` lists them")
    parser.add_argument("--language", choices=LANGUAGES, help="of what is shown (default: that of LANG, or English)")
    parser.add_argument("--json", action="store_true", help="the whole pack, in both languages")
    options = parser.parse_args(argv)
    language = options.language or _language_of_terminal()
    if options.json:
        shown = domain(options.name).model_dump(mode="json") if options.name else _all_as_json()
        print(json.dumps(shown, ensure_ascii=False, indent=2))
    elif options.name:
        print(page(options.name, domain(options.name), language))
    else:
        print(table(domains(), language))
    return EXIT_OK


def _language_of_terminal() -> Language:
    return next((language for language in LANGUAGES if os.environ.get("LANG", "").startswith(language)), LANGUAGES[0])


def _all_as_json() -> dict[str, object]:
    return {key: pack.model_dump(mode="json") for key, pack in domains().items()}


def table(packs: Mapping[str, Domain], language: Language) -> str:
    """Compose a table of packs: name, task, metric and purpose."""
    rows = [tuple(say(language, f"domains.{column}") for column in ("name", "task", "metric", "purpose"))]
    for key, pack in packs.items():
        task, metric = name(language, "domain_task", pack.task), name(language, "domain_metric", pack.metric)
        rows.append((key, task, metric, pack.purpose.read_in(language)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row[:3], widths, strict=True)), row[3]]) for row in rows
    ]
    return "\n".join([*lines, "", say(language, "domains.more")])


def page(key: str, pack: Domain, language: Language) -> str:
    """Compose the page of a pack."""
    title = pack.title.read_in(language)
    task, metric = name(language, "domain_task", pack.task), name(language, "domain_metric", pack.metric)
    head = [
        title if title.lower() == key else f"{title} ({key})",
        pack.purpose.read_in(language),
        "",
        f"{say(language, 'domains.task')}: {task}",
        f"{say(language, 'domains.metric')}: {metric}",
    ]
    parts = {
        "form": _form(pack, language),
        "sets": [*(line for one in pack.sets for line in _hub_set(one, language)), *_licenses_note(language)],
        "local": [line for one in pack.local for line in _local_set(one, language)],
        "swaps": list(_swaps(pack, language)),
        "eu_ai_act": [
            line
            for use in pack.eu_ai_act
            for line in _item(f"{name(language, 'risk', use.category)}: {use.about.read_in(language)}")
        ],
        "not_for": [line for one in pack.not_for for line in _item(one.read_in(language))],
        "note": _wrapped(pack.note.read_in(language), "  ", "  "),
    }
    shown = ["\n".join([say(language, f"domains.{part}"), *lines]) for part, lines in parts.items() if lines]
    return "\n\n".join(["\n".join(head), *shown])


def _form(pack: Domain, language: Language) -> list[str]:
    """Say what each column holds, then write the example lines of all languages: a file may hold either."""
    width = max(map(len, pack.form))
    lines = [
        line
        for column, about in pack.form.items()
        for line in _wrapped(about.read_in(language), f"  {column:<{width}}  ", " " * (width + 4))
    ]
    own_first = sorted(pack.examples, key=lambda one: one != language)
    records = [line.record() for one in own_first for line in pack.examples[one]]
    # Not wrapped: a line that is copied into a file has to be whole.
    return [*lines, f"  {say(language, 'domains.as_lines')}", *(json.dumps(one, ensure_ascii=False) for one in records)]


def _hub_set(one: HubSet, language: Language) -> list[str]:
    facts = [
        f"{say(language, 'domains.splits')}: {', '.join(one.splits)}",
        f"{say(language, 'domains.revision')}: {one.revision or say(language, 'domains.main_branch')}",
        f"{say(language, 'domains.columns')}: {_assigned(one.columns)}",
        *([f"{say(language, 'domains.labels')}: {_assigned(one.labels)}"] if one.labels else []),
        f"{say(language, 'domains.languages')}: {_languages(one.languages, language)}",
        f"{say(language, 'domains.license')}: {one.license}",
    ]
    return [f"  {one.name}" + (f", {one.config}" if one.config else ""), *(f"    {fact}" for fact in facts)]


def _licenses_note(language: Language) -> list[str]:
    return _wrapped(say(language, "domains.origin_of_license"), "  ", "  ")


def _local_set(one: LocalSet, language: Language) -> list[str]:
    place = f"{one.path} ({say(language, 'domains.folder')})" if one.path else say(language, "domains.packages")
    facts = [
        *([f"{say(language, 'domains.where')} {_assigned(one.where)}"] if one.where else []),
        *([f"{say(language, 'domains.task')}: {name(language, 'domain_task', one.task)}"] if one.task else []),
        f"{say(language, 'domains.languages')}: {_languages(one.languages, language)}",
        f"{say(language, 'domains.license')}: {one.license or say(language, 'domains.package_licenses')}",
    ]
    about = _wrapped(one.about.read_in(language), "    ", "    ")
    return [f"  {place}", *about, *(f"    {fact}" for fact in facts)]


def _swaps(pack: Domain, language: Language) -> Iterator[str]:
    """Write the pairs of the reader's language first, then those of the other."""
    for spoken in sorted(LANGUAGES, key=lambda one: one != language):
        for group, swaps in pack.swaps.items():
            pairs = "; ".join(f"{one} ↔ {other}" for one, other in swaps.read_in(spoken))
            head = f"  {name(language, 'swap_group', group)} ({name(language, 'language', spoken)}): "
            yield from _wrapped(pairs, head, "    ")


def _languages(codes: Sequence[str], language: Language) -> str:
    return ", ".join(name(language, "language", code) for code in codes)


def _assigned(values: Mapping[str, str]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in values.items())


def _item(text: str) -> list[str]:
    return _wrapped(text, "  - ", "    ")


def _wrapped(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False)
