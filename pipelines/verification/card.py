"""Compare a sealed card, and a dossier, with the sealed reports: each value that it quotes, and the text around them.

No later seal proves what they say: each is made again in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from desdecero.model_cards.evidence import Evidence, Missing, split_key
from desdecero.model_cards.evidence import Report as Source
from desdecero.pipelines.common.errors import UserError, printable
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.published_run import PublishedRun
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import InvalidFile, parse_json, read_file
from desdecero.pipelines.run.stages import Stage, stages
from desdecero.pipelines.write_card import compare as compare_card
from desdecero.pipelines.write_card import config_place
from desdecero.pipelines.write_dossier import compare as compare_dossier
from desdecero.pipelines.write_dossier import counts_sites


def evidence_faults(run: RunDir, recipe: Recipe, card: Stage) -> Iterator[str]:
    """Yield the values that a card quotes and that are not in the report they were read from."""
    place = f"{card.folder}/evidence.json"
    try:
        quotes = parse_json(read_file(run.path / place))
    except FileNotFoundError:
        return  # reported as a missing file if the card sealed one
    except InvalidFile as error:
        yield f"{place}: {error}"
        return
    reports = dict(_reports(run, recipe, card))
    evidence = Evidence(reports)
    for quote in quotes if isinstance(quotes, list) else [quotes]:
        key = quote.get("key") if isinstance(quote, dict) else None
        if not isinstance(key, str):
            yield f"{place}: holds something that is not a quoted value"
            continue
        report = reports.get(split_key(key)[0])
        value = evidence[key]
        if report is None or isinstance(value, Missing):
            yield f"{place}: quotes {printable(key)}, which is in no report of this run"
        elif (type(value), value) != (type(quote.get("value")), quote.get("value")):
            yield f"{place}: quotes {printable(quote.get('value'))} for {printable(key)}, where {report.path} says " + (
                printable(value)
            )


@dataclass(frozen=True)
class MadeAgain:
    """What a card or a dossier is, beside one made again from the sealed reports."""

    faults: list[str]
    """One sentence for each file that differs."""
    left_out: list[str]
    """Files, or parts of them, that could not be made again."""


def made_again(run: RunDir, recipe: Recipe, stage: Stage) -> MadeAgain:
    """Make a sealed card or dossier again in memory, and compare each of its files.

    Left out are `software.csv`, which tells of the machine where it was made, and in a publication what is made from
    files that were not published.
    """
    try:
        same = compare_card(recipe, run, stage.adapter) if stage.kind == "card" else compare_dossier(recipe, run)
    except (UserError, InvalidFile, FileNotFoundError) as error:
        return MadeAgain([printable(error)], [])
    how = ""
    if not isinstance(run, PublishedRun):
        command = stage.command(f"{run.recipe_file} --run-dir {run}")
        how = f": make {'the card' if stage.kind == 'card' else 'it'} again with `{command}`"
    faults = [
        f"{place}: not what the {stage.kind} stage makes of the sealed reports{how}"
        for place, is_same in same.items()
        if not is_same
    ]
    seal = run.seal(stage.name, recipe)
    left_out = [place for place in (seal.outputs if seal else ()) if place not in same and run.holds(place)]
    if stage.kind == "dossier" and counts_sites(recipe) and not run.holds(run.place(run.documents)):
        left_out.append(f"{stage.folder}/report.json#/crawled")
    return MadeAgain(faults, left_out)


def _reports(run: RunDir, recipe: Recipe, card: Stage) -> Iterator[tuple[str, Source]]:
    """Yield the reports that a card may quote, by the names that `write_card` gives; unreadable ones are left out."""
    yield "recipe", Source("recipe.yaml", "", recipe.model_dump(mode="json"))
    places = {
        "licensing": "card/licensing.json",
        "gate": f"{card.folder}/gate.json",
        "config": config_place(recipe, card.name)[1],
    }
    chain = stages(recipe)
    for name in card.inputs:
        places |= {name: f"{chain[name].folder}/report.json", f"seal.{name}": f"{chain[name].folder}/done.json"}
    for name, place in places.items():
        try:
            content: Any = parse_json(read_file(run.at(place)))
        except (FileNotFoundError, InvalidFile):
            continue
        if isinstance(content, dict):
            yield name, Source(place, "", content)
