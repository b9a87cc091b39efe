"""What was published of a run, as `desdecero pull` brings it back, read as the run that it was made of.

    run = PublishedRun(folder, "model", {"model.safetensors": "model/model.safetensors", "LICENSE": None, …})
    run.at("model/model.safetensors")            # folder/model.safetensors
    run.report("audit", recipe)                  # of folder/evidence/audit/report.json
    run.holds("tokens/ledger.parquet")           # False: it was not published

`evidence/` is the run directory without what was not published; the files of the model, the adapter or the data set lie
beside it. Nothing is written there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir

EVIDENCE = "evidence"
MANIFEST = f"{EVIDENCE}/published.json"
"""What was published, of which run, and the path in the run of each file."""


class PublishedRun(RunDir):
    """A run directory of which the published files are here, each in its place in the publication."""

    def __init__(self, root: Path, what: str, files: Mapping[str, str | None]):
        """Take the files of a publication, by path below `root`, with their paths in the run.

        what: `model`, `adapter:NAME` or `dataset`
        """
        super().__init__(root / EVIDENCE)
        self.root, self.what, self.files = root.absolute(), what, files
        self._names = defaultdict[str, list[str]](list)
        for name, place in files.items():
            if place is not None:
                self._names[place].append(name)

    def recipe(self) -> Recipe:
        """Load the recipe of the run, as it was published."""
        if not self.recipe_file.is_file():
            raise UserError(f"{EVIDENCE}/{self.recipe_file.name}: missing, so it is not known what was to be published")
        return super().recipe()

    @property
    def model(self) -> Path:
        """The published model; of other publications, a folder that is not there."""
        return self.root if self.what == "model" else super().model

    def model_with(self, adapter: str | None) -> Path:
        """Return the folder of the model, or of the model that an adapter was merged into, if it was published."""
        if adapter is None or self.what != f"adapter:{adapter}":
            return self.model if adapter is None else super().model_with(adapter)
        return self.root / "merged" if any(name.startswith("merged/") for name in self.files) else self.root

    def copies(self, place: str) -> list[Path]:
        """Return where a file of the run lies here: nowhere, or in one place, or in two (an adapter's card)."""
        return [self.root / name for name in self._names.get(place, ())]

    def holds(self, place: str) -> bool:
        """Return whether a file of the run, or anything in a folder of it, was published."""
        return place in self._names or any(other.startswith(f"{place}/") for other in self._names)

    def shown(self, sentence: str) -> str:
        """Return a sentence that begins with a file's path in the run with the path of the file in this folder."""
        place, colon, rest = sentence.partition(": ")
        names = self._names.get(place) or ([f"{EVIDENCE}/{place}"] if (self.path / place).exists() else [place])
        return f"{names[0]}{colon}{rest}"
