"""List the shipped recipes, one line each."""

from __future__ import annotations

from desdecero.model_cards.words import LANGUAGES
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK
from desdecero.pipelines.recipe import load_recipe, shipped_recipes
from desdecero.pipelines.recipe.texts import read_in


def main(argv: list[str]) -> int:
    """List the shipped recipes, one line each."""
    Arguments("recipes", __doc__).parse_args(argv)
    for name in sorted(shipped_recipes()):
        print(f"{name:<18} {read_in(load_recipe(name).purpose, LANGUAGES[0])}")
    return EXIT_OK
