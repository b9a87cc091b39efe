"""The reference pages are what the code gives, say something of every key, and say the same in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import ROOT

from desdecero.pipelines.recipe import SOURCES, load_recipe
from desdecero.pipelines.recipe.corpus_sources import Files
from desdecero.pipelines.recipe.reference import PAGES, Language, RecipeKey, main, page, tables, translations


def english() -> dict[str, str]:
    """Path → meaning, of every key and of every section that has a meaning beside that of its key."""
    found = {table.meaning_path: table.meaning for table in tables() if table.meaning}
    return found | {key.path: key.meaning for key in keys()}


def keys() -> list[RecipeKey]:
    return [key for table in tables() for key in table.keys]


def row(language: Language, table: str, key: str) -> list[str]:
    """The cells of a key, in the table below a heading."""
    (section,) = re.findall(rf"^## {re.escape(table)}\n(.*?)(?=^## |\Z)", page(language), flags=re.M | re.S)
    (line,) = [line for line in section.splitlines() if line.startswith(f"| `{key}` |")]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize("language", PAGES)
def test_the_pages_are_those_that_the_code_gives(language: Language) -> None:
    """If this fails: python -m desdecero.pipelines.recipe.reference"""
    assert (ROOT / "docs" / PAGES[language]).read_text(encoding="utf-8") == page(language)


def test_the_command_writes_both_pages(tmp_path: Path) -> None:
    assert main([str(tmp_path / "docs")]) == 0
    assert {path.relative_to(tmp_path / "docs").as_posix() for path in tmp_path.rglob("*.md")} == set(PAGES.values())


def test_every_key_has_a_meaning_in_both_languages() -> None:
    assert [path for path, meaning in english().items() if not meaning] == []
    assert english().keys() == translations().keys()


def test_both_meanings_name_the_same_keys_values_and_numbers() -> None:
    def named(text: str) -> tuple[set[str], set[str]]:
        prose = re.sub(r"(?<=\d)[,\u00a0 ](?=\d{3}\b)", "", re.sub(r"`[^`]+`", "", text))
        return set(re.findall(r"`([^`]+)`", text)), set(re.findall(r"\d+(?:\.\d+)?", prose))

    spanish = translations()
    assert [path for path, meaning in english().items() if named(meaning) != named(spanish[path])] == []


def test_every_key_of_a_resolved_recipe_is_listed() -> None:
    """The other way round: from what a run writes out to the tables."""
    settings = ["corpus.language={}", "corpus.quality.lines={}", "corpus.toxicity={}", "tokenizer.chat={}"]
    resolved = yaml.safe_load(load_recipe("smoke", settings).to_yaml())
    resolved["finetune"] = resolved["finetune"]["pandas"]  # the name of an adapter is no key
    listed = {key.path for key in keys()}

    def paths(value: Any, path: str) -> list[str]:
        if not isinstance(value, dict) or path in ("corpus.domain.where", "model.overrides"):
            return [path]
        return [path, *(found for key, inner in value.items() for found in paths(inner, f"{path}.{key}"))]

    written = [found for name, section in resolved.items() for found in paths(section, name)]
    assert len(written) > 120 and set(written) <= listed
    for kind, section in SOURCES.items():
        named = {key.name for key in keys() if re.match(rf"corpus\.sources\.({kind}\.)?\w+$", key.path)}
        assert set(section.model_fields) - {"kind"} <= named


def test_types_bounds_and_defaults_are_those_of_the_fields() -> None:
    assert row("en", "`model`", "heads")[1:3] == ["whole number ≥ 1, ≤ 4_096", "`4`"]
    assert row("es", "`model`", "heads")[1:3] == ["número entero ≥ 1, ≤ 4_096", "`4`"]
    assert row("en", "`corpus.sources`: `kind: files`", "path")[1:3] == ["path", "**required**"]
    assert row("en", "`pretrain.optimizer`", "betas")[1:3] == ["[number ≥ 0, < 1, number ≥ 0, < 1]", "`[0.9, 0.95]`"]
    assert row("en", "`tokenizer.chat`", "end")[2] == r'`"<\|end\|>"`'
    assert row("es", "`pretrain`", "micro_batch_size")[1] == "número entero ≥ 1, ≤ 1_000_000 o `auto`"
    assert row("en", "`tokens`", "mixture")[1] == "mapping (text → [section](#tokensmixture))"
    assert row("en", "`corpus`", "spelling")[1:3] == ["[section](#corpusspelling)", "off"]


@pytest.mark.parametrize("language", PAGES)
def test_links_to_sections_lead_to_headings(language: Language) -> None:
    text = page(language)
    anchors = {
        re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in re.findall("^## (.*)$", text, re.M)
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert len(links) > 30 and links <= {anchor.lower() for anchor in anchors}


def test_a_key_that_a_class_inherits_keeps_its_meaning() -> None:
    (license_key,) = [key for key in keys() if key.path == "corpus.sources.license"]
    assert license_key.meaning == "SPDX expression for documents that state no licence."
    assert "license" in Files.model_fields
