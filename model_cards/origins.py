"""Where the texts of a corpus came from: each source of the recipe with its version and its address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from desdecero.model_cards.evidence import Evidence, Missing

HUB = "https://huggingface.co/datasets"
WIKIPEDIA = "wikimedia/wikipedia"
"""Dataset of the Hub that the articles of a Wikipedia come from, where the recipe names no dump."""
LEAST_SHARE = 0.05
"""Share of the kept text from which on a language is named in the Hub's metadata. Below it lie a few documents each of
languages that are quoted, and the errors of the identification."""


def sources(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Yield the sources in the recipe's order: what the corpus' report counts of each, its version and its address.

    `version` and `link` are None where the recipe names none; a path on somebody's disk is neither.
    """
    counted = {source["name"]: source for source in evidence.view("corpus")["sources"]}
    for source in evidence.view("recipe")["corpus"]["sources"]:
        version, link = _origin(source)
        yield {"counted": counted.get(source["name"]), "source": source, "version": version, "link": link}


def _origin(source: Any) -> tuple[Any, str | None]:
    if source["kind"] == "hub":
        tree = f"/tree/{source['revision']}" if source["revision"] else ""
        return source["revision"] or None, f"{HUB}/{source['dataset']}{tree}"
    if source["kind"] == "wikipedia":
        if source["dump"]:
            return None, f"https://{source['language']}.wikipedia.org"
        return source["snapshot"], f"{HUB}/{WIKIPEDIA}"
    path = source["path"]
    return None, path if isinstance(path, str) and path.startswith(("https://", "http://")) else None


def datasets(evidence: Evidence) -> list[str]:
    """Return the datasets of the Hub that the texts came from."""
    found = dict.fromkeys(
        source["dataset"] if source["kind"] == "hub" else WIKIPEDIA
        for source in evidence.view("recipe")["corpus"]["sources"]
        if source["kind"] == "hub" or (source["kind"] == "wikipedia" and not source["dump"])
    )
    return list(found)


def languages(evidence: Evidence) -> list[str]:
    """Return the codes of the languages that were measured in the kept text, most text first.

    Those that the recipe declares, where the languages of the text were not identified.
    """
    measured = [
        row["language"]
        for row in evidence.view("corpus")["languages"]
        if row["language"] and not isinstance(row["share_bytes"], Missing) and row["share_bytes"] >= LEAST_SHARE
    ]
    return measured or list(evidence.view("recipe")["languages"])
