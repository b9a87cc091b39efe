"""Unread input: the number of files and records, their share of the text, and the largest of them."""

from __future__ import annotations

import heapq

import pyarrow as pa
import pyarrow.compute as pc

from desdecero.model_cards.formats import counted, percent
from desdecero.model_cards.words import Language, say
from desdecero.pipelines.run.reports.corpus import Unread, UnreadPlace

PART = r", (?:after .+|(?:lines?|rows?|items?|record|page) [0-9].*)$"
"""End of the place of a record, or of the rest of a file; the place of a whole file has no such end."""
SHOWN = 20
NAMED = 10
"""Files that the message names."""


class UnreadCount:
    """Counts the quarantined rows of the spool. Memory: the largest of them."""

    def __init__(self) -> None:
        self.files = self.records = self.bytes = 0
        self._largest: list[tuple[int, int, str, str]] = []

    def add(self, rows: pa.RecordBatch) -> None:
        """Count a batch of quarantined rows."""
        parts = pc.match_substring_regex(rows["id"], PART).to_pylist()
        columns = (rows[name].to_pylist() for name in ("id", "reason", "bytes_before"))
        for is_part, place, reason, size in zip(parts, *columns, strict=True):
            self.records += is_part
            self.files += not is_part
            self.bytes += size or 0
            # Of equal sizes, the first ones are kept: the numbers fall.
            heapq.heappush(self._largest, (size or 0, -self.files - self.records, place, reason))
            if len(self._largest) > SHOWN:
                heapq.heappop(self._largest)

    def report(self, read: int) -> Unread:
        """Report the counts. read: bytes of the documents read. The share is by bytes, as if all were text."""
        return Unread(
            files=self.files,
            records=self.records,
            bytes=self.bytes,
            share_bytes=self.bytes / max(1, self.bytes + read),
            largest=[
                UnreadPlace(place=place, reason=reason, bytes=size)
                for size, _, place, reason in sorted(self._largest, reverse=True)
            ],
        )


def describe_unread(unread: Unread, run: str, language: Language = "en") -> str:
    """Say in a sentence what was left out, and the command that lists it; "" if nothing was."""
    found = {"files": unread.files, "records": unread.records}
    counts = {kind: counted(language, f"unread.{kind}", count) for kind, count in found.items() if count}
    if not counts:
        return ""
    names = [entry.place for entry in unread.largest[:NAMED]]
    more = ", …" if unread.files + unread.records > len(names) else ""
    return say(
        language,
        "unread.said",
        counts=say(language, "unread.both", **counts) if len(counts) > 1 else "".join(counts.values()),
        places=", ".join(names) + more,
        share=percent(language, unread.share_bytes),
        run=run,
    )
