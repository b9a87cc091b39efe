"""A run directory: its recipe, its reports, the state of its stages, and how a stage is built and sealed.

A stage writes below `unsealed/`. When it is complete, its seal is written there too, and its folders are moved into
place, the one with the seal last. So an interrupted or failed stage leaves what was sealed as it was. The names in a
run directory are in `layout.py`. This module does not import torch.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from operator import getitem
from pathlib import Path, PurePosixPath
from typing import Any, Literal, overload

import yaml
from pydantic import ValidationError

from desdecero.pipelines.common.errors import UserError, printable
from desdecero.pipelines.common.files import (
    hash_json,
    replace_folder,
    resolve_links,
    sha256_file,
    write_json,
    write_text,
)
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.common.machine import hardware, library_versions
from desdecero.pipelines.recipe import Finetune, Recipe, load_recipe
from desdecero.pipelines.recipe.origin import Origin
from desdecero.pipelines.run.layout import Layout, TrainingFiles
from desdecero.pipelines.run.reports import (
    REPORTS,
    AuditReport,
    CardReport,
    CorpusReport,
    DossierReport,
    EvaluationReport,
    PretrainReport,
    TokenizerReport,
    TokensReport,
    content_of,
)
from desdecero.pipelines.run.reports.base import Part
from desdecero.pipelines.run.seals import (
    AlteredFile,
    EarlierForm,
    InvalidFile,
    Output,
    Seal,
    check_regular,
    fingerprint,
    load_seal,
    not_as_written,
    now,
    parse_report,
    read_file,
)
from desdecero.pipelines.run.stages import Stage, load, stages

ADDED = "finetune.yaml"
"""The section of an adapter that was added to a run, in the adapter's folder."""
SMALL_BYTES = 2**20
"""Size up to which files are hashed to determine a stage's state: reports, and the files that transformers reads."""


@dataclass(frozen=True)
class State:
    """State of a stage: `sealed`, `stale` (with the reason) or `missing`."""

    name: str
    reason: str = ""


