"""A model by its name: a run, a checkpoint, an adapter, a folder of transformers, or a repository of the Hub."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from desdecero.eval_suites.models.adapters import check_base
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.run.run_dir import RunDir

WEIGHTS = ("*.safetensors", "*.bin")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.*", "merges.txt", "*.model")


@dataclass(frozen=True)
class NamedModel:
    """A model that is to be measured."""

    name: str
    """As the user gave it."""
    path: Path | None
    """Its folder; None on the Hub."""
    tokenizer: Path | None = None
    """Folder of its tokenizer, where this is another: a checkpoint's is that of its run."""
    adapter: Path | None = None
    """Folder of a LoRA adapter that is put on the model."""

    @property
    def digest(self) -> str:
        """Digest of the files that decide what it says; of a model on the Hub, of its name."""
        if self.path is None:
            return hashlib.sha256(self.name.encode()).hexdigest()
        found = []
        for folder, patterns in (
            (self.path, (*WEIGHTS, "config.json", *TOKENIZER)),
            (self.tokenizer, TOKENIZER),
            (self.adapter, (*WEIGHTS, "adapter_config.json")),
        ):
            files = sorted({file for pattern in patterns for file in folder.glob(pattern)}) if folder else []
            found += [f"{file.name} {sha256_file(file)}" for file in files]
        return hashlib.sha256("\n".join(found).encode()).hexdigest()

    def load(self, pseudo_likelihood: str = "within_word") -> LanguageModel:
        """Load it; raises `UserError` for one that is not there, or of no use here.

        pseudo_likelihood: of a masked model, `evaluate.pseudo_likelihood`
        """
        from desdecero.eval_suites.models.load import load

        try:
            model = load(self.path or self.name, self.tokenizer, self.adapter)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(f"{self.name}: the model cannot be loaded ({reason[:300]})") from None
        model.within_words = pseudo_likelihood == "within_word"
        return model


def find_model(name: str) -> NamedModel:
    """Return the model of this name; raises `UserError` for a folder without one.

    What is no folder here is looked for below `runs/`, and then on the Hub.
    """
    for path in (Path(name).expanduser(), Path("runs") / name):
        if path.is_dir():
            return _in_folder(name, path.absolute())
    if Path(name).exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise UserError(
            f"{name}: no folder with a model: name a run, a checkpoint, an adapter, or a folder of transformers"
        )
    return NamedModel(name, None)


def _in_folder(name: str, path: Path) -> NamedModel:
    if (path / "recipe.yaml").is_file():
        run = RunDir(path)
        if not (run.model / "config.json").is_file():
            raise UserError(
                f"{name}: the run has no model yet; make it with `desdecero run {run.recipe_file} --until pretrain`"
            )
        return NamedModel(name, run.model)
    if (path / "adapter_config.json").is_file() or (path / "adapter" / "adapter_config.json").is_file():
        adapter = path if (path / "adapter_config.json").is_file() else path / "adapter"
        return NamedModel(name, _base_of(name, adapter), adapter=adapter)
    if not (path / "config.json").is_file():
        raise UserError(
            f"{name}: no config.json in the folder: name a run, a checkpoint, an adapter, or a folder of transformers"
        )
    if any((path / file).is_file() for file in ("tokenizer.json", "tokenizer_config.json")):
        return NamedModel(name, path)
    # A checkpoint of a training has no tokenizer: its run has.
    run_folder = next((up for up in path.parents if (up / "recipe.yaml").is_file()), None)
    if run_folder is None or not RunDir(run_folder).tokenizer.is_dir():
        raise UserError(f"{name}: no tokenizer beside the model, and the folder is in no run that has one")
    return NamedModel(name, path, tokenizer=RunDir(run_folder).tokenizer)


def _base_of(name: str, adapter: Path) -> Path:
    """Return the folder of an adapter's base: where it lay when the adapter was made, or in the adapter's run.

    Raises `UserError` where neither is there, or neither has the weights that the adapter was trained on.
    """
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    said: str | None = config["base_model_name_or_path"]
    run = next((up for up in adapter.parents if (up / "recipe.yaml").is_file()), None)
    places = [*([Path(said), adapter / said] if said else []), *([RunDir(run).model] if run is not None else [])]
    others = []
    for place in (place.resolve() for place in places if (place / "config.json").is_file()):
        try:
            check_base(adapter, place)
        except ValueError as error:
            others.append(str(error))
        else:
            return place
    if others:
        raise UserError(f"{others[0]}: put its base there, or name its merged model")
    raise UserError(
        f"{name}: the adapter's base model, {said or 'which it does not name'}, is not here: put it there, or name its "
        "merged model"
    )
