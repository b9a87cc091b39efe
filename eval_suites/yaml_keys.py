"""Keys that a YAML text has twice: YAML takes the last one and says nothing of the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import yaml

MERGE = "tag:yaml.org,2002:merge"


class RepeatedKey(NamedTuple):
    """A key that stands twice in a mapping."""

    name: str
    """With the keys that lead to it: `corpus.quality.min_words`."""
    line: int
    """Where it stands again, from 1."""
    first: int
    """Where it stands first."""


def repeated_key(tree: yaml.Node | None) -> RepeatedKey | None:
    """Return the first key that is written twice in a tree, as `yaml.compose` returns it.

    A key that overrides one of a mapping that is merged (`<<`) is written once.
    """
    for path, node in _mappings(tree, (), set()):
        first: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            if earlier := first.get(key.value):
                return RepeatedKey(".".join((*path, key.value)), line_of(key), line_of(earlier))
            first[key.value] = key
    return None


def line_of(node: yaml.Node) -> int:
    """Return a node's line, counted from 1."""
    return int(node.start_mark.line) + 1


def _mappings(
    node: yaml.Node | None, path: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], yaml.MappingNode]]:
    """Yield all mappings below a node with their paths, each once: an alias refers to a node seen before."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        yield path, node
        for key, value in node.value:
            yield from _mappings(value, (*path, str(key.value)), seen)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield from _mappings(value, (*path, str(place)), seen)
