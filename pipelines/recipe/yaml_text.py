"""Parse a recipe's YAML with line numbers; detect repeated keys, and unquoted words that YAML does not read as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from desdecero.eval_suites.yaml_keys import repeated_key
from desdecero.pipelines.common.errors import UserError

READ_AS = {
    "bool": "{}",
    "int": "the number {}",
    "float": "the number {}",
    "timestamp": "the date {}",
    "null": "nothing",
}
"""Type of an unquoted scalar in YAML → its description in a message."""


def parse_yaml(text: str, where: str) -> tuple[Any, yaml.Node | None]:
    """Return the content of a YAML text and its tree; raise `UserError` if it is not YAML or repeats a key."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        if key := repeated_key(tree):
            lines = f"line {key.line}: {key.name} is written twice, first on line {key.first}"
            raise UserError(f"{where}, {lines}: only one of them would count; remove one")
        return yaml.safe_load(text), tree
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise UserError(f"{where}{line}: not valid YAML: {problem}") from None
    except ValueError as error:  # a text that YAML reads as a date, with a month 13
        raise UserError(f"{where}: a value that YAML cannot read ({error}): write it in quotes") from None
    except RecursionError:
        raise UserError(f"{where}: nested too deeply to be read; a recipe has few levels") from None


def find(node: yaml.Node | None, path: Sequence[int | str]) -> tuple[yaml.Node | None, bool]:
    """Return the deepest node on the path that exists in the tree, and whether the path ends there.

    An entry of a mapping is represented by its key, which has the line to report; a scalar by itself.
    """
    deepest: yaml.Node | None = None
    for place, key in enumerate(path):
        deeper: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            entries = [(k, v) for k, v in node.value if _same_key(k, key)]
            if entries and path[place + 1 :] == ["[key]"]:
                return entries[-1][0], True
            if entries:
                deepest, deeper = entries[-1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            deepest = deeper = node.value[key]
        if deeper is None:
            return deepest, False
        node = deeper
    return node if isinstance(node, yaml.ScalarNode) else deepest, True


def _same_key(node: yaml.Node, key: int | str) -> bool:
    return node.value == str(key) or (isinstance(node, yaml.ScalarNode) and scalar(node) == key)


def scalar(node: yaml.ScalarNode) -> Any:
    """Return the value that YAML reads from a scalar."""
    return yaml.SafeLoader("").construct_object(node)


def explain_unquoted(node: yaml.Node | None) -> str | None:
    """Explain how YAML reads an unquoted scalar that is not text, and how to write it as text; None if it is text."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return None
    kind = READ_AS.get(node.tag.rpartition(":")[2])
    if kind is None or not node.value:
        return None
    read = kind.format(str(scalar(node)).lower())
    return f'it says {node.value}, which YAML reads as {read} without quotes: write "{node.value}" in quotes'
