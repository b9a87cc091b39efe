"""The run directory: the names in it, and the seals that say which of it may be believed.

    runs/<name>/
      recipe.yaml               resolved: every default written out
      made_from.json            the recipe's file or name, and what --set changed in it
      sources.json              what the corpus was built from: names, sizes and hashes of files
      corpus/                   documents/<split>-*.parquet  dropped/*.parquet  ledger.parquet
      tokenizer/                what AutoTokenizer.from_pretrained loads
      tokens/                   train-*.bin  validation-*.bin  index.parquet (document id → token span)  ledger.parquet
      pretrain/                 metrics.jsonl  loss.png  samples.jsonl  trackers/  checkpoints/step-000500/
      model/                    byte for byte the Hub repository: config.json model.safetensors README.md …
      evaluation/  audit/       report.json, samples and scores beside it
      adapters/<name>/          adapter/  merged/  the comparison with the base
      card/                     README.md  README.es.md  evidence.json
      <stage>/report.json       the stage's evidence: what a person or the card may quote
      <stage>/done.json         the seal, written last: fingerprint, sha256 of every output, versions, hardware
      unsealed/<the same tree>  what an unfinished stage has written so far
      blocklist.jsonl           documents that were removed on request, as far as this run knows: moves with it
    runs/blocklist.jsonl        documents that were removed on request: no corpus beside it may hold them

A stage writes below `unsealed/`. When it is whole, its seal is written there too, and its folders are moved
into place, the one with the seal last. So an interrupted or failed stage leaves what was sealed as it was.

No other module knows these names; this one imports no torch.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from desdecero.pipelines.errors import UserError, printable
from desdecero.pipelines.local_paths import local_path
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.recipe.origin import Origin
from desdecero.pipelines.seals import (  # fmt: skip
    AlteredFile,
    InvalidFile,
    Output,
    Seal,
    check_regular,
    fingerprint,
    hash_json,
    load_seal,
    parse_report,
    read_file,
    sha256_file,
)

Split = Literal["train", "validation", "domain_train", "domain_validation"]
SPLITS: tuple[Split, ...] = ("train", "validation", "domain_train", "domain_validation")

LIBRARIES = (
    "desdecero", "torch", "transformers", "accelerate", "tokenizers", "rustbpe", "sentencepiece", "tiktoken",
    "datasets", "evaluate", "peft", "huggingface-hub", "fairlearn", "safetensors", "numpy", "pyarrow", "ftfy",
    "license-expression",
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """One link of the chain: a page of code with one function of its name, `function(recipe, run, out) -> summary`."""

    name: str
    function: str
    reads: tuple[str, ...]
    """Recipe sections that its output depends on."""
    inputs: tuple[str, ...]
    """Stages whose sealed output it reads."""
    version: int
    """Raised when the stage's output changes meaning: then what an older version sealed is stale."""

    @property
    def module(self) -> str:
        return f"desdecero.pipelines.{self.function}"

    def folder(self, recipe: Recipe) -> str:
        """Its folder in the run directory, as a relative path."""
        if self.name == "finetune":
            return f"adapters/{recipe.corpus.domain.name if recipe.corpus.domain else 'none'}"
        return {"evaluate": "evaluation"}.get(self.name, self.name)

    def wanted(self, recipe: Recipe) -> bool:
        """Whether the recipe asks for it."""
        return self.name != "finetune" or recipe.finetune is not None


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("corpus", "build_corpus", ("seed", "corpus"), (), 4),
        Stage("tokenizer", "train_tokenizer", ("seed", "tokenizer"), ("corpus",), 4),
        Stage("tokens", "pack_tokens", ("seed", "tokens"), ("corpus", "tokenizer"), 4),
        Stage("pretrain", "pretrain", ("seed", "model", "pretrain"), ("tokenizer", "tokens"), 5),
        Stage(
            "evaluate", "evaluate_model",
            ("seed", "evaluate"), ("corpus", "tokenizer", "tokens", "pretrain"), 2,
        ),
        Stage("audit", "audit_model", ("seed", "audit"), ("pretrain",), 1),
        Stage(
            "finetune", "finetune",
            ("seed", "evaluate", "finetune"), ("corpus", "tokens", "pretrain"), 3,
        ),
        Stage(
            "card", "write_card", ("name", "purpose", "languages", "card", "publish"),
            ("corpus", "tokenizer", "tokens", "pretrain", "evaluate", "audit", "finetune"), 3,
        ),
    )
}  # fmt: skip


