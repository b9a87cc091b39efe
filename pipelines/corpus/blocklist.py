"""Documents that were removed on request, and stay out of every later build.

A block list is a file of JSON lines, one for each removed document: the sha256 of its text before cleaning, its id and
source, the date, the reason that was given, and marks by which the text is recognised when it comes back changed (see
`removed_texts`); never the text. An id of `*` removes a source as a whole. A line with `"keep": true` says that a
document is not to be taken for a copy of a removed one.

Three lists are obeyed: `blocklist.jsonl` beside the run (one for all runs of a folder, written by `desdecero forget`),
`blocklist.jsonl` in the run itself, and those that the recipe names in `corpus.blocklist`. The list in the run goes
where the run is moved or copied to: `desdecero forget` writes it into every run that holds a removed document, and a
build adds all entries that it obeyed. A copy of a run that was taken elsewhere before a removal cannot know of it.

A document is blocked if its text is that of an entry, wherever it comes from, or if its source and id are, whatever it
says by now. In the ledger its reason is `blocked`, or `blocked_copy` for one that resembles a removed text, with the
removed document's id in `duplicate_of`; its text is kept nowhere.

Is a sealed corpus still the one that its recipe would build? `reason_to_rebuild` compares its ledger with the lists in
force: a document that is in it and should not be, or the other way round, makes the corpus stale, and with it every
stage that came after. Entries that concern other runs change nothing here.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_text
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import reading

REASON, COPY_REASON = "blocked", "blocked_copy"
WHOLE_SOURCE = "*"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a block list."""

    sha256: str | None
    """Of the UTF-8 text before cleaning; None for a whole source."""
    id: str
    """As the ledger has it, or `*`."""
    source: str
    date: str
    """ISO 8601, UTC."""
    reason: str
    words: str | None = None
    sample: str | None = None
    """Marks of the text as it was cleaned; see `removed_texts`. Lists of earlier versions have none."""
    keep: bool = False
    """The document of this sha256 is not to be dropped for what it resembles."""

    def says_no_more_than(self, other: Entry) -> bool:
        """Whether a list that has the other entry needs this one."""
        same = (self.sha256, self.id, self.source, self.keep) == (other.sha256, other.id, other.source, other.keep)
        return same and (self.words is None or other.words is not None)

    def line(self) -> str:
        content = {name: value for name, value in asdict(self).items() if name not in _OPTIONAL or value}
        return json.dumps(content, ensure_ascii=False) + "\n"


_OPTIONAL = ("words", "sample", "keep")


class Blocklist:
    """Entries, ready to be asked."""

    def __init__(self, entries: Iterable[Entry]):
        self._texts: set[str] = set()
        self._places: set[tuple[str, str]] = set()
        self._sources: set[str] = set()
        self._marked: set[str] = set()
        self._kept: set[str | None] = set()
        for entry in entries:
            if entry.keep:
                self._kept.add(entry.sha256)
                continue
            if entry.words:
                self._marked.add(entry.id)
            if entry.id == WHOLE_SOURCE:
                self._sources.add(entry.source)
                continue
            self._places.add(place(entry.source, entry.id))
            if entry.sha256:
                self._texts.add(entry.sha256)

    def __bool__(self) -> bool:
        return bool(self._places or self._sources)

    def blocks(self, source: str, id: str, sha256: str) -> bool:
        return sha256 in self._texts or source in self._sources or place(source, id) in self._places

    def blocks_copy(self, sha256: str, removed: str) -> bool:
        """Whether a document that was dropped as a copy of this removed one is still to be dropped."""
        return removed in self._marked and not self.keeps(sha256)

    def keeps(self, sha256: str) -> bool:
        """Whether the document of this text is not to be dropped for what it resembles."""
        return sha256 in self._kept


class Blocked:
    """The step that drops removed documents, before any other has seen them; nothing of their text is kept."""

    name = REASON

    def __init__(self, paths: Sequence[str | Path]):
        self.list = read_blocklist(paths)

    def __call__(self, draft: Draft) -> None:
        document = draft.document
        if self.list and self.list.blocks(document.source, document.id, text_sha256(document.text)):
            draft.reason, draft.text = REASON, ""


