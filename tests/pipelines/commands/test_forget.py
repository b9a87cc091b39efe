"""Removal on request: what holds a document is found, the next build leaves it out, and nothing sealed is touched."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from desdecero.model_cards.gate_sentences import sentence
from desdecero.pipelines.commands.forget import find_entries, main
from desdecero.pipelines.commands.gate import judge_run
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.blocklist import Blocked, Blocklist, BlocklistEntry, add_entries, read_entries
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.of_run import verify

Words = Callable[..., str]


RECIPE = """\
name: small
purpose: To forget some of what it was made of.
languages: [en]
corpus:
  sources:
    - {{kind: files, path: {folder}/manual, license: PSF-2.0}}
    - {{kind: files, path: {folder}/mirror, license: PSF-2.0}}
  quality: {{min_words: 5}}
  personal_data: {{planted: 0}}
  validation: 0.1
tokenizer: {{vocab_size: 400}}
model: {{layers: 1, hidden_size: 16, heads: 2, context_length: 32}}
pretrain: {{budget: {{steps: 1}}}}
evaluate: {{sample_tokens: 10}}
"""


@pytest.fixture(scope="module")
def sealed(prose: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, in it one sealed up to its tokens, and the recipe that makes it.

    The source `mirror` has copies of the first two texts of `manual`, and texts of its own.
    """
    folder = tmp_path_factory.mktemp("forget")
    for source, texts in {"manual": prose[:40], "mirror": [prose[0], prose[1] + " See also.", *prose[40:60]]}.items():
        (folder / source).mkdir()
        for number, text in enumerate(texts):
            (folder / source / f"{number:04d}.txt").write_text(text, encoding="utf-8")
    (folder / "small.yaml").write_text(RECIPE.format(folder=folder), encoding="utf-8")
    run_chain(load_recipe(folder / "small.yaml"), RunDir(folder / "runs" / "a"), last="tokens")
    return folder


