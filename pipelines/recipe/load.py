"""Read a recipe, shipped or from a file, with overrides; report what is wrong in it in one sentence."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from desdecero.eval_suites.yaml_keys import line_of
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.recipe.corpus_sources import SOURCES
from desdecero.pipelines.recipe.finetune import Finetune, names_no_adapter
from desdecero.pipelines.recipe.recipe import Recipe
from desdecero.pipelines.recipe.yaml_text import explain_unquoted, find, parse_yaml


def shipped_recipes() -> dict[str, Any]:
    """Return the recipes that come with the project: name → readable resource."""
    folder = resources.files("desdecero.pipelines") / "recipes"
    return {item.name.removesuffix(".yaml"): item for item in folder.iterdir() if item.name.endswith(".yaml")}


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = (), folder: Path | None = None) -> Recipe:
    """Read a recipe by its shipped name or by its path, with `section.key=value` overrides.

    Raises `UserError`, with file, line and key, for anything that is not valid.

    folder: base of the relative paths of a shipped recipe; the current folder by default
    """
    text, where, base, shipped = read_recipe(name_or_path)
    return parse_recipe(text, where, folder if shipped and folder else base, overrides)


def read_recipe(name_or_path: str | Path) -> tuple[str, str, Path, bool]:
    """Return the text, its name in messages, the base folder of its paths, and whether it is a shipped recipe."""
    path, shipped = Path(local_path(str(name_or_path))), shipped_recipes()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)].read_text(encoding="utf-8"), f"recipe {name_or_path}", Path.cwd(), True
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8"), str(path), path.absolute().parent, False
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 text at byte {error.start}; a recipe is a YAML file") from None
    near = difflib.get_close_matches(str(name_or_path), shipped, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(f"no recipe {str(name_or_path)!r}: {hint}name a YAML file, or one of {', '.join(sorted(shipped))}")


def parse_recipe(text: str, where: str, base: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Parse YAML into a recipe. `where` names the file in messages; relative paths start at `base`.

    Raises `UserError`, with file, line and key, for anything that is not valid.
    """
    data, tree = parse_yaml(text, where)
    if not isinstance(data, dict):
        raise UserError(f"{where}: a recipe is a mapping of sections (name, purpose, corpus, …), and this is not one")
    parts = [RecipePart(where, (), tree)]
    for override in overrides:
        parts.insert(0, _apply(data, override))
    try:
        return Recipe.model_validate(data, context={"base": base})
    except ValidationError as error:
        raise UserError(_sentence(error, parts, data)) from None


class RecipePart(NamedTuple):
    """Origin of a part of the recipe: the file or an override, with the path that it sets and its YAML tree."""

    where: str
    path: tuple[str, ...]
    tree: yaml.Node | None


def _apply(data: dict[str, Any], override: str) -> RecipePart:
    """Set one `section.key=value`; the value is read as YAML: `[a, b]` is a list, `3` a number, `true` a truth value.

    Raises `UserError` for an override that is not of this form, or that names no place in the recipe.
    """
    path, sign, text = override.partition("=")
    where = f"--set {override}"
    if not sign or not path:
        raise UserError(f"{where}: write it as section.key=value")
    value, tree = parse_yaml(text, where)
    *parents, last = path.split(".")
    place: Any = data
    try:
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        place[int(last) if isinstance(place, list) else last] = value
    except (TypeError, ValueError, IndexError, AttributeError):
        raise UserError(f"{where}: no such place in the recipe") from None
    return RecipePart(where, tuple(path.split(".")), tree)


def _sentence(error: ValidationError, parts: Sequence[RecipePart], data: dict[str, Any]) -> str:
    """Return the first fault of a recipe as one sentence, with its line and its path."""
    faults = error.errors(include_url=False)
    # A misspelt required key causes a second fault, that the key is missing; the first one says more.
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    kinds = set(SOURCES)  # pydantic puts the union's tag in the path; YAML has no such level
    path = [part for part in fault["loc"] if part not in kinds] + (["[key]"] if fault["type"] == "invalid_key" else [])
    if path[:1] == ["finetune"] and names_no_adapter(data.get("finetune")):
        del path[1:2]  # nor has it the name that the adapter was given
    source = next(one for one in parts if tuple(map(str, path[: len(one.path)])) == one.path)
    node, whole = find(source.tree, path[len(source.path) :])
    place = f"{source.where}, line {line_of(node)}" if node and not source.path else source.where
    if path[-1:] == ["[key]"]:
        path = [*path[:-2], node.value if node else path[-2]]
    dotted = ".".join(str(part) for part in path)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    if not path[len(source.path) :] and isinstance(source.tree, yaml.ScalarNode):
        node, whole = source.tree, True
    return f"{place}: {dotted + ': ' if dotted else ''}{_message(fault, path, node if whole else None)}{more}"


def _message(fault: ErrorDetails, path: Sequence[int | str], node: yaml.Node | None) -> str:
    """Return what is wrong, and how to fix it."""
    if fault["type"] == "extra_forbidden":
        if now := REPLACED.get(".".join(map(str, path))):
            return f"replaced by {now}: move it there, or remove it"
        near = difflib.get_close_matches(str(path[-1]), _keys_beside(path, fault["loc"]), n=1)
        return "unknown key" + (f"; did you mean {near[0]}?" if near else "; remove it")
    if fault["type"] == "missing":
        return "missing: add it"
    if fault["type"] in TEXT_FAULTS and (explained := explain_unquoted(node)):
        return f"should be text: {explained}"
    if fault["type"] == "tuple_type" and not isinstance(fault["input"], dict):
        explained = explain_unquoted(node) or f"it says {fault['input']}"
        return f"should be a list, as in [a, b]: {explained}"
    if fault["input"] is None:
        return "is empty: give it a value, or remove the key"
    message = fault["msg"].removeprefix("Value error, ")
    if isinstance(fault["input"], dict | list | BaseModel) or (str(fault["input"]) or "''") in message:
        return message
    return f"{message} (it says {json.dumps(fault['input'], default=str, ensure_ascii=False)})"


REPLACED = {
    "publish.accept": "policy.waivers",
    "publish.max_unknown": "policy.rules.license_unknown.max_share",
}
"""Keys of earlier versions, which stand in `recipe.yaml` of the runs that these made → where their value belongs."""

TEXT_FAULTS = ("string_type", "literal_error", "invalid_key", "enum", "path_type", "union_tag_invalid")
"""Pydantic's error types for values that should be text."""


def _keys_beside(path: Sequence[int | str], loc: Sequence[int | str]) -> list[str]:
    """Return the keys of the section that holds `path`, for a suggestion."""
    if len(loc) >= 2 and loc[-2] in SOURCES:
        return list(SOURCES[str(loc[-2])].model_fields)
    if loc[:1] == ("finetune",) and len(loc) == 3:
        return list(Finetune.model_fields)
    section: type[BaseModel] = Recipe
    for key in path[:-1]:
        field = section.model_fields.get(str(key))
        choices = [field.annotation, *getattr(field.annotation, "__args__", ())] if field else []
        inner = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
        if not inner:
            return []
        section = inner[0]
    return list(section.model_fields)