def place(source: str, id: str) -> tuple[str, str]:
    """A document's place, whether or not its run has several sources, which puts their names before the ids."""
    return source, id.removeprefix(f"{source}/")


def text_sha256(text: str) -> str:
    """As the ledger's `sha256_before`."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def reason_to_rebuild(run: RunDir, recipe: Recipe) -> str:
    """Say that the lists in force would decide otherwise on documents of the corpus; "" where they do not.

    Without a corpus on this machine, or without lists, nothing is read.
    """
    lists = run.blocklists(recipe)
    if not run.ledger.is_file() or not (lists or any(run.dropped.glob("blocked*.parquet"))):
        return ""
    documents = _decided_otherwise(_stamp(run.ledger), tuple(_stamp(Path(path)) for path in lists))
    return f"the corpus is at odds with a block list in {documents} documents" if documents else ""


def read_entries(path: str | Path) -> list[Entry]:
    """The entries of a list. Raises `UserError` where there is no such file, or a line that is no entry."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise _missing(path) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text at byte {error.start}; restore it from a copy") from None
    return [_entry(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


def _entry(line: str, where: str) -> Entry:
    try:
        entry = Entry(**json.loads(line))
        optional = (entry.sha256, entry.words, entry.sample)
        strings = (entry.id, entry.source, entry.date, entry.reason, *(value or "" for value in optional))
        base64.b64decode(entry.sample or "", validate=True)
        if not all(isinstance(value, str) for value in strings):
            raise ValueError
        return entry
    except (ValueError, TypeError):
        raise UserError(
            f"{where}: no entry of a block list (an object with sha256, id, source, date and reason): "
            "fix the line, or restore the file from a copy"
        ) from None


def _missing(path: str | Path) -> UserError:
    return UserError(f"no block list at {path}: fix corpus.blocklist, which starts at the recipe file")


def read_blocklist(paths: Sequence[str | Path]) -> Blocklist:
    return Blocklist(entry for path in paths for entry in read_entries(path))


def new_entries(path: Path, entries: Sequence[Entry]) -> list[Entry]:
    """Those of the entries that a list, which need not exist, does not have."""
    known: dict[str, list[Entry]] = {}
    for entry in read_entries(path) if path.is_file() else []:
        known.setdefault(entry.id, []).append(entry)
    added = []
    for entry in entries:
        if not any(entry.says_no_more_than(other) for other in known.get(entry.id, [])):
            known.setdefault(entry.id, []).append(entry)
            added.append(entry)
    return added


def add_entries(path: Path, entries: Sequence[Entry]) -> None:
    """Append the entries that the list does not have, all or none; two commands at a time wait for each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if added := new_entries(path, entries):
            write_text(path, before + "".join(entry.line() for entry in added))
    finally:
        os.close(folder)


# --- the sealed ledger, asked at most once for each version of it ---------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stamped:
    """A file as it is now: changes when the file does."""

    path: str
    bytes: int
    changed_ns: int


def _stamp(path: Path) -> _Stamped:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise _missing(path) from None
    return _Stamped(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _decided_otherwise(ledger: _Stamped, lists: tuple[_Stamped, ...]) -> int:
    from pyarrow import parquet  # which a machine that only trains may lack

    blocklist, differing = read_blocklist([stamped.path for stamped in lists]), 0
    columns = ["source", "id", "sha256_before", "decision", "reason", "duplicate_of"]
    with reading(ledger.path):
        for batch in parquet.ParquetFile(ledger.path).iter_batches(columns=columns):
            for source, id, sha256, decision, reason, original in zip(*batch.to_pydict().values(), strict=True):
                if decision != "quarantined":
                    is_blocked = reason in (REASON, COPY_REASON)
                    to_block = blocklist.blocks(source, id, sha256) or (
                        is_blocked and original is not None and blocklist.blocks_copy(sha256, original)
                    )
                    differing += to_block != is_blocked
    return differing
