"""The corpus stage as a whole, on small real folders."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from desdecero.pipelines.build_corpus import build_corpus
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.corpus import worker
from desdecero.pipelines.corpus.documents import read_documents
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir

SENTENCES = [
    "The harbour lay quiet while the ferries waited for the evening tide.",
    "Nobody could say when the old library had last opened its doors.",
    "She measured the field twice and wrote both numbers in her notebook.",
    "A cold wind came down from the hills and emptied the market square.",
    "The committee met on Tuesdays and decided nothing of any importance.",
    "Three engineers argued about the bridge until the lamps were lit.",
]


def story(seed: int, sentences: int = 40) -> str:
    chance = random.Random(seed)
    return "\n".join(f"{chance.choice(SENTENCES)[:-1]}, {chance.randrange(10**6)} times." for _ in range(sentences))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty stories and ten laws, a copy, a near copy, a stub, a broken letter, personal data, and noise."""
    folder = tmp_path_factory.mktemp("corpus") / "texts"
    (folder / "laws").mkdir(parents=True)
    for number in range(40):
        (folder / f"{number:02d}.txt").write_text(story(number))
    for number in range(10):
        (folder / "laws" / f"{number}.md").write_text(story(100 + number))
    (folder / "copy.txt").write_text(story(7).upper() + "\n\n\n")
    (folder / "near.txt").write_text(story(8) + "\nOne more line at the very end of it.")
    (folder / "stub.txt").write_text("Subscribe to read.")
    (folder / "personal.txt").write_text(story(200) + "\nEscriba a ana@correo.es o llame al +34 612 345 678, niÃ±a.")
    (folder / "noise.txt").write_bytes(random.Random(0).randbytes(2000))
    return folder


def recipe(texts: Path, **corpus: Any) -> Recipe:
    """With no search for planted personal data, unless `personal_data` says so: it takes longer than all the rest."""
    return Recipe.model_validate(
        {
            "name": "test", "purpose": "To test.", "languages": ["en"], "pretrain": {"budget": {"steps": 1}},
            "corpus": {
                "sources": [{"kind": "files", "path": str(texts), "license": "MIT"}], "validation": 0.1,
                "quality": {"max_duplicate_ngrams": {}, "max_top_ngrams": {}},  # the stories are six sentences each
                "personal_data": {"planted": 0}, **corpus,
            },
        }
    )  # fmt: skip


def build(recipe: Recipe, folder: Path) -> tuple[RunDir, dict[str, Any]]:
    out = RunDir(folder)
    out.corpus.mkdir(parents=True)
    build_corpus(recipe, out, out)
    return out, out.report_content("corpus", recipe)


DOMAIN = {"name": "laws", "where": {"path": "laws/*"}, "validation": 0.2}
SETTINGS: dict[str, Any] = {"domain": DOMAIN, "personal_data": {}, "toxicity": {}, "deduplication": {"paragraphs": {}}}


@pytest.fixture(scope="module")
def built(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, dict[str, Any]]:
    """A corpus with a domain and its report: made once, to be read only."""
    return build(recipe(texts, **SETTINGS), tmp_path_factory.mktemp("built") / "run")


def test_every_document_ends_in_one_place_and_in_the_ledger(built: tuple[RunDir, dict[str, Any]]) -> None:
    run, report = built
    ledger = {row["id"]: row for row in parquet.read_table(run.ledger).to_pylist()}
    assert len(ledger) == 55
    assert ledger["copy.txt"]["reason"] == "exact_duplicate" and ledger["copy.txt"]["duplicate_of"] == "07.txt"
    assert ledger["near.txt"]["reason"] == "near_duplicate" and ledger["near.txt"]["duplicate_of"] == "08.txt"
    assert ledger["stub.txt"]["reason"] == "too_few_words"
    assert ledger["noise.txt"]["decision"] == "quarantined"
    assert dict(ledger["personal.txt"]["edits"]) == {"unicode": 1, "email": 1, "phone": 1}
    kept = {row["id"]: split for split in report["splits"] for row in read_documents(run, split)}
    assert kept == {identity: row["split"] for identity, row in ledger.items() if row["decision"] == "kept"}
    assert {split for identity, split in kept.items() if identity.startswith("laws/")} == {
        "domain_train",
        "domain_validation",
    }
    dropped = {row["id"] for path in run.dropped.glob("*.parquet") for row in parquet.read_table(path).to_pylist()}
    assert dropped == {"copy.txt", "near.txt", "stub.txt"}
    assert not list(run.corpus.glob("*.arrow"))


