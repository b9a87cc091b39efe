"""Every language is judged by its own limits, and a recipe may set each of them."""

from __future__ import annotations

import gzip
import itertools
import json
import os
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.cleaning.profiles import PROFILES, Profile, profile_for
from desdecero.pipelines.corpus.cleaning.quality import reasons_to_drop
from desdecero.pipelines.corpus.cleaning.unicode import clean
from desdecero.pipelines.recipe import Quality

DATA = os.environ.get("DESDECERO_DATA", "")
NEEDS_DATA = pytest.mark.skipif(not DATA, reason="DESDECERO_DATA names no folder of text")


def dropped(texts: list[str], profile: Profile) -> float:
    return sum(reason is not None for reason in reasons_to_drop(texts, [profile] * len(texts))) / len(texts)


def texts_of(name: str, count: int) -> list[str]:
    with gzip.open(Path(DATA) / "corpora" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [clean(json.loads(line)["text"])[0] for line in itertools.islice(lines, count)]


def test_a_recipe_sets_limits_for_every_language_and_the_rest_stays_the_languages() -> None:
    quality = Quality(min_words=7, max_symbol_ratio=0.01, max_top_ngrams={2: 0.5})
    for language in (*PROFILES, "", "qu"):
        profile, own = profile_for(language, quality), profile_for(language)
        assert (profile.min_words, profile.max_symbol_ratio, profile.max_top_ngrams) == (7, 0.01, {2: 0.5})
        assert (profile.stop_words, profile.min_alphabetic_words) == (own.stop_words, own.min_alphabetic_words)
        assert own.min_words == Quality().min_words


def test_every_limit_of_a_recipe_is_one_of_a_profile() -> None:
    assert set(Quality.model_fields) - {"form"} <= set(Profile.__dataclass_fields__)


def test_no_stop_words_are_asked_for_in_an_unknown_language() -> None:
    profile = profile_for("qu")
    assert (profile.stop_words, profile.min_stop_words, profile.min_stop_word_share) == (frozenset(), 0, 0.0)


DIALOGUE = """
¿Adónde va usted a estas horas, don Julián?
A la botica… Se me ha puesto mala la niña.
¡Vaya por Dios! ¿Y qué tiene?
Calentura, y una tos que no la deja dormir.
Espere; que le acompaña mi hijo con el farol.
No hace falta: conozco el camino como mi casa.
¡Qué ha de conocer, si han levantado media calle!
"""


def test_spanish_dialogue_is_no_list_of_bullets_and_spanish_signs_are_no_symbols() -> None:
    lines = DIALOGUE.strip().split("\n")
    talks = ["\n".join(sign + line for line in lines) for sign in ("- ", "—", "—«")]
    assert dropped(talks, profile_for("es")) == 0
    assert dropped(talks[:1], profile_for("en")) == 1


def test_a_list_of_names_is_no_prose() -> None:
    names = "\n".join(f"Quispe Mamani Flores Huamán Rojas {name}" for name in ("Ana", "Luz", "Rosa", "Eva", "Inés"))
    assert reasons_to_drop([names], [profile_for("es")]) == ["few_stop_words"]


@NEEDS_DATA
def test_good_spanish_passes_the_spanish_profile_and_not_the_english_one() -> None:
    laws = texts_of("leyes_pe", 60)
    novels = [text[start : start + 5000] for text in texts_of("novelas_es", 8) for start in range(0, 50_000, 10_000)]
    assert dropped(laws, profile_for("es")) <= 0.07 and dropped(novels, profile_for("es")) <= 0.03
    assert dropped(laws, profile_for("en")) >= 0.2
    assert dropped(texts_of("pe_stubs", 20), profile_for("es")) == 1


@NEEDS_DATA
@pytest.mark.parametrize(
    ("name", "language"),
    [("spa", "es"), ("por_BR", "pt"), ("cat", "ca"), ("glg", "gl"), ("eng", "en"), ("fra", "fr"), ("ita", "it")],
)
def test_the_universal_declaration_passes_whole_and_in_passages(name: str, language: str) -> None:
    text = clean((Path(DATA) / "langid" / "udhr" / f"{name}.txt").read_text(encoding="utf-8"))[0]
    passages = [text, *(text[start : start + 2500] for start in range(0, len(text) - 2500, 2500))]
    assert dropped(passages, profile_for(language)) == 0
