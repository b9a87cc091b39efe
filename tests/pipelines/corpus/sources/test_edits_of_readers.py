"""What the workers do with a document goes on record, from its first byte on."""

from __future__ import annotations

from collections.abc import Callable

from desdecero.pipelines.corpus.document import Document, Edits
from desdecero.pipelines.corpus.worker import prepare
from desdecero.pipelines.recipe import Corpus

CORPUS = Corpus.model_validate(
    {"sources": [{"kind": "files", "path": "x", "name": "s"}], "quality": {"min_words": 0}, "lines": {}}
)


def test_edits_of_the_reader_and_of_the_steps_stand_in_one_row(pdf: Callable[..., bytes]) -> None:
    pages = [
        ["El conser-", f"vatorio de {town} abrió.", "Página 7 de 9", f"A {town}.", str(number)]
        for number, town in enumerate(("Lima", "Cusco", "Piura"), start=1)
    ]
    document = Document("a.pdf", "", "s", "MIT", "declared", "es", {"path": "a.pdf"}, "pdf", pdf(pages))
    (row,) = prepare([document], CORPUS.model_dump_json(), seed=0).rows.to_pylist()
    assert dict(row["edits"]) == {"joined_word": 3, "page_number": 6}
    assert {(change["before"], change["after"]) for change in row["changes"]} >= {("conser-\nvatorio", "conservatorio")}


def test_only_the_first_edits_of_a_kind_are_kept_as_examples() -> None:
    edits = Edits()
    for number in range(9):
        edits.add("joined_word", f"{number}-", f"{number}")
    edits.add("dropped_note", times=4)
    assert edits.counts == {"joined_word": 9, "dropped_note": 4}
    assert [change.after for change in edits.changes] == ["0", "1", "2"]
