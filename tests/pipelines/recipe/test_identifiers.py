"""Names in a recipe that others have rules for."""

from iso639 import ALL_LANGUAGES

from desdecero.pipelines.recipe.identifiers import TWO_LETTERS


def test_codes_of_two_letters_are_those_of_iso_639_1() -> None:
    assert {language.part1 for language in ALL_LANGUAGES if language.part1} == TWO_LETTERS