def test_a_corpus_with_a_list_of_insults_is_built_and_reports_it(built: tuple[RunDir, dict[str, Any]]) -> None:
    toxicity = built[1]["filters"]["toxicity"]
    assert toxicity["action"] == "flag" and toxicity["languages"] == {} and toxicity["insults_listed"]["es"] > 10


def test_the_report_counts_what_the_ledger_holds(built: tuple[RunDir, dict[str, Any]]) -> None:
    run, report = built
    ledger = parquet.read_table(run.ledger).to_pylist()
    kept = [row for row in ledger if row["decision"] == "kept"]
    assert report["documents"] == {"read": 54, "kept": len(kept), "dropped": 3, "quarantined": 1}
    assert report["bytes"]["kept"] == sum(row["bytes_after"] for row in kept)
    assert {name: split["documents"] for name, split in report["splits"].items()} == Counter(
        row["split"] for row in kept
    )
    edits = {kind: found["edits"] for kind, found in report["edits"]["kinds"].items()}
    assert edits == {"unicode": 1, "email": 1, "phone": 1}
    assert report["licenses"] == [
        {"license": "MIT", "documents": len(kept), "bytes": report["bytes"]["kept"], "share_bytes": 1.0,
         "evidence": {"declared": len(kept)}}
    ]  # fmt: skip
    assert report["drops"]["too_few_words"]["examples"] == [{"id": "stub.txt", "excerpt": "Subscribe to read."}]
    assert report["quarantined"] == [{"place": "noise.txt", "reason": "binary data, not text"}]
    assert (run.corpus / "overview.png").read_bytes().startswith(b"\x89PNG")


def test_redacted_and_repaired_text_is_what_later_stages_read(built: tuple[RunDir, dict[str, Any]]) -> None:
    run, report = built
    rows = [row for split in report["splits"] for row in read_documents(run, split, ["id", "text"])]
    personal = next(row for row in rows if row["id"] == "personal.txt")
    assert set(personal) == {"id", "text"}
    assert personal["text"].endswith("Escriba a <email> o llame al <phone>, niña.")
    meta = next(json.loads(row["meta"]) for row in read_documents(run, "train", ["meta"]))
    assert meta["encoding"] == "utf-8"


def test_a_size_limit_leaves_out_no_source(texts: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(json.dumps({"text": story(1000 + n)}) for n in range(50)))
    sources = [{"kind": "files", "path": str(texts)}, {"kind": "files", "path": str(other)}]
    _, report = build(recipe(texts, sources=sources, max_bytes=60_000), tmp_path / "run")
    assert report["bytes"]["read"] <= 60_000
    assert [source["name"] for source in report["sources"]] == ["texts", "other.jsonl"]
    first, second = (source["documents"] for source in report["sources"])
    assert abs(first - second) <= 2
    assert report["licenses"][0]["license"] == "LicenseRef-unknown"


def test_a_corpus_of_which_nothing_is_left_says_why(texts: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no document is left of 54 \(too_few_words 54\): relax corpus.quality"):
        build(recipe(texts, quality={"min_words": 100_000}), tmp_path / "run")


def test_a_domain_that_matches_nothing_says_so(texts: Path, tmp_path: Path) -> None:
    domain = {"name": "laws", "where": {"path": "loys/*"}}
    with pytest.raises(UserError, match=r"corpus.domain laws: 0 documents are left that match \{path: loys/\*\}"):
        build(recipe(texts, domain=domain), tmp_path / "run")


# --- copies and paragraphs --------------------------------------------------------------------------------


def hashes(run: RunDir) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(run.corpus.rglob("*")) if path.is_file()}


def ledger_of(run: RunDir) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in parquet.read_table(run.ledger).to_pylist()}


NOTICE = "This page belongs to the archive of the harbour office, which answers no letters on Sundays or on holidays."


def test_paragraphs_that_many_documents_repeat_stay_in_the_first_alone(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02d}.txt").write_text(f"{story(number)}\n\n{NOTICE}\n\nThe end, number {number}.")
    (folder / "only a notice.txt").write_text(f"A short remark.\n\n{NOTICE}")
    (folder / "rare.txt").write_text(f"{story(50)}\n\nA paragraph of ten words or more that stands only once here.")
    run, report = build(recipe(folder, deduplication={"paragraphs": {"max_documents": 3}}), tmp_path / "run")
    ledger = ledger_of(run)
    kept = {row["id"]: row["text"] for split in report["splits"] for row in read_documents(run, split)}
    assert [name for name, text in kept.items() if NOTICE in text] == ["00.txt"]
    assert kept["05.txt"] == f"{story(5)}\n\nThe end, number 5."
    assert kept["rare.txt"].endswith("only once here.")
    assert dict(ledger["05.txt"]["edits"]) == {"repeated_paragraph": 1}
    assert ledger["05.txt"]["bytes_after"] == len(kept["05.txt"])
    assert ledger["05.txt"]["bytes_before"] - ledger["05.txt"]["bytes_after"] == len(NOTICE) + 2
    assert ledger["05.txt"]["sha256_after"] == hashlib.sha256(kept["05.txt"].encode()).hexdigest()
    notice = ledger["only a notice.txt"]
    assert (notice["reason"], notice["dropped_by"], notice["split"]) == ("shared_paragraphs", "paragraphs", None)


