"""A filter learns from examples what is wanted, says how well, and refuses to guess."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from helpers import docstrings

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.cleaning.classifier import READ_CHARACTERS
from desdecero.pipelines.corpus.cleaning.filters import train_filters
from desdecero.pipelines.corpus.cleaning.relevance import FILE, RelevanceFilter, train_relevance
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.sources import consulted
from desdecero.pipelines.recipe import Corpus, Files, Relevance

NUMBERS = ("statistics", "random", "decimal", "_pydecimal", "fractions", "datetime", "heapq", "bisect")
NETWORK = ("smtplib", "imaplib", "ftplib", "http/client", "http/cookiejar", "urllib/request", "socket", "ssl", "poplib")


def examples(path: Path, texts: list[str]) -> str:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)


def draft(text: str, language: str = "en") -> Draft:
    return Draft(Document("a", text, "s", "", "", language, {}), text, language)


@pytest.fixture(scope="module")
def numbers_and_network() -> tuple[list[str], list[str]]:
    """Prose on arithmetic and on protocols; the first half of each is for training."""
    return docstrings(*NUMBERS), docstrings(*NETWORK)


@pytest.fixture(scope="module")
def section(numbers_and_network: tuple[list[str], list[str]], tmp_path_factory: pytest.TempPathFactory) -> Relevance:
    folder = tmp_path_factory.mktemp("examples")
    wanted, unwanted = numbers_and_network
    return Relevance(
        wanted=examples(folder / "wanted.jsonl", wanted[::2]),
        unwanted=examples(folder / "unwanted.jsonl", unwanted[::2]),
        keep_recall=0.9,
    )


def test_it_keeps_what_is_wanted_and_drops_what_is_not(
    section: Relevance, numbers_and_network: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    report = train_relevance(section, tmp_path)
    step = RelevanceFilter(tmp_path)
    kept = []
    for texts in numbers_and_network:
        drafts = [draft(text) for text in texts[1::2]]
        for one in drafts:
            step(one)
        assert {one.reason for one in drafts} <= {None, "irrelevant"}
        kept.append(sum(one.reason is None for one in drafts) / len(drafts))
    held_out = report.held_out
    assert held_out.kept_of_wanted.low - 0.05 <= kept[0] <= held_out.kept_of_wanted.high + 0.05
    assert held_out.kept_of_unwanted.low - 0.05 <= kept[1] <= held_out.kept_of_unwanted.high + 0.05
    assert kept[0] > 0.8 and kept[1] < 0.4
    assert {"number", "decimal", "random"} & set(report.words["for"])


def test_the_same_examples_give_the_same_bytes(section: Relevance, tmp_path: Path) -> None:
    for name in "ab":
        corpus = Corpus(sources=(Files(kind="files", path=section.wanted),), relevance=section)
        assert set(train_filters(corpus, tmp_path / name)) == {"relevance"}
        assert [Path(source.path).name for source in consulted(corpus)] == ["wanted.jsonl", "unwanted.jsonl"]
    assert (tmp_path / "a" / FILE).read_bytes() == (tmp_path / "b" / FILE).read_bytes()


def test_examples_that_teach_nothing_are_refused(
    numbers_and_network: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    wanted = sorted(set(numbers_and_network[0]))
    noise = Relevance(
        wanted=examples(tmp_path / "a.jsonl", wanted[::2]), unwanted=examples(tmp_path / "b.jsonl", wanted[1::2])
    )
    with pytest.raises(UserError, match="no better than chance"):
        train_relevance(noise, tmp_path)


def test_few_contradictory_and_damaged_examples_are_refused(
    numbers_and_network: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    wanted, unwanted = numbers_and_network
    many, few = examples(tmp_path / "many.jsonl", wanted), examples(tmp_path / "few.jsonl", unwanted[:10])
    with pytest.raises(UserError, match=r"10 negative examples are too few .* at least 30"):
        train_relevance(Relevance(wanted=many, unwanted=few), tmp_path)
    both = examples(tmp_path / "both.jsonl", [*unwanted, wanted[0]])
    with pytest.raises(UserError, match="1 texts are both wanted and unwanted"):
        train_relevance(Relevance(wanted=many, unwanted=both), tmp_path)
    (tmp_path / "damaged.jsonl").write_text('{"text": "whole"}\n{"text": \n')
    with pytest.raises(UserError, match=r"damaged.jsonl, line 2: not JSON"):
        train_relevance(Relevance(wanted=many, unwanted=str(tmp_path / "damaged.jsonl")), tmp_path)


def test_a_text_of_which_nothing_is_known_stays_and_is_counted(section: Relevance, tmp_path: Path) -> None:
    train_relevance(section, tmp_path)
    stranger = draft("Ĉiuj homoj naskiĝas", "eo")
    RelevanceFilter(tmp_path)(stranger)
    assert (stranger.reason, stranger.edits["relevance_unknown"]) == (None, 1)


def test_a_long_text_costs_no_more_than_its_beginning(section: Relevance, tmp_path: Path) -> None:
    train_relevance(section, tmp_path)
    step = RelevanceFilter(tmp_path)
    page = draft("The mean of the numbers. " * (READ_CHARACTERS // 25))
    book = draft(page.text * 500)

    def seconds(one: Draft) -> float:
        start = time.perf_counter()
        step(one)
        return time.perf_counter() - start

    assert min(seconds(book) for _ in range(5)) < 20 * min(seconds(page) for _ in range(5))


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder of real text")
def test_laws_on_health_are_told_from_other_laws(tmp_path: Path) -> None:
    import gzip

    with gzip.open(
        Path(os.environ["DESDECERO_DATA"]) / "corpora" / "leyes_pe.jsonl.gz", "rt", encoding="utf-8"
    ) as file:
        laws = [json.loads(line) for line in file]
    health = [law["text"] for law in laws if law["domain"] == "health"]
    others = [law["text"] for law in laws if law["domain"] != "health"]
    report = train_relevance(
        Relevance(
            wanted=examples(tmp_path / "wanted.jsonl", health[:60]),
            unwanted=examples(tmp_path / "unwanted.jsonl", others[:90]),
        ),
        tmp_path,
    )
    assert report.held_out.kept_of_wanted.value >= 0.9
    step = RelevanceFilter(tmp_path)
    fates = []
    for text in [*health[100:200], *others[150:250]]:
        one = draft(text, "es")
        step(one)
        fates.append(one.reason is None)
    assert sum(fates[:100]) / 100 > 0.9  # with twice the examples: 0.97 of the wanted kept, 0.03 of the others
    assert sum(fates[100:]) / 100 < 0.12
