"""Answers to a file: those of the model for each record, in the file's order, in any format, from any size of batch."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from adapted_run import LABELS, make_adapted_run
from helpers import desdecero
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.labelled import load_labelled
from desdecero.eval_suites.models.load import load
from desdecero.pipelines.commands.predict import main
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run.run_dir import RunDir

TEXTS = ["Where is my card?", 'It costs "much", too much.', "¿Dónde está?", "Top up\nplease", "No."]
Lines = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return make_adapted_run(tmp_path_factory.mktemp("adapted") / "run")


@pytest.fixture
def lines(run: RunDir, capsys: pytest.CaptureFixture[str]) -> Lines:
    """The answers that are printed."""

    def asked(*words: str | Path) -> list[dict[str, Any]]:
        assert main([str(run), *map(str, words)]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return asked


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    return write(tmp_path / "tickets.jsonl", [{"id": n, "question": text} for n, text in enumerate(TEXTS)])


def test_a_classifier_gives_label_and_probabilities_beside_the_columns(
    run: RunDir, lines: Lines, tickets: Path
) -> None:
    folder = run.model_with("support")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = lines("support", tickets)
    assert [(each["id"], each["question"]) for each in found] == list(enumerate(TEXTS))
    for each, text in zip(found, TEXTS, strict=True):
        with torch.no_grad():
            ids = [tokenizer.eos_token_id, *tokenizer(text)["input_ids"]]  # as each text begins in pretraining
            expected = model(torch.tensor([ids])).logits.softmax(-1)[0]
        assert list(each["probabilities"]) == list(LABELS)
        assert list(each["probabilities"].values()) == pytest.approx(expected.tolist(), abs=1e-5)
        assert each["label"] == LABELS[int(expected.argmax())]
        assert each["probability"] == max(each["probabilities"].values())


def test_every_format_holds_the_same_answers_whatever_the_batch(
    run: RunDir, lines: Lines, tickets: Path, tmp_path: Path
) -> None:
    printed = lines("support", tickets)
    for ending in ("jsonl", "csv", "tsv", "parquet"):
        out = tmp_path / f"answers.{ending}"
        assert main([str(run), "--out", str(out), "support", str(tickets), "--batch", "2"]) == 0
        if ending == "parquet":
            found = pq.read_table(out).to_pylist()
        elif ending == "jsonl":
            found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        else:
            with out.open(encoding="utf-8", newline="") as file:
                found = list(csv.DictReader(file, delimiter="," if ending == "csv" else "\t"))
            typed = {"id": int, "probability": float, "probabilities": json.loads}
            found = [{key: typed.get(key, str)(value) for key, value in each.items()} for each in found]
        for one, other in zip(found, printed, strict=True):
            assert list(one) == list(other)
            assert one.pop("probabilities") == pytest.approx(other["probabilities"], abs=1e-5)
            assert one.pop("probability") == pytest.approx(other["probability"], abs=1e-5)
            assert one == {key: other[key] for key in one}
    assert not list(tmp_path.glob("*.partial"))


def test_tables_and_parquet_are_read_and_a_column_named_as_an_answer_is_kept(lines: Lines, tmp_path: Path) -> None:
    columns = {"question": TEXTS[:2], "label": ["a", "b"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    for name in ("t.parquet", "t.csv"):
        found = lines("support", tmp_path / name)
        assert [(each["given_label"], each["label"] in LABELS) for each in found] == [("a", True), ("b", True)]
    assert [each["label"] for each in lines("support", tmp_path / "t.csv", "--text", "label")]


def test_pairs_are_read_from_two_columns(run: RunDir, lines: Lines, tmp_path: Path) -> None:
    file = write(tmp_path / "pairs.jsonl", [{"text": TEXTS[0], "other": TEXTS[1]}, {"text": TEXTS[2], "other": "Yes."}])
    model: Any = load_labelled(run.model_with("pairs"))
    expected = model.probabilities([TEXTS[0], TEXTS[2]], [TEXTS[1], "Yes."])
    assert [list(each["probabilities"].values()) for each in lines("pairs", file)] == [
        pytest.approx(row, abs=1e-5) for row in expected.tolist()
    ]


def test_spans_are_those_of_the_text_as_it_stands_in_a_file(run: RunDir, lines: Lines, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    texts = ["\ufeff\r\n  Aspirin on Monday.\r\n", "Ñandú, 3 mg of paracetamol each day, from May on."]
    for number, text in enumerate(texts):
        (notes / f"{number}.txt").write_bytes(text.encode())
    found = lines("health", notes)
    model: Any = load_labelled(run.model_with("health"))
    assert [each["text"] for each in found] == texts and [each["file"] for each in found] == ["0.txt", "1.txt"]
    spans = [[(one["start"], one["end"], one["label"]) for one in each["spans"]] for each in found]
    assert spans == [[(one.start, one.end, one.label) for one in each] for each in model.spans(texts)]
    assert any(spans)


def test_spans_that_the_first_texts_lack_have_their_type_in_parquet(run: RunDir, tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", [{"text": "."}, {"text": "Aspirin on Monday, at nine in the morning."}])
    out = tmp_path / "spans.parquet"
    assert main([str(run), "health", str(file), "--out", str(out), "--batch", "1"]) == 0
    span = pq.read_schema(out).field("spans").type.value_type
    assert [field.name for field in span] == ["start", "end", "label", "probability"]


def test_texts_are_continued_and_conversations_answered_each_with_its_own_seed(
    run: RunDir, lines: Lines, tmp_path: Path
) -> None:
    how = ("--max-tokens", "6", "--temperature", "0.9", "--seed", "5")
    prompts = write(tmp_path / "p.jsonl", [{"text": "The law", "n": 1}, {"text": "The law", "n": 2}])
    model, decoding = load(run.model_with("legal")), Decoding(6, 0.9, 50)
    expected = [model.decode(answer.written[0]) for answer in model.generate(["The law"] * 2, decoding, 5)]
    found = lines("legal", prompts, *how)
    assert found == [{"prompt": "The law", "n": n, "text": text} for n, text in enumerate(expected, 1)]
    assert expected[0] != expected[1]

    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "?"},
    ]
    asked = write(tmp_path / "c.jsonl", [{"prompt": "Hi", "text": "kept"}, {"messages": talk}])
    model = load(run.model_with("helper"))
    answers = model.reply([talk[:1], talk], decoding, 5)
    first, second = lines("helper", asked, *how)
    assert first == {"prompt": "Hi", "given_text": "kept", "text": model.decode(answers[0].written[0])}
    assert second == {"messages": talk, "text": model.decode(answers[1].written[0])}


def test_bad_input_is_one_sentence_with_file_and_line(run: RunDir, tmp_path: Path) -> None:
    def refused(*words: str | Path) -> str:
        with pytest.raises(UserError) as error:
            main([str(run), *map(str, words)])
        return str(error.value)

    bad = write(tmp_path / "bad.jsonl", [{"question": "Where?"}, {"question": " "}])
    assert "bad.jsonl, line 2: field 'question' is ' ': it must be a text" in refused("support", bad)
    assert "bad.jsonl, line 1: no column 'text' (it has question): name the one to read with --text" in refused(
        "health", bad
    )
    half = write(tmp_path / "half.jsonl", [{"question": "\ud800"}])
    assert "half.jsonl, line 1: the text has half of a pair" in refused("support", half)
    (tmp_path / "no.jsonl").write_text('{"question": "a"}\n{', encoding="utf-8")
    assert "line 2 is not JSON" in refused("support", tmp_path / "no.jsonl")
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    answered = write(tmp_path / "a.jsonl", [{"messages": talk}])
    assert "a.jsonl, line 1: the last message is of the assistant" in refused("helper", answered)
    varied = write(tmp_path / "v.jsonl", [{"question": "a"}, {"question": "b", "more": 1}])
    out = tmp_path / "out.csv"
    assert "the column 'more' is in some records only" in refused("support", varied, "--batch", "1", "--out", out)
    assert not list(tmp_path.glob("out*"))
    assert "no such file or folder" in refused("support", tmp_path / "none.csv")
    assert "is the file that is read" in refused("support", bad, "--out", bad)
    assert "answers are written to .jsonl" in refused("support", bad, "--out", tmp_path / "a.txt")
    assert "in a folder that does not exist" in refused("support", bad, "--out", tmp_path / "no" / "a.csv")
    assert "--text-b is for pairs" in refused("health", bad, "--text-b", "question")
    assert "several adapters: name one before the input: support, pairs" in refused(bad)
    assert "no adapter 'suport' (it has support, " in refused("suport", bad)
    long = ("--text", "question", "--max-tokens", "128")
    assert "--max-tokens 128: give a number from 1 to 127" in refused("legal", varied, *long)


def test_an_altered_adapter_is_not_used(run: RunDir, tickets: Path, tmp_path: Path) -> None:
    copy = RunDir(shutil.copytree(run.path, tmp_path / "run"))
    weights = copy.model_with("support") / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    finished = desdecero("predict", copy.path, "support", tickets, cwd=tmp_path)
    assert finished.returncode == 2 and finished.stdout == "" and len(finished.stderr.splitlines()) == 1
    assert "adapters/support/merged/model.safetensors" in finished.stderr and "not as it was sealed" in finished.stderr
    shutil.rmtree(copy.adapter("support"))
    with pytest.raises(UserError, match="the adapter support is not trained: make it with"):
        main([str(copy), "support", str(tickets)])