SMALL_BYTES = 2**20
"""Files up to this size are hashed whenever a stage's state is asked for: reports, and what transformers reads."""

WRITES_MODEL = ("pretrain", "card")
"""Stages that write below `model/` besides their own folder: the weights, and the card that goes with them."""


@dataclass(frozen=True)
class State:
    """Where a stage stands: `sealed`, `stale` (with the reason), `missing`, or `unwanted` by the recipe."""

    name: str
    reason: str = ""


class RunDir:
    """A run directory. `out` directories of stages being built are of this class too: the names are the same."""

    def __init__(self, path: str | Path):
        self.path = Path(path).absolute()

    def __str__(self) -> str:
        return str(self.path)

    # --- names -----------------------------------------------------------------------------------------------

    @property
    def recipe_file(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def origin_file(self) -> Path:
        return self.path / "made_from.json"

    @property
    def sources_file(self) -> Path:
        return self.path / "sources.json"

    @property
    def corpus(self) -> Path:
        return self.path / "corpus"

    @property
    def documents(self) -> Path:
        return self.corpus / "documents"

    @property
    def dropped(self) -> Path:
        return self.corpus / "dropped"

    @property
    def ledger(self) -> Path:
        return self.corpus / "ledger.parquet"

    @property
    def tokenizer(self) -> Path:
        return self.path / "tokenizer"

    @property
    def tokens(self) -> Path:
        return self.path / "tokens"

    @property
    def token_index(self) -> Path:
        return self.tokens / "index.parquet"

    @property
    def token_ledger(self) -> Path:
        """The corpus' ledger, with a column of tokens."""
        return self.tokens / "ledger.parquet"

    @property
    def pretrain(self) -> Path:
        return self.path / "pretrain"

    @property
    def metrics(self) -> Path:
        return self.pretrain / "metrics.jsonl"

    @property
    def plan(self) -> Path:
        return self.pretrain / "plan.json"

    @property
    def samples(self) -> Path:
        return self.pretrain / "samples.jsonl"

    @property
    def trackers(self) -> Path:
        return self.pretrain / "trackers"

    @property
    def checkpoints(self) -> Path:
        return self.pretrain / "checkpoints"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def evaluation(self) -> Path:
        return self.path / "evaluation"

    @property
    def audit(self) -> Path:
        return self.path / "audit"

    @property
    def card(self) -> Path:
        return self.path / "card"

    @property
    def unsealed(self) -> RunDir:
        """Where stages are built: the same tree, one level down."""
        return RunDir(self.path / "unsealed")

    @property
    def blocklist(self) -> Path:
        """Removed documents: one list for all runs of a folder, beside them."""
        return self.path.parent / "blocklist.jsonl"

    @property
    def own_blocklist(self) -> Path:
        """Removed documents that this run held or could have held: what goes with it when it is moved."""
        return self.path / "blocklist.jsonl"

    def blocklists(self, recipe: Recipe) -> tuple[str, ...]:
        """Every list of removed documents that a build here obeys."""
        here = (str(path) for path in (self.blocklist, self.own_blocklist) if path.is_file())
        return (*recipe.corpus.blocklist, *here)

    def adapter(self, name: str) -> Path:
        return self.path / "adapters" / name

    def folder(self, stage: str, recipe: Recipe) -> Path:
        return self.path / STAGES[stage].folder(recipe)

    def document_files(self, split: Split) -> list[Path]:
        """The Parquet files that hold one split's documents, in order."""
        return sorted(self.documents.glob(f"{split}-*.parquet"))

    def token_files(self, split: Split) -> list[Path]:
        return sorted(self.tokens.glob(f"{split}-*.bin"))

    # --- reports and recipe ----------------------------------------------------------------------------------

    def recipe(self) -> Recipe:
        """The recipe that this run was made by."""
        if not self.recipe_file.is_file():
            raise UserError(f"{self} is not a run directory (no recipe.yaml in it): name one that `desdecero run` made")
        return load_recipe(self.recipe_file)

    def origin(self) -> Origin | None:
        """Where that recipe came from; None in runs of earlier versions."""
        return Origin.read(self.origin_file)

    def remember_origin(self, origin: Origin) -> None:
        """Keep where the recipe came from, unless it is the run's own copy, which came from elsewhere."""
        known = self.origin()
        if Path(origin.recipe).is_relative_to(self.path) or (known and origin.gives_the_same_as(known)):
            return
        write_text(self.origin_file, json.dumps(asdict(origin), indent=2) + "\n")

    def update_recipe(self, recipe: Recipe) -> None:
        """Write the recipe where all is sealed by it: only paths can differ then, of sources that were moved."""
        states = (self.state(stage, recipe).name for stage in STAGES.values())
        if all(name in ("sealed", "unwanted") for name in states):
            text = recipe.to_yaml()
            if not self.recipe_file.is_file() or self.recipe_file.read_text(encoding="utf-8") != text:
                write_text(self.recipe_file, text)

    def report(self, stage: str, recipe: Recipe) -> dict[str, Any]:
        """A stage's `report.json`; raises `UserError` where it has not been sealed, or was altered since."""
        name = f"{STAGES[stage].folder(recipe)}/report.json"
        if not self.recipe_file.exists() and (self.path / name).is_file():  # a stage that is being built, not a run
            return parse_report((self.path / name).read_bytes(), str(self.path / name))
        return self.sealed_json(stage, recipe, name)

    def sealed_json(self, stage: str, recipe: Recipe, name: str) -> dict[str, Any]:
        """As `sealed_bytes`, of a file that holds one JSON object."""
        content = self.sealed_bytes(stage, recipe, name)
        try:
            return parse_report(content, str(self.path / name))
        except InvalidFile as error:
            raise self._altered(stage, name, str(error)) from None

    def sealed_bytes(self, stage: str, recipe: Recipe, name: str) -> bytes:
        """The content of a file that a stage sealed, by its path in the run directory.

        Raises `UserError` where the stage has not been sealed, `AlteredFile` where the bytes are not those that were.
        """
        place = f"{STAGES[stage].folder(recipe)}/done.json"
        try:
            seal = load_seal(self.path / place, stage)
        except InvalidFile as error:
            raise self._altered(stage, place, str(error)) from None
        if seal is None:
            raise UserError(f"{self}: no {stage} report yet; make it with `desdecero {stage} {self.recipe_file}`")
        if name not in seal.outputs:
            raise self._altered(stage, name, f"is not among the files that {stage} sealed")
        try:
            content = read_file(self.path / name)
        except FileNotFoundError:
            raise self._altered(stage, name, "is gone") from None
        except InvalidFile as error:
            raise self._altered(stage, name, str(error)) from None
        if hashlib.sha256(content).hexdigest() != seal.outputs[name]["sha256"]:
            raise self._altered(stage, name, f"is not as {stage} sealed it")
        return content

    def _altered(self, stage: str, name: str, what: str) -> AlteredFile:
        return AlteredFile(
            name,
            f"{self.path / name} {what}: `desdecero verify {self}` names all that was altered, and "
            f"`desdecero {stage} {self.recipe_file} --run-dir {self}` makes it again",
        )

    def write_report(self, stage: str, recipe: Recipe, report: Mapping[str, Any]) -> None:
        write_json(self.folder(stage, recipe) / "report.json", report)

    # --- seals -----------------------------------------------------------------------------------------------

    def seal(self, stage: str, recipe: Recipe) -> Seal | None:
        """The stage's seal, or None if it is missing, unreadable or altered."""
        try:
            return load_seal(self.folder(stage, recipe) / "done.json", stage)
        except InvalidFile:
            return None

    def fingerprint(self, stage: Stage, recipe: Recipe) -> tuple[str, dict[str, str], dict[str, str]]:
        """(fingerprint, section hashes, input digests) that a seal made now would carry.

        An input folder that is not on this machine (a training node that holds only `tokens/` and
        `tokenizer/`) counts as it was when the stage was sealed.
        """
        dump = recipe.content()
        sections = {name: hash_json(dump[name]) for name in stage.reads}
        known, inputs = self.seal(stage.name, recipe), {}
        for name in stage.inputs:
            if not STAGES[name].wanted(recipe):
                continue
            seal = self.seal(name, recipe)
            inputs[name] = seal.digest if seal else (known.inputs.get(name, "") if known else "")
        return fingerprint(stage.name, stage.version, sections, inputs), sections, inputs

    def state(self, stage: Stage, recipe: Recipe, sources: str | None = None) -> State:
        """Compare a stage's seal with the recipe, its inputs, its code version and, where given, the sources.

        sources: the digest of the sources that hold the same as today's (`chain.current_state` finds out)
        """
        if not stage.wanted(recipe):
            return State("unwanted", "the recipe has no such section")
        try:
            seal = load_seal(self.folder(stage.name, recipe) / "done.json", stage.name)
        except InvalidFile as error:
            return State("stale", f"{stage.folder(recipe)}/done.json {error}")
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
            if not self._fits(name, output):
                return State("stale", f"{printable(name)} is not as it was sealed")
        if removed := self.unobeyed(recipe):
            return State("stale", f"the corpus is at odds with a block list in {removed} documents")
        return State("sealed")

    def _fits(self, name: str, output: Output) -> bool:
        """Whether a sealed file seems to be as it was: its size, and for a small one its hash; `verify` hashes all."""
        path = self.path / name
        try:
            size = check_regular(path)
            return size == output["bytes"] and (size > SMALL_BYTES or sha256_file(path) == output["sha256"])
        except (OSError, InvalidFile):
            return False

    def unobeyed(self, recipe: Recipe) -> int:
        """Documents that were removed and are still in the corpus, or the other way round; 0 without a corpus here."""
        lists = self.blocklists(recipe)
        if not self.ledger.is_file() or not (lists or any(self.dropped.glob("blocked*.parquet"))):
            return 0
        from desdecero.pipelines.corpus.blocklist import (
            unobeyed,  # reads Parquet, which a training node may not know how to
        )

        return unobeyed(self.ledger, lists)

    def start(self, stage: Stage, recipe: Recipe, resumable: bool) -> RunDir:
        """Make the place where a stage is built, emptied unless it holds the same stage's own unfinished work.

        Checkpoints are never thrown away here: pretraining itself takes them up, or refuses those of another training.
        """
        out = self.unsealed
        folder, mark = out.folder(stage.name, recipe), out.path / f"{stage.name}.fingerprint"
        fingerprint = self.fingerprint(stage, recipe)[0]
        same = mark.is_file() and mark.read_text(encoding="utf-8") == fingerprint
        if not (resumable and (same or any(out.checkpoints.glob("step-*")))):
            shutil.rmtree(folder, ignore_errors=True)
        if stage.name in WRITES_MODEL:
            shutil.rmtree(out.model, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(mark, fingerprint)
        return out

    def commit(self, stage: Stage, recipe: Recipe, seconds: float, sources: str | None = None) -> Seal:
        """Seal what a stage has built and move it into place, its own folder (which holds the seal) last."""
        out = self.unsealed
        made_from, sections, inputs = self.fingerprint(stage, recipe)
        folder = out.folder(stage.name, recipe)
        roots = [folder, out.model] if stage.name in WRITES_MODEL else [folder]
        for root in roots:
            _resolve_links(root)
        files = sorted(path for root in roots for path in root.rglob("*") if path.is_file())
        outputs: dict[str, Output] = {
            path.relative_to(out.path).as_posix(): {"sha256": sha256_file(path), "bytes": path.stat().st_size}
            for path in files
            if path != folder / "done.json"
        }
        seal = Seal(
            stage=stage.name, version=stage.version, fingerprint=made_from, sections=sections, inputs=inputs,
            sources=sources, outputs=outputs, digest=hash_json(outputs), seconds=round(seconds, 3),
            finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            libraries=library_versions(), hardware=hardware(),
        )  # fmt: skip
        # The recipe goes first: if the power fails in between, stages read as stale, never as falsely sealed.
        write_text(self.recipe_file, recipe.to_yaml())
        write_json(folder / "done.json", seal.to_json())
        self._move_into_place(stage, recipe)
        return seal

    def recover(self, recipe: Recipe) -> None:
        """Finish the moves of a stage that was sealed but not yet in place when the process ended."""
        for stage in STAGES.values():
            if self.awaits_its_place(stage, recipe):
                self._move_into_place(stage, recipe)

    def awaits_its_place(self, stage: Stage, recipe: Recipe) -> bool:
        """Whether a stage was sealed below `unsealed/` and not moved from there."""
        seal = self.unsealed.seal(stage.name, recipe)
        return seal is not None and seal.fingerprint == self.fingerprint(stage, recipe)[0]

    def _move_into_place(self, stage: Stage, recipe: Recipe) -> None:
        out = self.unsealed
        folder, target = out.folder(stage.name, recipe), self.folder(stage.name, recipe)
        if stage.name == "pretrain" and out.model.is_dir():
            _replace_folder(out.model, self.model)
        elif stage.name == "card" and out.model.is_dir():  # it adds its files to a folder that is pretraining's
            for path in sorted(out.model.iterdir()):
                os.replace(path, self.model / path.name)
            out.model.rmdir()
        _replace_folder(folder, target)
        (out.path / f"{stage.name}.fingerprint").unlink(missing_ok=True)
        for empty in (folder.parent, out.path):
            if empty.is_dir() and empty != self.path and not any(empty.iterdir()):
                empty.rmdir()

    def verify(self, recipe: Recipe) -> list[str]:
        """Hash every sealed file again and return what is wrong, one sentence each, by name; empty when whole."""
        from desdecero.pipelines.verification import verify  # which needs this module

        return verify(self, recipe)

    @contextmanager
    def lock(self) -> Iterator[int]:
        """Hold the run directory for one command at a time (and for the processes that this one launches).

        Yields the file descriptor of the lock: it is held until all processes that inherited that have ended.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = (self.path / ".lock").open("a")
        except FileExistsError:
            raise UserError(f"{self} is a file: name a folder with --run-dir") from None
        except FileNotFoundError:  # as in /proc, where no folder can be made
            raise UserError(f"no folder can be made at {self}: name another with --run-dir") from None
        with handle:
            if os.environ.get("DESDECERO_LOCKED") == str(self.path):  # launched by the command that holds it
                yield handle.fileno()
                return
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"another desdecero is at work in {self}: wait for it, or name another --run-dir"
                ) from None
            yield handle.fileno()


def find_run(name_or_path: str) -> RunDir:
    """A run by its path, or by its name below `runs/`."""
    local_path(name_or_path)
    for path in (Path(name_or_path), Path("runs") / name_or_path):
        if (path / "recipe.yaml").is_file():
            return RunDir(path)
    raise UserError(f"no run at {name_or_path} or runs/{name_or_path}: make one with `desdecero run {name_or_path}`")


# --- files and hashes ----------------------------------------------------------------------------------------


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none: to a neighbour, to the disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    neighbour = path.with_name(path.name + ".partial")
    with neighbour.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(neighbour, path)


def write_json(path: Path, content: Any) -> None:
    """As `write_text`; NaN and infinity are refused, because JSON has none and a report may not hide them."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """What `write_json` writes."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def library_versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def hardware() -> dict[str, Any]:
    """The machine, as far as it can be told without importing torch for it."""
    facts: dict[str, Any] = {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()}
    if hasattr(os, "sysconf"):
        facts["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        facts["processor"] = names[0].partition(":")[2].strip() if names else platform.processor()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        facts["devices"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return facts


def _resolve_links(root: Path) -> None:
    """Put files in the place of the links to them that a library has left (wandb); other links are removed."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            target = path.resolve()
            path.unlink()
            if target.is_file():
                shutil.copyfile(target, path)


def _replace_folder(new: Path, target: Path) -> None:
    """Put `new` where `target` is. The old folder is moved aside first: a folder cannot be renamed over a full one."""
    aside = new.with_name(new.name + ".old")
    shutil.rmtree(aside, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.rename(target, aside)
    os.rename(new, target)
    shutil.rmtree(aside, ignore_errors=True)
