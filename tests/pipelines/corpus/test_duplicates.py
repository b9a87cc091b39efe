"""Duplicates are found, relatives are grouped, and strangers are left alone."""

from __future__ import annotations

import gzip
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

from desdecero.pipelines.corpus import duplicates
from desdecero.pipelines.corpus.duplicates import Deduplicator, DuplicateDecisions, Sketches, similarity, sketch
from desdecero.pipelines.corpus.sources.decoding import decode

DATA = os.environ.get("DESDECERO_DATA")


def words(seed: int, count: int = 600) -> list[str]:
    return random.Random(seed).choices([f"word{n}" for n in range(3000)], k=count)


def mutated(source: list[str], share: float, seed: int = 999) -> str:
    """The text with its last `share` rewritten."""
    kept = round(len(source) * (1 - share))
    return " ".join(source[:kept] + words(seed, len(source) - kept))


def jaccard(a: str, b: str) -> float:
    """The exact similarity of word 5-grams, by sets."""
    grams = [{tuple(w[i : i + 5]) for i in range(len(w) - 4)} for w in (a.lower().split(), b.lower().split())]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


def decide(folder: Path, texts: list[str], order: list[int] | None = None, batch: int = 7) -> DuplicateDecisions:
    with Deduplicator(folder, 0.8) as found:
        for start in range(0, len(texts), batch):
            found.add(sketch(texts[start : start + batch]))
        return found.decide(np.array(order) if order else None)


@pytest.mark.parametrize("length", [12, 40, 150, 600, 3000])
def test_the_estimate_is_unbiased_and_as_precise_as_theory_says(length: int) -> None:
    a = [" ".join(words(seed, length)) for seed in range(300)]
    b = [mutated(words(seed, length), 0.25, seed + 5000) for seed in range(300)]
    errors = similarity(sketch(a), sketch(b)) - np.array(list(map(jaccard, a, b)))
    assert abs(np.mean(errors)) < 0.01  # standard error 0.0025
    assert np.std(errors) < 0.047  # √(s(1-s)/126) = 0.044


def test_signatures_are_the_same_in_every_process_and_every_batch() -> None:
    code = (
        "from desdecero.pipelines.corpus.duplicates import sketch\n"
        "s = sketch(['other', 'Años después, frente al pelotón'])\n"
        "print(s.signatures[1].tolist(), s.exact[1].tolist())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    alone = sketch(["Años después, frente al pelotón"])
    assert runs == {f"{alone.signatures[0].tolist()} {alone.exact[0].tolist()}\n"}


def test_case_blanks_and_punctuation_make_no_difference_but_words_do(tmp_path: Path) -> None:
    texts = ["One two «three» four ÑANDÚ six", "one  TWO three\nfour, ñandú six.", "seven", "eight", "one two", "", "!"]
    found = decide(tmp_path, texts)
    assert found.duplicate_of.tolist() == [-1, 0, -1, -1, -1, -1, 5]
    assert found.exact.tolist() == [False, True, False, False, False, False, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("El saldo es de -40 euros.", "El saldo es de 40 euros."),
        ("The limit is ≤ 8 volts", "The limit is ≥ 8 volts"),
        ("if a > b then stop", "if a < b then stop"),
        ("x + y", "x = y"),
        ("una subida del 3 %", "una subida del 3 ‰"),
        ("cuesta 30 €", "cuesta 30 $"),
        ("a != b", "a == b"),
        ("entre -3 y +3 grados", "entre +3 y +3 grados"),
    ],
)
def test_a_sign_that_changes_what_is_said_makes_two_texts(one: str, other: str, tmp_path: Path) -> None:
    assert not decide(tmp_path, [one, other]).exact.any()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("El saldo es de -40 euros.", "El saldo\r\nes de −40 euros"),
        ("Dijo: «No»…", "—Dijo: “¡No!”..."),
        ("de 1990–1995, poco más - o menos", "De 1990-1995 poco más — o menos"),
        ("Título\n======\ntexto", "Título\n\ntexto"),
        ("> lo que ayer\n> escribiste", "lo que ayer escribiste"),
        ("el 5 ％ de ＋3", "el 5 % de +3"),
    ],
)
def test_line_ends_quotes_dashes_and_ways_to_type_a_sign_do_not(one: str, other: str, tmp_path: Path) -> None:
    assert decide(tmp_path, [one, other]).exact.tolist() == [False, True]


def test_near_duplicates_go_relatives_are_grouped_and_strangers_stay_apart(tmp_path: Path) -> None:
    base = words(1)
    texts = [" ".join(base), " ".join(words(2)), mutated(base, 0.03), mutated(base, 0.2)]
    found = decide(tmp_path, texts)
    assert found.duplicate_of.tolist() == [-1, -1, 0, -1] and not found.exact.any()
    first, second, _, fourth = found.groups
    assert first == fourth != second


