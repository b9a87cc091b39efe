"""Find a text in the data that adapters of a run were trained on: files of one's own, which no ledger lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.finetuning.example import Example
from desdecero.pipelines.finetuning.reading import columns_of, read_path
from desdecero.pipelines.recipe import Finetune, Recipe
from desdecero.pipelines.run.run_dir import RunDir

SHOWN = 5
"""Places that a sentence names."""


def mentions(run: RunDir, recipe: Recipe, matches: Callable[[str], bool]) -> Iterator[str]:
    """Yield a sentence for each adapter in whose own data an example matches, or whose data cannot be read."""
    for name, section in recipe.adapters.items():
        if section.data is None:  # the corpus' slice, which the ledger lists
            continue
        if section.data.hub is not None:
            yield f"adapters/{name}: its data are {section.data.hub.name} on the Hub, which is not searched"
            continue
        try:
            places = [example.place for example in _examples(section) if matches(example.content)]
        except (UserError, ValueError, OSError) as error:
            yield f"adapters/{name}: its data cannot be read, and may hold the text: {error}"
            continue
        if places:
            shown = ", ".join(places[:SHOWN]) + (f" and {len(places) - SHOWN:,} more" if len(places) > SHOWN else "")
            yield (
                f"adapters/{name}: {len(places):,} of its examples match ({shown}): delete them there, and train it "
                f"again with `desdecero finetune {run.path} {name}`; until then it keeps what it learnt"
            )


def _examples(section: Finetune) -> Iterator[Example]:
    """Read the examples of all files of an adapter's data."""
    data = section.data
    assert data is not None
    columns = columns_of(section.task, data)
    for file in (data.train, data.validation, data.test):
        if isinstance(file, str):
            yield from read_path(section.task, Path(file), columns).examples
