"""Block lists: documents that were removed on request and stay out of every later build.

A block list is a file of JSON lines, one for each removed document: the sha256 of its text before cleaning, its id and
source, the date, the reason that was given, and marks by which a changed copy of the text is recognized (see
`removed_texts`); never the text. The id `*` removes a whole source. A line with `"keep": true` says that a document is
not a copy of a removed one.

Three lists are applied: `blocklist.jsonl` in the folder that holds the run (one for all runs of that folder, written by
`desdecero forget`), `blocklist.jsonl` in the run itself, and those that the recipe names in `corpus.blocklist`. The
list in the run is moved and copied with it: `desdecero forget` writes it into every run that holds a removed document,
and a build adds all entries that it applied. A copy of a run that was made elsewhere before a removal does not have the
entry.

A document is blocked if its text is that of an entry, wherever it comes from, or if its source and id are, even if the
text has changed. In the ledger its reason is `blocked`, or `blocked_copy` for one that resembles a removed text, with
the removed document's id in `duplicate_of`; its text is stored nowhere.

`reason_to_rebuild` checks whether a sealed corpus is still the one that its recipe would build: it compares the ledger
with the lists in force. A document that is in the corpus and should not be, or the reverse, makes the corpus stale, and
with it every later stage. Entries that concern other runs change nothing here.
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
from typing import TYPE_CHECKING

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_text
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.seals import reading

if TYPE_CHECKING:  # workers import this module, and the run directory's reports take 0.07 s to import
    from desdecero.pipelines.run.run_dir import RunDir

REASON, COPY_REASON = "blocked", "blocked_copy"
WHOLE_SOURCE = "*"


@dataclass(frozen=True, slots=True)
class BlocklistEntry:
    """A line of a block list."""

    sha256: str | None
    """Hash of the UTF-8 text before cleaning; None for a whole source."""
    id: str
    """The ledger's id, or `*`."""
    source: str
    date: str
    """ISO 8601, UTC."""
    reason: str
    words: str | None = None
    sample: str | None = None
    """Marks of the cleaned text; see `removed_texts`. Lists of earlier versions have none."""
    keep: bool = False
    """Keep the document of this sha256, whatever removed text it resembles."""

    def is_covered_by(self, other: BlocklistEntry) -> bool:
        """Tell whether a list that has the other entry does not need this one."""
        same = (self.sha256, self.id, self.source, self.keep) == (other.sha256, other.id, other.source, other.keep)
        return same and (self.words is None or other.words is not None)

    def line(self) -> str:
        """Return the entry as a line of JSON."""
        content = {name: value for name, value in asdict(self).items() if name not in _OPTIONAL or value}
        return json.dumps(content, ensure_ascii=False) + "\n"


_OPTIONAL = ("words", "sample", "keep")


class Blocklist:
    """The entries of one or more lists, indexed for look-up."""

    def __init__(self, entries: Iterable[BlocklistEntry]):
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

    def blocks(self, source: str, document_id: str, sha256: str) -> bool:
        """Tell whether a document is removed: by its text, its source and id, or its source alone."""
        return sha256 in self._texts or source in self._sources or place(source, document_id) in self._places

    def blocks_copy(self, sha256: str, removed: str) -> bool:
        """Tell whether a document that was dropped as a copy of this removed one is still to be dropped."""
        return removed in self._marked and not self.keeps(sha256)

    def keeps(self, sha256: str) -> bool:
        """Tell whether the document of this text is kept, whatever removed text it resembles."""
        return sha256 in self._kept


class Blocked:
    """The step that drops removed documents before any other step; nothing of their text is stored."""

    name = REASON

    def __init__(self, paths: Sequence[str | Path]):
        self.list = read_blocklist(paths)

    def __call__(self, draft: Draft) -> None:
        """Drop the draft if it is on the list."""
        document = draft.document
        if self.list and self.list.blocks(document.source, document.id, text_sha256(document.text)):
            draft.reason, draft.text = REASON, ""


