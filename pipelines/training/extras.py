"""What the recipe asks for beyond training itself, and may not be there."""

from __future__ import annotations

import importlib.util

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError


def check_optional_dependencies(wanted: recipes.Pretrain) -> None:
    """Raise `UserError`, before anything is computed, for a library that is not installed or a country unheard of."""
    for name in wanted.trackers:
        if importlib.util.find_spec(name) is None:
            raise UserError(
                f"pretrain.trackers: {name} is not installed: pip install 'desdecero[{name}]', or leave it out"
            )
    if not wanted.energy:
        return
    if importlib.util.find_spec("codecarbon") is None:
        raise UserError("pretrain.energy needs codecarbon: pip install 'desdecero[energy]', or leave the key out")
    from codecarbon.input import DataSource

    if wanted.energy.country not in DataSource().get_global_energy_mix_data():
        raise UserError(
            f"pretrain.energy.country: codecarbon does not know {wanted.energy.country}: give three letters of ISO "
            "3166-1, such as ESP, PER or USA"
        )
