"""Write the model card: every figure in it is read from a sealed report, and listed with its place there.

    desdecero card quickstart

    card/README.md       the card, with the Hub's metadata
    card/README.es.md    the same in Spanish
    card/loss.png        pretraining's plot, which the card shows; loss.es.png in Spanish
    card/evidence.json   every value that they quote: key, value, report, pointer, the report's sha256
    card/licensing.json  what the licences of the training data require, compared with the model's licence and use;
                         its tokens are those that the weights read
    card/gate.json       what the gate says by each rule of the recipe's policy, and the waivers: the card prints both
    card/report.json     the values printed as missing, the number of quoted ones, the model's licence
    model/README.md  model/README.es.md  model/loss.png     the same files, in the places that the Hub expects

An adapter has a card of its own (`--adapter NAME`), and the model's card says nothing of adapters: one that is added,
changed or removed leaves it as it is.

    adapters/<name>/card/    README.md  README.es.md  evidence.json  licensing.json  gate.json  report.json
                             adapter_config.json, which names the base as the Hub knows it: it goes there with the card

`desdecero publish --what adapter:NAME` has an adapter's card written again, with its repository: it stands in its
report, and stays when the card is made anew.

The card names the machine and the duration of pretraining, which differ between runs of one seed. Where the recipe has
waivers it names the day on which it was made, because they expire. The rest depends on the reports alone.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from desdecero.model_cards import adapter_card
from desdecero.model_cards.card import render
from desdecero.model_cards.evidence import Evidence, Report
from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.common.files import json_text, sha256_file, write_text
from desdecero.pipelines.corpus.licensing import summary as licensing
from desdecero.pipelines.corpus.licensing.adapter import holdings_of_adapter
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.domains import domain
from desdecero.pipelines.recipe.publish import Publish
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.gate import card_verdicts, facts_of
from desdecero.pipelines.run.reports import CardReport, content_of
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import AlteredFile, parse_json, read_file, reading
from desdecero.pipelines.run.stages import stage_name, stages

PAGES = [file_in(language, "README.md") for language in LANGUAGES]
PICTURES = [file_in(language, "loss.png") for language in LANGUAGES]


@dataclass(frozen=True)
class Published:
    """What an adapter's card says of its publication."""

    repo_id: str | None = None
    """The adapter's own repository."""


def write_card(
    recipe: Recipe, run: RunDir, out: RunDir, adapter: str | None = None, published: Published | None = None
) -> str:
    """Write the model's card in both languages to `card/` and to `model/`, or that of an adapter to its own folder.

    published: of an adapter; by default what its sealed card says. Raises `UserError` where a report is not, byte for
    byte, what its stage sealed.
    """
    stage = stage_name("card", adapter)
    today = datetime.datetime.now(datetime.UTC).date()
    files, folder = compose(recipe, run, today, adapter, published), out.folder(stage, recipe)
    for name, text in files.items():
        write_text(folder / name, text)
    if adapter is None:
        for name in PAGES:
            write_text(out.model / name, files[name])
        for picture in _pictures(recipe, run):
            for place in (out.card, out.model):
                shutil.copyfile(run.pretrain / picture, place / picture)
    report = json.loads(files["report.json"])
    written = run.model if adapter is None else run.folder(stage, recipe)
    return f"{report['quoted']:,} values quoted, {len(report['missing'])} missing: {written / 'README.md'}"


def compose(
    recipe: Recipe, run: RunDir, today: datetime.date, adapter: str | None = None, published: Published | None = None
) -> dict[str, str]:
    """Return the texts of a card's folder, by file name: the same for the same sealed reports. Writes nothing.

    today: the day with which waivers are compared
    """
    reports = sealed_reports(recipe, run, stage_name("card", adapter))
    if adapter is None:
        return _of_model(recipe, run, reports, today)
    return _of_adapter(recipe, run, reports, adapter, published or published_as(recipe, run, adapter), today)


def published_as(recipe: Recipe, run: RunDir, adapter: str) -> Published:
    """Return what the sealed card of an adapter says of its publication; nothing where there is none of this form."""
    return Published(_said_before(recipe, run, adapter, "report.json").get("repo_id"))