def test_relatives_are_never_on_both_sides_of_a_split(tmp_path: Path) -> None:
    """Thirty texts in three versions each, too different to be copies: every version is on its family's side."""
    folder, chance = tmp_path / "texts", random.Random(0)
    folder.mkdir()
    words = [f"word{number}" for number in range(4000)]
    for family in range(30):
        text = chance.choices(words, k=300)
        for version in range(3):
            text[version * 70 : version * 70 + 70] = chance.choices(words, k=70)
            (folder / f"{family} {version}.txt").write_text(" ".join(text))
    run, _ = build(recipe(folder, quality={"min_words": 5}, validation=0.3), tmp_path / "run")
    sides: dict[str, set[str]] = {}
    for name, row in ledger_of(run).items():
        assert row["decision"] == "kept"
        sides.setdefault(name.split()[0], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert {side for family in sides.values() for side in family} == {"train", "validation"}


SONG = "\n".join(
    f"Suena la campana de {metal},\nllueve sobre los tejados;\nnadie me abre la puerta." for metal in ("plata", "barro")
)


def test_what_another_form_would_have_kept_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.txt").write_text(story(number))
    (folder / "song.md").write_text(SONG)
    settings = recipe(folder, sources=[{"kind": "files", "path": str(folder), "license": "MIT", "language": "es"}])
    stories = {"min_stop_words": 0, "min_stop_word_share": 0, "max_duplicate_ngrams": {}, "max_top_ngrams": {}}
    corpus = settings.corpus.model_copy(update={"quality": settings.corpus.quality.model_copy(update=stories)})
    settings = settings.model_copy(update={"corpus": corpus})
    run = RunDir(tmp_path / "run")
    run.corpus.mkdir(parents=True)
    said = build_corpus(settings, run, run)
    assert (
        "dropped by the limits for prose (short_lines), and would be kept as verse 1: if they are of that form, set"
        in said
    )
    assert run.report_content("corpus", settings)["other_forms"] == [
        {"form": "verse", "reason": "short_lines", "documents": 1}
    ]
    assert ledger_of(run)["song.md"]["passes_as"] == "verse"
    assert "1 as verse (short lines)" in (run.corpus / "README.md").read_text()
    assert "1 como verso (líneas cortas)" in (run.corpus / "README.es.md").read_text()


def letter(number: int, own: int) -> str:
    """A letter of one form: 120 words that all of them have, and `own` of its own."""
    words = [f"word{n}" for n in range(120)]
    chance = random.Random(number)
    return " ".join([*words[:60], *(f"name{chance.randrange(10**6)}" for _ in range(own)), *words[60:]])


@pytest.mark.parametrize("count", [3, 30])
def test_letters_of_one_form_are_split_and_their_relation_is_said(count: int, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:02d}.txt").write_text(letter(number, own=30))
    run = RunDir(tmp_path / "run")
    run.corpus.mkdir(parents=True)
    said = build_corpus(recipe(folder, quality={"min_words": 5}, validation=0.1), run, run)
    report = json.loads((run.corpus / "report.json").read_text())
    assert report["documents"]["kept"] == count
    held = report["splits"]["validation"]["documents"]
    assert report["related"] == {"validation": {"documents": held, "of": held, "training_documents": count - held}}
    assert f"related to training documents: {held} of {held} in validation" in said
    assert f"related to {count - held} training documents" in (run.corpus / "README.md").read_text()
    assert f"emparentados con {count - held} documentos de entrenamiento" in (run.corpus / "README.es.md").read_text()


def test_letters_that_are_near_duplicates_are_refused_with_their_cause(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02d}.txt").write_text(letter(number, own=3))
    with pytest.raises(UserError, match=r"1 document is left \(11 were dropped: near_duplicate 11\).*similarity"):
        build(recipe(folder, quality={"min_words": 5}), tmp_path / "run")
    settings = recipe(folder, quality={"min_words": 5}, deduplication={"similarity": 1.0})
    _, report = build(settings, tmp_path / "again")
    assert report["related"]["validation"]["training_documents"] >= 6


# --- engines ----------------------------------------------------------------------------------------------


def test_the_same_recipe_and_sources_give_the_same_bytes_in_any_number_of_processes(
    texts: Path, built: tuple[RunDir, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BATCH_DOCUMENTS", 5)
    for processes in (1, 3):
        monkeypatch.setattr(os, "cpu_count", lambda processes=processes: processes)
        run, _ = build(recipe(texts, **SETTINGS), tmp_path / str(processes))
        assert hashes(run) == hashes(built[0])
    assert "overview.png" in hashes(built[0])


@pytest.mark.slow
def test_ray_gives_the_same_bytes(
    texts: Path, built: tuple[RunDir, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'desdecero[ray]'")
    monkeypatch.setattr(worker, "BATCH_DOCUMENTS", 5)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    run, _ = build(recipe(texts, **SETTINGS, engine="ray"), tmp_path / "run")
    assert hashes(run) == hashes(built[0])


@pytest.mark.slow
@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder of real text")
def test_spanish_of_many_kinds_becomes_one_corpus_without_repetitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(os.environ["DESDECERO_DATA"])  # where the recipe's texts lie
    some = ["corpus.sources.0.max_documents=20"]  # of 82 novels, which are half of all text
    recipe, run = load_recipe("corpus_espanol", some), RunDir(tmp_path / "run")
    build_corpus(recipe, run, run)
    report = run.report_content("corpus", recipe)
    kept = {row["name"]: row["documents"] for row in report["sources"]}
    assert (kept["novels"], kept["stubs"], kept["quijote"], kept["constitution"]) == (20, 0, 1, 1)
    assert kept["laws"] > 1300
    assert kept["bylaws"] > 350
    assert report["drops"]["near_duplicate"]["documents"] > 40
    assert {row["license"] for row in report["licenses"]} == {
        "CC-PDDC", "LicenseRef-PE-DL822-art9", "LicenseRef-public-domain",
    }  # fmt: skip
    assert [row["language"] for row in report["languages"]] == ["es"]
    page = (run.corpus / "README.es.md").read_text(encoding="utf-8")
    assert "| casi duplicado |" in page


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder of real text")
def test_pages_of_a_subscriber_wall_leave_one_where_no_rule_drops_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(os.environ["DESDECERO_DATA"])
    # Two documents are left, for two splits.
    words = ["corpus.quality.min_words=0", "corpus.personal_data.planted=0", "corpus.test=0"]
    recipe, run = load_recipe("corpus_espanol", words), RunDir(tmp_path / "run")
    only = tuple(source for source in recipe.corpus.sources if source.name in ("stubs", "constitution"))
    recipe = recipe.model_copy(update={"corpus": recipe.corpus.model_copy(update={"sources": only})})
    build_corpus(recipe, run, run)
    report = run.report_content("corpus", recipe)
    assert {row["name"]: row["documents"] for row in report["sources"]} == {"stubs": 1, "constitution": 1}
    assert report["drops"]["exact_duplicate"]["documents"] == 313


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder of real text")
def test_the_spanish_recipe_reads_its_texts_and_holds_the_laws_on_health_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(os.environ["DESDECERO_DATA"])
    few = ["corpus.sources.0.max_documents=2", "corpus.sources.1.max_documents=60", "corpus.validation=0.2"]
    few.append("corpus.personal_data.planted=0")
    recipe, run = load_recipe("espanol", few), RunDir(tmp_path / "run")
    run_chain(recipe, run, last="tokens")
    report = run.report_content("corpus", recipe)
    assert {row["name"]: row["documents"] > 1 for row in report["sources"]} == {"novels": True, "laws": True}
    assert report["splits"]["domain_train"]["documents"] > 0
    health = list(read_documents(run, "domain_train", ["meta", "text", "language"]))
    assert all(json.loads(document["meta"])["domain"] == "health" for document in health)
    assert {document["language"] for document in health} == {"es"}
    assert min(part["tokens"] for part in run.report_content("tokens", recipe)["splits"].values()) > 1000


def test_a_shipped_recipe_says_where_its_texts_should_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe, run = load_recipe("espanol"), RunDir(tmp_path / "run")
    with pytest.raises(UserError, match=rf"nothing at {tmp_path}/corpora/novelas_es.jsonl.gz: .* the current folder"):
        run_chain(recipe, run, last="corpus")
