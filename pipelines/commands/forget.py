"""Remove documents on request: find what holds them, block them in every later build, and say what cannot be undone.

    desdecero forget quickstart --document laws/PE-29733 --reason "request of 2026-11-20"      show what would happen
    desdecero forget quickstart --match "Juana de Arco" --match "/(?i)doncella de orl.ans/"    by text, or /by pattern/
    desdecero forget quickstart --source laws --yes                                            do it

    desdecero forget quickstart --keep ID --yes                this document is not a copy of a removed text

Without --yes nothing is written but the index of the training tokens, where there is none yet and --match asks for it.
With it, the documents are added to `blocklist.jsonl` in the folder of the run, which every corpus built in that folder
obeys, and to the list in each run that holds one of them, which moves with that run. Such a run is stale from its
corpus on, so its model cannot be published, and the next `desdecero run` rebuilds it without them. Sealed files are not
changed. To undo a removal, delete its line in both lists.

--match searches the cleaned texts, kept or dropped, and ids and metadata; and the examples of adapters that were
trained on data of your own, whose places it names: these files are yours to change, and a changed one makes its adapter
stale. Plain words match in any case; a pattern between slashes is a regular expression. Of plain words of eight tokens
and more, the training documents that hold half of them or more in one run are named too, from the index of the training
tokens (`desdecero trace`); they stay unless they are named. Copies of a document that is named or matched are forgotten
too: those that deduplication dropped for it, the one that it was dropped for, and the documents of this run and of the
other runs in its folder that hold nearly all of its text (see `pipelines/corpus/removed_texts.py`). A whole source is
forgotten by its name, and copies in other sources stay, because they may be there by another right; they are counted.

Of a training document it is said how many tokens of it the weights of each run read, and how many times its length that
is: training may have ended before it came to it (`pretrain/exposure.parquet`).

Copies that arrive later are recognized when a corpus is built: by their words, regardless of line ends, blanks and
quotation marks; and, for texts of twelve words and more, inside a longer document or with a few other words. They are
dropped as `blocked` or `blocked_copy` and listed in the report; --keep keeps one. A document that holds half of a
removed text or more, and is not a copy, is kept and reported.

Ledgers and texts are read as streams: memory grows with the documents to be forgotten, not with the corpus.
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
    BlocklistEntry,
    add_entries,
    new_entries,
    place,
)
from desdecero.pipelines.corpus.removed_texts import RemovedTexts
from desdecero.pipelines.corpus.run_texts import copies_in, marks_in, runs_beside, texts_of
from desdecero.pipelines.finetuning.mentions import mentions
from desdecero.pipelines.publishing.record import copies_on_hub
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.seals import AlteredFile, reading
from desdecero.pipelines.run.stages import stages

SHOWN = 20
"""Number of documents, and of spans of tokens, that are printed; the rest is counted."""

LEDGER_COLUMNS = ["id", "source", "sha256_before", "decision", "reason", "duplicate_of", "split"]


@dataclass(frozen=True)
class Holder:
    """Run that holds documents to be forgotten."""

    run: RunDir
    recipe: Recipe
    rows: list[dict[str, Any]]
    """Rows of its ledger."""
    spans: list[dict[str, Any]]
    """Rows of its tokens/index.parquet."""
    reads: dict[str, dict[str, Any]]
    """Rows of its pretrain/exposure.parquet, by document."""

    @property
    def read(self) -> bool:
        """Whether the model was trained on one of the documents, or it is not known that it was not."""
        of_training = [row["id"] for row in self.rows if row["split"] == "train"]
        return any(one not in self.reads or self.reads[one]["tokens"] for one in of_training)

    @property
    def weights(self) -> list[str]:
        """Folders whose weights were trained on these documents, as far as is known."""
        model = [self.run.model] if self.read and self.run.model.is_dir() else []
        adapters = [path for path in sorted(self.run.adapter("").glob("*")) if self._taught(path.name)]
        return [self.run.place(path) for path in (*model, *adapters)]

    def _taught(self, adapter: str) -> bool:
        """Return whether an adapter may know a document: by the model, the domain's texts, or those replayed to it."""
        splits, section = {row["split"] for row in self.rows}, self.recipe.adapters.get(adapter)
        replayed = "train" in splits and (section is None or section.replay > 0)
        return self.read or "domain_train" in splits or replayed

    @property
    def stages(self) -> list[str]:
        """Sealed stages that were made with these documents: the corpus and later stages."""
        return [name for name in stages(self.recipe) if self.run.seal(name, self.recipe)]


