"""Write the documents that the EU's AI Act asks of who provides a model, and the same facts for programs.

    desdecero dossier mine.yaml                                      a recipe with a section `dossier`
    desdecero dossier runs/quickstart --set dossier='{sme: true}'    adds the section to a run that is there

    dossier/public_summary.md     training content, in the order of the EU's template (art. 53(1)(d))
    dossier/annex_xi.md           technical documentation (art. 53(1)(a))
    dossier/copyright_policy.md   licences, reservations of rights, complaints (art. 53(1)(c))
    dossier/governance.md         who decides, and how data and model are governed
    dossier/obligations.md        duties: obligatory, voluntary or unknown, with their figures
                                  each in Spanish too: public_summary.es.md, …
    dossier/model.cdx.json        CycloneDX 1.7 with a model card: measures with the interval of each slice
    dossier/corpus.croissant.json Croissant 1.0 with RAI 1.0
    dossier/model.spdx.json       SPDX 3.0.1, profiles AI and Dataset
    dossier/software.csv          packages installed where the dossier was made, with their licences (pip-licenses)
    dossier/licensing.json        what the licences of the training data require, as beside the card
    dossier/evidence.json         every value that the documents quote: key, value, report, pointer, the report's sha256
    dossier/report.json           the duties, what is missing, the sites of crawled text

Needs `pip install 'desdecero[dossier]'`: each machine format is checked with the library of its own before it is
sealed, offline. The same run gives the same bytes, except for `software.csv`, which names this machine's packages.
Memory: the number of sites in crawled text.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import json
import logging
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import compute, parquet

from desdecero.model_cards.dossier.croissant import croissant
from desdecero.model_cards.dossier.cyclonedx import cyclonedx
from desdecero.model_cards.dossier.facts import facts_of
from desdecero.model_cards.dossier.obligations import duties
from desdecero.model_cards.dossier.pages import CRAWLED, PAGES, case_of, render
from desdecero.model_cards.dossier.spdx import spdx
from desdecero.model_cards.evidence import Evidence, Report
from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import json_text, sha256_file, write_text
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.ledger import LEDGER
from desdecero.pipelines.corpus.licensing import summary as licensing
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.policy import Policy
from desdecero.pipelines.recipe.publish import Publish
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.layout import SPLITS
from desdecero.pipelines.run.reports import DossierReport, content_of
from desdecero.pipelines.run.reports.dossier import Crawled, Domain, DutyRow
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import parse_json, read_file, reading
from desdecero.pipelines.run.stages import stages

SOFTWARE, LICENSING = "software.csv", "licensing.json"
LIBRARIES = {"cyclonedx": "CycloneDX", "mlcroissant": "Croissant", "spdx_python_model": "SPDX", "piplicenses": SOFTWARE}
"""Library → what it is for."""
LARGEST_SITES, LARGEST_SITES_OF_SME, MOST_SITES_OF_SME = 0.10, 0.05, 1000
"""Share of the sites that the public summary lists, by their text (template, section 2.3)."""


def write_dossier(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    """Write all documents to `dossier/`.

    Raises `UserError` where a library is not installed, or a report is not, byte for byte, what its stage sealed.
    """
    for library, purpose in LIBRARIES.items():
        if importlib.util.find_spec(library) is None:
            raise UserError(f"dossier: {library}, for {purpose}, is not installed: pip install 'desdecero[dossier]'")
    files = compose(recipe, run)
    check_formats(files)
    for name, text in {**files, SOFTWARE: _software()}.items():
        write_text(out.folder("dossier", recipe) / name, text)
    report = json.loads(files["report.json"])
    counted = Counter(duty["status"] for duty in report["duties"])
    found = ", ".join(f"{counted[status]} {status}" for status in ("obligatory", "voluntary", "unknown"))
    return f"duties: {found}; {len(report['missing'])} values missing: {run.folder('dossier', recipe)}"


def compose(recipe: Recipe, run: RunDir) -> dict[str, str]:
    """Return the texts of the folder, by file name, except `software.csv`: the same for the same sealed reports.

    In what was published of a run there are no documents: there the sites of crawled text are those that it states.
    """
    reports = sealed_reports(recipe, run)
    crawled = _crawled(recipe, run) if run.holds(run.place(run.documents)) else run.report("dossier", recipe).crawled
    evidence = Evidence(reports)
    sites = content_of(crawled) if crawled else None
    with reading(f"a report in {run}"):
        pages = {
            file_in(language, f"{page}.md"): render(evidence, page, language, sites)
            for page in PAGES
            for language in LANGUAGES
        }
        facts = facts_of(evidence)
        machine: dict[str, Mapping[str, Any]] = {
            "model.cdx.json": cyclonedx(evidence, facts),
            "corpus.croissant.json": croissant(evidence, facts, _columns()),
            "model.spdx.json": spdx(evidence, facts),
        }
        owed = duties(case_of(evidence))
    report = DossierReport(
        missing=evidence.missing,
        quoted=len(evidence.quotes),
        facts=len(facts),
        duties=[DutyRow(name=duty.name, status=duty.status, reason=duty.reason) for duty in owed],
        crawled=crawled,
    )
    return {
        **pages,
        **{name: json_text(content) for name, content in machine.items()},
        LICENSING: json_text(reports["licensing"].content),
        "evidence.json": json_text(evidence.quotes),
        "report.json": json_text(content_of(report)),
    }


def compare(recipe: Recipe, run: RunDir) -> dict[str, bool]:
    """Return whether each file of a sealed dossier is the same when it is made again, by path in the run directory.

    No later seal holds its digest, so its seal alone does not prove it. `software.csv` is not compared.
    """
    folder = stages(recipe)["dossier"].folder
    return {
        f"{folder}/{name}": read_file(run.at(f"{folder}/{name}")) == text.encode("utf-8", errors="surrogatepass")
        for name, text in compose(recipe, run).items()
    }


def counts_sites(recipe: Recipe) -> bool:
    """Return whether the dossier lists sites of crawled text, which are counted in the documents."""
    return any(source.kind in CRAWLED for source in recipe.corpus.sources)


def sealed_reports(recipe: Recipe, run: RunDir) -> dict[str, Report]:
    """Return what the dossier may quote: the recipe, the report and the seal of each stage, what the licences ask.

    Nothing is taken of the card, of adapters, of `policy`, and of `publish` more than the repository: a waiver, a new
    adapter and a card that is made anew leave the dossier as it is.
    """
    publish = Publish(repo_id=recipe.publish.repo_id, private=recipe.publish.private)
    recipe_file = recipe.model_copy(update={"publish": publish, "finetune": None, "policy": Policy()})
    digest = hashlib.sha256(recipe_file.to_yaml().encode()).hexdigest()
    reports = {"recipe": Report("recipe.yaml", digest, recipe_file.model_dump(mode="json"))}
    for name in stages(recipe)["dossier"].inputs:
        folder = stages(recipe)[name].folder
        place, seal = f"{folder}/report.json", f"{folder}/done.json"
        reports[name] = Report(place, sha256_file(run.path / place), run.report_content(name, recipe))
        content = read_file(run.path / seal)
        reports[f"seal.{name}"] = Report(seal, hashlib.sha256(content).hexdigest(), parse_json(content))
    with reading(f"{reports['corpus'].path} or {reports['pretrain'].path}"):
        held = licensing.holdings(reports["corpus"].content, reports["pretrain"].content["exposure"])
        asked = licensing.report(held, recipe.corpus.licenses, recipe.card.license)
    digest = hashlib.sha256(json_text(asked).encode()).hexdigest()
    reports["licensing"] = Report(f"dossier/{LICENSING}", digest, asked)
    return reports


def _columns() -> dict[str, str]:
    """Return the columns of the ledger that Croissant has a type for."""
    types = {pa.string(): "text", pa.int64(): "whole"}
    return {column.name: types[column.type] for column in LEDGER if column.type in types}


# --- sites of crawled text -------------------------------------------------------------------------------------


def _crawled(recipe: Recipe, run: RunDir) -> Crawled | None:
    """Count the text of each site in the sources that hold pages of the web; None without such a source or address."""
    names = {source.name for source in recipe.corpus.sources if source.kind in CRAWLED}
    if not names:
        return None
    documents, size = Counter[str](), Counter[str]()
    for split in SPLITS:
        for file in run.document_files(split):
            for batch in parquet.ParquetFile(file).iter_batches(columns=["source", "meta", "text"]):
                lengths = compute.binary_length(batch["text"]).to_pylist()
                rows = zip(batch["source"].to_pylist(), batch["meta"].to_pylist(), lengths, strict=True)
                for source, meta, length in rows:
                    if source in names and (site := _site(meta)):
                        documents[site] += 1
                        size[site] += length
    return largest_sites(documents, size, recipe.dossier is not None and recipe.dossier.sme is True)


def _site(meta: str | None) -> str:
    """Return the host of a document's address; "" where it has none."""
    address = json.loads(meta or "{}").get("url")
    try:
        return (urlsplit(address).hostname or "") if isinstance(address, str) else ""
    except ValueError:  # an address that is none
        return ""


