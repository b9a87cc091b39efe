"""Duplicates are found, relatives are grouped, and strangers are left alone."""

from __future__ import annotations

import html
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.corpus.deduplication import Deduplicator, Duplicate, similarity, sketch
from pipelines.corpus.sources.decoding import decode

DATA = os.environ.get("DESDECERO_DATA")


def words(seed: int, count: int = 600) -> list[str]:
    return random.Random(seed).choices([f"word{n}" for n in range(3000)], k=count)


def mutated(source: list[str], share: float) -> str:
    """The text with its last `share` rewritten."""
    kept = round(len(source) * (1 - share))
    return " ".join(source[:kept] + words(999, len(source) - kept))


def jaccard(a: str, b: str) -> float:
    """The exact similarity of word 5-grams, by sets."""
    grams = [{tuple(w[i : i + 5]) for i in range(len(w) - 4)} for w in (a.lower().split(), b.lower().split())]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


def test_the_estimate_is_unbiased_and_as_precise_as_theory_says() -> None:
    errors = []
    for seed in range(60):
        a, b = " ".join(words(seed)), mutated(words(seed), 0.25)
        errors.append(similarity(sketch(a), sketch(b)) - jaccard(a, b))
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.05  # √(s(1-s)/128) = 0.043


def test_signatures_are_the_same_in_every_process() -> None:
    code = "from pipelines.corpus.deduplication import sketch; print(sketch('a b c d e f g h').signature.tolist())"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {f"{sketch('a b c d e f g h').signature.tolist()}\n"}


def test_case_and_blanks_make_no_difference_but_words_do() -> None:
    found = Deduplicator(0.8)
    assert found.add("a", sketch("One two three four five six")) is None
    assert found.add("b", sketch("one  TWO three\nfour five, six.")) == Duplicate("exact_duplicate", "a")
    assert found.add("c", sketch("seven")) is None
    assert found.add("d", sketch("eight")) is None


def test_near_duplicates_go_relatives_are_grouped_and_strangers_stay_apart() -> None:
    found, base = Deduplicator(0.8), words(1)
    assert found.add("base", sketch(" ".join(base))) is None
    assert found.add("stranger", sketch(" ".join(words(2)))) is None
    assert found.add("copy", sketch(mutated(base, 0.03))) == Duplicate("near_duplicate", "base")
    assert found.add("relative", sketch(mutated(base, 0.2))) is None
    first, second, third = found.groups()
    assert found.ids == ["base", "stranger", "relative"] and first == third != second


def test_candidates_are_not_missed_above_the_threshold() -> None:
    found = Deduplicator(0.8)
    for seed in range(200):
        assert found.add(str(seed), sketch(" ".join(words(seed, 200)))) is None
    for seed in range(200):
        assert found.add(f"copy {seed}", sketch(mutated(words(seed, 200), 0.05))) == Duplicate(
            "near_duplicate", str(seed)
        )


@pytest.mark.skipif(not DATA, reason="DESDECERO_DATA is not set")
def test_real_pairs_revisions_of_a_law_and_renderings_of_a_book() -> None:
    folder, missed = Path(str(DATA)), []
    pairs = [json.loads(line) for line in (folder / "dedup" / "pairs.jsonl").read_text().splitlines()]
    sketches = {}
    for name in sorted({pair[side] for pair in pairs for side in "ab"}):
        text = decode((folder / name).read_bytes())[0]
        sketches[name] = sketch(html.unescape(re.sub("<[^>]+>", "", text)) if name.endswith("htm") else text)
    for pair in pairs:
        found = Deduplicator(0.8)
        found.add("a", sketches[pair["a"]])
        if found.add("b", sketches[pair["b"]]) is None:
            missed.append((pair["a"], pair["b"]))
    assert len(missed) <= len(pairs) - 36, missed
