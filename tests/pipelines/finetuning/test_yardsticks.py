"""What a model has to beat in classification is itself worth beating, and the same each time."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from desdecero.pipelines.finetuning.example import Example, Examples
from desdecero.pipelines.finetuning.examples import read_examples
from desdecero.pipelines.finetuning.yardsticks import linear_svm, majority
from desdecero.pipelines.recipe.finetune_data import FinetuneData

DATA = os.environ.get("DESDECERO_DATA")
TOPICS = {"mar": "barco ola playa puerto", "monte": "cumbre nieve sendero roca", "plaza": "fuente banco feria gente"}


def of(rows: Sequence[tuple[str, tuple[str, ...]]], several: bool = False, validation: bool = True) -> Examples:
    examples = [Example(text=text, labels=labels) for text, labels in rows]
    labels = tuple(sorted({label for example in examples for label in example.labels}))
    parts = [examples[start::3] for start in range(3)]
    return Examples(
        "classification", parts[0], parts[1] if validation else [], parts[2], labels, several, "", {}, ()
    )  # fmt: skip


SINGLE = [(f"{n} una {word} de {other}", (topic,)) for topic, words in TOPICS.items()
          for n, word in enumerate(words.split()) for other in words.split()]  # fmt: skip


def right(answers: Sequence[tuple[str, ...]], examples: Examples) -> float:
    return sum(a == example.labels for a, example in zip(answers, examples.test, strict=True)) / len(examples.test)


@pytest.mark.parametrize("validation", [True, False])
def test_words_that_tell_the_label_are_learned(validation: bool) -> None:
    examples = of(SINGLE, validation=validation)
    assert right(linear_svm(examples, 0), examples) == 1
    assert linear_svm(examples, 0) == linear_svm(examples, 0)


def test_several_labels_or_none_are_told_at_once() -> None:
    chance = random.Random(0)
    rows = []
    for n in range(180):
        topics = chance.sample(sorted(TOPICS), n % 4)
        words = [word for topic in topics for word in chance.sample(TOPICS[topic].split(), 2)]
        rows.append((" ".join(["nada", "que", "decir", *words]), tuple(sorted(topics))))
    chance.shuffle(rows)
    examples = of(rows, several=True)
    assert right(linear_svm(examples, 0), examples) > 0.9
    assert right(majority(examples), examples) < 0.5


def test_second_texts_of_pairs_count_apart() -> None:
    words = TOPICS["mar"].split()
    examples = [
        Example(text=word, text_b=other, labels=("a" if other in words[:2] else "b",))
        for word in words
        for other in words
    ]
    both = Examples("classification", examples, examples, examples, ("a", "b"), False, "", {}, ())
    assert right(linear_svm(both, 0), both) == 1


def test_the_commonest_label_is_that_of_training_and_of_equals_the_first() -> None:
    rows = [("x", ("b",)), ("x", ("c",)), ("x", ("c",))] * 2 + [("x", ("a",)), ("x", ("c",)), ("x", ("c",))] * 2
    assert majority(of(rows)) == [("a",)] * 4


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="DESDECERO_DATA is not set")
def test_nine_of_ten_texts_of_banking77_are_told_right() -> None:
    folder = Path(str(DATA)) / "eval" / "banking77"
    data = FinetuneData(train=str(folder / "train.csv"), test=str(folder / "test.csv"), label="category")
    examples = read_examples("classification", data, 0)
    assert (len(examples.test), len(examples.labels)) == (3080, 77)
    assert right(majority(examples), examples) == pytest.approx(1 / 77)  # 40 test texts a label
    assert right(linear_svm(examples, 0), examples) >= 0.90
