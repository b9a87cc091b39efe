"""Write the model card: every figure in it is read from a sealed report, and listed with its place there.

    desdecero card quickstart

    card/README.md       the card, with the Hub's metadata
    card/README.es.md    the same in Spanish
    card/loss.png        pretraining's plot, which the card shows; loss.es.png in Spanish
    card/evidence.json   every value that they quote: key, value, report, pointer, the report's sha256
    card/licensing.json  what the licences of the training data require, compared with the model's licence and use
    card/report.json     the values printed as missing, the number of quoted ones, the model's licence
    model/README.md  model/README.es.md  model/loss.png     the same files, in the places that the Hub expects

The card names the machine and the duration of pretraining, which differ between runs of one seed; the rest depends on
the reports alone.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator

from desdecero.model_cards.card import render
from desdecero.model_cards.evidence import Evidence, Report
from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.common.files import json_text, sha256_file, write_text
from desdecero.pipelines.corpus.licensing import summary as licensing
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.reports import CardReport, content_of
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import parse_json, read_file, reading
from desdecero.pipelines.run.stages import stages

PAGES = [file_in(language, "README.md") for language in LANGUAGES]
PICTURES = [file_in(language, "loss.png") for language in LANGUAGES]


def write_card(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    """Write the card in both languages to `card/` and to `model/`.

    Raises `UserError` where a report is not, byte for byte, what its stage sealed.
    """
    files = compose(recipe, run)
    for name, text in files.items():
        write_text(out.card / name, text)
    for name in PAGES:
        write_text(out.model / name, files[name])
    for picture in _pictures(recipe, run):
        for folder in (out.card, out.model):
            shutil.copyfile(run.pretrain / picture, folder / picture)
    report = json.loads(files["report.json"])
    return f"{report['quoted']:,} values quoted, {len(report['missing'])} missing: {run.model / 'README.md'}"


def compose(recipe: Recipe, run: RunDir) -> dict[str, str]:
    """Return the texts of `card/`, by file name: the same for the same sealed reports. Writes nothing."""
    reports = sealed_reports(recipe, run)
    with reading(f"{reports['corpus'].path} or {reports['tokens'].path}"):
        held = licensing.holdings(reports["corpus"].content, reports["tokens"].content)
    obligations = licensing.report(held, recipe.corpus.licenses, recipe.card.license)
    table = json_text(obligations)
    digest = hashlib.sha256(table.encode("utf-8", errors="surrogatepass")).hexdigest()
    evidence = Evidence({**reports, "licensing": Report("card/licensing.json", digest, obligations)})
    with reading(f"a report in {run}"):
        cards = {file_in(language, "README.md"): render(evidence, language) for language in LANGUAGES}
    report = CardReport(
        missing=evidence.missing,
        quoted=len(evidence.quotes),
        model_license=recipe.card.license,
        repo_id=recipe.publish.repo_id,
    )
    return {
        **cards,
        "licensing.json": table,
        "evidence.json": json_text(evidence.quotes),
        "report.json": json_text(content_of(report)),
    }


def differing(recipe: Recipe, run: RunDir) -> Iterator[str]:
    """Yield the files of a sealed card that differ from one made again, as paths in the run directory.

    The card's digest is in no later seal, so its seal alone does not prove it. Raises as `write_card` does.
    """
    for name, text in compose(recipe, run).items():
        places = [f"card/{name}", *([f"model/{name}"] if name in PAGES else [])]
        yield from (
            place for place in places if read_file(run.path / place) != text.encode("utf-8", errors="surrogatepass")
        )
    for name in _pictures(recipe, run):
        picture = run.sealed_bytes("pretrain", recipe, f"pretrain/{name}")
        yield from (place for place in (f"card/{name}", f"model/{name}") if read_file(run.path / place) != picture)


def _pictures(recipe: Recipe, run: RunDir) -> list[str]:
    """List the plots of pretraining: earlier runs have the English one alone."""
    seal = run.seal("pretrain", recipe)
    return [name for name in PICTURES if seal and f"pretrain/{name}" in seal.outputs]


def sealed_reports(recipe: Recipe, run: RunDir) -> dict[str, Report]:
    """Return what a card may quote: the recipe, each stage's report, and each stage's seal."""
    text = recipe.to_yaml()
    content = recipe.model_dump(mode="json")
    reports = {"recipe": Report("recipe.yaml", hashlib.sha256(text.encode()).hexdigest(), content)}
    for name in stages(recipe)["card"].inputs:
        reports[name] = _sealed_report(name, recipe, run)
        reports[f"seal.{name}"] = _seal(name, recipe, run)
    return reports


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
