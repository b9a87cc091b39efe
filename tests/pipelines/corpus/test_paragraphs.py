"""Paragraphs are cut, compared and taken out alike, whatever the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from desdecero.pipelines.corpus.paragraphs import ParagraphIndex, paragraphs_of, spans, without_repeated
from desdecero.pipelines.recipe import RepeatedParagraphs

LIMITS = RepeatedParagraphs(max_documents=2, min_words=3)


def test_blank_lines_enclose_paragraphs_and_where_there_are_none_lines_are_paragraphs() -> None:
    for text, expected in (
        ("one\ntwo\n\nthree\n \n\nfour", ["one\ntwo", "three", "four"]),
        ("one\ntwo", ["one", "two"]),
        ("", [""]),
    ):
        assert [text[start:end] for start, end in spans(text)] == expected


def test_a_paragraph_is_the_same_in_any_case_and_in_any_batch(tmp_path: Path) -> None:
    notice = "Todos los derechos reservados."
    texts = [
        f"Texto número {n} con palabras propias.\n\n{notice if n % 2 else notice.upper()}\n\nFin." for n in range(6)
    ]
    found = []
    for batch in (1, 4):
        with ParagraphIndex(tmp_path / str(batch), LIMITS) as index:
            for start in range(0, 6, batch):
                index.add(paragraphs_of(texts[start : start + batch], LIMITS))
            found.append(index.decide(np.ones(6, dtype=bool)))
    assert found[0].hashes.tolist() == found[1].hashes.tolist() and len(found[0].hashes) == 1
    assert found[0].first.tolist() == [0]
    assert found[0].left.tolist() == found[1].left.tolist() == [-1, 7, 7, 7, 7, 7]
    cleaned = without_repeated(texts[:2], np.arange(2), found[0], LIMITS)
    assert cleaned[0] == (texts[0], [])
    assert cleaned[1] == ("Texto número 1 con palabras propias.\n\nFin.", [notice])


def test_documents_that_are_dropped_do_not_count(tmp_path: Path) -> None:
    texts = ["The same three words and more."] * 3
    with ParagraphIndex(tmp_path, LIMITS) as index:
        index.add(paragraphs_of(texts, LIMITS))
        assert len(index.decide(np.array([True, True, False])).hashes) == 0


def test_one_document_may_repeat_itself(tmp_path: Path) -> None:
    with ParagraphIndex(tmp_path, LIMITS) as index:
        index.add(paragraphs_of(["Once more with feeling.\n\n" * 9], LIMITS))
        assert len(index.decide(np.ones(1, dtype=bool)).hashes) == 0
