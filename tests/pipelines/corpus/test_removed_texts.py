"""A removed text is recognised when it comes back changed, and other texts are left alone."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.blocklist import Blocklist, BlocklistEntry, add_entries, read_entries, text_sha256
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.removed_texts import BlockedCopies, RemovedTexts, marks_of
from desdecero.pipelines.corpus.worker import prepare
from desdecero.pipelines.recipe import Corpus

LETTER = (
    "Estimada señora directora: le escribo porque «la fábrica» cerró en marzo y nadie nos avisó. Mi hermana trabajó "
    "allí nueve años, en turnos de noche, y aún espera el último sueldo. ¿A quién debemos reclamar ahora?\n\n"
    "La casa donde vivimos se llueve desde octubre; el dueño promete arreglarla y no viene nunca por aquí."
)


def essay(seed: int, words: int = 400) -> str:
    return " ".join(random.Random(seed).choices([f"palabra{number}" for number in range(2000)], k=words))


def entry(text: str, id: str = "letter") -> BlocklistEntry:
    return BlocklistEntry(text_sha256(text), id, "post", "2026-11-20", "", *(marks_of([text])[0] or ()))


def find(removed: str, text: str, similarity: float = 0.8) -> tuple[bool, bool]:
    """(whether it is recognised, whether its words are the same)."""
    (copy,) = RemovedTexts([entry(removed)], similarity).find([text])
    return copy is not None and copy.dropped, copy is not None and copy.same_words


@pytest.mark.parametrize(
    "changed",
    [
        LETTER.replace("\n", "\r\n"),
        "\n".join(LETTER.split()),
        LETTER.replace("«", "“").replace("»", "”"),
        "\N{ZERO WIDTH NO-BREAK SPACE}" + LETTER,
        LETTER.upper(),
    ],
)
def test_the_same_words_are_recognised_however_they_are_set(changed: str) -> None:
    assert find(LETTER, changed) == (True, True)


def test_a_near_copy_and_a_longer_document_that_holds_it_are_recognised() -> None:
    text = essay(1)
    words = text.split()
    assert find(text, " ".join([*words[:200], "otra", *words[201:]])) == (True, False)
    assert find(text, f"{essay(2)} {text} {essay(3)}") == (True, False)
    assert find(LETTER, f"Recibimos esta carta.\n\n{LETTER}\n\n{essay(4)}") == (True, False)


def test_texts_of_the_same_form_and_strangers_are_not() -> None:
    form = essay(5, 200)
    assert find(f"{form} {essay(6, 100)}", f"{form} {essay(7, 100)}") == (False, False)
    assert find(LETTER, essay(8)) == (False, False)
    assert find(essay(9), " ".join(essay(9).split()[:200])) == (False, False)  # half of it


def test_what_holds_half_of_a_removed_text_is_kept_and_counted(tmp_path: Path) -> None:
    form, path = essay(5, 200), tmp_path / "list.jsonl"
    add_entries(path, [entry(f"{form} {essay(6, 100)}")])
    texts = [f"{form} {essay(7, 100)}", essay(8)]
    drafts = [Draft(document(str(number), text), text, "es") for number, text in enumerate(texts)]
    BlockedCopies([path], 0.8).many(drafts)
    assert [(draft.reason, draft.text) for draft in drafts] == [(None, text) for text in texts]
    assert [draft.edits["resembles_removed"] for draft in drafts] == [1, 0]
    assert drafts[0].changes[0].after == "letter"


def test_a_short_text_is_recognised_whole_and_not_inside_another() -> None:
    assert find("Vuelvo el jueves, dijo Inés.", "Vuelvo el JUEVES — dijo Inés") == (True, True)
    assert find("Vuelvo el jueves, dijo Inés.", f"Vuelvo el jueves, dijo Inés. {essay(1)}") == (False, False)
    assert marks_of(["", "…!"]) == [None, None]


def test_the_fuller_of_two_removed_texts_is_named_and_a_5_gram_counts_once() -> None:
    one, both = essay(1, 60), essay(1, 60) + " " + essay(2, 60)
    removed = RemovedTexts([entry(one, "one"), entry(both, "both"), entry(one, "again")], 0.8)
    copies = removed.find([both, one, f"{' '.join([' '.join(one.split()[:30])] * 9)}", essay(3)])
    assert [copy and copy.id for copy in copies] == ["both", "one", None, None]


def test_a_thousand_removed_texts_find_theirs_among_two_thousand() -> None:
    removed = RemovedTexts([entry(essay(seed, 80), str(seed)) for seed in range(300)], 0.8)
    found = removed.find([f"{essay(seed, 80)} {essay(seed + 9000, 40)}" for seed in range(600)])
    assert [copy.id if copy else None for copy in found] == [*map(str, range(300)), *[None] * 300]


def test_marks_do_not_hold_the_text_and_old_lists_are_read(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text(
        '{"sha256": null, "id": "a", "source": "s", "date": "2026-01-01", "reason": ""}\n', encoding="utf-8"
    )
    add_entries(
        path, [entry(LETTER), entry(LETTER), BlocklistEntry(text_sha256(LETTER), "letter", "post", "2026-11-21", "")]
    )
    assert [each.id for each in read_entries(path)] == ["a", "letter"]
    assert "hermana" not in path.read_text(encoding="utf-8")
    assert read_entries(path)[1] == entry(LETTER)


def document(id: str, text: str) -> Document:
    return Document(id, text, "post", "CC0-1.0", "declared", "es", {})


def test_the_step_drops_copies_keeps_no_text_of_them_and_obeys_keep(tmp_path: Path) -> None:
    path, longer = tmp_path / "list.jsonl", f"{essay(2)} {LETTER}"
    add_entries(
        path, [entry(LETTER), BlocklistEntry(text_sha256(longer), "longer", "post", "2026-11-20", "", keep=True)]
    )
    drafts = [Draft(document(id, text), text, "es") for id, text in (("1", LETTER + " Adiós."), ("2", longer))]
    BlockedCopies([path], 0.8).many(drafts)
    assert [(draft.reason, draft.text, draft.copy_of) for draft in drafts] == [
        ("blocked_copy", "", "letter"),
        (None, longer, None),
    ]
    assert not Blocklist(read_entries(path)).blocks("post", "longer", text_sha256(longer))


def test_what_another_step_dropped_is_compared_too(tmp_path: Path) -> None:
    """`corpus/dropped` would keep its text."""
    path = tmp_path / "list.jsonl"
    add_entries(path, [entry(LETTER)])
    corpus = Corpus.model_validate(
        {"sources": [{"kind": "files", "path": "x"}], "blocklist": [str(path)], "quality": {"min_words": 1000}}
    )
    texts = {"1": unicodedata.normalize("NFD", LETTER).replace("\n", "\r\n"), "2": essay(3)}
    rows = prepare([document(*item) for item in texts.items()], corpus.model_dump_json(), seed=0).rows.to_pylist()
    assert [(row["reason"], row["text"] == "", row["duplicate_of"]) for row in rows] == [
        ("blocked", True, "letter"),
        ("too_few_words", False, None),
    ]
