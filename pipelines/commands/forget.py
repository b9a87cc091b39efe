"""Remove documents on request: find what holds them, block them from every later build, and say what cannot be undone.

    desdecero forget quickstart --document laws/PE-29733 --reason "request of 2026-11-20"      what would happen
    desdecero forget quickstart --match "Juana de Arco" --match "/(?i)doncella de orl.ans/"    by text, or /by pattern/
    desdecero forget quickstart --source laws --yes                                            do it

    desdecero forget quickstart --keep ID --yes                this one is no copy of a removed text

Without --yes nothing is written. With it, the documents are added to `blocklist.jsonl` beside the run, which every
corpus built in that folder obeys, and to the list in each run that holds one of them, which moves with that run. Such a
run is stale from its corpus on, so its model cannot be published, and the next `desdecero run` builds it anew without
them. Sealed files are not touched. To take a removal back, delete its line in both lists.

--match looks into the texts as they were cleaned, kept or dropped, and into ids and metadata. Plain words are found in
whatever case; what stands between slashes is a regular expression. Copies are forgotten with a document that is named
or matched: those that deduplication dropped for it, the one that it was dropped for, and the documents of this run and
of those beside it that hold nearly all of its text (see `pipelines/corpus/removed_texts.py`). A whole source is
forgotten by its name, and copies in other sources stay, because they may be there by another right; they are counted.

Copies that come later are recognised when a corpus is built: by their words, whatever their line ends, blanks and
quotation marks; and, for texts of twelve words and more, inside a longer document or with a few other words. They are
dropped as `blocked` or `blocked_copy` and listed in the report; --keep takes one back in. What holds half of a removed
text or more, and is no copy, is kept and reported.

Ledgers and texts are read as streams: memory grows with what is to be forgotten, not with the corpus.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError, guard
from desdecero.pipelines.corpus.blocklist import (
    COPY_REASON,
    REASON,
    WHOLE_SOURCE,
    Blocklist,
    Entry,
    add_entries,
    new_entries,
    place,
)
from desdecero.pipelines.corpus.removed_texts import RemovedTexts
from desdecero.pipelines.corpus.run_texts import copies_in, marks_in, runs_beside, texts_of
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.seals import reading
from desdecero.pipelines.run.stages import stages

SHOWN = 20
"""Documents, and spans of tokens, that are printed one by one; the rest is counted."""

LEDGER_COLUMNS = ["id", "source", "sha256_before", "decision", "reason", "duplicate_of", "split"]


@dataclass(frozen=True)
class Holder:
    """A run that holds documents which are to be forgotten."""

    run: RunDir
    recipe: Recipe
    rows: list[dict[str, Any]]
    """Of its ledger."""
    spans: list[dict[str, Any]]
    """Of its tokens/index.parquet."""

    @property
    def weights(self) -> list[str]:
        """The folders whose weights were trained on these documents."""
        splits = {row["split"] for row in self.rows}
        model = [self.run.model] if "train" in splits and self.run.model.is_dir() else []
        adapters = sorted(self.run.adapter("").glob("*")) if splits & {"train", "domain_train"} else []
        return [path.relative_to(self.run.path).as_posix() for path in (*model, *adapters)]

    @property
    def stages(self) -> list[str]:
        """The sealed stages that were made with these documents: the corpus, and what came after it."""
        return [name for name in stages(self.recipe) if self.run.seal(name, self.recipe)]


def forget(run: RunDir, entries: Sequence[Entry], also: Sequence[str], dry_run: bool) -> None:
    """Print what holds the documents of `entries` and, unless it is a dry run, block them.

    also: sentences about documents that are concerned and not blocked
    """
    new = new_entries(run.blocklist, entries)
    holders, unreadable = _holders(run, Blocklist(entries))
    print(_documents(entries, also))
    for holder in holders:
        print("\n" + _holder(holder))
    for sentence in unreadable:
        print(f"\n{sentence}")
    listed = _shortest(run.blocklist)
    if dry_run:
        print(f"\n--yes would add {_count(len(new), 'line')} to {listed}, and make these stages stale")
    else:
        for path in (run.blocklist, *(holder.run.own_blocklist for holder in holders)):
            add_entries(path, entries)
        print(f"\nadded {_count(len(new), 'line')} to {listed}; these stages are stale")
    for holder in holders:
        path = _shortest(holder.run.path)
        print(f"  {path}: {' '.join(holder.stages)}")
        print(f"      anew, without them: desdecero run {path}/recipe.yaml --run-dir {path}")
    print("\n" + _limits(holders))


def keep(run: RunDir, entries: Sequence[Entry], dry_run: bool) -> None:
    """Print which documents are to be kept although they resemble removed ones and, unless it is a dry run, say so in
    the lists."""
    for entry in entries:
        print(f"to keep: {entry.id}   source {entry.source}   sha256 {(entry.sha256 or '')[:12]}…")
    listed, path = _shortest(run.blocklist), _shortest(run.path)
    if dry_run:
        print(f"\n--yes would add {_count(len(new_entries(run.blocklist, entries)), 'line')} to {listed}")
        return
    for place_of_list in (run.blocklist, run.own_blocklist):
        add_entries(place_of_list, entries)
    print(f"\nadded to {listed}; anew, with them: desdecero run {path}/recipe.yaml --run-dir {path}")


# --- what is meant -------------------------------------------------------------------------------------------


def find_entries(
    run: RunDir, sources: Sequence[str], documents: Sequence[str], matches: Sequence[str], reason: str
) -> tuple[list[Entry], list[str]]:
    """What a block list must say so that these are forgotten, and sentences about copies that would stay.

    Raises `UserError` where the run holds no such source, document or text.
    """
    if not run.ledger.is_file():
        raise UserError(f"{run} has no corpus/ledger.parquet, which says what it was made of: nothing can be found")
    names: set[str] = set()
    named: dict[str, set[str]] = {wanted: set() for wanted in documents}
    for row in _rows(run):
        names.add(row["source"])
        for wanted in named:
            if wanted in (row["id"], place(row["source"], row["id"])[1]):
                named[wanted].add(row["id"])
    if strangers := [name for name in sources if name not in names]:
        raise UserError(f"no source {strangers[0]!r} in {run}: it has {', '.join(sorted(names))}")
    if strangers := [wanted for wanted, found in named.items() if not found]:
        raise UserError(f"no document {strangers[0]!r} in {run}: ids are in corpus/ledger.parquet; or try --match")
    matched = [_matching(run, pattern) for pattern in matches]
    rows = _with_copies(run, set().union(*named.values(), *matched))
    today = time.strftime("%Y-%m-%d", time.gmtime())
    rows = {id: row for id, row in rows.items() if row["source"] not in sources}
    marks = marks_in(run, set(rows))
    entries = [Entry(None, WHOLE_SOURCE, name, today, reason) for name in sources]
    entries += [
        Entry(row["sha256_before"], id, row["source"], today, reason, *marks.get(id, ()))
        for id, row in sorted(rows.items())
    ]
    copies, sentences = _copies_beside(run, entries)
    return [*entries, *copies], [*_copies_left(run, set(sources), set(rows)), *sentences]


def find_kept(run: RunDir, documents: Sequence[str], reason: str) -> list[Entry]:
    """What a block list must say so that these documents, which resemble removed ones, are kept.

    Raises `UserError` where the run dropped no such document as a copy.
    """
    today, found = time.strftime("%Y-%m-%d", time.gmtime()), {}
    for row in _rows(run):
        if row["reason"] in (REASON, COPY_REASON) and row["duplicate_of"]:
            for wanted in documents:
                if wanted in (row["id"], place(row["source"], row["id"])[1]):
                    found[wanted] = Entry(row["sha256_before"], row["id"], row["source"], today, reason, keep=True)
    if strangers := [wanted for wanted in documents if wanted not in found]:
        raise UserError(
            f"--keep {strangers[0]}: {run} dropped no such document as a copy of a removed one; "
            "ids are in corpus/ledger.parquet, reason blocked_copy"
        )
    return list(found.values())


def read_rows(path: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file; raises `UserError` for one that cannot be read."""
    with reading(path):
        for batch in pq.ParquetFile(path).iter_batches(batch_size=256, columns=columns):
            yield from batch.to_pylist()