@pytest.fixture
def home(sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to alter at will."""
    folder = Path(shutil.copytree(sealed, tmp_path / "home"))
    monkeypatch.chdir(folder)
    return folder


def told_of_seals(recipe: Recipe, run: RunDir) -> str:
    """What the gate says of the seals."""
    (seals,) = [one for one in judge_run(recipe, run) if one.rule == "seals"]
    assert seals.verdict == "fail"
    return sentence("en", seals)


@pytest.fixture
def forget(capsys: pytest.CaptureFixture[str]) -> Words:
    """The command; returns what it prints."""

    def command(*words: str) -> str:
        assert main(list(words)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return command


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    return capsys.readouterr().err


def ledger(run: RunDir) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in pq.read_table(run.ledger).to_pylist()}


def texts(run: RunDir) -> dict[str, str]:
    files = [*run.documents.glob("*.parquet"), *run.dropped.glob("*.parquet")]
    return {row["id"]: row["text"] for path in files for row in pq.read_table(path).to_pylist()}


def first(run: RunDir, split: str = "train") -> str:
    """A document of a split, of which there is no copy."""
    rows = ledger(run).values()
    copied = {row["duplicate_of"] for row in rows}
    return next(row["id"] for row in rows if row["split"] == split and row["id"] not in copied)


def files(folder: Path) -> dict[str, str]:
    """Every file but the lock and the run's own block list, with its hash."""
    paths = (
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (".lock", "blocklist.jsonl")
    )
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_a_dry_run_lists_and_writes_nothing(home: Path, forget: Words) -> None:
    run, before = RunDir("runs/a"), files(home)
    id = first(run)
    (row,) = [row for row in pq.read_table(run.token_index).to_pylist() if row["id"] == id]
    said = forget("a", "--document", id)
    assert files(home) == before
    assert f"{id}   source manual" in said
    assert f"{row['shard']} {row['start']:,} to {row['start'] + row['tokens']:,}   {id}" in said
    assert "--yes would add 1 line to runs/blocklist.jsonl" in said
    assert "runs/a: corpus tokenizer tokens" in said
    assert f"source    manual: {load_recipe(home / 'small.yaml').corpus.sources[0].path}" in said  # type: ignore[union-attr]
    assert "nothing is ever deleted there" in said


def test_what_was_removed_is_gone_from_the_next_build_and_its_run_is_stale_until_then(
    home: Path, forget: Words
) -> None:
    run, recipe = RunDir("runs/a"), load_recipe(home / "small.yaml")
    id, sealed = first(run), files(run.path)
    before, text = ledger(run), texts(run)[id]
    said = forget("a", "--document", id, "--source", "mirror", "--reason", "request of 20 November", "--yes")
    assert "and the whole of mirror" in said

    assert files(run.path) == sealed  # what is sealed stays as it was …
    states = {name: run.state(stages(recipe)[name], recipe) for name in ("corpus", "tokenizer", "tokens")}
    assert {state.name for state in states.values()} == {"stale"}  # … and is no longer believed
    assert "contradicts a block list in 23 documents" in states["tokens"].reason
    faults = verify(run, recipe)
    assert len(faults) == 3 and all("stale" in fault for fault in faults)
    assert "corpus (stale" in told_of_seals(recipe, run)

    source, document = read_entries(run.blocklist)
    assert (source.id, source.source, source.sha256) == ("*", "mirror", None)
    assert (document.id, document.source, document.reason) == (id, "manual", "request of 20 November")
    assert document.sha256 == before[id]["sha256_before"]
    assert text[:40] not in run.blocklist.read_text(encoding="utf-8")

    run_chain(recipe, run, last="tokens")
    after = ledger(run)
    assert {row["reason"] for row in after.values() if row["source"] == "mirror" or row["id"] == id} == {"blocked"}
    assert {(row["decision"], row["bytes_after"]) for row in after.values() if row["reason"] == "blocked"} == {
        ("dropped", 0)
    }
    assert not any(texts(run)[gone] for gone, row in after.items() if row["reason"] == "blocked")
    assert not any(
        row["reason"] == "blocked" for row in after.values() if row["source"] == "manual" and row["id"] != id
    )
    assert set(pq.read_table(run.token_index)["id"].to_pylist()).isdisjoint({id})
    assert verify(run, recipe) == []

    # The same list gives the same bytes, …
    again = RunDir("runs/b")
    run_chain(recipe, again, last="corpus")
    assert again.seal("corpus", recipe).outputs == run.seal("corpus", recipe).outputs  # type: ignore[union-attr]
    # … and without its entries in either list, the corpus is not what a build would make.
    run.blocklist.unlink()
    assert run.state(stages(recipe)["corpus"], recipe).name == "sealed"
    run.own_blocklist.unlink()
    assert run.state(stages(recipe)["corpus"], recipe).name == "stale"


def test_runs_beside_it_are_found_and_become_stale_and_others_do_not(home: Path, forget: Words) -> None:
    recipe = load_recipe(home / "small.yaml")
    shutil.copytree("runs/a", "runs/b")
    shutil.copytree("runs/a", "elsewhere/c")
    (Path("runs") / "broken").mkdir()
    (Path("runs") / "broken" / "recipe.yaml").write_text("name: [", encoding="utf-8")
    said = forget("b", "--document", first(RunDir("runs/b")), "--yes")
    assert "runs/a: corpus tokenizer tokens" in said and "runs/b: corpus tokenizer tokens" in said
    assert "runs/broken could not be read, and may hold these documents" in said
    assert RunDir("runs/a").state(stages(recipe)["corpus"], recipe).name == "stale"
    assert RunDir("elsewhere/c").state(stages(recipe)["corpus"], recipe).name == "sealed"


def test_a_run_that_is_moved_or_copied_takes_its_removals_along(home: Path, forget: Words) -> None:
    recipe = load_recipe(home / "small.yaml")
    id = first(RunDir("runs/a"))
    shutil.copytree("runs/a", "before/a")
    forget("a", "--document", id, "--yes")
    shutil.copytree("runs/a", "copied/a")
    shutil.move("runs/a", "moved/a")
    for folder in ("moved/a", "copied/a"):
        assert "contradicts a block list" in RunDir(folder).state(stages(recipe)["corpus"], recipe).reason
        assert any("block list" in fault for fault in verify(RunDir(folder), recipe))
        assert "corpus (stale" in told_of_seals(recipe, RunDir(folder))
    assert RunDir("before/a").state(stages(recipe)["corpus"], recipe).name == "sealed"  # it cannot know

    run = RunDir("moved/a")
    run_chain(recipe, run, last="corpus")
    assert ledger(run)[id]["reason"] == "blocked" and run.state(stages(recipe)["corpus"], recipe).name == "sealed"


def test_a_run_built_beside_a_list_takes_its_removals_along(home: Path, forget: Words) -> None:
    recipe = load_recipe(home / "small.yaml")
    id = first(RunDir("runs/a"))
    forget("a", "--document", id, "--yes")
    run_chain(recipe, RunDir("runs/b"), last="corpus")
    shutil.move("runs/b", "moved/b")
    run = RunDir("moved/b")
    assert run.state(stages(recipe)["corpus"], recipe).name == "sealed"
    run_chain(recipe, run, first="corpus", last="corpus")
    assert ledger(run)[id]["reason"] == "blocked"


def test_copies_in_runs_beside_it_are_found_and_those_that_come_later_are_left_out_and_told(
    home: Path, forget: Words, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "small.yaml").write_text(RECIPE.format(folder=home), encoding="utf-8")
    recipe, id = load_recipe(home / "small.yaml"), first(RunDir("runs/a"))
    text, others = texts(RunDir("runs/a"))[id], list(texts(RunDir("runs/a")).values())
    before, more, last = ("\n\n".join(others[start : start + 4]) for start in (10, 20, 30))
    (home / "mirror" / "reader.txt").write_text(f"{before}\n\n{text}", encoding="utf-8")
    run = RunDir("runs/b")
    run_chain(recipe, run, last="corpus")
    assert ledger(run)["mirror/reader.txt"]["decision"] == "kept"

    said = forget("a", "--document", id, "--yes")
    assert f"mirror/reader.txt in runs/b holds 100% of {id}" in said
    assert run.state(stages(recipe)["corpus"], recipe).name == "stale"

    (home / "manual" / "later.txt").write_bytes(
        ("\N{ZERO WIDTH NO-BREAK SPACE}" + text).replace("\n", " \r\n").encode()
    )
    (home / "manual" / "volume.txt").write_text(f"{text}\n\n{more}", encoding="utf-8")
    words = text.split()
    (home / "manual" / "part.txt").write_text(f"{' '.join(words[: len(words) * 2 // 3])} {last}", encoding="utf-8")
    capsys.readouterr()
    run_chain(recipe, run, last="corpus")
    said = capsys.readouterr().out
    assert "left out as copies of removed texts: 2" in said
    assert "kept, with half of a removed text or more: " in said
    assert dict(ledger(run)["manual/part.txt"]["edits"])["resembles_removed"] == 1
    rows = ledger(run)
    found = {name: rows[name]["reason"] for name in (id, "mirror/reader.txt", "manual/later.txt", "manual/volume.txt")}
    assert list(found.values()) == ["blocked", "blocked", "blocked", "blocked_copy"]
    assert not any(texts(run)[name] for name in found)
    assert run.report_content("corpus", recipe)["removed_copies"]["shown"][-1]["copy_of"] in found
    for page in ("README.md", "README.es.md"):
        assert "manual/volume.txt" in (run.corpus / page).read_text(encoding="utf-8")
    assert run.state(stages(recipe)["corpus"], recipe).name == "sealed"

    assert "1 line to runs/blocklist.jsonl" in forget("b", "--keep", "manual/volume.txt")
    forget("b", "--keep", "manual/volume.txt", "--yes")
    assert run.state(stages(recipe)["corpus"], recipe).name == "stale"
    run_chain(recipe, run, last="corpus")
    assert ledger(run)["manual/volume.txt"]["decision"] == "kept"
    assert "did not drop this document as a copy" in refused(capsys, "b", "--keep", id)
    assert "or --keep ID alone" in refused(capsys, "b", "--keep", id, "--document", id)


def test_an_entry_that_concerns_other_runs_makes_nothing_stale(home: Path) -> None:
    run, recipe = RunDir("runs/a"), load_recipe(home / "small.yaml")
    add_entries(run.blocklist, [BlocklistEntry("0" * 64, "another.txt", "another source", "2026-11-20", "")])
    assert run.state(stages(recipe)["corpus"], recipe).name == "sealed"


def test_a_list_that_the_recipe_names_is_obeyed_and_a_missing_one_is_refused(home: Path) -> None:
    run, id = RunDir("runs/a"), first(RunDir("runs/a"))
    add_entries(home / "shared.jsonl", [BlocklistEntry(None, id, "manual", "2026-11-20", "")])
    recipe = load_recipe(home / "small.yaml", [f"corpus.blocklist=[{home / 'shared.jsonl'}]"])
    assert run.blocklists(recipe) == (str(home / "shared.jsonl"),)
    run_chain(recipe, run, last="corpus")
    assert ledger(run)[id]["reason"] == "blocked"
    (home / "shared.jsonl").unlink()
    with pytest.raises(UserError, match=r"no block list at .*shared\.jsonl"):
        run.state(stages(recipe)["corpus"], recipe)


def test_text_is_found_in_any_case_and_patterns_as_they_are_written(home: Path) -> None:
    run = RunDir("runs/a")
    excerpt = texts(run)[first(run)][20:60]
    holding = {id for id, text in texts(run).items() if excerpt.casefold() in text.casefold()}
    entries, _ = find_entries(run, [], [], [excerpt.upper()], "")
    assert holding <= {entry.id for entry in entries}
    entries, _ = find_entries(run, [], [], ["/^manual/001[01]\\.txt$/"], "")
    assert {entry.id for entry in entries} >= {"manual/0010.txt", "manual/0011.txt"}


def test_documents_that_hold_a_passage_in_part_are_named_and_stay(home: Path, forget: Words) -> None:
    run = RunDir("runs/a")
    identity = first(run)
    words = texts(run)[identity].split(" ")[:30]
    misquoted = " ".join([*words[:20], "zarzuela", *words[21:]])
    named = rf"matches .*; {re.escape(identity)} holds \d+ of the \d+ tokens of .* in one run"
    with pytest.raises(UserError, match=named):
        find_entries(run, [], [], [misquoted], "")
    other = next(id for id, text in texts(run).items() if misquoted[:40] not in text)
    found = forget("a", "--document", other, "--match", " ".join(words[:8]))
    assert f"{identity} holds" not in found, "it is forgotten"
    tokens = run.tokens / "train-00000.bin"
    tokens.write_bytes(tokens.read_bytes()[::-1])
    assert "who holds " in forget("a", "--match", " ".join(words[:8]))


def test_text_is_found_in_the_examples_of_adapters_too(home: Path, forget: Words) -> None:
    data, run = home / "mine.jsonl", home / "runs" / "a"
    data.write_text('{"text": "One of Ana Gil."}\n{"text": "Another."}\n', encoding="utf-8")
    (run / "adapters" / "mine").mkdir(parents=True)
    section = run / "adapters" / "mine" / "finetune.yaml"
    section.write_text(f"{{task: text, data: {{train: {data}}}}}", encoding="utf-8")
    before = files(home)
    found = "adapters/mine: 1 of its examples match (mine.jsonl, line 1): delete them there"
    assert found in forget("a", "--match", "ana gil", "--yes")  # nothing of the corpus matches
    assert files(home) == before
    both = forget("a", "--match", "another")
    assert "to forget: " in both and "(mine.jsonl, line 2)" in both
    data.unlink()
    assert "adapters/mine: its data cannot be read, and may hold the text" in forget("a", "--match", "another")


@pytest.mark.parametrize("asked", ["manual/0000.txt", "mirror/0000.txt", "manual/0001.txt", "mirror/0001.txt"])
def test_copies_go_with_a_document(home: Path, asked: str) -> None:
    """The next build would keep a copy in its place."""
    entries, left = find_entries(RunDir("runs/a"), [], [asked], [], "")
    assert {entry.id for entry in entries} >= {f"{source}/{asked[-8:]}" for source in ("manual", "mirror")}
    assert left == []


def test_copies_of_a_whole_source_stay_and_are_counted(home: Path, forget: Words) -> None:
    assert "2 copies of these in source mirror would stay" in forget("a", "--source", "manual")


def test_asking_twice_adds_nothing(home: Path, forget: Words) -> None:
    id = first(RunDir("runs/a"))
    forget("a", "--document", id, "--yes")
    assert "added 0 lines" in forget("a", "--document", id, "--yes")
    assert len(read_entries(RunDir("runs/a").blocklist)) == 1


def test_what_is_not_there_is_refused_in_a_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no document 'nobody'" in refused(capsys, "a", "--document", "nobody")
    assert "no source 'nowhere' in" in refused(capsys, "a", "--source", "nowhere")
    assert "matches 'xyzzy plugh'" in refused(capsys, "a", "--match", "xyzzy plugh")
    assert "not a valid regular expression" in refused(capsys, "a", "--match", "/(/")
    assert "every document matches" in refused(capsys, "a", "--match", " ")
    assert "say what to forget" in refused(capsys, "a")
    (Path("runs") / "blocklist.jsonl").write_text('{"id": 3}\n', encoding="utf-8")
    assert "blocklist.jsonl, line 1: not a valid entry of a block list" in refused(
        capsys, "a", "--document", "0000.txt"
    )
    assert not list(Path("runs").glob("*.partial"))


def test_weights_are_named_and_said_to_stay(smoke_run: Path, forget: Words) -> None:
    """A train document taught the model and its adapter; one of the domain, the adapter alone."""
    run = find_run(str(smoke_run))
    said = forget(str(run), "--document", first(run))
    assert "weights   model, adapters/pandas: trained on them" in said
    assert "A trained model cannot unlearn" in said
    assert "corpus tokenizer tokens pretrain evaluate audit finetune:pandas" in said
    assert "weights   adapters/pandas: trained on them" in forget(str(run), "--document", first(run, "domain_train"))
    assert "cannot unlearn" not in forget(str(run), "--document", first(run, "validation"))


def test_it_is_said_how_often_the_weights_read_a_document_or_that_they_never_did(home: Path, forget: Words) -> None:
    run, words = RunDir(home / "runs" / "a"), ["pretrain.batch_size=4"]
    run_chain(load_recipe(home / "small.yaml", words), run, last="pretrain")
    copied = {row["duplicate_of"] for row in ledger(run).values()}
    rows = {row["id"]: row for row in pq.read_table(run.exposure).to_pylist() if row["id"] not in copied}
    never = [identity for identity, row in rows.items() if not row["tokens"]]
    read = next(identity for identity in rows if identity not in never)
    said = forget("a", "--document", never[0])
    assert "read      the weights of model/ never read it\n" in said
    assert "weights " not in said.replace("the weights of model/", "") and "cannot unlearn" not in said
    assert "never read any of these 2 documents" in forget("a", "--document", never[0], "--document", never[1])
    said = forget("a", "--document", never[0], "--document", read)
    tokens, times = rows[read]["tokens"], rows[read]["times"]
    assert f"read      {tokens:,} tokens of 1 document; 1 never read" in said
    assert f"  {tokens:,} tokens, {times:.2f} times   {read}\n" in said and f"  never read   {never[0]}\n" in said
    assert "weights   model: trained on them" in said and "cannot unlearn" in said
    run.exposure.unlink()  # then nothing is claimed
    said = forget("a", "--document", never[0])
    assert "weights   model: trained on them" in said and "never read" not in said


# --- the step ------------------------------------------------------------------------------------------------


def blocked(entry: BlocklistEntry, document: Document, folder: Path) -> bool:
    add_entries(folder / "list.jsonl", [entry])
    draft = Draft(document, document.text, "es")
    Blocked([folder / "list.jsonl"])(draft)
    assert (draft.reason, draft.text) in ((None, document.text), ("blocked", ""))
    return draft.reason == "blocked"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (BlocklistEntry(hashlib.sha256("Érase una vez".encode()).hexdigest(), "other", "elsewhere", "", ""), True),
        (BlocklistEntry(None, "tales/1", "tales", "", ""), True),
        (BlocklistEntry(None, "1", "tales", "", ""), True),  # where it was the only source, ids had no prefix
        (BlocklistEntry("0" * 64, "tales/1", "tales", "", ""), True),  # its text has changed since
        (BlocklistEntry(None, "*", "tales", "", ""), True),
        (BlocklistEntry(None, "tales/2", "tales", "", ""), False),
        (BlocklistEntry(None, "tales/1", "laws", "", ""), False),
        (BlocklistEntry(None, "*", "laws", "", ""), False),
    ],
)
def test_a_document_is_blocked_by_its_text_or_by_its_place(
    entry: BlocklistEntry, expected: bool, tmp_path: Path
) -> None:
    document = Document("tales/1", "Érase una vez", "tales", "MIT", "declared", "es", {})
    assert blocked(entry, document, tmp_path) is expected


def test_half_a_surrogate_pair_can_be_forgotten_too(tmp_path: Path) -> None:
    document = Document("1", json.loads('"\\ud83d"'), "tales", "MIT", "declared", "es", {})
    sha256 = hashlib.sha256(document.text.encode("utf-8", errors="surrogatepass")).hexdigest()
    assert blocked(BlocklistEntry(sha256, "x", "y", "", ""), document, tmp_path)


def test_an_empty_list_blocks_nothing() -> None:
    assert not Blocklist([])
    draft = Draft(Document("1", "text", "tales", "MIT", "declared", "es", {}), "text", "es")
    Blocked([])(draft)
    assert draft.reason is None
