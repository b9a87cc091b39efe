"""Sources of equal content are the same sources: touched, renamed or moved. What changed is named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.sources import look
from desdecero.pipelines.corpus.sources.contents import digest
from desdecero.pipelines.corpus.sources.memory import Comparison, SourceMemory
from desdecero.pipelines.recipe import Recipe, load_recipe


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of five texts in `poems`, one of them in a folder below."""
    folder = tmp_path / "poems"
    (folder / "late").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "c.md", "late/d.txt", "ñandú.txt"):
        (folder / name).write_text(f"The text of {name}, which is like no other.")
    return tmp_path


def recipe(home: Path, path: str = "poems", *words: str, more: str = "", name: str = "") -> Recipe:
    named = f", name: {name}" if name else ""
    source = f"corpus.sources=[{{kind: files, path: {home / path}{named}{more}}}]"
    return load_recipe("smoke", [source, "corpus.domain=", "finetune=", "corpus.max_bytes=", *words])


def sealed(recipe: Recipe, home: Path) -> str:
    memory = SourceMemory(home / "sources.json")
    seen = memory.look(recipe)
    memory.seal(seen)
    return digest(seen)


def compare(recipe: Recipe, seal: str, home: Path) -> Comparison:
    return SourceMemory(home / "sources.json").compare(recipe, seal)


def unread(home: Path) -> list[str]:
    """The files whose content would have to be read to compare them."""
    hashes = json.loads((home / "sources.json").read_text())["hashes"]
    return [file.name for source in look(recipe(home).corpus, hashes) for file in source.files if not file.sha256]


def test_what_nobody_touched_is_not_read_again(home: Path) -> None:
    seal = sealed(recipe(home), home)
    assert not unread(home)
    found = compare(recipe(home), seal, home)
    assert not found.changes and not found.renamed


def test_touched_files_are_read_once_and_are_the_same(home: Path) -> None:
    seal = sealed(recipe(home), home)
    for path in (home / "poems").rglob("*"):
        os.utime(path, (0, 0))
    assert len(unread(home)) == 5
    memory = SourceMemory(home / "sources.json")
    found = memory.compare(recipe(home), seal)
    assert not found.changes and not found.renamed
    memory.keep_hashes(found.now)
    assert not unread(home)
    assert not compare(recipe(home), seal, home).changes


def test_a_comparison_writes_nothing(home: Path) -> None:
    seal = sealed(recipe(home), home)
    os.utime(home / "poems" / "a.txt", (0, 0))
    before = (home / "sources.json").read_bytes()
    compare(recipe(home), seal, home)
    assert (home / "sources.json").read_bytes() == before


def test_copied_files_are_the_same(home: Path) -> None:
    seal = sealed(recipe(home), home)
    shutil.move(home / "poems", home / "old")
    shutil.copytree(home / "old", home / "poems")
    found = compare(recipe(home), seal, home)
    assert not found.changes and not found.renamed


@pytest.mark.parametrize("new", ["verses", "deep/down/poems", "poems of María"])
def test_a_moved_folder_is_the_same_source(home: Path, new: str) -> None:
    seal, before = sealed(recipe(home), home), recipe(home)
    (home / new).parent.mkdir(parents=True, exist_ok=True)
    (home / "poems").rename(home / new)
    after = recipe(home, new)
    assert before.content()["corpus"] == after.content()["corpus"]
    found = compare(after, seal, home)
    assert not found.changes and found.renamed == (Path(new).name != "poems")


@pytest.mark.parametrize(("old", "new"), [("a.txt", "z.txt"), ("b.txt", "late/b.txt"), ("ñandú.txt", "nandu.txt")])
def test_a_renamed_file_is_the_same_file(home: Path, old: str, new: str) -> None:
    seal = sealed(recipe(home), home)
    (home / "poems" / old).rename(home / "poems" / new)
    found = compare(recipe(home), seal, home)
    assert not found.changes and found.renamed


def test_a_suffix_says_how_a_file_is_read_so_it_counts(home: Path) -> None:
    seal = sealed(recipe(home), home)
    (home / "poems" / "a.txt").rename(home / "poems" / "a.html")
    assert "renamed" in compare(recipe(home), seal, home).changes