class RunDir(Layout):
    """A run directory, or the folder `unsealed/` where its stages are built, which has the same names."""

    @property
    def unsealed(self) -> RunDir:
        """Folder where stages are built: the same tree, one level down."""
        return RunDir(self.path / "unsealed")

    def folder(self, stage: str, recipe: Recipe) -> Path:
        """Return the folder of a stage."""
        return self.path / stages(recipe)[stage].folder

    def copies(self, place: str) -> list[Path]:
        """Return where a file of the run lies, by its path in the run directory; `PublishedRun` has other places."""
        return [self.path / place]

    def at(self, place: str) -> Path:
        """Return the place of one of a file's copies, or where it would lie."""
        return next(iter(self.copies(place)), self.path / place)

    def holds(self, place: str) -> bool:
        """Return whether a file or folder is to be here: all are in a run, and in a publication what was published."""
        return bool(self.copies(place))

    def blocklists(self, recipe: Recipe) -> tuple[str, ...]:
        """Return every list of removed documents that a build in this run obeys."""
        here = (str(path) for path in (self.blocklist, self.own_blocklist) if path.is_file())
        return (*recipe.corpus.blocklist, *here)

    # --- reports and recipe ----------------------------------------------------------------------------------

    def recipe(self) -> Recipe:
        """Load the recipe that made this run, with the adapters that were added to it later."""
        if not self.recipe_file.is_file():
            raise UserError(f"{self} is not a run directory (it has no recipe.yaml): name one made by `desdecero run`")
        return self.with_added_adapters(load_recipe(self.recipe_file))

    def with_added_adapters(self, recipe: Recipe) -> Recipe:
        """Return a recipe with the adapters that were added to the run, each of which has its section beside it."""
        added = {}
        for file in sorted(self.adapter("").glob(f"*/{ADDED}")):
            if (name := file.parent.name) not in recipe.adapters:
                try:
                    added[name] = Finetune.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
                except (ValueError, yaml.YAMLError, OSError) as error:
                    raise UserError(
                        f"{file} cannot be read ({str(error).splitlines()[0]}): remove its folder"
                    ) from None
        return recipe.model_copy(update={"finetune": {**(recipe.finetune or {}), **added}}) if added else recipe

    def without_added_adapters(self, recipe: Recipe) -> Recipe:
        """Return a recipe without the adapters that were added to the run: what `recipe.yaml` holds."""
        places = (self, self.unsealed)
        added = {name for name in recipe.adapters if any((run.adapter(name) / ADDED).is_file() for run in places)}
        kept = {name: section for name, section in (recipe.finetune or {}).items() if name not in added}
        return recipe.model_copy(update={"finetune": kept or None}) if added else recipe

    def origin(self) -> Origin | None:
        """Read where that recipe came from; None in runs of earlier versions."""
        return Origin.read(self.origin_file)

    def remember_origin(self, origin: Origin) -> None:
        """Write where the recipe came from. The run's own copy came from where it is known to, with the overrides."""
        known = self.origin()
        if Path(origin.recipe).is_relative_to(self.path):
            if known is None:
                return
            origin = known.with_overrides(origin.overrides)
        if known and origin.gives_the_same_as(known):
            return
        write_text(self.origin_file, json.dumps(asdict(origin), indent=2) + "\n")

    def update_recipe(self, recipe: Recipe) -> None:
        """Write the recipe if all stages are sealed by it: then only the paths of moved sources can differ."""
        if all(self.state(stage, recipe).name == "sealed" for stage in stages(recipe).values()):
            text = self.without_added_adapters(recipe).to_yaml()
            if not self.recipe_file.is_file() or self.recipe_file.read_text(encoding="utf-8") != text:
                write_text(self.recipe_file, text)

    @overload
    def report(self, stage: Literal["corpus"], recipe: Recipe) -> CorpusReport: ...
    @overload
    def report(self, stage: Literal["tokenizer"], recipe: Recipe) -> TokenizerReport: ...
    @overload
    def report(self, stage: Literal["tokens"], recipe: Recipe) -> TokensReport: ...
    @overload
    def report(self, stage: Literal["pretrain"], recipe: Recipe) -> PretrainReport: ...
    @overload
    def report(self, stage: Literal["evaluate"], recipe: Recipe) -> EvaluationReport: ...
    @overload
    def report(self, stage: Literal["audit"], recipe: Recipe) -> AuditReport: ...
    @overload
    def report(self, stage: Literal["card"], recipe: Recipe) -> CardReport: ...
    @overload
    def report(self, stage: Literal["dossier"], recipe: Recipe) -> DossierReport: ...
    @overload
    def report(self, stage: str, recipe: Recipe) -> Part: ...

    def report(self, stage: str, recipe: Recipe) -> Part:
        """Read a stage's `report.json`, of the type that `run/reports` has for it.

        Raises `UserError` where it is not sealed, was altered since, or has the form of another version.
        """
        return self._read_report(stage, recipe)[1]

    def report_content(self, stage: str, recipe: Recipe) -> dict[str, Any]:
        """Read the JSON of a stage's report as it lies on the disk, to quote from it by place; raises as `report`."""
        return self._read_report(stage, recipe)[0]

    def _read_report(self, stage: str, recipe: Recipe) -> tuple[dict[str, Any], Part]:
        chosen = stages(recipe)[stage]
        name = f"{chosen.folder}/report.json"
        if not self.recipe_file.exists() and (self.path / name).is_file():  # a stage that is being built, not a run
            content: dict[str, Any] = parse_report((self.path / name).read_bytes(), str(self.path / name))
        else:
            content = self.sealed_json(stage, recipe, name)
        try:
            return content, REPORTS[chosen.kind].model_validate(content)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in fault["loc"])
            seal = self.seal(stage, recipe)
            if seal and seal.version != chosen.version:
                raise EarlierForm(
                    f"{self.path / name} has the form of code version {seal.version}: `desdecero run` with "
                    f"`--from {stage}` makes it again"
                ) from None
            raise not_as_written(str(self.path / name), printable(f"{place}: {fault['msg']}")) from None

    def sealed_json(self, stage: str, recipe: Recipe, name: str) -> dict[str, Any]:
        """Read a sealed file that holds one JSON object; raises as `sealed_bytes` does."""
        content = self.sealed_bytes(stage, recipe, name)
        try:
            return parse_report(content, str(self.path / name))
        except InvalidFile as error:
            raise self._altered(stages(recipe)[stage], name, str(error)) from None

    def sealed_bytes(self, stage: str, recipe: Recipe, name: str) -> bytes:
        """Read a file that a stage sealed, by its path in the run directory.

        Raises `UserError` where the stage is not sealed, and `AlteredFile` where the bytes are not those sealed.
        """
        chosen = stages(recipe)[stage]
        place = f"{chosen.folder}/done.json"
        try:
            seal = load_seal(self.path / place, stage)
        except InvalidFile as error:
            raise self._altered(chosen, place, str(error)) from None
        if seal is None:
            raise UserError(f"{self}: no {stage} report yet; make it with `{chosen.command(str(self.recipe_file))}`")
        if name not in seal.outputs:
            raise self._altered(chosen, name, f"is not among the files that {stage} sealed")
        try:
            content = read_file(self.at(name))
        except FileNotFoundError:
            raise self._altered(chosen, name, "is missing") from None
        except InvalidFile as error:
            raise self._altered(chosen, name, str(error)) from None
        if hashlib.sha256(content).hexdigest() != seal.outputs[name]["sha256"]:
            raise self._altered(chosen, name, f"is not as {stage} sealed it")
        return content

    def _altered(self, stage: Stage, name: str, fault: str) -> AlteredFile:
        return AlteredFile(
            name,
            f"{self.at(name)} {fault}: `desdecero verify {self}` names everything that was altered, and "
            f"`{stage.command(f'{self.recipe_file} --run-dir {self}')}` makes it again",
        )

    def write_report(self, stage: str, recipe: Recipe, report: Part) -> None:
        """Write a stage's report; raises `TypeError` for one of another stage's type."""
        expected = REPORTS[stages(recipe)[stage].kind]
        if not isinstance(report, expected):
            raise TypeError(f"the report of {stage} is a {type(report).__name__}, not a {expected.__name__}")
        write_json(self.folder(stage, recipe) / "report.json", content_of(report))

    # --- seals -----------------------------------------------------------------------------------------------

    def seal(self, stage: str, recipe: Recipe) -> Seal | None:
        """Load the stage's seal; None if it is missing, unreadable or altered."""
        try:
            return load_seal(self.folder(stage, recipe) / "done.json", stage)
        except InvalidFile:
            return None

    def fingerprint(self, stage: Stage, recipe: Recipe) -> tuple[str, dict[str, str], dict[str, str]]:
        """Return (fingerprint, section hashes, input digests) of a seal that would be made now.

        An input folder that is not on this machine (a training node that holds only `tokens/` and
        `tokenizer/`) counts as it was when the stage was sealed.
        """
        content = recipe.content()
        sections = {name: hash_json(functools.reduce(getitem, name.split("."), content)) for name in stage.reads}
        known, inputs = self.seal(stage.name, recipe), {}
        for name in stage.inputs:
            seal = self.seal(name, recipe)
            inputs[name] = seal.digest if seal else (known.inputs.get(name, "") if known else "")
        return fingerprint(stage.name, stage.version, sections, inputs), sections, inputs

    def state(self, stage: Stage, recipe: Recipe, sources: str | None = None) -> State:
        """Compare a stage's seal with the recipe, its inputs, its code version and, where given, the sources.

        sources: digest of the sources whose content equals today's (`chain.current_state` determines it)
        """
        try:
            seal = load_seal(self.folder(stage.name, recipe) / "done.json", stage.name)
        except InvalidFile as error:
            return State("stale", f"{stage.folder}/done.json {error}")
        if seal is None:
            return State("missing")
        made_from, sections, inputs = self.fingerprint(stage, recipe)
        if seal.version != stage.version:
            return State("stale", f"sealed by code version {seal.version}, now {stage.version}")
        if changed := [name for name in sections if seal.sections.get(name) != sections[name]]:
            return State("stale", f"the recipe's {' and '.join(changed)} changed")
        if changed := [name for name in {**inputs, **seal.inputs} if seal.inputs.get(name) != inputs.get(name)]:
            return State("stale", f"{' and '.join(changed)} changed")
        if seal.fingerprint != made_from:
            return State("stale", "its fingerprint does not match")
        if sources is not None and seal.sources != sources:
            return State("stale", "the sources changed")
        for name, output in seal.outputs.items():
            if not self._looks_unchanged(name, output):
                return State("stale", f"{printable(name)} is not as it was sealed")
        for reference in stage.stale_if:
            if reason := load(reference)(self, recipe, stage.name):
                return State("stale", reason)
        return State("sealed")

    def _looks_unchanged(self, name: str, output: Output) -> bool:
        """Compare a sealed file's size, and of a small file the hash; `verify` hashes all files."""
        path = self.path / name
        try:
            size = check_regular(path)
            return size == output["bytes"] and (size > SMALL_BYTES or sha256_file(path) == output["sha256"])
        except (OSError, InvalidFile):
            return False

    def start(self, stage: Stage, recipe: Recipe) -> RunDir:
        """Create the folder where a stage is built; empty it unless it holds unfinished work of the same stage.

        Checkpoints are never deleted here: the stage resumes from them, or refuses those of another training.
        """
        out = self.unsealed
        folder, marker = out.folder(stage.name, recipe), out.path / f"{stage.name}.fingerprint"
        fingerprint = self.fingerprint(stage, recipe)[0]
        same = marker.is_file() and marker.read_text(encoding="utf-8") == fingerprint
        if not (stage.resumable and (same or any(TrainingFiles(folder).checkpoints.glob("step-*")))):
            shutil.rmtree(folder, ignore_errors=True)
        if stage.model:
            shutil.rmtree(out.model, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(marker, fingerprint)
        return out

    def commit(self, stage: Stage, recipe: Recipe, seconds: float, sources: str | None = None) -> Seal:
        """Seal what a stage has built and move it into place, the stage's folder (which holds the seal) last."""
        out = self.unsealed
        made_from, sections, inputs = self.fingerprint(stage, recipe)
        folder = out.folder(stage.name, recipe)
        roots = [folder, out.model] if stage.model else [folder]
        for root in roots:
            resolve_links(root)
        others = [out.path / name for name in self._folders_inside(stage, recipe)]
        files = sorted(
            path
            for root in roots
            for path in root.rglob("*")
            if path.is_file() and not any(path.is_relative_to(other) for other in others)
        )
        outputs: dict[str, Output] = {
            path.relative_to(out.path).as_posix(): {"sha256": sha256_file(path), "bytes": path.stat().st_size}
            for path in files
            if path != folder / "done.json"
        }
        seal = Seal(
            stage=stage.name,
            version=stage.version,
            fingerprint=made_from,
            sections=sections,
            inputs=inputs,
            sources=sources,
            outputs=outputs,
            digest=hash_json(outputs),
            seconds=round(seconds, 3),
            finished=now(),
            libraries=library_versions(),
            hardware=hardware(),
        )
        # The recipe is written first: if the power fails in between, stages read as stale, never as falsely sealed.
        write_text(self.recipe_file, self.without_added_adapters(recipe).to_yaml())
        write_json(folder / "done.json", seal.to_json())
        self._move_into_place(stage, recipe)
        return seal

    def recover(self, recipe: Recipe) -> None:
        """Move stages into place that were sealed but not yet moved when the process ended."""
        for stage in stages(recipe).values():
            if self.awaits_move(stage, recipe):
                self._move_into_place(stage, recipe)

    def awaits_move(self, stage: Stage, recipe: Recipe) -> bool:
        """Return whether a stage was sealed below `unsealed/` and not yet moved into place."""
        seal = self.unsealed.seal(stage.name, recipe)
        return seal is not None and seal.fingerprint == self.fingerprint(stage, recipe)[0]

    def _folders_inside(self, stage: Stage, recipe: Recipe) -> list[str]:
        """Return the folders of other stages that lie inside this stage's folder."""
        return [other.folder for other in stages(recipe).values() if other.folder.startswith(f"{stage.folder}/")]

    def _move_into_place(self, stage: Stage, recipe: Recipe) -> None:
        out = self.unsealed
        folder, target = out.folder(stage.name, recipe), self.folder(stage.name, recipe)
        if stage.model == "replaces" and out.model.is_dir():
            replace_folder(out.model, self.model)
        elif stage.model == "adds" and out.model.is_dir():  # its files go into the folder that pretraining made
            for path in sorted(out.model.iterdir()):
                os.replace(path, self.model / path.name)
            out.model.rmdir()
        keep = [PurePosixPath(name).relative_to(stage.folder) for name in self._folders_inside(stage, recipe)]
        replace_folder(folder, target, keep)
        (out.path / f"{stage.name}.fingerprint").unlink(missing_ok=True)
        for parent in folder.parents:
            if parent == self.path or (parent.is_dir() and any(parent.iterdir())):
                break
            if parent.is_dir():
                parent.rmdir()

    @contextmanager
    def lock(self) -> Iterator[int]:
        """Lock the run directory for one command at a time, and for the processes that this one launches.

        Yields the file descriptor of the lock, which is held until all processes that inherited it have ended.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = (self.path / ".lock").open("a")
        except FileExistsError:
            raise UserError(f"{self} is a file: name a folder with --run-dir") from None
        except FileNotFoundError:  # for example in /proc, where no folder can be created
            raise UserError(f"no folder can be created at {self}: name another with --run-dir") from None
        with handle:
            if os.environ.get("DESDECERO_LOCKED") == str(self.path):  # launched by the command that holds it
                yield handle.fileno()
                return
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"another desdecero command is using {self}: wait for it, or name another --run-dir"
                ) from None
            yield handle.fileno()


def find_run(name_or_path: str) -> RunDir:
    """Return the run at a path, or of that name below `runs/`; raises `UserError` where there is none."""
    local_path(name_or_path)
    for path in (Path(name_or_path), Path("runs") / name_or_path):
        if (path / "recipe.yaml").is_file():
            return RunDir(path)
    raise UserError(f"no run at {name_or_path} or runs/{name_or_path}: make one with `desdecero run {name_or_path}`")


def shortest(run: RunDir) -> str:
    """Return the run's path, relative to the current folder where it lies below it."""
    here = Path.cwd()
    return str(run.path.relative_to(here)) if run.path.is_relative_to(here) else str(run.path)
