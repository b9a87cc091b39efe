"""Contexts with the largest gaps, for readers who want to see what a mean is made of."""

from __future__ import annotations

import json
from typing import Any

SHOWN = 12


def largest_gaps(lines: str, shown: int = SHOWN) -> list[dict[str, Any]]:
    """Return the contexts of `audit/pairs.jsonl` with the largest mean gaps, in either direction.

    Each has `group`, `language`, the mean `gap` over pairs in nats, and the `sentence` with the first pair's mention.
    """
    found = []
    for line in map(json.loads, lines.splitlines()):
        if line["part"] == "contexts" and line["gaps"]:
            mention = line["pairs"][0][0 if line["side"] == "first" else 1]
            gap = sum(line["gaps"]) / len(line["gaps"])
            sentence = f"{mention} {line['context']}"
            found.append({"group": line["group"], "language": line["language"], "gap": gap, "sentence": sentence})
    return sorted(found, key=lambda row: -abs(row["gap"]))[:shown]
