"""A word without end (a sequence of genes, base64) costs WordPiece no time, and is counted."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from desdecero.pipelines.recipe import Tokenizer
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.tokenizer.wordpiece import LONGEST, count_long_words

GENES = "".join(random.Random(0).choices("acgt", k=400_000))
PATHS = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
WORDPIECE = Tokenizer(kind="wordpiece", vocab_size=600)


@pytest.mark.parametrize("long", [GENES, "ñ" * 101, "A" * 101 + "," + "b" * 5000])
def test_words_over_the_limit_change_nothing_of_what_is_learnt(prose: list[str], long: str) -> None:
    plain = train(WORDPIECE, prose)
    beside = train(WORDPIECE, [*prose, f" {long} "])
    assert beside.get_vocab() == plain.get_vocab()
    unknown = beside(long.partition(",")[0], add_special_tokens=False)["input_ids"]
    assert unknown == [beside.unk_token_id]


def test_words_up_to_the_limit_and_what_stands_around_longer_ones_are_learnt(prose: list[str]) -> None:
    tokenizer = train(WORDPIECE, [*prose, *[f"(zqzq,{'z' * 200}.zqzq)"] * 500])
    assert "zqzq" in tokenizer.get_vocab()
    word = "z" * LONGEST
    assert tokenizer.unk_token_id not in tokenizer(word, add_special_tokens=False)["input_ids"]


def test_words_that_are_too_long_are_counted() -> None:
    texts = [GENES, f"uno {'x' * 101}, {'y' * 100} ({'z' * 300})", "dos", "漢" * 500, "=" * 500, "1" * 101]
    assert count_long_words(texts, lowercase=False) == 4


def test_time_does_not_grow_with_the_square_of_a_word() -> None:
    """Without the bound, minutes."""
    script = (
        "from helpers import docstrings; from desdecero.pipelines.recipe import Tokenizer; import random\n"
        "from desdecero.pipelines.tokenizer.training import train\n"
        "genes = ''.join(random.Random(0).choices('acgt', k=400_000))\n"
        "train(Tokenizer(kind='wordpiece', vocab_size=400), [*docstrings('argparse', 'typing'), genes])\n"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, env=PATHS)
    assert finished.returncode == 0, finished.stderr
