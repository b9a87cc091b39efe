"""Each kind of suite against numbers worked out another way, with a model of each kind; and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from small_models import language_model

from desdecero.eval_suites.metrics import compute
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.tasks import choice, cloze, labels, pairs, write
from desdecero.eval_suites.tasks.records import Record
from desdecero.eval_suites.tasks.task import Asking, first_choice, measured_share

HOW = Asking(confidence=0.95, seed=0)
KINDS = ["llama", "bert", "t5"]


def asked(architecture: str) -> LanguageModel:
    return language_model(architecture, context_length=64)


def as_records(rows: Sequence[Mapping[str, Any]], file: str = "items") -> list[Record]:
    return [Record(row, f"{file}.jsonl, line {number}", file) for number, row in enumerate(rows, start=1)]


def test_answers_that_tie_share_the_win() -> None:
    assert first_choice(np.array([-1.0, -2.0]), 0) == 1 and first_choice(np.array([-1.0, -2.0]), 1) == 0
    assert first_choice(np.array([-1.0, -1.0]), 0) == 0.5
    assert first_choice(np.array([-1.0, -1.0, -1.0, -3.0]), 2) == pytest.approx(1 / 3)


def test_a_mean_over_paradigms_weighs_each_alike() -> None:
    measured = measured_share([1, 1, 1, 0, 0, 1], 0.95, ["a", "a", "a", "a", "b", "b"])
    assert measured.value == pytest.approx((0.75 + 0.5) / 2)


# --- pairs -----------------------------------------------------------------------------------------------------

PAIRS = [
    {"sentence_good": "Return the value of it.", "sentence_bad": "Return the values of it.", "UID": "one"},
    {"sentence_good": "It is not true.", "sentence_bad": "It are not true.", "UID": "one"},
    {"sentence_good": "The list is empty.", "sentence_bad": "The list are empty.", "UID": "two"},
]  # fmt: skip


@pytest.mark.parametrize("architecture", KINDS)
def test_the_likelier_sentence_of_a_pair_is_the_models_choice(architecture: str) -> None:
    model, suite = asked(architecture), pairs.from_records("mine", as_records(PAIRS), {})
    scored = suite.run(model, HOW)
    expected = []
    for row in PAIRS:
        good, bad = (model.log_likelihood([""], [row[which]])[0] for which in ("sentence_good", "sentence_bad"))
        expected.append(float(good > bad))
    assert scored.items.right == expected
    assert scored.result.measures["pair_accuracy"].value == pytest.approx((np.mean(expected[:2]) + expected[2]) / 2)
    assert {name: group.items for name, group in scored.result.groups.items()} == {"one": 2, "two": 1}
    assert scored.result.chance == {"pair_accuracy": 0.5}
    assert len(set(scored.items.hashes)) == 3


def test_identical_pairs_are_left_out_and_named() -> None:
    same = {"sentence_good": "The same.", "sentence_bad": "The same."}
    suite = pairs.from_records("mine", as_records([*PAIRS, same]), {})
    scored = suite.run(asked("llama"), HOW)
    assert scored.result.items == 3 and scored.result.left_out == {"identical": ["items.jsonl, line 4"]}
    with pytest.raises(ValueError, match="both sentences of every pair are the same"):
        pairs.from_records("mine", as_records([same]), {})


def test_a_file_is_a_paradigm_where_records_name_none() -> None:
    rows = [{key: value for key, value in row.items() if key != "UID"} for row in PAIRS]
    suite = pairs.from_records("mine", [*as_records(rows[:2], "a"), *as_records(rows[2:], "b")], {})
    assert [question.paradigm for question in suite.questions] == ["a", "a", "b"]


def test_columns_of_other_names_are_mapped() -> None:
    rows = [{"bien": row["sentence_good"], "mal": row["sentence_bad"]} for row in PAIRS]
    suite = pairs.from_records("mine", as_records(rows), {"sentence_good": "bien", "sentence_bad": "mal"})
    assert suite.texts == [row["sentence_good"] for row in PAIRS]


def test_a_baseline_is_measured_on_the_same_pairs() -> None:
    """One that prefers what is shorter."""
    suite = pairs.from_records("mine", as_records(PAIRS), {})
    shorter = Asking(0.95, 0, {"ngram": lambda _, texts: -np.array([len(text) for text in texts], dtype=float)})
    assert suite.run(asked("llama"), shorter).result.baselines["ngram"]["pair_accuracy"] == 1.0


# --- choice ----------------------------------------------------------------------------------------------------

PROMPT = "Question: {question}\nAnswer:"
CHOICES = [
    {"question": "What is it?", "choices": ["a list of values", "it", "no"], "answer": 1},
    {"question": "Is it true?", "choices": {"text": ["yes", "not at all"], "label": ["A", "B"]}, "answer": "B"},
    {"question": "Which one?", "choices": ["the first", "the second", "none", "all"], "answer": "none"},
]  # fmt: skip


@pytest.mark.parametrize("architecture", KINDS)
def test_the_likeliest_answer_is_the_models_choice_by_every_way_to_score(architecture: str) -> None:
    model = asked(architecture)
    result = choice.from_records("mine", as_records(CHOICES), {}, "bytes", PROMPT).run(model, HOW).result
    rows = [(row["question"], row["choices"], right) for row, right in zip(CHOICES, (1, 1, 2), strict=True)]
    right: dict[str, list[float]] = {"raw": [], "characters": [], "bytes": [], "tokens": [], "unconditional": []}
    for question, choices, answer in rows:
        texts = choices["text"] if isinstance(choices, dict) else choices
        whole = [model.score([f"Question: {question}\nAnswer:"], [f" {text}"]) for text in texts]
        raw = np.array([score.log_likelihood[0] for score in whole])
        alone = np.array([model.log_likelihood(["Answer:"], [f" {text}"])[0] for text in texts])
        ways = {
            "raw": raw, "characters": raw / [len(text) for text in texts],
            "bytes": raw / [len(text.encode()) for text in texts],
            "tokens": raw / [score.tokens[0] for score in whole], "unconditional": raw - alone,
        }  # fmt: skip
        for way, scores in ways.items():
            right[way].append(float(scores.argmax() == answer))
    for way, values in right.items():
        assert result.measures[f"choice_{way}"].value == pytest.approx(np.mean(values)), way
    chance = (1 / 3 + 1 / 2 + 1 / 4) / 3
    assert result.main == "choice_bytes" and result.chance["choice_raw"] == pytest.approx(chance)
    scaled = (np.mean(right["bytes"]) - chance) / (1 - chance)
    assert result.measures["choice_scaled"].value == pytest.approx(scaled)


def test_shots_stand_before_each_question_with_their_answers() -> None:
    shots = as_records([{"question": "Which number?", "choices": ["two", "three"], "answer": 0}], "train")
    suite = choice.from_records("mine", as_records(CHOICES), {}, "raw", PROMPT, shots=shots)
    assert suite.questions[1].context == ("Question: Which number?\nAnswer: two\n\nQuestion: Is it true?\nAnswer:")
    assert suite.questions[1].continuations == (" yes", " not at all")


def test_letters_are_asked_for_where_the_answers_are_shown() -> None:
    suite = choice.from_records("mine", as_records(CHOICES), {}, "raw", PROMPT, letters=True)
    assert suite.questions[1].context == "Question: Is it true?\nA. yes\nB. not at all\nAnswer:"
    assert suite.questions[1].continuations == (" A", " B")
    assert suite.run(asked("llama"), HOW).result.items == 3


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"question": "a", "choices": ["b"], "answer": 0}, "one answer to choose from"),
        ({"question": "a", "choices": ["b", "c"], "answer": 2}, "answer 2 is not among the 2 choices"),
        ({"question": "a", "choices": ["b", "c"], "answer": "D"}, "answer 'D' is not among"),
        ({"question": "a", "choices": ["b", " "], "answer": 0}, "is not a list of texts"),
        ({"question": "a", "choices": ["b", "b"], "answer": 0}, "an answer stands twice"),
        ({"question": "a", "choices": "b", "answer": 0}, "is not a list of texts"),
        ({"question": "", "choices": ["b", "c"], "answer": 0}, "field 'question' is empty"),
        ({"choices": ["b", "c"], "answer": 0}, "no field 'question'"),
    ],
)
def test_a_record_that_is_no_question_is_refused_by_line(row: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"items\.jsonl, line 1: .*{complaint}"):
        choice.from_records("mine", as_records([row]), {}, "raw", PROMPT)


def test_a_shot_that_is_asked_too_is_refused() -> None:
    with pytest.raises(ValueError, match=r"train\.jsonl, line 1: this shot is also a question of the suite mine"):
        choice.from_records("mine", as_records(CHOICES), {}, "raw", PROMPT, shots=as_records(CHOICES[:1], "train"))
    with pytest.raises(ValueError, match=r"prompt has no \{question\} in it"):
        choice.from_records("mine", as_records(CHOICES), {}, "raw", "Answer:")


# --- cloze -----------------------------------------------------------------------------------------------------


def test_the_last_word_is_split_off_with_its_space_and_signs() -> None:
    rows = [{"text": "Return the name of the file."}, {"context": "Return the", "target": " name"}]
    suite = cloze.from_records("mine", as_records(rows), {})
    assert [(question.context, question.continuations[0]) for question in suite.questions] == [
        ("Return the name of the", " file."), ("Return the", " name"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="line 1: a passage of one word"):
        cloze.from_records("mine", as_records([{"text": "word"}]), {})


@pytest.mark.parametrize("architecture", KINDS)
def test_a_cloze_counts_the_words_that_would_be_written(architecture: str) -> None:
    model = asked(architecture)
    rows = [{"context": "Return", "target": f" {word}"} for word in ("the", "name", "value", "list")]
    result = cloze.from_records("mine", as_records(rows), {}).run(model, HOW).result
    found = model.score([row["context"] for row in rows], [row["target"] for row in rows])
    assert result.measures["cloze_accuracy"].value == np.mean(found.greedy)
    assert result.measures["cloze_perplexity"].value == pytest.approx(
        math.exp(-np.mean(found.log_likelihood)), rel=1e-4
    )


# --- labels ----------------------------------------------------------------------------------------------------


def texts_with_labels(start: int, end: int) -> list[dict[str, str]]:
    words = {"files": "open the file and close it", "values": "a list of numbers and values"}
    return [
        {"text": f"{text} {number}", "label": label} for number in range(start, end) for label, text in words.items()
    ]


@pytest.mark.parametrize("architecture", KINDS)
def test_a_probe_tells_labels_that_the_features_hold(architecture: str) -> None:
    suite = labels.from_records("mine", as_records(texts_with_labels(0, 20)), as_records(texts_with_labels(20, 30)), {})
    scored = suite.run(asked(architecture), HOW)
    assert scored.result.measures["label_accuracy"].value > 0.9
    assert scored.result.baselines["bag_of_words"]["label_accuracy"] == 1.0
    assert scored.result.baselines["majority"] == {"label_accuracy": 0.5, "macro_f1": pytest.approx(1 / 3), "mcc": 0.0}
    assert scored.result.measures["label_accuracy"].low < 1
    again = suite.run(asked(architecture), HOW)
    assert again.items.right == scored.items.right


def test_shuffled_labels_are_not_told() -> None:
    rng = np.random.default_rng(0)
    train, test = (
        [{**row, "label": str(rng.integers(2))} for row in texts_with_labels(*ends)] for ends in ((0, 60), (60, 160))
    )
    result = labels.from_records("mine", as_records(train), as_records(test), {}).run(asked("bert"), HOW).result
    assert 0.35 < result.measures["label_accuracy"].value < 0.65
    assert abs(result.measures["mcc"].value) < 0.25


def test_labels_that_cannot_be_learned_are_refused() -> None:
    train, test = as_records(texts_with_labels(0, 4)), as_records([{"text": "a", "label": "new"}], "test")
    with pytest.raises(ValueError, match=r"test\.jsonl, line 1: no text to train on has the label 'new'"):
        labels.from_records("mine", train, test, {})
    with pytest.raises(ValueError, match="all texts to train on have the label 'files'"):
        labels.from_records("mine", train[::2], test, {})


# --- write -----------------------------------------------------------------------------------------------------

PROMPTS = [
    {"prompt": "Return the", "references": ["value of the list", "a name"]},
    {"prompt": "If it is", "references": "not true"},
]  # fmt: skip


@pytest.mark.parametrize("architecture", ["llama", "t5"])
def test_what_is_written_is_scored_by_the_libraries(architecture: str) -> None:
    from sacrebleu.metrics import CHRF

    suite = write.from_records("mine", as_records(PROMPTS), {}, ("chrf", "bleu", "rouge", "exact_match", "f1"), 6)
    scored = suite.run(asked(architecture), HOW)
    streams = [["value of the list", "not true"], ["a name", "not true"]]
    expected = CHRF().corpus_score(scored.items.answers, streams).score / 100
    assert scored.result.measures["chrf"].value == pytest.approx(expected)
    assert scored.result.signatures["chrf"].startswith("nrefs:2|")
    assert scored.result.main == "chrf_by_item" and set(scored.result.signatures) == {"chrf", "bleu"}
    assert all(0 <= measured.value <= 1 for measured in scored.result.measures.values())


def test_an_answer_that_is_the_reference_is_right_by_every_metric() -> None:
    right = {"predictions": ["A name!", "¿Not true?"], "references": [["value of the list", "a name"], ["not true"]]}
    found = compute(["answer_match", "rouge"], right)
    assert [found[name] for name in ("exact_match", "f1", "rouge1", "rouge2", "rougeL")] == pytest.approx([1.0] * 5)
    found = compute(
        ["answer_match"],
        {
            "predictions": ["the value of a list", "¡El señor, la casa!", "no"],
            "references": [["value of lists", "some"], ["Señor casa"], ["yes"]],
        },
    )
    assert found["f1_by_item"] == [pytest.approx(2 * 2 / (3 + 3)), 1.0, 0.0]
    assert found["exact_match_by_item"] == [0.0, 1.0, 0.0] and found["exact_match"] == pytest.approx(1 / 3)


def test_an_answer_ends_at_the_stop() -> None:
    model = asked("llama")
    free = write.from_records("mine", as_records(PROMPTS), {}, ("f1",), 12).run(model, HOW).items.answers
    stop = next(letter for letter in free[0][1:] if letter.strip())
    stopped = write.from_records("mine", as_records(PROMPTS), {}, ("f1",), 12, stop).run(model, HOW).items.answers
    assert stop not in stopped[0] and free[0].startswith(stopped[0])


def test_a_masked_model_is_refused_what_it_cannot_write() -> None:
    with pytest.raises(ValueError, match="use fill"):
        write.from_records("mine", as_records(PROMPTS), {}, ("f1",), 6).run(asked("bert"), HOW)


def test_a_prompt_without_a_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1: 'references' is not a text or a list of texts"):
        write.from_records("mine", as_records([{"prompt": "a", "references": []}]), {}, ("f1",), 6)