def _rows(run: RunDir) -> Iterator[dict[str, Any]]:
    """The documents in a run's ledger, without the records that could not be read."""
    yield from (row for row in read_rows(run.ledger, LEDGER_COLUMNS) if row["decision"] != "quarantined")


def _copies_beside(run: RunDir, entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Entries for the documents of this run, and of those beside it, that hold nearly all of the text of one of these
    entries, and a sentence on each."""
    blocklist, copies, sentences = Blocklist(entries), [], []
    for other, recipe in runs_beside(run):
        found = copies_in(other, RemovedTexts(entries, recipe.corpus.deduplication.similarity))
        for row in _rows(other) if found else ():
            if row["id"] in found and not _is_blocked(row, blocklist):
                copy, marks = found[row["id"]]
                known = {"date": entries[0].date, "reason": entries[0].reason, **marks._asdict()}
                copies.append(Entry(sha256=row["sha256_before"], id=row["id"], source=row["source"], **known))
                sentences.append(f"{row['id']} in {_shortest(other.path)} holds {copy.share:.0%} of {copy.id}")
        blocklist = Blocklist([*entries, *copies])
    return copies, sentences


def _matching(run: RunDir, pattern: str) -> set[str]:
    """Ids of the documents, kept or dropped, whose text, id or metadata match. Raises `UserError` where none does."""
    matches, found = _matcher(pattern), set()
    for rows in texts_of(run, ["meta"]):
        found |= {row["id"] for row in rows if any(matches(row[name] or "") for name in ("text", "id", "meta"))}
    if not found:
        raise UserError(
            f"no text, id or metadata in {run} matches {pattern!r}: texts are searched as cleaned, "
            "where personal data may be hidden already"
        )
    return found


def _matcher(pattern: str) -> Callable[[str], bool]:
    if len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/"):
        try:
            compiled = re.compile(pattern[1:-1])
        except re.error as error:
            raise UserError(
                f"--match {pattern}: not a regular expression ({error}); without slashes, it is text"
            ) from None
        return lambda text: compiled.search(text) is not None
    wanted = pattern.casefold()
    if not wanted.strip():
        raise UserError("--match '': every document matches that; say which text is meant")
    return lambda text: wanted in text.casefold()


def _with_copies(run: RunDir, ids: set[str]) -> dict[str, dict[str, Any]]:
    """The rows of these documents, of what was dropped for one of them, of what they were dropped for, and so on."""
    while True:
        rows = {row["id"]: row for row in _rows(run) if row["id"] in ids or row["duplicate_of"] in ids} if ids else {}
        wanted = set(rows) | {row["duplicate_of"] for row in rows.values() if row["duplicate_of"]}
        if wanted <= ids:
            return rows
        ids = wanted


def _copies_left(run: RunDir, sources: set[str], chosen: set[str]) -> list[str]:
    """Sentences on the copies of a forgotten source's documents that other sources hold."""
    if not sources:
        return []
    forgotten = {row["id"]: row["sha256_before"] for row in _rows(run) if row["source"] in sources}
    texts, left = set(forgotten.values()), Counter[str]()
    for row in _rows(run):
        if row["source"] not in sources and row["id"] not in chosen:
            left[row["source"]] += row["sha256_before"] in texts or row["duplicate_of"] in forgotten
    return [
        f"{_count(number, 'copy', 'copies')} of these in source {source} would stay, or take their place: "
        "name them with --document to forget them too"
        for source, number in sorted(left.items())
        if number
    ]


# --- what holds it -------------------------------------------------------------------------------------------


def _holders(run: RunDir, blocklist: Blocklist) -> tuple[list[Holder], list[str]]:
    """The runs beside this one, and itself, that hold such documents; and a sentence for each that cannot be read."""
    holders, unreadable = [], []
    for path in sorted(path.parent for path in run.path.parent.glob("*/recipe.yaml")):
        other = RunDir(path)
        try:
            recipe = other.recipe()
        except UserError as error:
            unreadable.append(f"{_shortest(path)} could not be read, and may hold such documents: {error}")
            continue
        if not other.ledger.is_file():
            continue
        reasons = (REASON, COPY_REASON)
        rows = [row for row in _rows(other) if row["reason"] not in reasons and _is_blocked(row, blocklist)]
        if rows:
            holders.append(Holder(other, recipe, rows, _spans(other, {row["id"] for row in rows})))
    return holders, unreadable


def _is_blocked(row: dict[str, Any], blocklist: Blocklist) -> bool:
    return blocklist.blocks(row["source"], row["id"], row["sha256_before"])


def _spans(run: RunDir, ids: set[str]) -> list[dict[str, Any]]:
    """Where these documents are in the packed tokens."""
    if not run.token_index.is_file():
        return []
    rows = read_rows(run.token_index, ["id", "split", "shard", "start", "tokens"])
    return [row for row in rows if row["id"] in ids]


# --- saying it -----------------------------------------------------------------------------------------------


def _documents(entries: Sequence[Entry], also: Sequence[str]) -> str:
    lines = [f"to forget: {_count(sum(entry.id != WHOLE_SOURCE for entry in entries), 'document')}"]
    if whole := [entry.source for entry in entries if entry.id == WHOLE_SOURCE]:
        lines[0] += f", and the whole of {', '.join(whole)}"
    named = [entry for entry in entries if entry.id != WHOLE_SOURCE]
    lines += [f"  {entry.id}   source {entry.source}   sha256 {(entry.sha256 or '')[:12]}…" for entry in named[:SHOWN]]
    if len(named) > SHOWN:
        lines.append(f"  … and {len(named) - SHOWN:,} more")
    return "\n".join([*lines, *(f"  {sentence}" for sentence in also)])


def _holder(holder: Holder) -> str:
    """Where one run holds them: corpus, tokens, weights."""
    fates = Counter(row["split"] or f"dropped as {row['reason']}" for row in holder.rows)
    lines = [
        str(_shortest(holder.run.path)),
        f"  corpus    {', '.join(f'{number:,} {fate}' for fate, number in fates.most_common())}",
    ]
    if holder.spans:
        tokens = sum(span["tokens"] for span in holder.spans)
        lines.append(f"  tokens    {tokens:,} in {_count(len(holder.spans), 'span')}")
        lines += [
            f"            {span['shard']} {span['start']:,} to {span['start'] + span['tokens']:,}   {span['id']}"
            for span in holder.spans[:SHOWN]
        ]
        if len(holder.spans) > SHOWN:
            lines.append(f"            … and {len(holder.spans) - SHOWN:,} more")
    if weights := holder.weights:
        lines.append(f"  weights   {', '.join(weights)}: trained on them")
    if repo := holder.recipe.publish.repo_id:
        lines.append(f"  the Hub   {repo}, if it was published there")
    paths = {source.name: source.path for source in holder.recipe.corpus.sources if source.kind == "files"}
    for name in sorted({row["source"] for row in holder.rows}):
        lines.append(f"  source    {name}{f': {paths[name]}' if name in paths else ''}")
    return "\n".join(lines)


def _limits(holders: Sequence[Holder]) -> str:
    """What blocking does not do."""
    lines = ["what this does not do"]
    if any(holder.weights for holder in holders):
        lines += [
            "  A trained model cannot unlearn: the weights above hold what they learnt of these texts until they are",
            "  trained anew. Copies that were published or given away must be replaced or withdrawn by you.",
        ]
    return "\n".join([
        *lines,
        "  The texts stay in the stale folders until the stages are built anew, and in their sources, which are",
        "  yours: nothing is ever deleted there. Backups and other folders of runs are not looked at.",
    ])  # fmt: skip


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _shortest(path: Path) -> Path:
    """The path as one would type it from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def main(argv: list[str] | None = None) -> int:
    return guard(_command, argv)


def _command(words: list[str]) -> int:
    parser = Arguments("forget", __doc__)
    parser.add_run()
    parser.add_argument("--source", action="append", default=[], metavar="NAME", help="all of a source")
    parser.add_argument("--document", action="append", default=[], metavar="ID", help="one document, by its id")
    parser.add_argument(
        "--match", action="append", default=[], metavar="TEXT", help="what holds this text, or matches this /pattern/"
    )
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="ID",
        help="a document dropped as a copy of a removed one: keep it",
    )
    parser.add_argument("--reason", default="", help="kept in the list: who asked, when, on what ground")
    parser.add_argument("--yes", action="store_true", help="do it (default: only say what would be done)")
    args = parser.parse_args(words)
    forgotten = args.source or args.document or args.match
    if bool(forgotten) == bool(args.keep):
        raise UserError(
            "say what to forget: --source NAME, --document ID or --match TEXT; each may be repeated; or --keep ID alone"
        )
    run = find_run(args.run)
    with run.lock() if args.yes else nullcontext():  # without --yes, it only reads
        if args.keep:
            keep(run, find_kept(run, args.keep, args.reason), dry_run=not args.yes)
            return EXIT_OK
        entries, also = find_entries(run, args.source, args.document, args.match, args.reason)
        forget(run, entries, also, dry_run=not args.yes)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
