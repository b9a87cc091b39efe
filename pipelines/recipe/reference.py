"""Generate the reference of the recipe: each key with its type, default and meaning, in English and Spanish.

    python -m desdecero.pipelines.recipe.reference        writes docs/recipe.md and docs/es/receta.md

English meanings are the docstrings below the fields. Spanish ones are in `recipe.es.yaml`, by the path of the key.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from desdecero.model_cards.words import Language
from desdecero.pipelines.common.docstrings import docstring, field_docstring
from desdecero.pipelines.recipe.base import Section
from desdecero.pipelines.recipe.recipe import Recipe

PAGES: dict[Language, str] = {"en": "recipe.md", "es": "es/receta.md"}
"""Path of each page below `docs/`."""

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "The recipe, key by key",
        "opening": "*[En español](es/receta.md)*\n\n"
        "A recipe is one YAML file. A key that is not given has the default shown here; an unknown key is an "
        "error. `desdecero run RECIPE --set model.layers=8` overrides a value by its path, and "
        "`runs/<name>/recipe.yaml` shows every value of a run.",
        "generated": "Written by `python -m desdecero.pipelines.recipe.reference`; do not edit.",
        "header": "| key | type | default | meaning |",
        "whole": "Top level",
        "required": "required", "none": "–", "off": "off", "section default": "as below",
        "bool": "true or false", "int": "whole number", "float": "number", "str": "text", "Path": "path",
        "date": "date", "Any": "any value", "section": "section", "list": "list", "mapping": "mapping",
        "or": "or", "one of": "one of",
        "absolute_path": "path", "path_or_web_address": "path or web address",
        "path_or_hub_id": "folder or name on the Hub", "language_code": "language code",
        "license_expression": "SPDX expression", "repository_id": "owner/name", "folder_name": "name",
    },
    "es": {
        "title": "La receta, clave por clave",
        "opening": "*[In English](../recipe.md)*\n\n"
        "Una receta es un archivo YAML. La clave que no se da toma el valor por defecto que aquí se indica; la que no "
        "figura aquí se rechaza. `desdecero run RECETA --set model.layers=8` cambia un valor por su ruta, y "
        "`runs/<nombre>/recipe.yaml` muestra todos los valores de una ejecución.",
        "generated": "Página generada con `python -m desdecero.pipelines.recipe.reference`; no la edite.",
        "header": "| clave | tipo | por defecto | significado |",
        "whole": "Primer nivel",
        "required": "obligatoria", "none": "–", "off": "desactivada", "section default": "la de abajo",
        "bool": "true o false", "int": "número entero", "float": "número", "str": "texto", "Path": "ruta",
        "date": "fecha", "Any": "cualquier valor", "section": "sección", "list": "lista", "mapping": "correspondencia",
        "or": "o", "one of": "uno de",
        "absolute_path": "ruta", "path_or_web_address": "ruta o dirección web",
        "path_or_hub_id": "carpeta o nombre en el Hub", "language_code": "código de lengua",
        "license_expression": "expresión SPDX", "repository_id": "propietario/nombre", "folder_name": "nombre",
    },
}  # fmt: skip
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


@dataclass(frozen=True)
class RecipeKey:
    """A key of the recipe, which becomes a row of a table."""

    path: str
    """`model.layers`; for a source, `corpus.sources.files.path`."""
    field: FieldInfo
    meaning: str

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class SectionTable:
    """A section of the recipe, which becomes a table."""

    path: str
    """Path of the section; empty for the recipe itself."""
    title: str
    meaning_path: str
    """Key of the Spanish meaning in `recipe.es.yaml`."""
    meaning: str
    keys: tuple[RecipeKey, ...]


# --- keys and sections -----------------------------------------------------------------------------------------


def tables() -> list[SectionTable]:
    """Return all sections of the recipe, each before those inside it."""
    return [SectionTable("", "", "", "", tuple(_keys(Recipe, ""))), *_sections(Recipe, "")]


def _sections(section: type[BaseModel], path: str) -> Iterator[SectionTable]:
    for name, field in section.model_fields.items():
        inner, here = _inner_sections(field.annotation), f"{path}.{name}".lstrip(".")
        if len(inner) > 1:
            yield from _variants(inner, here)
        if len(inner) == 1:
            has_both = bool(field_docstring(section, name) and docstring(inner[0]))
            meaning = docstring(inner[0]) or field_docstring(section, name)
            meaning_path = f"{here} (section)" if has_both else here
            yield SectionTable(here, f"`{here}`", meaning_path, meaning, tuple(_keys(inner[0], here)))
            yield from _sections(inner[0], here)


def _variants(kinds: list[type[BaseModel]], path: str) -> Iterator[SectionTable]:
    """Yield the sections that a list may hold, which differ by `kind`: shared keys first, then those of each kind."""
    shared: dict[type[BaseModel], list[type[BaseModel]]] = {}
    for kind in kinds:
        for base in reversed(kind.__mro__[1:]):
            if issubclass(base, Section) and base.__annotations__ and base is not Section:
                shared.setdefault(base, []).append(kind)
    if not any(len(users) == len(kinds) for users in shared.values()):
        yield SectionTable(path, f"`{path}`", "", "", ())
    for base, users in shared.items():
        keys = tuple(key for key in _keys(base, path) if key.name in base.__annotations__ and key.meaning)
        inherited = {name for other in base.__mro__[1:] for name in getattr(other, "__annotations__", {})}
        keys = tuple(key for key in keys if key.name not in inherited and not _redefined(key.name, users))
        names = ", ".join(_kind(user) for user in users)
        title = f"`{path}`" if len(users) == len(kinds) else f"`{path}`: {names}"
        meaning_path = f"{path} (section)" if len(users) == len(kinds) else f"{path} ({names})"
        if keys:
            yield SectionTable(path, title, meaning_path if docstring(base) else "", docstring(base), keys)
        yield from _sections(base, path)
    for kind in kinds:
        here = f"{path}.{_kind(kind)}"
        keys = tuple(key for key in _keys(kind, here) if key.name in kind.__annotations__ and key.name != "kind")
        yield SectionTable(here, f"`{path}`: `kind: {_kind(kind)}`", here, docstring(kind), keys)
        own = {name for base in shared for name in base.__annotations__}
        yield from (table for table in _sections(kind, here) if table.path.removeprefix(f"{here}.") not in own)


def _redefined(name: str, kinds: list[type[BaseModel]]) -> bool:
    return all(name in kind.__annotations__ for kind in kinds)


def _kind(section: type[BaseModel]) -> str:
    return str(get_args(section.model_fields["kind"].annotation)[0])


def _keys(section: type[BaseModel], path: str) -> Iterator[RecipeKey]:
    for name, field in section.model_fields.items():
        inner = _inner_sections(field.annotation)
        meaning = field_docstring(section, name) or (docstring(inner[0]) if inner else "")
        yield RecipeKey(f"{path}.{name}".lstrip("."), field, meaning)


def _inner_sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    arguments = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return list(dict.fromkeys(section for argument in arguments for section in _inner_sections(argument)))


# --- Markdown --------------------------------------------------------------------------------------------------


def page(language: Language) -> str:
    """Return the page in Markdown; raise `KeyError` for a meaning without a translation."""
    words, spanish = WORDS[language], translations()

    def meaning(path: str, english: str) -> str:
        return english if language == "en" or not english else spanish[path]

    blocks = [f"# {words['title']}", words["opening"], f"<!-- {words['generated']} -->"]
    for table in tables():
        blocks.append(f"## {table.title or words['whole']}")
        if table.meaning:
            blocks.append(meaning(table.meaning_path, table.meaning))
        rows = [
            [
                f"`{key.name}`",
                _type_of(key.field.annotation, key.field.metadata, words, key.path),
                _default(key.field, words),
                meaning(key.path, key.meaning),
            ]
            for key in table.keys
        ]
        if rows:
            lines = [words["header"], "|---|---|---|---|"]
            blocks.append("\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]))
    return "\n\n".join(blocks) + "\n"


def translations() -> dict[str, str]:
    """Read the Spanish meanings: path of a key → text."""
    text = Path(__file__).with_name("recipe.es.yaml").read_text(encoding="utf-8")
    return {str(path): " ".join(str(meaning).split()) for path, meaning in yaml.safe_load(text).items()}


def _type_of(annotation: Any, metadata: list[Any], words: Mapping[str, str], path: str) -> str:
    """Return the type in words, with its bounds; a section as a link to its table."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    for constraint in _flat(metadata):  # a validator that is more specific than the type
        if name := words.get(getattr(getattr(constraint, "func", None), "__name__", "")):
            return name
    if origin is Annotated:
        return _type_of(arguments[0], list(arguments[1:]), words, path)
    inner = _inner_sections(annotation)
    if annotation in inner or (len(inner) > 1 and origin is not tuple):
        return f"[{words['section']}](#{path.replace('.', '')})"
    if origin in (UnionType, Union):
        parts = [_type_of(part, [], words, path) for part in arguments if part is not type(None)]
        return f" {words['or']} ".join(parts)
    if origin is Literal:
        values = ", ".join(f"`{value}`" for value in arguments)
        return f"{words['one of']} {values}" if len(arguments) > 1 else values
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"{words['list']} ({_type_of(arguments[0], [], words, path)})"
    if origin is tuple:
        return f"[{', '.join(_type_of(part, [], words, path) for part in arguments)}]"
    if _is_mapping(origin):
        key, value = (_type_of(part, [], words, path) for part in arguments)
        return f"{words['mapping']} ({key} → {value})"
    return words[getattr(annotation, "__name__", "Any")] + _bounds(metadata)


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _flat(metadata: list[Any]) -> Iterator[Any]:
    for constraint in metadata:
        yield from constraint.metadata if isinstance(constraint, FieldInfo) else [constraint]


def _bounds(metadata: list[Any]) -> str:
    bounds = [
        f"{sign} {_number(getattr(constraint, name))}"
        for constraint in _flat(metadata)
        for name, sign in SIGNS.items()
        if getattr(constraint, name, None) is not None
    ]
    return f" {', '.join(bounds)}" if bounds else ""


def _number(value: float) -> str:
    return f"{value:_}" if isinstance(value, int) else str(value).replace("e+", "e")


def _default(field: FieldInfo, words: Mapping[str, str]) -> str:
    if field.is_required():
        return f"**{words['required']}**"
    match field.default:
        case None:
            return words["off"] if _inner_sections(field.annotation) else words["none"]
        case Section():
            return words["section default"]
        case bool() | str() | list() | tuple() | dict():
            return f"`{json.dumps(field.default, ensure_ascii=False)}`"
        case int() | float():
            return f"`{_number(field.default)}`"
    raise TypeError(f"no way to write the default {field.default!r}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(argv: list[str]) -> int:
    """Write both pages below the given folder, `docs` by default."""
    folder = Path(argv[0] if argv else "docs")
    for language, name in PAGES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(language), encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
