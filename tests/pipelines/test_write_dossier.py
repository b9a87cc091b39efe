"""The dossier's stage: each format is read by its own library, and all of them say the same."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from sealed_run import REPORTS, make_sealed_run, published, reseal

from desdecero.model_cards.dossier.facts import PREFIX, facts_of
from desdecero.model_cards.dossier.pages import PAGES
from desdecero.model_cards.evidence import Evidence
from desdecero.model_cards.formats import filters, plain
from desdecero.model_cards.words import LANGUAGES, Language, file_in, name
from desdecero.pipelines import write_dossier
from desdecero.pipelines.common.errors import EXIT_OK, EXIT_USER_ERROR, UserError
from desdecero.pipelines.corpus.ledger import DOCUMENTS
from desdecero.pipelines.recipe import Recipe, load_recipe, parse_recipe
from desdecero.pipelines.run.chain import run_stage
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.of_publication import open_publication, verify_publication
from desdecero.pipelines.verification.of_run import verify
from desdecero.pipelines.write_dossier import check_formats, compose, largest_sites, main, sealed_reports

for library in write_dossier.LIBRARIES:
    pytest.importorskip(library)

STATED = (
    "dossier={provider: 'A tester, Lima', market_date: 2026-10-01, sme: true, public_demo: true, uses: [education], "
    "decisions: ['No web pages.', {en: It stays small., es: Se queda en poco.}], removal_contact: out@example.org}"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, recipe = make_sealed_run(tmp_path_factory.mktemp("dossier") / "run", STATED)
    run_stage(stages(recipe)["dossier"], recipe, run)
    return run.path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> RunDir:
    return RunDir(shutil.copytree(made, tmp_path / "run"))


def read(run: Path, place: str) -> str:
    return (run / place).read_text(encoding="utf-8")


# --- the formats -----------------------------------------------------------------------------------------------


def test_every_format_is_read_by_its_own_library(made: Path) -> None:
    check_formats({file.name: file.read_text(encoding="utf-8") for file in (made / "dossier").glob("*.json")})
    rows = list(csv.DictReader(io.StringIO(read(made, "dossier/software.csv"))))
    assert {"torch", "transformers"} <= {row["name"] for row in rows} and all(row["license"] for row in rows)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("model.cdx.json", lambda bom: bom["metadata"]["component"].update(type="model")),
        ("model.cdx.json", lambda bom: metrics(bom)[0].update(value=2.4641)),  # a number, where the format has texts
        ("corpus.croissant.json", lambda data: data.update(distribution=[{"@type": "cr:FileObject", "@id": "x"}])),
        ("model.spdx.json", lambda data: data["@graph"][0].pop("created")),
        ("model.spdx.json", lambda data: data["@graph"][1].update(rootElement=["urn:nothing"])),
    ],
)
def test_a_format_that_is_not_whole_is_refused(made: Path, file: str, change: Callable[[Any], None]) -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in (made / "dossier").glob("*.json")}
    content = json.loads(files[file])
    change(content)
    with pytest.raises(ValueError, match=r"."):  # each library has a message of its own
        check_formats({**files, file: json.dumps(content)})


def metrics(bom: Any) -> Any:
    return bom["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]


def test_measures_are_texts_with_the_interval_of_their_slice(made: Path) -> None:
    found = {(one["type"], one["slice"]): one for one in metrics(json.loads(read(made, "dossier/model.cdx.json")))}
    gap = REPORTS["audit"]["suites"]["pairs"]["languages"]["en"]["groups"]["gender"]["gap"]
    assert found["gap_nats", "en: gender"] == {
        "type": "gap_nats", "slice": "en: gender", "value": str(gap["value"]),
        "confidenceInterval": {"lowerBound": str(gap["low"]), "upperBound": str(gap["high"])},
    }  # fmt: skip
    assert float(found["personal_data_recall", "ar_phone, alone"]["value"]) == pytest.approx(23 / 59)
    consumed = json.loads(read(made, "dossier/model.cdx.json"))["metadata"]["component"]["modelCard"]["considerations"]
    energy = consumed["environmentalConsiderations"]["energyConsumptions"][0]
    assert energy["activityEnergyCost"] == {"value": 0.01274, "unit": "kWh"}
    assert energy["co2CostEquivalent"] == {"value": 0.002217 / 1000, "unit": "tCO2eq"}  # tonnes, from kilograms


# --- one truth -------------------------------------------------------------------------------------------------

MACHINE = ("model.cdx.json", "corpus.croissant.json", "model.spdx.json")


def texts_of(file: str, content: Any) -> dict[str, str]:
    """Fact → text in one of the machine formats."""
    if file == "model.cdx.json":
        pairs = [
            (one["name"], one["value"])
            for component in (content["metadata"]["component"], *content["components"])
            for one in component["properties"]
        ]
    elif file == "corpus.croissant.json":
        pairs = [(one["name"], one["value"]) for one in content["additionalProperty"]]
    else:
        pairs = [
            (one["extension_cdxPropName"], one["extension_cdxPropValue"])
            for element in content["@graph"]
            for extension in element.get("extension", ())
            for one in extension["extension_cdxProperty"]
        ]
    return {key.removeprefix(PREFIX): value for key, value in pairs}


def places(fact: str, language: Language) -> tuple[str, str, str] | None:
    """(what its line on the pages begins with, its format on the card, in the summary); None if not on both pages."""
    steps = fact.split(".")
    match steps:
        case ["corpus", "documents" | "bytes", "read" | "kept"]:
            number = {"documents": "grouped", "bytes": "size"}[steps[1]]
            return "", number, "grouped"
        case ["corpus", "documents", "quarantined"]:
            return "", "grouped", "grouped"
        case ["corpus", "split", split, what] if what != "tokens" or not split.startswith("domain"):
            return f"| {name(language, 'split', split)} |", "size" if what == "bytes" else "grouped", "grouped"
        case ["corpus", "dropped", reason, what]:
            return f"| {name(language, 'drop', reason)} |", "size" if what == "bytes" else "grouped", "grouped"
        case ["corpus", "source", *_, ("documents" | "bytes") as what]:
            source = ".".join(steps[2:-1])
            return f"| {plain(source)} |", "size" if what == "bytes" else "grouped", "grouped"
        case ["corpus", "license", *_, ("bytes" | "tokens" | "share_bytes" | "share_tokens") as what]:
            on_card = {"bytes": "size", "tokens": "grouped"}.get(what, "percent")
            return f"| {plain('.'.join(steps[2:-1]))} |", on_card, "grouped" if on_card == "size" else on_card
        case ["corpus", "personal_data", kind, *rest]:
            number = "percent" if rest[-1] == "low" else "grouped"
            return f"| {name(language, 'personal_data', kind)} |", number, number
    return None


def lines_with(page: str, start: str) -> str:
    return "\n".join(line for line in page.splitlines() if line.startswith(start))


def disagreements(run: RunDir, recipe: Recipe, language: Language) -> Iterator[str]:
    """Compare every fact in the three formats, on the card and in the public summary; yield where one differs."""
    facts = facts_of(Evidence(sealed_reports(recipe, run)))
    machine = {file: texts_of(file, json.loads(read(run.path, f"dossier/{file}"))) for file in MACHINE}
    card, summary = (
        read(run.path, file_in(language, page)) for page in ("card/README.md", "dossier/public_summary.md")
    )
    formats = filters(language)
    compared = 0
    for fact, value in facts.items():
        for file in MACHINE:
            if (file != "corpus.croissant.json" or fact.startswith("corpus.")) and machine[file][fact] != str(value):
                yield f"{fact} in {file}"
        if place := places(fact, language):
            start, on_card, in_summary = place
            compared += 1
            for page, text, number in (("card", card, on_card), ("summary", summary, in_summary)):
                if formats[number](value) not in lines_with(text, start):
                    yield f"{fact} on the {page}"
    assert compared >= 40


@pytest.mark.parametrize("language", LANGUAGES)
def test_more_than_forty_values_agree_in_all_five_documents(made: Path, language: Language) -> None:
    run = RunDir(made)
    assert list(disagreements(run, run.recipe(), language)) == []


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("dossier/model.cdx.json", '"10404867"', '"10404868"'),
        ("dossier/corpus.croissant.json", f'"{17788 / 20331}"', '"0.87493"'),
        ("dossier/model.spdx.json", '"424673280.0"', '"424673281.0"'),
        ("dossier/public_summary.md", "29,876,543", "29,876,544"),
        ("card/README.md", "10,404,867", "10,404,868"),
    ],
)
def test_one_altered_value_is_found(run: RunDir, file: str, before: str, after: str) -> None:
    recipe, path = run.recipe(), run.path / file
    assert before in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    assert list(disagreements(run, recipe, "en"))


def test_every_quote_stands_in_the_report_that_it_names(made: Path) -> None:
    quotes = json.loads(read(made, "dossier/evidence.json"))
    assert len(quotes) > 150
    for quote in quotes:
        if (made / quote["report"]).suffix == ".json":
            value: Any = json.loads(read(made, quote["report"]))
            for step in quote["pointer"].split("/")[1:]:
                value = value[int(step) if isinstance(value, list) else step.replace("~1", "/").replace("~0", "~")]
            assert value == quote["value"]


# --- what is said ----------------------------------------------------------------------------------------------


def test_what_nobody_stated_is_missing_and_never_made_up(tmp_path: Path) -> None:
    run, recipe = make_sealed_run(tmp_path / "run", "dossier={}", "card.authors=[]")
    files = compose(recipe, run)
    missing = json.loads(files["report.json"])["missing"]
    for key in ("provider", "representative", "market_date", "public_demo", "uses", "decisions", "removal_contact"):
        assert f"recipe:/dossier/{key}" in missing
    assert "recipe:/card/authors" in missing
    assert "| Provider | **missing** |" in files["public_summary.md"]
    assert "| Proveedor | **falta** |" in files["public_summary.es.md"]
    assert "supplier" not in json.loads(files["model.cdx.json"])["metadata"]["component"]
    assert "creator" not in json.loads(files["corpus.croissant.json"])
    check_formats(files)
    states = {duty["name"]: duty["status"] for duty in json.loads(files["report.json"])["duties"]}
    assert states["disclosure"] == states["high_risk"] == "unknown"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_says_that_a_duty_was_fulfilled(made: Path, page: str, language: Language) -> None:
    text = read(made, file_in(language, f"dossier/{page}.md")).lower()
    assert not [word for word in ("complian", "complies", "conforme con", "cumple", "missing(") if word in text]
    english = read(made, f"dossier/{page}.md")
    assert text.count("\n|") == english.count("\n|") and text.count("\n#") == english.count("\n#")


def test_duties_carry_their_figures_and_decisions_their_language(made: Path) -> None:
    english, spanish = (read(made, file_in(each, "dossier/obligations.md")) for each in LANGUAGES)
    assert "4.2e8 FLOP" in english and "4.2e-13% of the 1.0e23" in english and "1.4e8 FLOP" in english
    assert "**obligatory**" in english and "education and training" in english
    assert "**obligatoria**" in spanish and "educación y formación" in spanish
    assert "It stays small." in read(made, "dossier/governance.md")
    assert "Se queda en poco." in read(made, "dossier/governance.es.md")


@pytest.mark.parametrize("architecture", ["bert", "t5"])
def test_models_of_other_kinds_get_a_dossier(tmp_path: Path, architecture: str) -> None:
    run, recipe = make_sealed_run(tmp_path / "run", STATED, architecture=architecture)
    files = compose(recipe, run)
    check_formats(files)
    fills_gaps = "generates no language" in files["obligations.md"]
    assert fills_gaps == (architecture == "bert")


@pytest.mark.parametrize(
    ("sites", "sme", "listed"), [(1, False, 1), (40, False, 4), (41, False, 5), (40, True, 2), (30_000, True, 1000)]
)
def test_the_largest_sites_are_listed_and_fewer_of_a_small_enterprise(sites: int, sme: bool, listed: int) -> None:
    size = {f"site{number}.example": 1 + number for number in range(sites)}
    found = largest_sites(dict.fromkeys(size, 1), size, sme)
    assert found is not None and (found.domains, len(found.largest)) == (sites, listed)
    assert [site.bytes for site in found.largest] == sorted(size.values(), reverse=True)[:listed]
    assert largest_sites({}, {}, sme) is None


def test_sites_are_counted_in_crawled_sources_alone_by_the_bytes_of_their_text(tmp_path: Path) -> None:
    run, recipe = (
        RunDir(tmp_path),
        load_recipe("smoke", ["corpus.sources=[{kind: web_archive, path: /pages, name: web}]"]),
    )
    rows = [
        ("web", "https://a.example/1", "ñu"), ("web", "https://b.example:8080/x", "four"),
        ("web", "https://A.example/2", "two"), ("web", "http://[broken", "lost"), ("web", None, "none"),
        ("books", "https://c.example", "a long text that no crawler brought"),
    ]  # fmt: skip
    for split, part in (("train", rows[:3]), ("validation", rows[3:])):
        columns = {column: [""] * len(part) for column in DOCUMENTS.names}
        columns["source"] = [source for source, _, _ in part]
        columns["meta"] = [json.dumps({"url": address} if address else {}) for _, address, _ in part]
        columns["text"] = [text for _, _, text in part]
        run.documents.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table(columns, DOCUMENTS), run.documents / f"{split}-00000.parquet")
    found = write_dossier._crawled(recipe, run)
    assert found is not None and (found.domains, found.listed) == (2, "10%")
    assert [(site.domain, site.documents, site.bytes) for site in found.largest] == [("a.example", 2, 6)]
    assert found.share_bytes == 6 / 10


# --- the stage -------------------------------------------------------------------------------------------------


def test_the_same_run_gives_the_same_bytes(run: RunDir) -> None:
    recipe = run.recipe()
    before: Mapping[str, bytes] = {path.name: path.read_bytes() for path in (run.path / "dossier").iterdir()}
    run_stage(stages(recipe)["dossier"], recipe, run)
    after = {path.name: path.read_bytes() for path in (run.path / "dossier").iterdir()}
    assert {name for name in before if before[name] != after[name]} <= {"done.json"}
    assert verify(run, recipe) == []


def test_a_waiver_and_the_card_that_prints_it_leave_the_dossier_as_it_is(run: RunDir) -> None:
    waiver = "policy.waivers=[{rule: card_complete, by: A tester, reason: A test., until: 2999-01-01}]"
    recipe = load_recipe(str(run.recipe_file), [waiver, "finetune=null"])
    run_stage(stages(recipe)["card"], recipe, run)
    assert run.state(stages(recipe)["dossier"], recipe).name == "sealed"
    assert all(write_dossier.compare(recipe, run).values())
    licensing = read(run.path, "dossier/licensing.json")
    assert licensing == read(run.path, "card/licensing.json")


def test_a_forged_dossier_that_was_sealed_again_is_found(run: RunDir) -> None:
    page = run.path / "dossier" / "obligations.md"
    page.write_text(page.read_text(encoding="utf-8").replace("**obligatory**", "**voluntary**"), encoding="utf-8")
    assert verify(run, run.recipe()) == ["dossier/obligations.md: altered since dossier was sealed"]
    reseal(run, "dossier")
    assert [fault.partition(":")[0] for fault in verify(run, run.recipe())] == ["dossier/obligations.md"]


def test_the_command_adds_the_section_to_a_run_and_leaves_it_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, recipe = make_sealed_run(tmp_path / "run")
    assert "dossier" not in stages(recipe) and "dossier" not in run.recipe_file.read_text(encoding="utf-8")
    assert main([str(run.path)]) == EXIT_USER_ERROR
    assert "has no dossier section: add one" in capsys.readouterr().err
    assert main([str(run.path), "--set", "dossier={sme: true}"]) == EXIT_OK
    assert "duties: " in capsys.readouterr().out
    recipe = run.recipe()
    assert recipe.dossier is not None and recipe.dossier.sme is True
    assert verify(run, recipe) == []
    assert run.report("dossier", recipe)


def test_a_library_that_is_not_installed_is_named_before_anything_is_written(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(write_dossier.LIBRARIES, "no_such_library", "a format")
    with pytest.raises(UserError, match=r"no_such_library, for a format, is not installed: pip install 'desdecero\["):
        run_stage(stages(run.recipe())["dossier"], run.recipe(), run)


def test_adapters_on_a_model_of_elsewhere_have_none(tmp_path: Path) -> None:
    text = """
