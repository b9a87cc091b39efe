"""What the rules of quality drop, one by one; and that measuring many texts at once changes nothing."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.corpus.cleaning.line_rules import apply_line_rules
from desdecero.pipelines.corpus.cleaning.profiles import DEFAULT, PROFILES, Profile, profile_for
from desdecero.pipelines.corpus.cleaning.quality import Quality, reasons_to_drop
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import LineRules

NONE = replace(
    DEFAULT, min_words=0, max_words=10**9, mean_word_length=(0, 1e9), max_symbol_ratio=1, min_alphabetic_words=0,
    max_bullet_lines=1, max_ellipsis_lines=1, max_hashes=1e9, max_ellipses=1e9, max_duplicate_lines=1,
    max_duplicate_paragraphs=1, max_top_ngrams={}, max_duplicate_ngrams={}, max_lines_per_word=1e9,
)  # fmt: skip
"""Limits that no text fails: a test sets the one that it is about."""

PROSE = """\
The function returns the number of nodes that can be reached from a given node of the graph.
Cycles are visited once; a node that cannot be reached is left out, and so are its edges.
Complexity grows with the edges, because every one of them is followed in one direction only.
"""
PROSA = "¿Quién sabe cuántos años pasó el niño en aquella montaña? —Nadie —dijo ella—; ni lo sabrán nunca los demás."


def reason(text: str, profile: Profile | None = None) -> str | None:
    return reasons_to_drop([text], [profile or profile_for("")])[0]


def draft(text: str, language: str = "") -> Draft:
    return Draft(Document("id", text, "source", "MIT", "declared", language, {}), text, language)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PROSE, None),
        ("", "empty"),
        (" \n ", "empty"),
        ("Too short to learn from.", "too_few_words"),
        ("x" * 40 + " " + "pneumonoultramicroscopic " * 30, "word_length"),
        ("a | b + c = d ~ e ^ f # " * 10, "word_length"),
        ("total {{==}} names <<||>> $$@@^^ " * 10, "symbols"),
        ("value 123 456 789 1011 " * 10, "few_alphabetic_words"),
        ("The same line stands here again and again.\n" * 10, "repeated_lines"),
    ],
)
def test_the_first_rule_that_a_document_fails_is_the_reason(text: str, expected: str | None) -> None:
    assert reason(text) == expected


@pytest.mark.parametrize(
    ("limits", "text", "expected"),
    [
        ({"max_words": 30}, PROSE, "too_many_words"),
        ({"max_hashes": 0.1}, "# One\n## Two\n### Three\nand some words of text", "hashes"),
        ({"max_ellipses": 0.1}, "well ... so … and then ... it was", "ellipses"),
        ({"max_bullet_lines": 0.9}, "- one\n• two\n  - three\n", "bullet_lines"),
        ({"max_ellipsis_lines": 0.3}, "read more...\nread on…\nThe end.", "ellipsis_lines"),
        ({"min_punctuated_lines": 0.5}, "Home\nProducts\nContact\nThe end.", "few_punctuated_lines"),
        ({"max_short_lines": 0.67}, "Home\nProducts\nContact\n" + PROSE[:90], "short_lines"),
        ({"max_lines_per_word": 0.3}, "one\ntwo\nthree\nfour", "line_breaks"),
        ({"max_duplicate_line_count": 0.3}, "menu\nmenu\n" + PROSE[:90], "repeated_lines"),
        ({"max_duplicate_paragraphs": 0.2}, f"{PROSE}\n{PROSE}\nOther words.", "repeated_paragraphs"),
        ({"max_duplicate_paragraph_count": 0.3}, "Hello.\n\nHello.\n\n" + PROSE, "repeated_paragraphs"),
        ({"max_top_ngrams": {2: 0.2}}, "buy now cheap buy now good buy now here and there", "common_ngram"),
        ({"max_duplicate_ngrams": {5: 0.15}}, "a b c d e f a b c d e g", "repeated_ngrams"),
    ],
)  # fmt: skip
def test_each_limit_is_the_recipes(limits: dict[str, object], text: str, expected: str) -> None:
    assert reason(text, NONE) is None
    assert reason(text, replace(NONE, **limits)) == expected  # type: ignore[arg-type]


def test_stop_words_are_those_of_the_language_in_any_case() -> None:
    spanish = replace(NONE, stop_words=PROFILES["es"].stop_words, min_stop_words=2)
    assert reason("LA CASA DE PAPEL", spanish) is None
    assert reason("Casa, papel, tijera, piedra, la", spanish) == "few_stop_words"
    assert reason("la la la", spanish) == "few_stop_words"
    share = replace(spanish, min_stop_words=0, min_stop_word_share=0.5)
    assert reason("la la casa", share) is None and reason("la casa azul", share) == "few_stop_words"


def test_spanish_prose_passes_as_english_does() -> None:
    assert reason(PROSA, profile_for("es", recipes.Quality(min_words=10))) is None
    assert reason("«¿Qué?» —dijo—; “sí”…", replace(NONE, max_symbol_ratio=0)) is None


def test_a_long_manual_may_repeat_its_headings_but_a_page_may_not() -> None:
    limits = replace(NONE, max_duplicate_lines=0.1)
    section = "\n".join([PROSE.replace("\n", " "), *(f"Entry {{n}} {number}." for number in range(120))])
    manual = "\n".join(section.replace("{n}", str(n)) for n in range(20))
    assert reason(manual, limits) is None
    assert reason(manual, replace(limits, page_lines=10**9)) == "repeated_lines"
    assert reason("spam spam spam\n" * 50, limits) == "repeated_lines"


# --- against the rules as one would write them in a loop ----------------------------------------------------


def top_ngram(words: Sequence[str], n: int) -> int:
    grams = [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]
    gram, count = Counter(grams).most_common(1)[0] if grams else ("", 0)
    return len(gram) * count if count > 1 else 0


def duplicate_ngrams(words: Sequence[str], n: int) -> int:
    seen, total, place = set(), 0, 0
    while place + n <= len(words):
        gram = tuple(words[place : place + n])
        total += sum(map(len, gram)) if gram in seen else 0
        place += n if gram in seen else 1
        seen.add(gram)
    return total


def test_ngrams_are_counted_as_a_plain_loop_counts_them() -> None:
    chance = random.Random(1)
    texts = [
        " ".join(chance.choices(["uno", "dos", "año", "b", "cc"][: chance.randrange(1, 6)], k=chance.randrange(1, 60)))
        for _ in range(400)
    ]
    for n in (2, 3, 4):
        shares = [top_ngram(text.split(), n) / len(text) for text in texts]
        for limit in (0.1, 0.2, 0.5):
            found = reasons_to_drop(texts, [replace(NONE, max_top_ngrams={n: limit})] * len(texts))
            assert found == ["common_ngram" if share > limit else None for share in shares]
    for n in (3, 5, 6):
        shares = [duplicate_ngrams(text.split(), n) / len(text) for text in texts]
        for limit in (0.05, 0.3):
            found = reasons_to_drop(texts, [replace(NONE, max_duplicate_ngrams={n: limit})] * len(texts))
            assert found == ["repeated_ngrams" if share > limit else None for share in shares]


def test_many_texts_at_once_are_judged_as_each_alone(prose: list[str]) -> None:
    texts = [*prose[:150], PROSA, "", "x", "año " * 50, "\n\n", "😀 🜁 日本語の文章です。" * 9]
    profiles = [profile_for("es" if number % 3 else "") for number in range(len(texts))]
    together = reasons_to_drop(texts, profiles)
    assert together == [
        reasons_to_drop([text], [profile])[0] for text, profile in zip(texts, profiles, strict=True)
    ] and len(set(together)) > 3  # fmt: skip


def test_a_text_too_long_to_be_measured_is_dropped_in_little_memory() -> None:
    code = """