def place(source: str, document_id: str) -> tuple[str, str]:
    """Return a document's source and its id without the source's name, which runs with several sources prepend."""
    return source, document_id.removeprefix(f"{source}/")


def text_sha256(text: str) -> str:
    """Return the sha256 of a text before cleaning, the ledger's `sha256_before`."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def reason_to_rebuild(run: RunDir, recipe: Recipe, stage: str = "corpus") -> str:  # noqa: ARG001  all alike
    """Say how many documents of the corpus the lists in force would decide differently; "" if none.

    Without a corpus on this machine, or without lists, nothing is read.
    """
    lists = run.blocklists(recipe)
    if not run.ledger.is_file() or not (lists or any(run.dropped.glob("blocked*.parquet"))):
        return ""
    documents = _decided_otherwise(_stamp(run.ledger), tuple(_stamp(Path(path)) for path in lists))
    return f"the corpus contradicts a block list in {documents} documents" if documents else ""


def read_entries(path: str | Path) -> list[BlocklistEntry]:
    """Read the entries of a list. Raises `UserError` if the file is missing or a line is not a valid entry."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise _missing(path) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text at byte {error.start}; restore it from a copy") from None
    return [_entry(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


def _entry(line: str, where: str) -> BlocklistEntry:
    try:
        entry = BlocklistEntry(**json.loads(line))
        optional = (entry.sha256, entry.words, entry.sample)
        strings = (entry.id, entry.source, entry.date, entry.reason, *(value or "" for value in optional))
        base64.b64decode(entry.sample or "", validate=True)
        if not all(isinstance(value, str) for value in strings):
            raise ValueError
        return entry
    except (ValueError, TypeError):
        raise UserError(
            f"{where}: not a valid entry of a block list (an object with sha256, id, source, date and reason): "
            "fix the line, or restore the file from a copy"
        ) from None


def _missing(path: str | Path) -> UserError:
    return UserError(f"no block list at {path}: fix corpus.blocklist, which starts at the recipe file")


def read_blocklist(paths: Sequence[str | Path]) -> Blocklist:
    """Read several lists as one."""
    return Blocklist(entry for path in paths for entry in read_entries(path))


def new_entries(path: Path, entries: Sequence[BlocklistEntry]) -> list[BlocklistEntry]:
    """Return the entries that a list lacks; the file may be missing."""
    known: dict[str, list[BlocklistEntry]] = {}
    for entry in read_entries(path) if path.is_file() else []:
        known.setdefault(entry.id, []).append(entry)
    added = []
    for entry in entries:
        if not any(entry.is_covered_by(other) for other in known.get(entry.id, [])):
            known.setdefault(entry.id, []).append(entry)
            added.append(entry)
    return added


def add_entries(path: Path, entries: Sequence[BlocklistEntry]) -> None:
    """Append the entries that the list lacks, all or none; concurrent commands wait for each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if added := new_entries(path, entries):
            write_text(path, before + "".join(entry.line() for entry in added))
    finally:
        os.close(folder)


# --- the sealed ledger, read at most once for each version of it ----------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stamped:
    """A file's path, size and time of change: differs when the file has changed."""

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
    from pyarrow import parquet  # lazy: a machine that only trains may lack pyarrow

    blocklist, differing = read_blocklist([stamped.path for stamped in lists]), 0
    columns = ["source", "id", "sha256_before", "decision", "reason", "duplicate_of"]
    with reading(ledger.path):
        for batch in parquet.ParquetFile(ledger.path).iter_batches(columns=columns):
            for source, document_id, sha256, decision, reason, original in zip(
                *batch.to_pydict().values(), strict=True
            ):
                if decision != "quarantined":
                    is_blocked = reason in (REASON, COPY_REASON)
                    to_block = blocklist.blocks(source, document_id, sha256) or (
                        is_blocked and original is not None and blocklist.blocks_copy(sha256, original)
                    )
                    differing += to_block != is_blocked
    return differing