def forget(run: RunDir, entries: Sequence[BlocklistEntry], also: Sequence[str], dry_run: bool) -> None:
    """Print what holds the documents of `entries` and, unless it is a dry run, block them.

    also: sentences about related documents that are not blocked
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
        print(f"      to rebuild without them: desdecero run {path}/recipe.yaml --run-dir {path}")
    print("\n" + _limits(holders))


def keep(run: RunDir, entries: Sequence[BlocklistEntry], dry_run: bool) -> None:
    """Print the documents to be kept although they resemble removed ones; unless it is a dry run, add them to the
    lists."""
    for entry in entries:
        print(f"to keep: {entry.id}   source {entry.source}   sha256 {(entry.sha256 or '')[:12]}…")
    listed, path = _shortest(run.blocklist), _shortest(run.path)
    if dry_run:
        print(f"\n--yes would add {_count(len(new_entries(run.blocklist, entries)), 'line')} to {listed}")
        return
    for place_of_list in (run.blocklist, run.own_blocklist):
        add_entries(place_of_list, entries)
    print(f"\nadded to {listed}; to rebuild with them: desdecero run {path}/recipe.yaml --run-dir {path}")


# --- which documents -----------------------------------------------------------------------------------------


def find_entries(
    run: RunDir,
    sources: Sequence[str],
    documents: Sequence[str],
    matches: Sequence[str],
    reason: str,
    in_adapters: bool = False,
    locked: bool = False,
) -> tuple[list[BlocklistEntry], list[str]]:
    """Return the block-list entries for these documents, and sentences about others that would stay.

    in_adapters: whether examples of adapters match. locked: whether the run is.

    Raises `UserError` where the run does not hold a source, document or text.
    """
    if not run.ledger.is_file():
        raise UserError(f"{run} has no corpus/ledger.parquet, which lists its documents: build its corpus first")
    names: set[str] = set()
    named: dict[str, set[str]] = {identity: set() for identity in documents}
    for row in _rows(run):
        names.add(row["source"])
        for identity in named:
            if identity in (row["id"], place(row["source"], row["id"])[1]):
                named[identity].add(row["id"])
    if missing := [name for name in sources if name not in names]:
        raise UserError(f"no source {missing[0]!r} in {run}: it has {', '.join(sorted(names))}")
    if missing := [identity for identity, ids in named.items() if not ids]:
        raise UserError(f"no document {missing[0]!r} in {run}: ids are in corpus/ledger.parquet; or try --match")
    matched = {pattern: _matching(run, pattern) for pattern in matches}
    in_part = _holding_part(run, matches, locked)
    if not in_adapters and (missing := [pattern for pattern, ids in matched.items() if not ids]):
        near = "".join(f"; {sentence}" for _, sentence in in_part.get(missing[0], [])[:SHOWN])
        raise UserError(
            f"no text, id or metadata in {run} matches {missing[0]!r}: the cleaned texts are searched, "
            f"in which personal data may already be replaced{near}"
        )
    rows = _with_copies(run, set().union(*named.values(), *matched.values()))
    today = time.strftime("%Y-%m-%d", time.gmtime())
    rows = {identity: row for identity, row in rows.items() if row["source"] not in sources}
    marks = marks_in(run, set(rows))
    entries = [BlocklistEntry(None, WHOLE_SOURCE, name, today, reason) for name in sources]
    entries += [
        BlocklistEntry(row["sha256_before"], identity, row["source"], today, reason, *marks.get(identity, ()))
        for identity, row in sorted(rows.items())
    ]
    copies, sentences = _copies_beside(run, entries)
    chosen = {entry.id for entry in (*entries, *copies)}
    left = [sentence for held in in_part.values() for identity, sentence in held if identity not in chosen]
    return [*entries, *copies], [*_copies_left(run, set(sources), set(rows)), *sentences, *left[:SHOWN]]


def find_kept(run: RunDir, documents: Sequence[str], reason: str) -> list[BlocklistEntry]:
    """Return the block-list entries that keep these documents, which resemble removed ones.

    Raises `UserError` for a document that the run did not drop as a copy.
    """
    today, entries = time.strftime("%Y-%m-%d", time.gmtime()), {}
    for row in _rows(run):
        if row["reason"] in (REASON, COPY_REASON) and row["duplicate_of"]:
            for identity in documents:
                if identity in (row["id"], place(row["source"], row["id"])[1]):
                    entries[identity] = BlocklistEntry(
                        row["sha256_before"], row["id"], row["source"], today, reason, keep=True
                    )
    if missing := [identity for identity in documents if identity not in entries]:
        raise UserError(
            f"--keep {missing[0]}: {run} did not drop this document as a copy of a removed one; "
            "ids are in corpus/ledger.parquet, reason blocked_copy"
        )
    return list(entries.values())


def read_rows(path: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Read the rows of a Parquet file; raises `UserError` for one that cannot be read."""
    with reading(path):
        for batch in pq.ParquetFile(path).iter_batches(batch_size=256, columns=columns):
            yield from batch.to_pylist()


