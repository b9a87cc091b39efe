"""A user's files become examples: divided without a text of the test in training, and refused by file and line."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.finetuning.cutting import cut
from desdecero.pipelines.finetuning.examples import Example, Examples, Span, Task, count_in_corpus, read_examples
from desdecero.pipelines.finetuning.overlap import NEAR, common, components, folded, similar_pairs
from desdecero.pipelines.finetuning.reading import FIELDS
from desdecero.pipelines.recipe.finetune_data import FinetuneData, HubSplits

DATA = os.environ.get("DESDECERO_DATA")
NOUNS = ["tarjeta", "cuenta", "cuota", "clave", "libreta", "oficina", "factura", "hipoteca", "agencia", "póliza"]
LABELS = {"perdida": 40, "bloqueo": 17, "cambio": 5, "queja": 2, "otra": 1}
"""Label → number of its examples below: among them one that cannot be cut, and one that can only just."""


def sentence(label: str, number: int) -> str:
    """A sentence of its own for each label and number: no two share as much as the half of their word 5-grams."""
    chance = random.Random(f"{label} {number}")
    return f"{label} número {number}: " + " ".join(chance.choices(NOUNS, k=12))


ROWS = [{"text": sentence(label, n), "label": label} for label, count in LABELS.items() for n in range(count)]


def written(path: Path, rows: Sequence[Any]) -> Path:
    """Write rows as JSONL, one a line; text as it is, so that a line can be malformed."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def read(
    task: Task, folder: Path, rows: Sequence[Any], test: Sequence[Any] = (), seed: int = 0, **more: Any
) -> Examples:
    given = {"test": str(written(folder / "test.jsonl", test))} if test else {}
    return read_examples(task, FinetuneData(train=str(written(folder / "train.jsonl", rows)), **given, **more), seed)


def texts(examples: Sequence[Example]) -> list[str]:
    return [example.content for example in examples]


def counts(examples: Sequence[Example]) -> Counter[str]:
    return Counter(label for example in examples for label in example.kinds)


# --- what is read ------------------------------------------------------------------------------------------------