name: mine
purpose: To see.
languages: [en]
base: {name: somebody/model, revision: null, sha256: SHA, tokenizer_sha256: SHA, files: {}, writes: true}
model: {architecture: llama}
dossier: {sme: true}
"""
    with pytest.raises(UserError, match="dossier: somebody/model comes without a corpus"):
        parse_recipe(text.replace("SHA", "ab" * 32), "mine.yaml", tmp_path, [])


@pytest.mark.parametrize("override", ["dossier.uses=[gambling]", "dossier.market_date=soon", "dossier.provider=''"])
def test_wrong_statements_are_refused_with_their_place(override: str) -> None:
    with pytest.raises(UserError, match=override.partition("=")[0]):
        load_recipe("smoke", [override])


# --- where it is published ---------------------------------------------------------------------------------------


def test_what_was_published_with_a_dossier_is_verified_without_the_run(run: RunDir, tmp_path: Path) -> None:
    """The dossier is made again from the reports; `software.csv` and sites of crawled text are told not to be."""
    back = open_publication(published(run, "model", tmp_path / "model"))
    found = verify_publication(back, back.recipe())
    assert found.faults == [] and "evidence/dossier/software.csv" in found.not_made_again
    text = read(back.path, "dossier/annex_xi.md")
    (back.path / "dossier" / "annex_xi.md").write_text(f"{text}\n", encoding="utf-8")
    reseal(back, "dossier")
    assert verify_publication(back, back.recipe()).faults == [
        "evidence/dossier/annex_xi.md: not what the dossier stage makes of the sealed reports"
    ]


def test_the_published_corpus_is_described_for_programs(tmp_path: Path) -> None:
    def texts(out: RunDir) -> None:
        out.corpus.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table({"id": ["a"]}), out.ledger)
        for page in ("README.md", "README.es.md"):
            (out.corpus / page).write_text("# Corpus\n", encoding="utf-8")

    run, recipe = make_sealed_run(tmp_path / "run", STATED, corpus_files=texts)
    run_stage(stages(recipe)["dossier"], recipe, run)
    folder = published(run, "dataset", tmp_path / "data")
    content = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    assert [file["contentUrl"] for file in content["distribution"]] == ["ledger.parquet"]
    pytest.importorskip("mlcroissant").Dataset(jsonld=content)  # raises where it is none
    back = open_publication(folder)
    found = verify_publication(back, recipe)
    assert (found.faults, found.not_sealed) == ([], ["evidence/recipe.yaml", "croissant.json"])
    content["distribution"][0]["sha256"] = "ab" * 32
    (folder / "croissant.json").write_text(json.dumps(content), encoding="utf-8")
    assert verify_publication(back, recipe).faults == ["croissant.json: not a description of the published files"]