import resource
from desdecero.pipelines import recipe
from desdecero.pipelines.corpus.cleaning.quality import Quality
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
text = "palabra " * 5_000_000
draft = Draft(Document("id", text, "source", "MIT", "declared", "es", {}), text, "es")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Quality(recipe.Quality()).many([draft])
print(draft.reason, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert found[0] == "too_many_words" and int(found[1]) < 300_000  # KB; as a whole, it would take 2 GB


# --- rules for lines ----------------------------------------------------------------------------------------


PAGE = """\
Home | About
She said [12] that the harbour was quiet that evening. Nobody believed her!
Please enable JavaScript to see this page.
Nuestro sitio usa cookies para mejorar su visita.
Two words.
"Is that so?"
He left. He did not come back. Nobody asked why.
"""


def test_lines_that_are_no_sentences_go_and_are_counted() -> None:
    page = draft(PAGE)
    apply_line_rules(page, LineRules(min_sentences=5))
    assert page.reason is None
    assert page.text == (
        "She said  that the harbour was quiet that evening. Nobody believed her!\n"
        '"Is that so?"\nHe left. He did not come back. Nobody asked why.'
    )
    assert page.edits["removed_line"] == 4 and page.changes[0].before == "Home | About"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lorem ipsum dolor sit amet.\n" + PROSE, "lorem_ipsum"),
        ("for (i = 0; ; ) { go on.\n" + PROSE, "curly_bracket"),
        ("One sentence is not enough.", "too_few_sentences"),
    ],
)
def test_documents_that_are_no_prose_go_as_a_whole(text: str, expected: str) -> None:
    page = draft(text)
    apply_line_rules(page, LineRules(min_sentences=3))
    assert page.reason == expected


def test_the_step_removes_lines_before_it_judges() -> None:
    limits = recipes.Quality(min_words=5, lines=LineRules(min_sentences=3))
    one, two = draft(PAGE + "menu\n" * 20), draft("Home\nAbout\nContact")
    Quality(limits).many([one, two])
    assert (one.reason, two.reason) == (None, "too_few_sentences")
    assert "menu" not in one.text