def _rows(run: RunDir) -> Iterator[dict[str, Any]]:
    """Read the documents in a run's ledger, without the records that could not be read."""
    yield from (row for row in read_rows(run.ledger, LEDGER_COLUMNS) if row["decision"] != "quarantined")


def _copies_beside(run: RunDir, entries: Sequence[BlocklistEntry]) -> tuple[list[BlocklistEntry], list[str]]:
    """Find the documents of this and the neighbouring runs that hold nearly all of an entry's text.

    Returns an entry and a sentence for each.
    """
    blocklist, copies, sentences = Blocklist(entries), [], []
    for other, recipe in runs_beside(run):
        copies_there = copies_in(other, RemovedTexts(entries, recipe.corpus.deduplication.similarity))
        for row in _rows(other) if copies_there else ():
            if row["id"] in copies_there and not _is_blocked(row, blocklist):
                copy, marks = copies_there[row["id"]]
                known = {"date": entries[0].date, "reason": entries[0].reason, **marks._asdict()}
                copies.append(BlocklistEntry(sha256=row["sha256_before"], id=row["id"], source=row["source"], **known))
                sentences.append(f"{row['id']} in {_shortest(other.path)} holds {copy.share:.0%} of {copy.id}")
        blocklist = Blocklist([*entries, *copies])
    return copies, sentences


def _matching(run: RunDir, pattern: str) -> set[str]:
    """Return the ids of the documents, kept or dropped, whose text, id or metadata match."""
    matches, ids = _matcher(pattern), set()
    for rows in texts_of(run, ["meta"]):
        ids |= {row["id"] for row in rows if any(matches(row[name] or "") for name in ("text", "id", "meta"))}
    return ids


