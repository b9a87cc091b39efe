"""What the authors state: never shown as if it were written in a language that it is not, and missing where empty."""

from __future__ import annotations

import pytest
from card_evidence import make_evidence
from helpers import ROOT

from desdecero.model_cards.card import render
from desdecero.model_cards.stated import written_in
from desdecero.model_cards.words import LANGUAGES, Language
from desdecero.pipelines.recipe import load_recipe, shipped_recipes
from desdecero.pipelines.recipe.texts import read_in

ENGLISH, SPANISH = "A model of the law of the sea.", "Un modelo de la ley del mar."


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("purpose", "shown"),
    [
        (ENGLISH, {"en": f"\n{ENGLISH}\n", "es": f"\nEn inglés, como lo escribieron los autores:\n\n> {ENGLISH}\n"}),
        (SPANISH, {"en": f"\nIn Spanish, as the authors wrote it:\n\n> {SPANISH}\n", "es": f"\n{SPANISH}\n"}),
        (f"{{en: {ENGLISH}, es: {SPANISH}}}", {"en": f"\n{ENGLISH}\n", "es": f"\n{SPANISH}\n"}),
        (f"{{es: {SPANISH}}}", {"en": f"\n> {SPANISH}\n", "es": f"\n{SPANISH}\n"}),
        ("Kamachikuykuna.", {"en": "wrote it:\n\n> Kamachikuykuna.", "es": "los autores:\n\n> Kamachikuykuna."}),
    ],
)
def test_a_text_in_another_language_is_quoted_and_the_language_named(
    purpose: str, shown: dict[Language, str], language: Language
):
    card = render(make_evidence("llama", f"purpose={purpose}"), language)
    assert shown[language] in card
    if purpose.startswith("{en"):
        assert {"en": SPANISH, "es": ENGLISH}[language] not in card


def test_paragraphs_stay_paragraphs_in_a_quotation():
    card = render(make_evidence("llama", f'purpose="{ENGLISH}\\n\\nThat is all of it."'), "es")
    assert f"> {ENGLISH}\n>\n> That is all of it.\n" in card


def test_what_the_authors_leave_empty_is_printed_as_missing_and_listed():
    emptied = ("authors=[]", "contact=null", "removal_contact=null", "intended_use=''", "version=null", "collected=''")
    evidence = make_evidence("llama", *(f"card.{field}" for field in emptied))
    english, spanish = (render(evidence, language) for language in LANGUAGES)
    assert "| Made by | **missing** |" in english and "| Hecho por | **falta** |" in spanish
    assert "- To have a text or personal data removed: **missing**" in english
    assert "## Uso previsto\n\n**falta**\n" in spanish
    assert [f"recipe:/card/{name}" for name in ("authors", "collected", "contact", "intended_use")] == [
        key for key in evidence.missing if not key.endswith(("removal_contact", "version"))
    ]


def test_the_language_of_a_text_is_told_by_its_common_words():
    for name in shipped_recipes():
        assert written_in(read_in(load_recipe(name).purpose, "en")) == "en", name
    paragraphs = [part for part in (ROOT / "README.es.md").read_text("utf-8").split("\n\n") if len(part.split()) > 30]
    assert len(paragraphs) > 5
    assert {written_in(part) for part in paragraphs if part[0].isupper()} == {"es"}
    assert written_in("") is None