def largest_sites(documents: Mapping[str, int], size: Mapping[str, int], sme: bool) -> Crawled | None:
    """Return the sites to list: the first 10% by text, of a small or medium-sized enterprise 5% and at most 1,000."""
    if not size:
        return None
    ranked = sorted(size, key=lambda site: (-size[site], site))
    number = -(-len(ranked) * round(100 * (LARGEST_SITES_OF_SME if sme else LARGEST_SITES)) // 100)
    listed = ranked[: min(number, MOST_SITES_OF_SME) if sme else number]
    return Crawled(
        domains=len(ranked),
        listed="5%, at most 1,000" if sme else "10%",
        share_bytes=sum(size[site] for site in listed) / sum(size.values()),
        largest=[Domain(domain=site, documents=documents[site], bytes=size[site]) for site in listed],
    )


# --- libraries -------------------------------------------------------------------------------------------------


def check_formats(files: Mapping[str, str]) -> None:
    """Read each machine format with its own library; raise `ValueError` for one that it refuses. Offline."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from mlcroissant import Dataset, ValidationError
    from spdx_python_model import v3_0_1

    if fault := JsonStrictValidator(SchemaVersion.V1_7).validate_str(files["model.cdx.json"]):
        raise ValueError(f"model.cdx.json: {fault}")
    logging.getLogger("absl").setLevel(logging.ERROR)  # that a date of publication is recommended: there is none
    try:
        Dataset(jsonld=json.loads(files["corpus.croissant.json"]))
    except ValidationError as error:
        raise ValueError(f"corpus.croissant.json: {error}") from None
    objects = v3_0_1.SHACLObjectSet()
    v3_0_1.JSONLDDeserializer().deserialize_data(json.loads(files["model.spdx.json"]), objects)
    v3_0_1.JSONLDSerializer().write(objects, io.BytesIO())  # which refuses an element that lacks what it must have
    if objects.missing_ids:
        raise ValueError(f"model.spdx.json: names {', '.join(sorted(objects.missing_ids))}, which it does not hold")


def _software() -> str:
    """List the installed packages as CSV: name, version, licence, address."""
    import piplicenses

    arguments = piplicenses.create_parser().parse_args(["--from=mixed", "--with-urls"])
    rows: list[tuple[str, str, str, str]] = []
    for package in progress(piplicenses.get_packages(arguments), title="packages", unit="package"):
        kinds = ("license_classifier", "license", "license_expression")
        found = piplicenses.select_license_by_source(arguments.from_, *(package[kind] for kind in kinds))
        rows.append((package["name"], package["version"], "; ".join(sorted(found)), package["home-page"]))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("name", "version", "license", "url"))
    rows.sort(key=lambda row: (row[0].casefold(), row))
    table.writerows(rows)
    return text.getvalue()


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero dossier`."""
    return stage_main("dossier", argv)


if __name__ == "__main__":
    sys.exit(main())