def test_every_kind_of_file_gives_the_same_examples(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", ROWS)
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    for name, sign in (("a.csv", ","), ("a.tsv", "\t")):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            rows = csv.DictWriter(file, ["text", "label"], delimiter=sign)
            rows.writeheader()
            rows.writerows(ROWS)
    found = [
        read_examples("classification", FinetuneData(train=str(tmp_path / f"a.{ending}")), 3)
        for ending in ("jsonl", "parquet", "csv", "tsv")
    ]
    for examples in found:
        assert texts(examples.test) == texts(found[0].test) and texts(examples.train) == texts(found[0].train)
    assert len({examples.sha256 for examples in found}) == 4


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    rows = [{"frase": row["text"], "otra": f"b {n}", "clase": row["label"]} for n, row in enumerate(ROWS)]
    found = read("classification", tmp_path, rows, text="frase", label="clase", fields={"text_b": "otra"})
    assert all(example.text and example.text_b.startswith("b ") for example in found.all())
    assert counts([*found.all()]) == LABELS
    pairs = [{"pregunta": sentence("p", n), "respuesta": f"la {n}"} for n in range(10)]
    chat = read("chat", tmp_path, pairs, fields={"prompt": "pregunta", "response": "respuesta"})
    assert {message.role for example in chat.all() for message in example.messages} == {"user", "assistant"}


def test_labels_are_texts_or_whole_numbers_and_several_are_a_list(tmp_path: Path) -> None:
    numbers = read("classification", tmp_path, [{**row, "label": n % 2} for n, row in enumerate(ROWS)])
    assert numbers.labels == ("0", "1") and not numbers.several
    lists = [["b", "a"], ["a"], []]
    several = read("classification", tmp_path, [{**row, "label": lists[n % 3]} for n, row in enumerate(ROWS)])
    assert several.labels == ("a", "b") and several.several
    assert {example.labels for example in several.all()} == {("a", "b"), ("a",), ()}
    alone = read("classification", tmp_path, [{**row, "label": [row["label"]]} for row in ROWS])
    assert not alone.several


def test_plain_text_is_an_example_a_file_and_a_file_alone_is_cut_at_blank_lines(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    (folder / "inner").mkdir(parents=True)
    for n in range(10):
        name = f"inner/{n}.md" if n % 2 else f"{n}.txt"
        (folder / name).write_bytes(sentence("año", n).encode("utf-8" if n % 4 else "latin-1"))
    whole = read_examples("text", FinetuneData(train=str(folder)), 0)
    assert sorted(texts([*whole.all()])) == sorted(sentence("año", n) for n in range(10))
    assert (len(whole.train), len(whole.validation), len(whole.test)) == (7, 1, 2)
    book = tmp_path / "book.txt"
    paragraphs = [" ".join(sentence("línea", 10 * n + k) for k in range(10)) for n in range(30)]
    book.write_text("\n\n".join(paragraphs), encoding="utf-8")
    pieces = [*read_examples("text", FinetuneData(train=str(book)), 0).all()]
    assert all(len(piece.text) >= 2000 for piece in pieces[:-1]) and len(pieces) > 5
    assert sorted("\n\n".join(texts(pieces)).split("\n\n")) == sorted(paragraphs)
    lines = book.read_text(encoding="utf-8").split("\n")
    for piece in pieces:
        assert piece.text.startswith(lines[int(piece.place.rpartition(" ")[2]) - 1])


def test_a_conversation_keeps_its_messages_and_its_system_message_does_not_make_it_alike(tmp_path: Path) -> None:
    system = {"role": "system", "content": " ".join(["Responda siempre en una frase breve y cortés."] * 20)}
    rows = [
        {
            "messages": [
                system,
                {"role": "user", "content": sentence("p", n)},
                {"role": "assistant", "content": f"Sí {n}."},
            ]
        }
        for n in range(20)
    ]
    found = read("chat", tmp_path, rows)
    assert len([*found.all()]) == 20 and found.dropped == {"exact": 0, "near": 0}
    assert all([m.role for m in example.messages] == ["system", "user", "assistant"] for example in found.all())


def test_brat_files_are_read_with_their_offsets(tmp_path: Path) -> None:
    for n in range(6):
        text = f"Año {n}.\r\nAna García vive en {sentence('x', n)}\n"
        start = text.index("Ana")
        lines = [
            f"T1\tPersona {start} {start + 10}\tAna García",
            f"T2\tVerbo {start + 11} {start + 13};{start + 13} {start + 15}\tvi ve",
            "R1\tVive Arg1:T1 Arg2:T2", "#1\tAnnotatorNotes T1\tuna nota", "",
        ]  # fmt: skip
        (tmp_path / f"{n}.txt").write_bytes(text.encode())
        (tmp_path / f"{n}.ann").write_text("\n".join(lines), encoding="utf-8")
    found = read_examples("tokens", FinetuneData(train=str(tmp_path)), 0)
    for example in found.all():
        assert [example.text[span.start : span.end] for span in example.spans] == ["Ana García", "vive"]
    assert found.labels == ("Persona", "Verbo")


@pytest.mark.skipif(DATA is None, reason="DESDECERO_DATA is not set")
def test_every_span_of_a_published_corpus_covers_what_its_file_says() -> None:
    root = Path(str(DATA)) / "pii" / "meddocan"
    found = read_examples("tokens", FinetuneData(train=str(root / "train"), test=str(root / "dev")), 0)
    spans = sum(len(example.spans) for example in found.all())
    lines = [
        line for file in root.rglob("*.ann") for line in file.read_text(encoding="utf-8").split("\n") if line[:1] == "T"
    ]
    said = Counter(tuple(line.split("\t")[1].split(" ")[:1] + line.split("\t")[2].split()) for line in lines)
    covered = Counter(
        (span.label, *example.text[span.start : span.end].split()) for example in found.all() for span in example.spans
    )
    assert spans == len(lines) and covered == said
    assert found.untrained == {"ID_EMPLEO_PERSONAL_SANITARIO": 1}


@pytest.mark.parametrize("kind", get_args(Task))
def test_every_task_is_read_without_torch(kind: Task, tmp_path: Path) -> None:
    record: dict[Task, dict[str, Any]] = {
        "text": {}, "chat": {"prompt": "¿Qué?", "response": "Eso."}, "classification": {}, "tokens": {},
    }  # fmt: skip
    rows = [{**row, "spans": [{"start": 0, "end": 3, "label": "x"}], **record[kind]} for row in ROWS]
    if kind == "chat":
        rows = [{"prompt": row["text"], "response": row["label"]} for row in ROWS]
    path = written(tmp_path / "a.jsonl", rows)
    code = (
        "import sys\n"
        "from desdecero.pipelines.finetuning import yardsticks\n"
        "from desdecero.pipelines.finetuning.examples import read_examples\n"
        "from desdecero.pipelines.recipe.finetune_data import FinetuneData\n"
        f"print(len([*read_examples({kind!r}, FinetuneData(train={str(path)!r}), 0).all()]))\n"
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.stdout.strip() == str(len(ROWS)), finished.stderr


# --- how it is divided -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_label_has_its_share_and_stands_on_both_sides(share: float, seed: int, tmp_path: Path) -> None:
    found = read("classification", tmp_path, ROWS, seed=seed, test_share=share, validation=0.0)
    for label, count in LABELS.items():
        expected = 0 if count == 1 else min(max(round(share * count), 1), count - 1)
        assert counts(found.test)[label] == expected, label
        assert counts(found.train)[label] == count - expected
    assert found.validation == [] and found.dropped == {"exact": 0, "near": 0}


def test_the_cut_depends_on_seed_and_content_but_not_on_the_order_or_the_names_of_files(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder, order in zip(folders, (ROWS, random.Random(5).sample(ROWS, len(ROWS))), strict=True):
        folder.mkdir()
        cut_at = 30 if folder is folders[0] else 11
        written(folder / "a.jsonl", order[:cut_at])
        written(folder / "b.jsonl", order[cut_at:])
    divided = [read_examples("classification", FinetuneData(train=str(folder)), 7) for folder in folders]
    for (_, one), (_, other) in zip(*(examples.parts() for examples in divided), strict=True):
        assert texts(one) == texts(other)
    drawn = {tuple(texts(read("classification", tmp_path, ROWS, seed=seed).test)) for seed in range(5)}
    assert len(drawn) == 5
    parts = [set(texts(part)) for _, part in divided[0].parts()]
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(ROWS)


def test_copies_and_near_copies_are_never_divided(tmp_path: Path) -> None:
    base = [" ".join([sentence("caso", n), sentence("más", n)]) for n in range(20)]
    rows = [{"text": text} for text in base]
    rows += [{"text": text.upper()} for text in base] + [{"text": f"{text} fin"} for text in base]
    found = read("text", tmp_path, rows)
    assert found.dropped == {"exact": 0, "near": 0} and len([*found.all()]) == 60
    kept = [{folded(text).removesuffix(" fin") for text in texts(part)} for _, part in found.parts()]
    assert not kept[0] & kept[1] and not kept[0] & kept[2] and not kept[1] & kept[2]
    assert [len(part) for part in kept] == [14, 2, 4]


def test_with_several_labels_training_keeps_every_one_and_the_test_has_nearly_all() -> None:
    for seed in range(20):
        chance = random.Random(seed)
        names = [f"l{n}" for n in range(12)]
        examples = [
            Example(text=sentence("t", n), labels=tuple(sorted(chance.sample(names, chance.choice([0, 1, 2, 3])))))
            for n in range(150)
        ]
        train, test = cut(examples, 0.2, seed)
        before, kept, measured = counts(examples), counts(train), counts(test)
        assert set(kept) == set(before) and kept + measured == before
        assert set(measured) == set(before)
        assert 20 <= len(test) <= 50  # 30, more or less: a text may count for several labels


def test_texts_of_the_test_leave_training_and_validation_but_never_the_test(tmp_path: Path) -> None:
    rows = [{"text": f"{sentence('caso', n)} {sentence('más', n)}", "label": "ab"[n % 2]} for n in range(40)]
    test = [
        {"text": f"  {rows[0]['text'].upper()}", "label": "a"},
        {"text": f"{rows[1]['text']} y fin", "label": "b"},
        {"text": rows[4]["text"].replace("caso", "asunto"), "label": "a"},
        {"text": "Un texto que no está en otra parte, con varias palabras.", "label": "b"},
        {
            "text": f"{rows[5]['text'].split(' más ')[0]} y otra cosa que no tiene nada que ver con lo anterior",
            "label": "b",
        },
    ]
    held = written(tmp_path / "held.jsonl", [rows[2], {**rows[0], "text": f"{rows[0]['text']}."}, rows[3]])
    found = read("classification", tmp_path, rows[4:] + rows[:2], test, validation=str(held))
    assert texts(found.test) == [row["text"] for row in test]  # as they stand, in the file's order
    assert found.dropped == {"exact": 1, "near": 3} and found.in_training == (0, 1, 2)
    assert texts(found.validation) == [rows[2]["text"], rows[3]["text"]]
    assert len(found.train) == 35 and rows[5]["text"] in texts(found.train)


def test_composed_and_decomposed_letters_are_the_same_text(tmp_path: Path) -> None:
    rows = [{"text": "El  camión\nllegó"}, *({"text": sentence("x", n)} for n in range(9))]
    found = read("text", tmp_path, rows, [{"text": "el camio\u0301n llego\u0301"}])
    assert found.dropped == {"exact": 1, "near": 0} and found.in_training == (0,)


def test_pairs_of_similar_texts_are_those_that_sets_of_5_grams_give() -> None:
    chance = random.Random(0)
    base = [chance.choices([f"w{n}" for n in range(200)], k=chance.choice([3, 5, 6, 12, 40, 90])) for _ in range(60)]
    changed = []
    for words in base * 3:
        words = list(words)
        for _ in range(chance.choice([0, 1, 2])):
            words[chance.randrange(len(words))] = "otra"
        changed.append(" ".join(words[: len(words) - chance.choice([0, 0, 1, 3])] or words))
    first, second = [" ".join(words) for words in base], changed

    def grams(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[n : n + 5]) for n in range(max(1, len(words) - 4))}

    expected = {
        (i, j)
        for i, a in enumerate(map(grams, first))
        for j, b in enumerate(map(grams, second))
        if len(a & b) >= NEAR * len(a | b) - 1e-9
    }
    found = {*zip(*(numbers.tolist() for numbers in similar_pairs(first, second)), strict=True)}
    assert found == expected and 50 < len(expected) < 180
    assert similar_pairs([], [])[0].tolist() == similar_pairs(["a b"], [])[0].tolist() == []


def test_a_group_holds_texts_that_are_alike_through_others() -> None:
    words = [f"w{n}" for n in range(100)]
    chain = [" ".join(words[4 * n : 60 + 4 * n]) for n in range(6)]  # each shares 52 of 60 5-grams with the next
    assert len(set(components(chain).tolist())) == 1 and not common(chain[:1], chain[3:])[0]
    assert len(set(components(["uno", "dos", "UNO ", "uno."]).tolist())) == 2


def test_test_texts_in_the_corpus_are_counted_each(tmp_path: Path) -> None:
    long = " ".join(f"palabra{n}" for n in range(30))
    test = [
        {"text": f"Empieza así: {long[:200]}"},  # with the next, it shares the passage
        {"text": long},
        {"text": "una frase corta de seis palabras"},
        {"text": "Una frase corta, de seis palabras."},
        {"text": "solo cuatro palabras aquí"},
        {"text": "nada de esto se encuentra en el corpus de la base, ni en parte ni entero"},
    ]
    found = read("text", tmp_path, [{"text": sentence("x", n)} for n in range(9)], test)
    documents = [
        f"Antes. {long.upper()} Después.",
        "Hay una frase corta de seis palabras.",
        "solo cuatro palabras aquí",
    ]
    assert count_in_corpus(found, documents) == 4
    assert count_in_corpus(found, [" ".join(long.split()[:12]), ""]) == 0


# --- what is refused ---------------------------------------------------------------------------------------------

GOOD: dict[Task, dict[str, Any]] = {
    "text": {"text": "Un texto."},
    "chat": {"prompt": "¿Qué es?", "response": "Esto."},
    "classification": {"text": "Un texto.", "label": "a"},
    "tokens": {"text": "Ana vive aquí", "spans": [{"start": 0, "end": 3, "label": "P"}]},
}
USER, ANSWER = {"role": "user", "content": "¿Qué?"}, {"role": "assistant", "content": "Eso."}


def spans(*given: tuple[Any, Any, Any]) -> dict[str, Any]:
    return {
        "text": "Ana vive aquí", "spans": [{"start": start, "end": end, "label": label} for start, end, label in given],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("task", "row", "complaint"),
    [
        ("text", {"texto": "a"}, "line 2: no field 'text' (it has texto): fix the record, or map the field"),
        ("text", {"text": ""}, "line 2: field 'text' is empty"),
        ("text", {"text": " \n"}, "line 2: field 'text' is ' \\n'"),
        ("text", "{", "line 2 is not JSON"),
        ("chat", {"messages": [USER]}, "line 2: the last message is of the user"),
        ("chat", {"messages": [ANSWER]}, "line 2: no message is of the user"),
        ("chat", {"messages": []}, "line 2: 'messages' is not a list of messages"),
        ("chat", {"messages": "hola"}, "line 2: 'messages' is not a list of messages"),
        (
            "chat",
            {"messages": [USER, {**ANSWER, "role": "bot"}]},
            "line 2: message 2 has the role 'bot': it must be sys",
        ),
        ("chat", {"messages": [USER, {**ANSWER, "content": " "}]}, "line 2: message 2, of the assistant, is empty"),
        ("chat", {"messages": [USER, {"content": "a"}]}, "line 2: message 2 is not one with role and content"),
        ("chat", {"messages": [USER, {**USER, "role": "system"}, ANSWER]}, "line 2: message 2 is of the system"),
        ("chat", {"prompt": "¿Qué?", "response": ""}, "line 2: field 'response' is empty"),
        ("chat", {"prompt": "¿Qué?"}, "line 2: no field 'response'"),
        ("chat", {"text": "a"}, "line 2: no field 'messages', nor 'prompt' and 'response' (it has text)"),
        ("classification", {"text": "a"}, "line 2: no field 'label'"),
        ("classification", {"text": "", "label": "b"}, "line 2: field 'text' is empty"),
        ("classification", {"text": "b", "label": " "}, "line 2: 'label' is ' ': a label is a text or a whole number"),
        ("classification", {"text": "b", "label": 0.5}, "line 2: 'label' is 0.5"),
        ("classification", {"text": "b", "label": ["b", None]}, "line 2: 'label' is None"),
        ("classification", {"text": "b", "label": ["b", "b"]}, "line 2: a label stands twice among b, b"),
        (
            "classification",
            {"text": "b", "label": "A "},
            "line 2: the label 'A ' differs from 'a' (train.jsonl, line 1)",
        ),
        ("classification", {"text": "b", "label": "a"}, "line 1: all examples to train on have the label 'a'"),
        ("tokens", spans((0, 3, "P"), (2, 8, "V")), "line 2: the span V 2–8 overlaps P 0–3"),
        ("tokens", spans((0, 30, "P")), "line 2: the span P 0–30 lies outside its text of 13 characters"),
        ("tokens", spans((-1, 3, "P")), "line 2: the span P -1–3 lies outside"),
        ("tokens", spans((5, 3, "P")), "line 2: the span P 5–3 lies outside"),
        ("tokens", spans((3, 3, "P")), "line 2: the span P 3–3 is empty"),
        ("tokens", spans((3, 4, "P")), "line 2: the span P 3–4 is empty"),
        ("tokens", spans((0, 3, "p")), "line 2: the label 'p' differs from 'P' (train.jsonl, line 1)"),
        ("tokens", spans(("0", 3, "P")), "line 2: span 1 goes from '0' to 3: both must be numbers"),
        ("tokens", spans((0, 3, "")), "line 2: 'label' is ''"),
        ("tokens", {"text": "a", "spans": [[0, 3, "P"]]}, "line 2: span 1 is not one with start, end and label"),
        ("tokens", {"text": "a", "spans": "P"}, "line 2: 'spans' is not a list of spans"),
        ("tokens", {"text": "a"}, "line 2: no field 'spans'"),
    ],
)
def test_an_example_that_is_wrong_is_refused_by_file_and_line(
    task: Task, row: Any, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as refused:
        read(task, tmp_path, [GOOD[task], row, *([GOOD[task]] * 3)])
    said = str(refused.value)
    assert complaint in said and "train.jsonl" in said and "\n" not in said, said


@pytest.mark.parametrize(
    ("rows", "test", "complaint"),
    [
        (
            ROWS,
            [{"text": "otro", "label": "nueva"}],
            "test.jsonl, line 1: no example to train on has the label 'nueva'",
        ),
        (ROWS, [{"text": "otro", "label": "Cambio"}], "test.jsonl, line 1: the label 'Cambio' differs from 'cambio'"),
        (
            [*ROWS[:60], ROWS[-1]],
            [ROWS[-1]],
            "no example to train on has the label 'otra' once those whose text stands in",
        ),
        (ROWS[:3] + ROWS[41:42], [ROWS[41], ROWS[0]], "no example to train on has the label 'bloqueo' once"),
        (
            [ROWS[0], ROWS[41]],
            [ROWS[0], ROWS[41]],
            "no example to train on is left once those whose text stands in the",
        ),
        ([ROWS[0], ROWS[41]], [], "no part of the data can be cut off to measure on, because"),
        ([ROWS[0], {**ROWS[0], "label": "b"}], [], "because all examples are the same text"),
        ([{**row, "label": []} for row in ROWS], [], "train.jsonl, line 1: no example has a label"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(
    rows: list[Any], test: list[Any], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as refused:
        read("classification", tmp_path, rows, test)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("T1 P 0 3 Ana", "a.ann, line 2: 'T1 P 0 3 Ana' is not a span of brat: write T1<TAB>"),
        ("T1\tP 0\tAna", "a.ann, line 2: 'T1\\tP 0\\tAna' is not a span of brat"),
        ("T1\tP cero 3\tAna", "is not a span of brat"),
        ("T1\tP 0 99\tAna", "a.ann, line 2: the span P 0–99 lies outside its text"),
        ("T1\tP 1 4\tAna", "a.ann, line 2: the span covers 'na ', and its line says 'Ana'"),
        ("T1\tP 3 3\t", "a.ann, line 2: the span P 3–3 is empty"),
        ("T1\tP 0 3\tAna\nT2\tQ 2 6\ta vi", "a.ann, line 3: the span Q 2–6 overlaps P 0–3"),
    ],
)
def test_a_line_of_brat_that_is_wrong_is_refused(line: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ana vive aquí", encoding="utf-8")
    (tmp_path / "a.ann").write_text(f"#1\tnota\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        read_examples("tokens", FinetuneData(train=str(tmp_path)), 0)
    assert complaint in str(refused.value), str(refused.value)


def test_files_of_brat_and_of_text_that_are_wrong_are_refused(tmp_path: Path) -> None:
    def refused(task: Task, path: Path) -> str:
        with pytest.raises(UserError) as error:
            read_examples(task, FinetuneData(train=str(path)), 0)
        return str(error.value)

    (tmp_path / "a.ann").touch()
    assert "a.ann: no a.txt beside it: add that file or remove this one" in refused("tokens", tmp_path)
    (tmp_path / "a.txt").write_bytes("Línea\nañ".encode("latin-1"))
    assert "a.txt, line 1: not UTF-8" in refused("tokens", tmp_path)
    (tmp_path / "a.txt").write_text("")
    assert "a.txt, line 1: the file is empty" in refused("tokens", tmp_path)
    (tmp_path / "a.txt").write_text("Ana")
    (tmp_path / "b.txt").write_text("Eva")
    assert "b.txt: no b.ann beside it: add that file, empty if it has no span," in refused("tokens", tmp_path)
    (tmp_path / "b.ann").touch()
    assert "a.txt, line 1: no example has a span: there is nothing to learn" in refused("tokens", tmp_path)
    (tmp_path / "b.txt").write_text(" \n")
    assert "b.txt, line 1: the file is empty" in refused("text", tmp_path)
    assert "one example" in refused("text", tmp_path / "a.txt")
    (tmp_path / "b.txt").write_bytes(bytes(range(256)) * 20)
    assert "b.txt: no text can be read from it" in refused("text", tmp_path)
    (tmp_path / "empty.jsonl").touch()
    assert "empty.jsonl: no records: the file is empty" in refused("classification", tmp_path / "empty.jsonl")
    assert "nothing.csv: no such file or folder" in refused("chat", tmp_path / "nothing.csv")
    assert "records are read from .jsonl" in refused("chat", tmp_path / "a.txt")


def test_a_test_or_validation_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    train = str(written(tmp_path / "train.jsonl", ROWS))
    for given in ({"test": "nothing.jsonl"}, {"validation": "nothing.jsonl"}):
        data = FinetuneData.model_validate({"train": train, **given}, context={"base": tmp_path})
        with pytest.raises(UserError, match=r"nothing\.jsonl: no such file or folder: fix the path"):
            read_examples("classification", data, 0)


def test_a_dataset_of_the_hub_that_is_a_script_is_refused_with_the_way_out(tmp_path: Path) -> None:
    folder = tmp_path / "script"
    folder.mkdir()
    (folder / "script.py").write_text("import datasets\n")
    with pytest.raises(UserError, match=r"comes as a script, .* with revision: refs/convert/parquet") as refused:
        read_examples("text", FinetuneData(hub=HubSplits(name=str(folder))), 0)
    assert "\n" not in str(refused.value)


def test_a_dataset_as_the_hub_has_them_is_read_with_the_names_of_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import ClassLabel, Dataset, Features, Value, config

    monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "cache")
    features = Features({"text": Value("string"), "label": ClassLabel(names=sorted(LABELS))})
    folder = tmp_path / "published"
    for name, rows in (("train", ROWS[:64]), ("test", [{"text": "una queja nueva", "label": "queja"}])):
        (folder / "data").mkdir(parents=True, exist_ok=True)
        Dataset.from_list(rows, features=features).to_parquet(folder / "data" / f"{name}-00000-of-00001.parquet")
    found = read_examples("classification", FinetuneData(hub=HubSplits(name=str(folder))), 0)
    assert [example.labels for example in found.test] == [("queja",)] and set(found.labels) == set(LABELS) - {"otra"}
    cut_off = read_examples("classification", FinetuneData(hub=HubSplits(name=str(folder), test=None)), 0)
    assert len(cut_off.test) == 13 and len([*cut_off.all()]) == 64


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({}, "give train or hub, one of the two"),
        ({"train": "a.csv", "hub": {"name": "team/set"}}, "give train or hub, one of the two"),
        ({"hub": {"name": "team/set"}, "test": "a.csv"}, "name the split of the Hub's dataset in hub.test"),
        ({"train": "a.csv", "validation": 1.5}, "less than 1"),
        ({"train": "a.csv", "test_share": 0}, "greater than 0"),
        ({"train": "a.csv", "license": "free for all"}, "is not a licence"),
        ({"train": "a.csv", "personal_data": "remove"}, "'keep' or 'redact'"),
        ({"train": "s3://b/a.csv"}, "train"),
        ({"train": "a.csv", "etiqueta": "x"}, "etiqueta"),
    ],
)
def test_a_section_that_is_wrong_is_refused(section: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        FinetuneData.model_validate(section)
    assert complaint in str(refused.value)


def test_a_section_normalises_its_licence_and_its_paths(tmp_path: Path) -> None:
    given = {"train": "a.csv", "validation": "v.csv", "license": "cc by 4.0"}
    data = FinetuneData.model_validate(given, context={"base": tmp_path})
    assert data.license == "CC-BY-4.0" and data.validation == str(tmp_path / "v.csv")
    with pytest.raises(UserError, match="fields: texto: an example of chat has messages, prompt, response"):
        read_examples("chat", FinetuneData(train=str(tmp_path), fields={"texto": "x"}), 0)
    assert set(FIELDS) == set(get_args(Task)) and Span(0, 1, "a") == Span(0, 1, "a")


def test_one_long_text_among_many_takes_no_more_room_than_it_has() -> None:
    texts = [f"note {number} of a clerk who writes little" for number in range(2000)]
    long = " ".join(str(number) for number in range(300_000))  # 2 MB: as wide for each text, they would fill 16 GB
    assert len(set(components([*texts, long, texts[0].upper()]).tolist())) == 2001