def test_which_copy_stays_is_a_matter_of_order(tmp_path: Path) -> None:
    base = words(1)
    texts = [" ".join(base), mutated(base, 0.02), " ".join(words(2)), " ".join(base).upper()]
    assert decide(tmp_path / "first", texts).duplicate_of.tolist() == [-1, 0, -1, 0]
    found = decide(tmp_path / "last", texts, order=[3, 2, 1, 0])
    assert found.duplicate_of.tolist() == [3, 3, -1, -1] and found.exact.tolist() == [True, False, False, False]


def test_every_copy_goes_and_what_stays_is_alike_to_it(tmp_path: Path) -> None:
    """Versions that drift: each is near the one before, the last is far from the first."""
    text, versions = words(3, 400), []
    for step in range(30):
        versions.append(" ".join(text))
        text[step * 13 : step * 13 + 13] = words(1000 + step, 13)
    found = decide(tmp_path, versions)
    signatures = [sketch([version]) for version in versions]
    stays = np.flatnonzero(found.duplicate_of < 0)
    assert 2 < len(stays) < 20
    for number, original in enumerate(found.duplicate_of):
        if original >= 0:
            assert original in stays and similarity(signatures[number], signatures[original])[0] >= 0.8
    for a in stays:
        assert all(similarity(signatures[a], signatures[b])[0] < 0.8 for b in stays if b != a)


def test_candidates_are_not_missed_and_relatives_of_half_the_text_seldom_are(tmp_path: Path) -> None:
    texts = [" ".join(words(seed, 200)) for seed in range(300)]
    copies = [mutated(words(seed, 200), 0.05, seed + 5000) for seed in range(300)]
    assert decide(tmp_path / "copies", texts + copies).duplicate_of[300:].tolist() == list(range(300))
    relatives = [mutated(words(seed, 200), 0.31, seed + 5000) for seed in range(300)]  # Jaccard 0.51 to 0.53
    groups = decide(tmp_path / "relatives", texts + relatives).groups
    estimated = similarity(sketch(texts), sketch(relatives)) >= duplicates.RELATED
    assert estimated.mean() > 0.5
    assert (groups[:300] == groups[300:])[estimated].mean() > 0.98


def test_a_template_of_many_documents_is_settled_in_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of documents that all share their bands; the same verdict, however few pairs are held at a time."""
    template = words(1, 150)
    texts = [" ".join([*template, *words(seed + 10, 6)]) for seed in range(2000)]
    at_once = decide(tmp_path / "at once", texts, batch=500)
    monkeypatch.setattr(duplicates, "_PAIRS", 3000)
    in_parts = decide(tmp_path / "in parts", texts, batch=500)
    for found in (at_once, in_parts):
        assert (found.duplicate_of[1:] >= 0).mean() > 0.99


def test_random_sketches_are_strangers(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    with Deduplicator(tmp_path, 0.8) as found:
        found.add(
            Sketches(
                chance.integers(0, 2**63, (20_000, 2)).astype(np.uint64),
                chance.integers(0, 2**16, (20_000, 126)).astype(np.uint16),
            )
        )
        verdicts = found.decide()
    assert (verdicts.duplicate_of == -1).all() and len(set(verdicts.groups.tolist())) == 20_000


@pytest.mark.skipif(not DATA, reason="DESDECERO_DATA is not set")
def test_real_pairs_revisions_of_a_law_and_renderings_of_a_book(tmp_path: Path) -> None:
    folder, missed = Path(str(DATA)), []
    pairs = [json.loads(line) for line in (folder / "dedup" / "pairs.jsonl").read_text().splitlines()]
    texts = {}
    for name in sorted({pair[side] for pair in pairs for side in "ab"}):
        text = decode((folder / name).read_bytes())[0]
        texts[name] = html.unescape(re.sub("<[^>]+>", "", text)) if name.endswith("htm") else text
    for number, pair in enumerate(pairs):
        if decide(tmp_path / str(number), [texts[pair["a"]], texts[pair["b"]]]).duplicate_of[1] < 0:
            missed.append((pair["a"], pair["b"]))
    assert len(missed) <= 1, missed


@pytest.mark.skipif(not DATA, reason="DESDECERO_DATA is not set")
def test_of_three_hundred_subscriber_walls_one_stays(tmp_path: Path) -> None:
    with gzip.open(Path(str(DATA)) / "corpora" / "pe_stubs.jsonl.gz", "rt") as file:
        texts = [json.loads(line)["text"] for line in file]
    assert len(texts) == 314 and (decide(tmp_path, texts).duplicate_of < 0).sum() == 1
