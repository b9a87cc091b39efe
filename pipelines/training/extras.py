"""Check the optional libraries that a recipe's pretraining needs."""

from __future__ import annotations

import importlib.util

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training.watch.energy import emission_factors


def check_optional_dependencies(settings: recipes.Pretrain) -> None:
    """Raise `UserError`, before anything is computed, for a library that is not installed or an unknown country."""
    for name in settings.trackers:
        if importlib.util.find_spec(name) is None:
            raise UserError(
                f"pretrain.trackers: {name} is not installed: pip install 'desdecero[{name}]', or leave it out"
            )
    if not settings.energy:
        return
    if importlib.util.find_spec("codecarbon") is None:
        raise UserError("pretrain.energy needs codecarbon: pip install 'desdecero[energy]', or leave the key out")
    if settings.energy.country not in emission_factors():
        raise UserError(
            f"pretrain.energy.country: codecarbon does not know {settings.energy.country}: give three letters of ISO "
            "3166-1, such as ESP, PER or USA"
        )