@pytest.mark.parametrize(("words", "more"), [(["corpus.max_bytes=100000"], ""), ([], ", max_documents: 3")])
def test_order_counts_where_reading_stops_at_a_limit(home: Path, words: list[str], more: str) -> None:
    limited = recipe(home, "poems", *words, more=more)
    seal = sealed(limited, home)
    (home / "poems" / "a.txt").rename(home / "poems" / "aa.txt")
    assert not compare(limited, seal, home).changes
    (home / "poems" / "aa.txt").rename(home / "poems" / "z.txt")
    assert "renamed" in compare(limited, seal, home).changes


def test_names_count_where_the_recipe_or_site_rules_look_at_them(home: Path) -> None:
    by_path = recipe(home, "poems", "corpus.domain={name: late, where: {path: 'late/*'}}")
    seal = sealed(by_path, home)
    (home / "poems" / "b.txt").rename(home / "poems" / "late" / "b.txt")
    assert "renamed" in compare(by_path, seal, home).changes
    (home / "poems" / "robots.txt").write_text("User-agent: *\nDisallow: /late/\n")
    seal = sealed(recipe(home), home)
    (home / "poems" / "a.txt").rename(home / "poems" / "late" / "a.txt")
    assert "renamed" in compare(recipe(home), seal, home).changes


def test_a_source_s_name_counts_where_it_was_given_or_is_called(home: Path) -> None:
    seal = sealed(recipe(home, name="verses"), home)
    assert "verses is now named poems" in compare(recipe(home, name="poems"), seal, home).changes
    (home / "poems").rename(home / "odes")
    assert not compare(recipe(home, "odes", name="verses"), seal, home).changes
    seal = sealed(recipe(home, "odes"), home)
    (home / "odes").rename(home / "psalms")
    mixed = recipe(home, "psalms", "tokens.mixture={psalms: {epochs: 2}}")
    assert "odes is now named psalms" in compare(mixed, seal, home).changes


def test_changes_are_named(home: Path) -> None:
    seal = sealed(recipe(home), home)
    (home / "poems" / "a.txt").write_text("Something else.")
    (home / "poems" / "b.txt").unlink()
    (home / "poems" / "new.txt").write_text("A new text.")
    changes = compare(recipe(home), seal, home).changes
    assert changes == "poems: 1 file new (new.txt), 1 file gone (b.txt), 1 file changed (a.txt)"


def test_equal_size_and_time_do_not_hide_a_change(home: Path) -> None:
    file = home / "poems" / "a.txt"
    seal, status = sealed(recipe(home), home), file.stat()
    with file.open("r+") as text:
        text.write("tHE")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert compare(recipe(home), seal, home).changes == "poems: 1 file changed (a.txt)"


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"sealed": 3, "hashes": {}}', '{"sealed": [], "hashes": 1}'])
def test_a_lost_or_damaged_memory_costs_a_reading_and_no_more(home: Path, content: str | None) -> None:
    seal = sealed(recipe(home), home)
    if content is None:
        (home / "sources.json").unlink()
    else:
        (home / "sources.json").write_text(content)
    assert not compare(recipe(home), seal, home).changes
    (home / "poems" / "a.txt").write_text("Something else.")
    assert compare(recipe(home), seal, home).changes


def test_an_altered_memory_is_not_believed(home: Path) -> None:
    seal = sealed(recipe(home), home)
    text = (home / "poems" / "a.txt").read_bytes()
    (home / "poems" / "a.txt").write_text("Something else.")
    memory = SourceMemory(home / "sources.json")
    memory.seal(memory.look(recipe(home)))  # a list of other contents than the seal's
    assert compare(recipe(home), seal, home).changes
    (home / "poems" / "a.txt").write_bytes(text)
    assert not compare(recipe(home), seal, home).changes


def test_files_that_a_list_of_archives_names_count(tmp_path: Path) -> None:
    (tmp_path / "one.warc").write_bytes(b"WARC/1.0\r\n")
    (tmp_path / "warc.paths").write_text("one.warc\nhttps://example.org/two.warc.gz\n")
    listed = load_recipe("smoke", [
        f"corpus.sources=[{{kind: web_archive, path: {tmp_path / 'warc.paths'}}}]", "corpus.domain=", "finetune=",
    ])  # fmt: skip
    seal = sealed(listed, tmp_path)
    (tmp_path / "one.warc").write_bytes(b"WARC/1.1\r\n")
    assert "changed (one.warc)" in compare(listed, seal, tmp_path).changes


def test_a_missing_source_is_told_as_such(home: Path) -> None:
    seal = sealed(recipe(home), home)
    shutil.rmtree(home / "poems")
    assert compare(recipe(home), seal, home).changes == "poems: nothing is there any more"
