"""What a suite asks about is found in documents however it is set, and other text is left alone."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.cleaning.contamination import Decontaminate, Index, Item, items_of
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Decontamination, SuiteFile

DATA = os.environ.get("DESDECERO_DATA", "")
LONG = (
    "¿Qué río cruza la ciudad donde nació la poeta que escribió sobre los molinos, y en qué mar termina después de "
    "bajar de la sierra?"
)
SHORT = "¿Cuántos años tardó el viejo faro en apagarse?"
TINY = "¿Quién lo hizo?"
AROUND = "La tarde caía sobre el puerto. {} Nadie supo qué decir, y la conversación pasó a otra cosa."


def suite_of(tmp_path: Path, *items: str) -> Decontamination:
    path = tmp_path / "suite.jsonl"
    path.write_text("\n".join(json.dumps({"question": item, "n": 3}) for item in items), encoding="utf-8")
    return Decontamination(suites=(SuiteFile(name="exam", path=str(path)),), probes=False)


def draft_of(text: str) -> Draft:
    return Draft(Document("d", text, "s", "CC0-1.0", "declared", "es", {}), text, "es")


def disguises(item: str) -> dict[str, str]:
    words = item.split()
    return {
        "verbatim": item,
        "upper case": item.upper(),
        "other signs": " – ".join(words).replace("?", "…").replace("¿", "«"),
        "wide blanks": "   ".join(words),
        "split over lines": "\n    ".join(" ".join(words[i : i + 4]) for i in range(0, len(words), 4)),
        "in a table": "| " + " | ".join(words) + " |",
    }


@pytest.mark.parametrize("item", [LONG, SHORT])
@pytest.mark.parametrize("disguise", sorted(disguises(LONG)))
def test_an_item_is_found_however_it_is_set(tmp_path: Path, item: str, disguise: str) -> None:
    draft = draft_of(AROUND.format(disguises(item)[disguise]))
    Decontaminate(suite_of(tmp_path, item, TINY))(draft)
    assert (draft.reason, draft.edits) == ("contamination", {"contamination": 1})
    assert draft.changes[0].after == "exam: suite:1:question"


def test_a_part_of_a_long_item_is_found_and_a_part_of_a_short_one_is_not(tmp_path: Path) -> None:
    step = Decontaminate(suite_of(tmp_path, LONG, SHORT))
    for text, reason in ((LONG[10:95], "contamination"), (LONG[:50], None), (SHORT[:-12], None)):
        draft = draft_of(AROUND.format(text))
        step(draft)
        assert draft.reason == reason, text


def test_what_is_too_short_to_look_for_is_counted(tmp_path: Path) -> None:
    step = Decontaminate(suite_of(tmp_path, LONG, TINY, "1 2 3"))
    draft = draft_of(AROUND.format(TINY))
    step(draft)
    assert (draft.reason, step.index.too_short) == (None, 2)


def test_figures_alone_match_nothing() -> None:
    index = Index([Item("sums", "1", " ".join(map(str, range(1, 40))))])
    assert index.matches("Tabla: " + " ".join(map(str, range(1, 60)))) == []


def test_the_sentences_that_match_can_be_removed_and_the_rest_kept(tmp_path: Path) -> None:
    section = suite_of(tmp_path, LONG).model_copy(update={"action": "remove"})
    draft = draft_of(AROUND.format(LONG))
    Decontaminate(section)(draft)
    assert draft.reason is None
    assert draft.text == AROUND.format("").replace("  ", " ")
    whole = draft_of(LONG)
    Decontaminate(section)(whole)
    assert whole.reason == "contamination"


def test_every_format_gives_its_texts(tmp_path: Path) -> None:
    folder = tmp_path / "suites"
    folder.mkdir()
    row = {"id": "7", "question": LONG, "answers": [SHORT]}
    (folder / "a.txt").write_text(f"{LONG}\n\n{SHORT}\n", encoding="utf-8")
    with gzip.open(folder / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    with (folder / "c.csv").open("w", encoding="utf-8", newline="") as table:
        csv.writer(table).writerows([["question", "answer"], [LONG, SHORT]])
    (folder / "d.yaml").write_text(json.dumps({"group": [row]}), encoding="utf-8")
    pq.write_table(pa.table({"question": [LONG], "answers": [[SHORT]]}), folder / "e.parquet")
    (folder / "README.md").write_text("no suite", encoding="utf-8")
    section = Decontamination(suites=(SuiteFile(name="all", path=str(folder)),), probes=False)
    found = {(item.id, item.text) for item in items_of(section) if item.text != "7"}
    assert found == {
        ("a:1", LONG), ("a:3", SHORT), ("b:1:question", LONG), ("b:1:answers.1", SHORT), ("c:1:question", LONG),
        ("c:1:answer", SHORT), ("d:group.1.question", LONG), ("d:group.1.answers.1", SHORT), ("e:1:question", LONG),
        ("e:1:answers.1", SHORT),
    }  # fmt: skip
    only = section.model_copy(update={"suites": (SuiteFile(name="all", path=str(folder), fields=("answers",)),)})
    assert {item.id for item in items_of(only)} == {"b:1:answers.1", "d:group.1.answers.1", "e:1:answers.1"}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.jsonl", None, "no such file"),
        ("broken.jsonl", '{"question": ', "cannot be read as a suite"),
        ("empty.jsonl", "", "no record"),
        ("suite.docx", "x", "convert it"),
    ],
)
def test_a_suite_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: str | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    section = Decontamination(suites=(SuiteFile(name="exam", path=str(tmp_path / name)),))
    with pytest.raises(UserError, match=sentence):
        Decontaminate(section)


def test_the_probes_of_bias_are_always_a_suite() -> None:
    items = items_of(Decontamination())
    assert len(items) > 500 and {item.suite for item in items} == {"probes"}
    long_enough = [item for item in items if len(item.text.split()) >= 8]
    step = Decontaminate(Decontamination())
    for item in long_enough:
        draft = draft_of(AROUND.format(item.text.upper()))
        step(draft)
        assert draft.reason == "contamination", item


@pytest.mark.skipif(not DATA, reason="DESDECERO_DATA names no folder of text")
def test_planted_items_are_all_found_and_novels_hold_none() -> None:
    data = Path(DATA)
    with gzip.open(data / "corpora" / "novelas_es.jsonl.gz", "rt", encoding="utf-8") as file:
        text = "\n".join(json.loads(next(file))["text"] for _ in range(4))
    suites = (
        SuiteFile(name="banking77", path=str(data / "eval" / "banking77" / "test.csv"), fields=("text",)),
        SuiteFile(name="honest", path=str(data / "bias" / "honest" / "resources" / "binary" / "es_template.tsv")),
    )
    step = Decontaminate(Decontamination(suites=suites))
    assert step.index.matches(text) == []
    generator = random.Random(0)
    items = [item for item in step.index.items if len(item.text.split()) >= 9 and "_" not in item.text]
    for item in generator.sample(items, 200):
        place = generator.randrange(len(text) - 5000)
        planted = generator.choice(list(disguises(item.text).values()))
        draft = draft_of(f"{text[place : place + 2000]} {planted} {text[place + 2000 : place + 4000]}")
        step(draft)
        assert draft.reason == "contamination", item
