"""Reading a recipe: a shipped one or a file, with overrides, and the sentences for what is wrong in one."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipelines.errors import UserError
from pipelines.local_paths import local_path
from pipelines.recipe.sources import SOURCES
from pipelines.recipe.whole import Recipe


def shipped_recipes() -> dict[str, Any]:
    """The recipes that come with the project: name → readable resource."""
    folder = resources.files("pipelines") / "recipes"
    return {item.name.removesuffix(".yaml"): item for item in folder.iterdir() if item.name.endswith(".yaml")}


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = (), folder: Path | None = None) -> Recipe:
    """Read a recipe by its shipped name or by its path, with `section.key=value` overrides.

    Raises `UserError`, naming file, line and key, for anything that a recipe may not say.

    folder: where the relative paths of a shipped recipe start; the current one by default
    """
    text, where, base, shipped = read_recipe(name_or_path)
    return parse_recipe(text, where, folder if shipped and folder else base, overrides)


def read_recipe(name_or_path: str | Path) -> tuple[str, str, Path, bool]:
    """(text, what messages call it, the folder that its paths start at, whether it is a shipped one)."""
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
    """Turn YAML into a recipe. `where` names the file in messages; relative paths start at `base`."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        what = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise UserError(f"{where}{line}: not valid YAML: {what}") from None
    except RecursionError:
        raise UserError(f"{where}: nested too deeply to be read; a recipe has few levels") from None
    except ValueError as error:  # a date such as 2026-13-45
        raise UserError(f"{where}: a value that YAML cannot read ({error}): write it in quotes") from None
    if not isinstance(data, dict):
        raise UserError(f"{where}: a recipe is a mapping of sections (name, purpose, corpus, …), and this is none")
    for override in overrides:
        _apply(data, override)
    try:
        return Recipe.model_validate(data, context={"base": base})
    except ValidationError as error:
        raise UserError(_sentence(error, where, tree)) from None


def _apply(data: dict[str, Any], override: str) -> None:
    """Set one `section.key=value`; the value is read as YAML, so `[a, b]`, `3` and `true` mean what they say."""
    path, sign, value = override.partition("=")
    if not sign or not path:
        raise UserError(f"--set {override}: write it as section.key=value")
    *parents, last = path.split(".")
    place: Any = data
    try:
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        place[int(last) if isinstance(place, list) else last] = yaml.safe_load(value)
    except (TypeError, ValueError, IndexError, AttributeError):
        raise UserError(f"--set {override}: no such place in the recipe") from None
    except yaml.YAMLError:
        raise UserError(f"--set {override}: {value!r} is not valid YAML") from None


def _sentence(error: ValidationError, where: str, tree: yaml.Node | None) -> str:
    """The first fault of a recipe as one sentence, with its line and its path."""
    faults = error.errors(include_url=False)
    # A misspelt key is also a missing one: its own fault says more.
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    kinds = set(SOURCES)  # pydantic puts the union's tag in the path; YAML has no such level
    path = [part for part in fault["loc"] if part not in kinds]
    line = _line_of(tree, path)
    place = f"{where}, line {line}" if line else where
    dotted = ".".join(str(part) for part in path)
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), _keys_beside(path, fault["loc"]), n=1)
        what = "unknown key" + (f"; did you mean {near[0]}?" if near else "; remove it")
    elif fault["type"] == "missing":
        what = "missing: add it"
    else:
        what = fault["msg"].removeprefix("Value error, ")
        if not isinstance(fault["input"], dict | list | BaseModel) and (str(fault["input"]) or "''") not in what:
            what += f" (it says {json.dumps(fault['input'], default=str, ensure_ascii=False)})"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{place}: {dotted + ': ' if dotted else ''}{what}{more}"


def _line_of(node: yaml.Node | None, path: Sequence[int | str]) -> int | None:
    """The line, from 1, of the deepest part of `path` that the file holds; None when it holds none of it."""
    line = None
    for key in path:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(key)]
            if not found:
                break
            line, node = found[-1][0].start_mark.line + 1, found[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _keys_beside(path: Sequence[int | str], loc: Sequence[int | str]) -> list[str]:
    """The keys that the section at `path`'s parent knows, for a suggestion."""
    if len(loc) >= 2 and loc[-2] in SOURCES:
        return list(SOURCES[str(loc[-2])].model_fields)
    section: type[BaseModel] = Recipe
    for key in path[:-1]:
        field = section.model_fields.get(str(key))
        choices = [field.annotation, *getattr(field.annotation, "__args__", ())] if field else []
        inner = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
        if not inner:
            return []
        section = inner[0]
    return list(section.model_fields)