def _holding_part(run: RunDir, patterns: Sequence[str], locked: bool) -> dict[str, list[tuple[str, str]]]:
    """Return the training documents that hold half of some plain words or more in one run: id and a sentence, by words.

    Words of fewer tokens than a run that is looked for are left out.
    """
    plain, recipe = [pattern for pattern in patterns if not _is_expression(pattern)], run.recipe()
    if not plain or run.state(stages(recipe)["tokens"], recipe).name == "missing":
        return {}
    from transformers import PreTrainedTokenizerFast  # which takes seconds to load

    from desdecero.pipelines.tokens.suffix_array import open_index
    from desdecero.pipelines.tokens.trace import LEAST_TOKENS, Documents, encode, holding_part

    tokenizer, documents = PreTrainedTokenizerFast.from_pretrained(run.tokenizer), Documents(run)
    lengths = {pattern: len(encode(tokenizer, pattern)[0]) for pattern in plain}
    lengths = {pattern: tokens for pattern, tokens in lengths.items() if tokens >= LEAST_TOKENS}
    if not lengths:
        return {}
    try:
        index = open_index(run, recipe, locked)  # which hashes all tokens, so once for all words
    except AlteredFile as error:
        return {pattern: [("", f"who holds {pattern!r} in part is not known: {error}")] for pattern in lengths}
    return {
        pattern: [
            (one.id, f"{one.id} holds {held} of the {tokens} tokens of {pattern!r} in one run: name it with --document")
            for one, held in holding_part(index, documents, tokenizer, pattern, max(LEAST_TOKENS, (tokens + 1) // 2))
        ]
        for pattern, tokens in lengths.items()
    }


def _is_expression(pattern: str) -> bool:
    return len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/")


def _matcher(pattern: str) -> Callable[[str], bool]:
    if _is_expression(pattern):
        try:
            compiled = re.compile(pattern[1:-1])
        except re.error as error:
            raise UserError(
                f"--match {pattern}: not a valid regular expression ({error}); without slashes, it is plain text"
            ) from None
        return lambda text: compiled.search(text) is not None
    folded = pattern.casefold()
    if not folded.strip():
        raise UserError("--match '': every document matches an empty text; name the text to search for")
    return lambda text: folded in text.casefold()


def _with_copies(run: RunDir, ids: set[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of these documents and of all their duplicates, found by following `duplicate_of` both ways."""
    while True:
        rows = {row["id"]: row for row in _rows(run) if row["id"] in ids or row["duplicate_of"] in ids} if ids else {}
        related = set(rows) | {row["duplicate_of"] for row in rows.values() if row["duplicate_of"]}
        if related <= ids:
            return rows
        ids = related


def _copies_left(run: RunDir, sources: set[str], chosen: set[str]) -> list[str]:
    """Return sentences on the copies of a forgotten source's documents in other sources."""
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


# --- which runs ----------------------------------------------------------------------------------------------


def _holders(run: RunDir, blocklist: Blocklist) -> tuple[list[Holder], list[str]]:
    """Find this and the neighbouring runs that hold blocked documents, and those that mitigations of them compared.

    Returns them, and sentences on unreadable runs.
    """
    holders, unreadable = [], []
    neighbours = run.path.parent
    found = [*neighbours.glob("*/recipe.yaml"), *neighbours.glob("*/mitigation/*/*/recipe.yaml")]
    for path in sorted(path.parent for path in found):
        other = RunDir(path)
        try:
            recipe = other.recipe()
        except UserError as error:
            unreadable.append(f"{_shortest(path)} could not be read, and may hold these documents: {error}")
            continue
        if not other.ledger.is_file():
            continue
        reasons = (REASON, COPY_REASON)
        rows = [row for row in _rows(other) if row["reason"] not in reasons and _is_blocked(row, blocklist)]
        if rows:
            ids = {row["id"] for row in rows}
            holders.append(Holder(other, recipe, rows, _spans(other, ids), _reads(other, ids)))
    return holders, unreadable


def _is_blocked(row: dict[str, Any], blocklist: Blocklist) -> bool:
    return blocklist.blocks(row["source"], row["id"], row["sha256_before"])


def _spans(run: RunDir, ids: set[str]) -> list[dict[str, Any]]:
    """Return where these documents are in the packed tokens."""
    if not run.token_index.is_file():
        return []
    rows = read_rows(run.token_index, ["id", "split", "shard", "start", "tokens"])
    return [row for row in rows if row["id"] in ids]


def _reads(run: RunDir, ids: set[str]) -> dict[str, dict[str, Any]]:
    """Return what the weights of the run read of these documents; nothing where that is not on record."""
    if not run.exposure.is_file():
        return {}
    rows = read_rows(run.exposure, ["id", "tokens", "times"])
    return {row["id"]: row for row in rows if row["id"] in ids}


# --- output --------------------------------------------------------------------------------------------------


def _documents(entries: Sequence[BlocklistEntry], also: Sequence[str]) -> str:
    lines = [f"to forget: {_count(sum(entry.id != WHOLE_SOURCE for entry in entries), 'document')}"]
    if whole := [entry.source for entry in entries if entry.id == WHOLE_SOURCE]:
        lines[0] += f", and the whole of {', '.join(whole)}"
    named = [entry for entry in entries if entry.id != WHOLE_SOURCE]
    lines += [f"  {entry.id}   source {entry.source}   sha256 {(entry.sha256 or '')[:12]}…" for entry in named[:SHOWN]]
    if len(named) > SHOWN:
        lines.append(f"  … and {len(named) - SHOWN:,} more")
    return "\n".join([*lines, *(f"  {sentence}" for sentence in also)])


def _holder(holder: Holder) -> str:
    """Describe where one run holds the documents: corpus, tokens, weights."""
    decisions = Counter(row["split"] or f"dropped as {row['reason']}" for row in holder.rows)
    lines = [
        str(_shortest(holder.run.path)),
        f"  corpus    {', '.join(f'{number:,} {decision}' for decision, number in decisions.most_common())}",
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
    lines += _what_was_read(list(holder.reads.values()))
    lines += [f"  the Hub   {sentence}" for sentence in copies_on_hub(holder.run, holder.recipe)]
    paths = {source.name: source.path for source in holder.recipe.corpus.sources if source.kind == "files"}
    for name in sorted({row["source"] for row in holder.rows}):
        lines.append(f"  source    {name}{f': {paths[name]}' if name in paths else ''}")
    return "\n".join(lines)


def _what_was_read(reads: Sequence[dict[str, Any]]) -> list[str]:
    """Describe how often the weights of a run read each document, if they ever did."""
    never = sum(not row["tokens"] for row in reads)
    if not reads:
        return []
    if never == len(reads):
        them = "it" if never == 1 else f"any of these {never:,} documents"
        return [f"  read      the weights of model/ never read {them}"]
    tokens = sum(row["tokens"] for row in reads)
    lines = [f"  read      {tokens:,} tokens of {_count(len(reads) - never, 'document')}; {never:,} never read"]
    for row in reads[:SHOWN]:
        often = f"{row['tokens']:,} tokens, {row['times']:.2f} times" if row["tokens"] else "never read"
        lines.append(f"            {often}   {row['id']}")
    return [*lines, f"            … and {len(reads) - SHOWN:,} more"] if len(reads) > SHOWN else lines


def _limits(holders: Sequence[Holder]) -> str:
    """Describe what blocking does not do."""
    lines = ["what this does not do"]
    if any(holder.weights for holder in holders):
        lines += [
            "  A trained model cannot unlearn: the weights above keep what they learnt from these texts until they are",
            "  trained again. Copies that were published or passed on must be replaced, or withdrawn with",
            "  `desdecero publish RUN --withdraw`; old commits stay on the Hub until you delete the repository.",
        ]
    lines += [
        "  The texts stay in the stale folders until the stages are rebuilt, and in their sources, which are yours:",
        "  nothing is ever deleted there. Backups and other folders of runs are not searched.",
    ]
    return "\n".join(lines)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _shortest(path: Path) -> Path:
    """Return the path, relative to the current folder where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero forget`."""
    return guard(_command, argv)


def _command(words: list[str]) -> int:
    parser = Arguments("forget", __doc__)
    parser.add_run()
    parser.add_argument("--source", action="append", default=[], metavar="NAME", help="all of a source")
    parser.add_argument("--document", action="append", default=[], metavar="ID", help="one document, by its id")
    parser.add_argument(
        "--match", action="append", default=[], metavar="TEXT", help="all that hold this text or match this /pattern/"
    )
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="ID",
        help="a document dropped as a copy of a removed one: keep it",
    )
    parser.add_argument("--reason", default="", help="kept in the list: who asked, when, on which grounds")
    parser.add_argument("--yes", action="store_true", help="do it (default: only say what would be done)")
    args = parser.parse_args(words)
    forgotten = args.source or args.document or args.match
    if bool(forgotten) == bool(args.keep):
        raise UserError(
            "say what to forget: --source NAME, --document ID or --match TEXT; each may be repeated; or --keep ID alone"
        )
    run = find_run(args.run)
    recipe, matchers = run.recipe(), [_matcher(pattern) for pattern in args.match]
    in_adapters = list(mentions(run, recipe, lambda text: any(matches(text) for matches in matchers)))
    if recipe.base is not None:
        if not in_adapters:
            raise UserError(
                f"{run} holds adapters on {recipe.base.name} and no corpus: --match TEXT searches their examples"
                f"{', none of which matches' if args.match else ''}"
            )
        print("\n".join(in_adapters))
        return EXIT_OK
    with run.lock() if args.yes else nullcontext():  # without --yes, it only reads
        if args.keep:
            keep(run, find_kept(run, args.keep, args.reason), dry_run=not args.yes)
            return EXIT_OK
        entries, also = find_entries(
            run, args.source, args.document, args.match, args.reason, bool(in_adapters), args.yes
        )
        if entries:
            forget(run, entries, also, dry_run=not args.yes)
        if in_adapters:
            print("\n".join(["", *in_adapters] if entries else in_adapters))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
