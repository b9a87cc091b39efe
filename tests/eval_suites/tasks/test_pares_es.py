"""The shipped Spanish pairs differ in one place, say what they test, and cannot be solved by frequencies of words."""

from __future__ import annotations

import gzip
import json
import math
import os
import re
from collections import Counter
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from desdecero.eval_suites.tasks.pairs import shipped, shipped_file

SUITE: dict[str, Any] = yaml.safe_load(shipped_file("pares_es"))
PAIRS = [(name, good, bad) for name, entry in SUITE.items() for good, bad in entry["pairs"]]


def common(one: list[str], other: list[str]) -> int:
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def test_there_are_fourteen_phenomena_of_fifty_pairs() -> None:
    assert len(SUITE) == 14
    assert {name: len(entry["pairs"]) for name, entry in SUITE.items()} == dict.fromkeys(SUITE, 50)
    assert len(shipped("pares_es").questions) == 700


def test_each_phenomenon_says_what_it_tests_for_whom_and_by_which_source() -> None:
    for name, entry in SUITE.items():
        assert set(entry) == {"tests", "dialects", "sources", "pairs"}, name
        assert len(entry["tests"]) > 40 and len(entry["dialects"]) > 20 and entry["sources"], name


def test_the_two_sentences_differ_in_one_place() -> None:
    for _, good, bad in PAIRS:
        one, other = good.split(), bad.split()
        before = common(one, other)
        after = common(one[::-1], other[::-1])
        changed = max(len(one), len(other)) - min(before + after, len(one), len(other))
        assert good != bad and abs(len(one) - len(other)) <= 1, (good, bad)
        assert 0 < changed <= 7 and (before or after), (good, bad)


def test_no_sentence_stands_twice() -> None:
    sentences = [sentence for _, good, bad in PAIRS for sentence in (good, bad)]
    assert [sentence for sentence, count in Counter(sentences).items() if count > 1] == []


def test_every_sentence_is_written_as_one() -> None:
    for _, *sentences in PAIRS:
        for sentence in sentences:
            assert 4 <= len(sentence.split()) <= 14, sentence
            assert re.fullmatch(r"[¿¡]?[A-ZÁÉÍÓÚÑ].*[.?!]", sentence) and "  " not in sentence, sentence
            assert ("¿" in sentence) == ("?" in sentence) and ("¡" in sentence) == ("!" in sentence), sentence


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder with real text")
def test_frequencies_of_words_solve_no_phenomenon() -> None:
    counts = Counter[str]()
    novels = Path(os.environ["DESDECERO_DATA"]) / "corpora" / "novelas_es.jsonl.gz"
    with gzip.open(novels, "rt", encoding="utf-8") as lines:
        for line in lines:
            counts.update(re.findall(r"\w+", json.loads(line)["text"].lower()))
    total = counts.total() + len(counts)

    def likelihood(sentence: str) -> float:
        return sum(math.log((counts[word] + 1) / total) for word in re.findall(r"\w+", sentence.lower()))

    for name in SUITE:
        wins = [likelihood(good) - likelihood(bad) for phenomenon, good, bad in PAIRS if phenomenon == name]
        share = sum(1.0 if win > 1e-9 else 0.5 if win > -1e-9 else 0.0 for win in wins) / len(wins)
        assert 0.35 <= share <= 0.65, (name, share)
