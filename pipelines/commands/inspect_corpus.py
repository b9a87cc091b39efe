"""Show from a run's ledger which documents were dropped or changed and why, and the history of any document.

    desdecero corpus inspect RUN                          drops by reason, edits by kind, with examples
    desdecero corpus inspect RUN --reason near_duplicate  the documents dropped for one reason
    desdecero corpus inspect RUN --unread                 files and records not read, and why; the largest first
    desdecero corpus inspect RUN --document ID            the history of one document

It reads sealed files and writes none. Memory holds one batch of rows, however long the ledger.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds

from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError, guard
from desdecero.pipelines.run.reports import CorpusReport
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.seals import reading

EXAMPLES = 10
EXCERPT = 300
"""Characters shown of a document."""
SUGGESTIONS = 8
"""Documents suggested where none has the requested id."""


def inspect_corpus(
    run: RunDir, reason: str | None = None, document: str | None = None, number: int | None = None, unread: bool = False
) -> str:
    """Return the requested report as text; raises `UserError` for a missing corpus, reason or document."""
    if not run.ledger.is_file():
        raise UserError(f"{run}: no corpus yet; make it with `desdecero corpus {run.recipe_file}`")
    if document is not None:
        return _history(run, document)
    if unread:
        return _unread(run, number)
    return _overview(run) if reason is None else _dropped(run, reason, number or EXAMPLES)


def _overview(run: RunDir) -> str:
    return _describe(run, run.report("corpus", run.recipe()))


def _describe(run: RunDir, report: CorpusReport) -> str:
    documents, sizes = report.documents, report.bytes
    lines = [
        f"{run}",
        f"{documents.read:,} documents read ({_size(sizes.read)}), {documents.kept:,} kept "
        f"({_size(sizes.kept)}), {documents.dropped:,} dropped, {documents.quarantined:,} quarantined",
    ]
    if report.drops:
        lines += ["", f"{'dropped because':<24}{'documents':>11}{'text':>11}"]
        for reason, drop in report.drops.items():
            lines.append(f"{reason:<24}{drop.documents:>11,}{_size(drop.bytes):>11}")
            lines += [_example(f"{example.id}: {example.excerpt}") for example in drop.examples[:2]]
    if report.steps:
        lines += ["", f"{'step':<24}{'documents in':>13}{'out':>11}{'text in':>11}{'out':>11}{'changed':>11}"]
        for step in report.steps:
            lines.append(
                f"{step.step:<24}{step.documents_in:>13,}{step.documents_out:>11,}"
                f"{_size(step.bytes_in):>11}{_size(step.bytes_out):>11}{step.changed:>11,}"
            )
    if kinds := report.edits.kinds:
        lines += ["", f"{'edits':<24}{'edits':>11}{'documents':>11}"]
        for kind, entry in kinds.items():
            lines.append(f"{kind:<24}{entry.edits:>11,}{entry.documents:>11,}")
            lines += [_example(f"{example.before}  →  {example.after}") for example in entry.examples[:2]]
    if report.quarantined:
        unread = report.unread
        lines += [
            "",
            f"not read: {unread.files:,} files and {unread.records:,} records, {_size(unread.bytes)}, "
            f"about {unread.share_bytes:.1%} of all words (estimated from bytes)",
        ]
        lines += [_example(f"{item.place}: {item.reason}") for item in unread.largest[:EXAMPLES]]
    lines += ["", "more: --unread, --reason REASON, --document ID"]
    return "\n".join(lines)


def _dropped(run: RunDir, reason: str, number: int) -> str:
    """List the first documents that were dropped (or quarantined) for a reason, and count all."""
    condition = ds.field("reason") == reason
    with reading(run.ledger):
        ledger = ds.dataset(run.ledger)
        total = ledger.count_rows(filter=condition)
    if not total:
        known = ", ".join(sorted(_reasons(ledger)))
        raise UserError(f"no document was dropped because of {reason!r}; the reasons are: {known or 'none'}")
    texts = {row["id"]: row["text"] for row in itertools.islice(_rows(_files(run.dropped, reason)), number)}
    lines = [f"{reason}: {total:,} document{'s' * (total > 1)}", ""]
    for row in itertools.islice(_rows([run.ledger], condition), number):
        of = f", of {row['duplicate_of']}" if row["duplicate_of"] else ""
        form = f", would pass as {row['passes_as']}" if row.get("passes_as") else ""
        lines.append(f"{row['id']}  ({row['source']}, {_size(row['bytes_before'] or 0)}{of}{form})")
        if row["id"] in texts:
            lines.append(_example(texts[row["id"]]))
    if total > number:
        lines.append(f"… and {total - number:,} more: --number {total}")
    return "\n".join(lines)


def _unread(run: RunDir, number: int | None) -> str:
    """List the files and records that could not be read, the largest first."""
    rows = [
        (row["bytes_before"] or 0, row["id"], row["reason"])
        for row in _rows([run.ledger], ds.field("decision") == "quarantined")
    ]
    if not rows:
        return "everything was read"
    rows.sort(key=lambda row: (-row[0], row[1]))
    lines = [f"{_size(size) if size else '':>10}  {place}: {reason}" for size, place, reason in rows[:number]]
    more = len(rows) - len(lines)
    return "\n".join(
        [f"{len(rows):,} not read", "", *lines, *([f"… and {more:,} more: --number {len(rows)}"] if more else [])]
    )


def _reasons(ledger: ds.Dataset) -> set[str]:
    batches = ledger.to_batches(columns=["reason"])
    return {reason for batch in batches for reason in pc.unique(batch["reason"]).to_pylist() if reason}


def _history(run: RunDir, identity: str) -> str:
    """Describe a document: ledger, text, its duplicates, and its position in the tokens."""
    rows = list(itertools.islice(_rows([run.ledger], ds.field("id") == identity), 1))
    if not rows:
        ids = ds.field("id").cast("string")
        similar = _rows([run.ledger], pc.match_substring(ids, identity, ignore_case=True))
        names = [row["id"] for row in itertools.islice(similar, SUGGESTIONS)]
        hint = f"did you mean one of: {', '.join(names)}?" if names else "see `desdecero corpus inspect RUN`"
        raise UserError(f"no document {identity!r} entered this corpus: {hint}")
    (row,) = rows
    if row["decision"] == "quarantined":
        facts = [("record", row["id"]), ("decision", _decision(row))]
    else:
        facts = [
            ("document", row["id"]),
            ("source", row["source"]),
            ("licence", f"{row['license']} ({row['license_evidence']})"),
            ("language", row["language"] or "not known"),
            ("read", f"{row['bytes_before']:,} bytes, sha256 {row['sha256_before']}"),
            ("edits", ", ".join(f"{kind} {count}" for kind, count in row["edits"] or ()) or "none"),
            ("after them", f"{row['bytes_after']:,} bytes, sha256 {row['sha256_after']}"),
            ("decision", _decision(row)),
        ]
    copies = list(itertools.islice(_rows([run.ledger], ds.field("duplicate_of") == identity), EXAMPLES))
    facts += [("stands for", f"{copy['id']} ({copy['reason']})") for copy in copies]
    facts += [("tokens", span) for span in _spans(run, identity)]
    texts = [*_files(run.documents, row["split"] or "?"), *_files(run.dropped, row["reason"] or "?")]
    for stored in itertools.islice(_rows(texts, ds.field("id") == identity), 1):
        with reading(" or ".join(map(str, texts[:3]))):
            facts += [(key, str(value)) for key, value in json.loads(stored["meta"]).items()]
        facts.append(("text", _shorten(stored["text"], EXCERPT)))
    width = max(len(name) for name, _ in facts) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in facts)


def _decision(row: dict[str, Any]) -> str:
    if row["decision"] == "kept":
        return f"kept, in {row['split']}"
    of = f" of {row['duplicate_of']}" if row["duplicate_of"] else ""
    return f"{row['decision']}: {row['reason']}{of}"


def _spans(run: RunDir, identity: str) -> list[str]:
    if not run.token_index.is_file():
        return []
    rows = _rows([run.token_index], ds.field("id") == identity)
    return [f"{row['tokens']:,} in {row['shard']}, from {row['start']:,} on" for row in rows]


def _files(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"{name}-*.parquet"))


def _rows(files: Sequence[Path], condition: Any = None) -> Iterator[dict[str, Any]]:
    """Read the rows of Parquet files that meet a condition, as dictionaries, in order."""
    if files:
        with reading(" or ".join(map(str, files[:3]))):
            for batch in ds.dataset([str(file) for file in files]).to_batches(filter=condition, batch_size=1024):
                yield from batch.to_pylist()


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _shorten(text: str, width: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= width else words[: width - 1] + "…"


def _example(text: str) -> str:
    columns = min(shutil.get_terminal_size().columns, 120)
    return textwrap.indent(_shorten(text, columns - 4), "    ")


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero corpus inspect`."""
    return guard(_command, argv)


def _command(words: list[str]) -> int:
    parser = Arguments("corpus inspect", __doc__)
    parser.add_run()
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--reason", help="show the documents dropped for this reason")
    what.add_argument("--document", metavar="ID", help="show the history of this document")
    what.add_argument("--unread", action="store_true", help="show the files and records not read, with the reasons")
    parser.add_argument("--number", type=int, help=f"documents to show (default: {EXAMPLES}; with --unread, all)")
    args = parser.parse_args(words)
    number = max(1, args.number) if args.number is not None else None
    print(inspect_corpus(find_run(args.run), args.reason, args.document, number, args.unread))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
