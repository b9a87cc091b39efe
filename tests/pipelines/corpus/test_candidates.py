"""What is decided over all candidates: which copy stays, by which rule, and what is gathered on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from desdecero.pipelines.corpus.candidates import CandidateStore
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.splits import NAMES
from desdecero.pipelines.corpus.worker import Packet, prepare
from desdecero.pipelines.recipe import Corpus

TEXT = "the harbour lay quiet while nine ferries waited for evening and nobody said when library opened its doors"
WORDS = TEXT.split()


def story(seed: int) -> str:
    """Some 150 words in an order of its own."""
    return " ".join(f"{WORDS[(seed * 7 + n * (seed + 3)) % len(WORDS)]} {(seed + 1) * n * n % 9973}" for n in range(80))


def corpus(**settings: Any) -> Corpus:
    quality = {"max_duplicate_ngrams": {}, "max_top_ngrams": {}, "min_alphabetic_words": 0.2, "min_words": 5}
    return Corpus.model_validate(
        {"sources": [{"kind": "files", "path": "x"}], "validation": 0.2, "quality": quality, **settings}
    )


def packet(documents: list[Document | Quarantined], settings: Corpus) -> Packet:
    return prepare(documents, settings.model_dump_json(), seed=0)


def document(name: str, text: str, evidence: str = "unknown") -> Document:
    return Document(name, text, "source", "MIT" if evidence != "unknown" else "LicenseRef-unknown", evidence, "", {})


OTHERS = [document(f"other {number}", story(number + 10)) for number in range(6)]
COPIES = [
    document("first", story(1)),
    document("declared", story(1).upper(), "declared"),
    document("longest", story(1) + "\nAnd one more line.", "free_text"),
    document("declared later", story(1).title(), "declared"),
]


@pytest.mark.parametrize(("keep", "stays"), [("first", "first"), ("longest", "longest"), ("best_license", "declared")])
def test_which_copy_stays_is_the_recipes_rule(keep: str, stays: str, tmp_path: Path) -> None:
    settings = corpus(deduplication={"keep": keep})
    documents = [*OTHERS, *COPIES]
    with CandidateStore(tmp_path, settings) as store:
        for start in range(0, len(documents), 3):
            store.add(packet([*documents[start : start + 3]], settings).candidates)
        decisions = store.decide()
        names = [store.ids[number] for number in range(len(documents))]
    assert names == [each.id for each in documents]
    copies = range(len(OTHERS), len(documents))
    assert [names[number] for number in copies if decisions.reason(number) is None] == [stays]
    assert {names[decisions.duplicate_of[number]] for number in copies if decisions.reason(number)} == {stays}
    assert all(decisions.reason(number) is None and NAMES[decisions.splits[number]] for number in range(len(OTHERS)))


def test_a_packet_holds_what_each_step_did() -> None:
    settings = corpus()
    damaged, short = Quarantined("line 3", "not JSON"), document("short", "Too short.")
    mended = document("mended", story(3) + "\nEspaÃ±a y niÃ±os escriben a ana@correo.es siempre.")
    rows = packet([mended, damaged, short], settings).rows.to_pylist()
    assert [row["decision"] for row in rows] == ["kept", "quarantined", "dropped"]
    assert rows[1]["id"] == "line 3" and rows[1]["trace"] is None
    assert (rows[2]["reason"], rows[2]["dropped_by"]) == ("too_few_words", "quality")
    assert rows[2]["trace"][-1] == {"step": "quality", "bytes": len("Too short."), "changed": False}
    trace = {step["step"]: step for step in rows[0]["trace"]}
    assert trace["unicode"]["changed"] and not trace["quality"]["changed"]
    assert rows[0]["trace"][-1]["bytes"] == rows[0]["bytes_after"] == len(rows[0]["text"].encode())
    assert dict(rows[0]["edits"])["unicode"] == 1


def test_the_head_of_a_packet_is_the_packet_of_its_head() -> None:
    settings = corpus(deduplication={"paragraphs": {"min_words": 3}})
    documents = [*OTHERS[:3], Quarantined("line 3", "not JSON"), document("short", "Too short."), *OTHERS[3:]]
    whole = packet([*documents], settings)
    for count in (0, 2, 5, 7):
        head, alone = whole.head(count), packet([*documents[:count]], settings)
        assert head.rows == alone.rows
        assert list(head.candidates.ids) == list(alone.candidates.ids)
        assert (head.candidates.sketches.signatures == alone.candidates.sketches.signatures).all()
        assert head.candidates.paragraphs and alone.candidates.paragraphs
        assert (head.candidates.paragraphs.hashes == alone.candidates.paragraphs.hashes).all()