def _said_before(recipe: Recipe, run: RunDir, adapter: str | None, name: str) -> dict[str, Any]:
    """Return the content of a sealed card's file; nothing where there is none of this form."""
    stage = stages(recipe)[stage_name("card", adapter)]
    seal = run.seal(stage.name, recipe)
    if seal is None or seal.version != stage.version:
        return {}
    try:
        return run.sealed_json(stage.name, recipe, f"{stage.folder}/{name}")
    except AlteredFile:  # `verify` names it, and the card is made anew without what it said
        return {}


def _of_adapter(
    recipe: Recipe,
    run: RunDir,
    reports: Mapping[str, Report],
    adapter: str,
    published: Published,
    today: datetime.date,
) -> dict[str, str]:
    name, of_base = recipe.adapters[adapter].domain, recipe.model.objective if recipe.base is not None else None
    pack, trained = domain(name) if name is not None else None, stages(recipe)[stage_name("finetune", adapter)]
    with reading(f"a report in {run}"):
        files = {}
        if reports[trained.name].content.get("data") or run.holds(run.place(run.token_ledger)):
            held = holdings_of_adapter(reports[trained.name].content, run)
            obligations = licensing.report(held, recipe.corpus.licenses, recipe.card.license)
            files["licensing.json"] = json_text(obligations)
        else:  # of what was published of a run, in which the texts are not counted again
            obligations = _said_before(recipe, run, adapter, "licensing.json")
        gate = _gate(recipe, reports, obligations, today, adapter)
        evidence = Evidence({**reports, "gate": _report_of(f"{trained.folder}/card/gate.json", gate)})
        cards = {
            file_in(each, "README.md"): adapter_card.render(
                evidence, each, adapter, pack.read_in(each) if pack is not None else None, published.repo_id, of_base
            )
            for each in LANGUAGES
        }
    files["gate.json"] = json_text(gate)
    place, seal = f"{trained.folder}/adapter/adapter_config.json", run.seal(trained.name, recipe)
    if seal is not None and place in seal.outputs and run.holds(place):
        config = run.sealed_json(trained.name, recipe, place)
        where = {"base_model_name_or_path": recipe.publish.repo_id}
        if recipe.base is not None:
            where["revision"] = recipe.base.revision
        files["adapter_config.json"] = json_text({**config, **where})
    report = _report(recipe, evidence).model_copy(update={"repo_id": published.repo_id})
    return {**cards, **files, **_what_they_quote(evidence, report)}


def _of_model(
    recipe: Recipe, run: RunDir, reports: Mapping[str, Report], today: datetime.date
) -> dict[str, str]:  # fmt: skip
    with reading(f"{reports['corpus'].path} or {reports['pretrain'].path}"):
        held = licensing.holdings(reports["corpus"].content, reports["pretrain"].content["exposure"])
    obligations = licensing.report(held, recipe.corpus.licenses, recipe.card.license)
    with reading(f"a report in {run}"):
        gate = _gate(recipe, reports, obligations, today)
        made = {"licensing": obligations, "gate": gate}
        evidence = Evidence({**reports, **{name: _report_of(f"card/{name}.json", each) for name, each in made.items()}})
        cards = {file_in(language, "README.md"): render(evidence, language) for language in LANGUAGES}
    files = {f"{name}.json": json_text(content) for name, content in made.items()}
    return {**cards, **files, **_what_they_quote(evidence, _report(recipe, evidence))}


def _gate(
    recipe: Recipe,
    reports: Mapping[str, Report],
    obligations: Mapping[str, Any],
    today: datetime.date,
    adapter: str | None = None,
) -> dict[str, Any]:
    contents = {name: report.content for name, report in reports.items()}
    return card_verdicts(recipe, facts_of(recipe, contents, obligations, adapter), today)


def _report_of(path: str, content: dict[str, Any]) -> Report:
    """Return a report of this stage's own, as a card quotes it."""
    digest = hashlib.sha256(json_text(content).encode("utf-8", errors="surrogatepass")).hexdigest()
    return Report(path, digest, content)


def _report(recipe: Recipe, evidence: Evidence) -> CardReport:
    return CardReport(
        missing=evidence.missing,
        quoted=len(evidence.quotes),
        model_license=recipe.card.license,
        repo_id=recipe.publish.repo_id,
    )


