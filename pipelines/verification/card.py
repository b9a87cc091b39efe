"""Compare a sealed card, and a dossier, with the sealed reports: each value that it quotes, and the text around them.

No later seal proves what they say: each is made again in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from desdecero.model_cards.evidence import Evidence, Missing, split_key
from desdecero.model_cards.evidence import Report as Source
from desdecero.pipelines.common.errors import UserError, printable
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import InvalidFile, parse_json, read_file
from desdecero.pipelines.run.stages import Stage, stages
from desdecero.pipelines.write_card import differing
from desdecero.pipelines.write_dossier import differing as differing_dossier


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


def card_faults(run: RunDir, recipe: Recipe, card: Stage) -> Iterator[str]:
    """Yield the files of a card that differ from one made again from the sealed reports."""
    try:
        for place in differing(recipe, run, card.adapter):
            yield (
                f"{place}: not what the card stage makes of the sealed reports: make the card again with "
                f"`{card.command(f'{run.recipe_file} --run-dir {run}')}`"
            )
    except (UserError, InvalidFile, FileNotFoundError) as error:
        yield printable(error)


def dossier_faults(run: RunDir, recipe: Recipe) -> Iterator[str]:
    """Yield the files of a dossier that differ from one made again from the sealed reports; not `software.csv`."""
    try:
        for place in differing_dossier(recipe, run):
            again = stages(recipe)["dossier"].command(f"{run.recipe_file} --run-dir {run}")
            yield f"{place}: not what the dossier stage makes of the sealed reports: make it again with `{again}`"
    except (UserError, InvalidFile, FileNotFoundError) as error:
        yield printable(error)


def _reports(run: RunDir, recipe: Recipe, card: Stage) -> Iterator[tuple[str, Source]]:
    """Yield the reports that a card may quote, by the names that `write_card` gives; unreadable ones are left out."""
    yield "recipe", Source("recipe.yaml", "", recipe.model_dump(mode="json"))
    places = {"licensing": "card/licensing.json", "gate": f"{card.folder}/gate.json"}
    chain = stages(recipe)
    for name in card.inputs:
        places |= {name: f"{chain[name].folder}/report.json", f"seal.{name}": f"{chain[name].folder}/done.json"}
    for name, place in places.items():
        try:
            content: Any = parse_json(read_file(run.path / place))
        except (FileNotFoundError, InvalidFile):
            continue
        if isinstance(content, dict):
            yield name, Source(place, "", content)
