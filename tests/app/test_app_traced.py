"""What the model wrote is marked where it stands in the training text, and nothing of it becomes HTML."""

from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from desdecero.app.traced import listed_html, marked_html, traced_html
from desdecero.app.try_it import write_on_page
from desdecero.model_cards.formats import grouped, percent
from desdecero.model_cards.words import LANGUAGES
from desdecero.pipelines.commands.trace import SHOWN
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.suffix_array import open_index
from desdecero.pipelines.tokens.trace import SourceDocument, TracedSpan


@pytest.fixture
def run(run_without_adapter: Path, tmp_path: Path) -> RunDir:
    return RunDir(shutil.copytree(run_without_adapter, tmp_path / "run"))


def span(text: str, start: int, end: int, tokens: int, *documents: SourceDocument) -> TracedSpan:
    return TracedSpan(start, end, text[start:end], tokens, 3, list(documents), 0.25)


def words_of_a_document(run: RunDir) -> str:
    rows = [row for file in sorted(run.documents.glob("train-*.parquet")) for row in pq.read_table(file).to_pylist()]
    return str(max((row["text"] for row in rows), key=len))[:200]


def test_each_character_of_a_run_is_marked_once_and_the_longest_run_names_it() -> None:
    text = "ab<b>cd & efgh"
    spans = [span(text, 2, 9, 20), span(text, 0, 6, 10), span(text, 11, 13, 8)]
    html = marked_html(text, spans, "en")
    assert re.findall(r'<mark title="(\d+) tokens, times it stands there: 3">(.*?)</mark>', html) == [
        ("10", "ab"),
        ("20", "&lt;b&gt;cd &amp;"),
        ("8", "fg"),
    ]
    assert unescape(re.sub("</?mark[^>]*>", "", html)) == text
    assert marked_html(text, [], "en") == "ab&lt;b&gt;cd &amp; efgh"
    assert marked_html("", [], "en") == ""


def test_the_list_tells_documents_licences_and_held_out_text_in_both_languages() -> None:
    text = "<script>one</script> two"
    documents = [SourceDocument("<i>1", "a&b", "MIT"), SourceDocument("2", "c", None)]
    english, spanish = (listed_html([span(text, 0, 20, 1234, *documents)], language) for language in LANGUAGES)
    assert "&lt;script&gt;one&lt;/script&gt;" in english and "<script>" not in english
    assert "&lt;i&gt;1 (a&amp;b, MIT)" in english and "2 (c, –)" in english
    for language, html in zip(LANGUAGES, (english, spanish), strict=True):
        assert grouped(language, 1234) in html and percent(language, 0.25) in html
    assert "It does not show that the model learnt them by heart." in english
    assert "No demuestra que el modelo las haya memorizado." in spanish
    assert english.startswith("<section><details><summary>")


def test_a_long_list_is_cut_and_an_empty_one_is_a_sentence() -> None:
    text = "x" * 200
    html = listed_html([span(text, n, n + 9, 9) for n in range(SHOWN + 5)], "en")
    assert html.count("<tr>") == SHOWN + 1 and "and 5 more" in html
    assert "No run of 8 tokens or more stands in the training text" in listed_html([], "en")


def test_marks_need_the_index_which_the_command_builds(run: RunDir) -> None:
    recipe, text = run.recipe(), words_of_a_document(run)
    shutil.rmtree(run.trace, ignore_errors=True)
    missing = traced_html(run, recipe, text, "en")
    assert "<mark" not in missing.text and "build its index once: desdecero trace" in missing.below
    open_index(run, recipe)
    found = traced_html(run, recipe, text, "en")
    assert "<mark" in found.text and "<details>" in found.below
    assert unescape(re.sub("</?mark[^>]*>", "", found.text)) == text
    nothing = traced_html(run, recipe, "zq xv jw", "en")
    assert nothing.text == "zq xv jw" and "<details>" not in nothing.below
    assert traced_html(run, recipe, "", "en").text == ""


@pytest.mark.parametrize("name", ["trace/index.json", "trace/00000.sa", "tokens/train-00000.bin"])
def test_a_file_that_was_altered_while_the_page_is_served_is_named_and_nothing_marked(run: RunDir, name: str) -> None:
    recipe, text = run.recipe(), words_of_a_document(run)
    open_index(run, recipe)
    assert "<mark" in traced_html(run, recipe, text, "en").text
    content = (run.path / name).read_bytes()
    (run.path / name).write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    altered = traced_html(run, recipe, text, "es")
    assert "<mark" not in altered.text and f"{name} ha sido modificado" in altered.below


def test_without_the_tokens_of_the_model_nothing_is_said(run: RunDir) -> None:
    recipe, text = run.recipe(), words_of_a_document(run)
    open_index(run, recipe)
    for file in run.token_files("train"):
        file.unlink()  # a Space has no text
    traced = traced_html(run, recipe, text, "en")
    assert "<mark" not in traced.text and traced.below == ""


def test_the_answer_is_looked_up_when_it_has_ended(run: RunDir) -> None:
    recipe = run.recipe()
    open_index(run, recipe)
    *growing, last = write_on_page(run, recipe)("en", "Return the", 30, 0.8, 0.95, 0)
    assert "training text" in last and not any("training text" in html for html in growing)