def _what_they_quote(evidence: Evidence, report: CardReport) -> dict[str, str]:
    return {"evidence.json": json_text(evidence.quotes), "report.json": json_text(content_of(report))}


def compare(recipe: Recipe, run: RunDir, adapter: str | None = None) -> dict[str, bool]:
    """Return whether each file of a sealed card is the same when it is made again, by path in the run directory.

    The card's digest is in no later seal, so its seal alone does not prove it. What cannot be made from the published
    part of a run is left out. Raises as `write_card` does.
    """
    folder, judged = stages(recipe)[stage_name("card", adapter)].folder, _said_before(recipe, run, adapter, "gate.json")
    with reading(f"{folder}/gate.json"):
        today = datetime.date.fromisoformat(judged.get("judged") or datetime.date.max.isoformat())
    wanted: dict[str, str] = {}
    for name, text in compose(recipe, run, today, adapter).items():
        digest = hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
        places = [f"{folder}/{name}", *([f"model/{name}"] if adapter is None and name in PAGES else [])]
        wanted |= dict.fromkeys(places, digest)
    if adapter is None and (drawn := run.seal("pretrain", recipe)):
        for name in _pictures(recipe, run):
            wanted |= dict.fromkeys((f"card/{name}", f"model/{name}"), drawn.outputs[f"pretrain/{name}"]["sha256"])
    return {
        place: hashlib.sha256(read_file(run.at(place))).hexdigest() == digest
        for place, digest in wanted.items()
        if run.holds(place)
    }


def _pictures(recipe: Recipe, run: RunDir) -> list[str]:
    """List the plots of pretraining: earlier runs have the English one alone."""
    seal = run.seal("pretrain", recipe)
    return [name for name in PICTURES if seal and f"pretrain/{name}" in seal.outputs]


def sealed_reports(recipe: Recipe, run: RunDir, card: str = "card") -> dict[str, Report]:
    """Return what a card may quote: the recipe, and the report and the seal of each stage that it reads.

    An adapter's card reads no more of `publish` than the repository of its base: what else is said of the model's
    publication leaves the card, and the recipe's digest in its evidence, as they are. So does a section `dossier`.
    """
    recipe_file = run.without_added_adapters(recipe).model_copy(update={"dossier": None})
    if stages(recipe)[card].adapter is not None:
        recipe_file = recipe_file.model_copy(update={"publish": Publish(repo_id=recipe.publish.repo_id)})
    text, content = recipe_file.to_yaml(), recipe_file.model_dump(mode="json")
    reports = {"recipe": Report("recipe.yaml", hashlib.sha256(text.encode()).hexdigest(), content)}
    for name in stages(recipe)[card].inputs:
        reports[name] = _sealed_report(name, recipe, run)
        reports[f"seal.{name}"] = _seal(name, recipe, run)
    trained, place = config_place(recipe, card)
    seal = run.seal(trained, recipe)
    if seal is not None and place in seal.outputs:
        content = run.sealed_json(trained, recipe, place)
        reports["config"] = Report(place, sha256_file(run.at(place)), content)
    return reports


def config_place(recipe: Recipe, card: str) -> tuple[str, str]:
    """Return the stage that trained the weights of a card, and the path of their `config.json`."""
    adapter = stages(recipe)[card].adapter
    if adapter is None:
        return "pretrain", "model/config.json"
    trained = stages(recipe)[stage_name("finetune", adapter)]
    return trained.name, f"{trained.folder}/merged/config.json"


def _sealed_report(stage: str, recipe: Recipe, run: RunDir) -> Report:
    path = f"{stages(recipe)[stage].folder}/report.json"
    return Report(path, sha256_file(run.path / path), run.report_content(stage, recipe))


def _seal(stage: str, recipe: Recipe, run: RunDir) -> Report:
    path = f"{stages(recipe)[stage].folder}/done.json"
    content = read_file(run.path / path)
    return Report(path, hashlib.sha256(content).hexdigest(), parse_json(content))


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero card`."""
    return stage_main("card", argv)


if __name__ == "__main__":
    sys.exit(main())
