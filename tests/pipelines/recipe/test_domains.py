"""Domain packs: each is whole, in both languages, and what it shows has the form that it asks for."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from license_expression import get_spdx_licensing
from pydantic import ValidationError

from desdecero.eval_suites.tasks.records import read
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.licenses.names import spdx
from desdecero.pipelines.recipe import shipped_recipes
from desdecero.pipelines.recipe.domains import PARQUET, Bilingual, Domain, Line, domain, domains

PACKS = sorted(domains())
WITH_A_LOADING_SCRIPT = {
    "PlanTL-GOB-ES/pharmaconer", "iastate/onestop_english", "AmazonScience/massive", "coastalcph/multi_eurlex",
}  # fmt: skip
SPANISH_LETTERS = re.compile(r"[áéíóúñü]")
ENGLISH_WORDS = re.compile(r"\b(?:the|and|of|which|with|is|are)\b", re.IGNORECASE)


def content(name: str) -> dict[str, Any]:
    folder = resources.files("desdecero.pipelines") / "recipes" / "domains"
    data: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return data


def bilingual(value: object) -> Iterator[Bilingual]:
    """Whatever people read of a pack."""
    if isinstance(value, Bilingual):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from bilingual(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from bilingual(inner)
    elif hasattr(type(value), "model_fields"):
        for field in type(value).model_fields:  # type: ignore[attr-defined]
            yield from bilingual(getattr(value, field))


def test_there_are_seven_and_they_are_no_recipes() -> None:
    assert PACKS == ["education", "finance", "health", "legal", "marketing", "software", "support"]
    assert not set(PACKS) & set(shipped_recipes())
    assert {name: (pack.task, pack.metric) for name, pack in domains().items()} == {
        "education": ("classification", "macro_f1"),
        "finance": ("classification", "macro_f1"),
        "health": ("tokens", "span_f1"),
        "legal": ("text", "bits_per_byte"),
        "marketing": ("classification", "macro_f1"),
        "software": ("chat", "answer_loss"),
        "support": ("classification", "accuracy"),
    }


@pytest.mark.parametrize("name", PACKS)
def test_what_people_read_stands_in_both_languages(name: str) -> None:
    texts = list(bilingual(domain(name)))
    assert len(texts) > 10
    assert len(domain(name).not_for) > 1
    long = [text for text in texts if len(text.en) > 60]
    assert not [text.es for text in long if text.en == text.es or ENGLISH_WORDS.search(text.es)]
    assert not [text.en for text in texts if SPANISH_LETTERS.search(text.en)]
    assert set(domain(name).languages) == {"en", "es"}
    assert 2 <= len(re.findall(r"[.:](?:\s|$)", domain(name).note.en)) <= 6


@pytest.mark.parametrize("name", PACKS)
def test_example_lines_are_read_as_a_data_file_is(name: str, tmp_path: Path) -> None:
    pack, file = domain(name), tmp_path / "data.jsonl"
    lines = [line for of_language in pack.examples.values() for line in of_language]
    assert 4 <= len(lines) <= 8
    file.write_text("".join(json.dumps(line.record(), ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    records = read(file).records
    assert [Line.model_validate(record.values) for record in records] == lines
    for record in records:
        assert record.values.keys() == pack.form.keys()
        for column in pack.form:
            assert column in ("spans", "messages") or record.text(column)
    if pack.task == "classification":
        for of_language in pack.examples.values():
            labels = {line.label for line in of_language}
            assert len(labels) > 1
            if pack.sets[0].labels:
                assert labels <= set(pack.sets[0].labels.values())
    assert len({line.model_dump_json() for line in lines}) == len(lines)


def test_spans_mark_the_words_that_they_are_meant_for() -> None:
    marked = {
        (line.text or "")[span.start : span.end]: span.label
        for of_language in domain("health").examples.values()
        for line in of_language
        for span in line.spans or ()
    }
    assert marked == {
        "ibuprofeno": "NORMALIZABLES", "omeprazol": "NORMALIZABLES", "ferritina": "PROTEINAS",
        "proteína C reactiva": "PROTEINAS", "CHOP": "UNCLEAR", "alopurinol": "NORMALIZABLES",
        "Metformin": "NORMALIZABLES", "creatinine": "NORMALIZABLES", "vimentin": "PROTEINAS",
        "prednisone": "NORMALIZABLES",
    }  # fmt: skip


@pytest.mark.parametrize("name", PACKS)
def test_swaps_exchange_different_words_and_none_for_two(name: str) -> None:
    pack = domain(name)
    assert pack.swaps.keys() == {"names", "gender", "origin"}
    for language in pack.languages:
        pairs = [pair for group in pack.swaps.values() for pair in group.read_in(language)]
        words = [word.casefold() for pair in pairs for word in pair]
        assert len(pairs) > 10 and len(words) == len(set(words))
        # A phrase within another would be exchanged in a text that holds the longer one.
        assert not [(a, b) for a in words for b in words if a != b and re.search(rf"\b{re.escape(a)}\b", b)]


@pytest.mark.parametrize("name", PACKS)
def test_licences_are_spdx_and_scripts_are_not_run(name: str) -> None:
    pack = domain(name)
    for license in [one.license for one in (*pack.sets, *pack.local) if one.license]:
        assert spdx(license) == license
        assert license.startswith("LicenseRef-") or get_spdx_licensing().validate(license).errors == []
    for one in pack.sets:
        assert one.revision == (PARQUET if one.name in WITH_A_LOADING_SCRIPT else None)
        assert "train" in one.splits


@pytest.mark.parametrize("name", PACKS)
def test_every_use_names_the_article_or_annex(name: str) -> None:
    for use in domain(name).eu_ai_act:
        english = re.findall(r"Article \d+|Annex III", use.about.en)
        spanish = re.findall(r"artículo \d+|anexo III", use.about.es)
        numbers = [[re.sub(r"\D+", "", place) for place in places] for places in (english, spanish)]
        assert english and sorted(numbers[0]) == sorted(numbers[1])
        if use.category == "prohibited":
            assert "Article 5" in use.about.en
        if use.category == "limited_risk":
            assert "Article 50" in use.about.en
    assert any(use.category == "high_risk" for use in domain(name).eu_ai_act)


@pytest.mark.parametrize(
    ("pack", "place", "article"),
    [
        ("education", "Annex III, point 3(a)", "high_risk"),
        ("education", "Article 5(1)(f)", "prohibited"),
        ("finance", "Annex III, point 5(b)", "high_risk"),
        ("legal", "Annex III, point 8(a)", "high_risk"),
        ("health", "Article 6(1)", "high_risk"),
        ("support", "Article 50(1)", "limited_risk"),
        ("software", "Article 50(1)", "limited_risk"),
    ],
)
def test_uses_are_in_their_category(pack: str, place: str, article: str) -> None:
    said = {" ".join(use.about.en.split()): use.category for use in domain(pack).eu_ai_act}
    assert [category for text, category in said.items() if place in text] == [article]


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^no domain 'helth': did you mean health\?$"):
        domain("helth")
    with pytest.raises(UserError, match=r"^no domain 'xyz': name education, .* software or support$"):
        domain("xyz")


@pytest.mark.parametrize(
    ("name", "path", "value", "said"),
    [
        ("health", ["metric"], "accuracy", "accuracy is no measure of the task tokens"),
        ("health", ["form"], {"text": {"en": "a", "es": "b"}}, "a tokens file has other columns than text"),
        ("health", ["examples", "es", 0, "spans", 0, "end"], 12, "cuts a word"),
        ("health", ["examples", "es", 0, "spans", 0, "end"], 20, "has a space at its end"),
        ("health", ["examples", "es", 0, "spans", 1, "end"], 900, "not in the text"),
        ("health", ["examples", "es", 0, "spans", 1, "start"], 9, "overlaps the one before"),
        ("health", ["sets", 0, "license"], "CC BY 4.0", "not an SPDX expression"),
        ("health", ["local", 0, "path"], "../meddocan", "not a path below a folder"),
        ("health", ["sets", 0, "columns"], {"text": "text"}, "maps other columns than those of the form"),
        ("health", ["title"], {"en": "Health"}, "title.es\n  Field required"),
        ("health", ["title", "es"], "", "at least 1 character"),
        ("health", ["swaps", "gender", "en", 0], ["man", "Emily"], "emily twice in en"),
        ("health", ["swaps", "gender", "en", 0], ["man", "Man"], "man twice in en"),
        ("health", ["swaps"], {"gender": {"en": [["a", "b"]], "es": [["a", "b"]]}}, "names, origin missing"),
        ("support", ["examples", "en", 0, "spans"], [], "each line has the columns text, label, and no others"),
        ("support", ["examples"], {"en": [{"text": "a", "label": "b"}] * 4}, "two labels and more in en"),
        ("support", ["examples", "en"], [], "some in each language"),
        ("support", ["eu_ai_act", 0, "category"], "harmless", "Input should be"),
        ("support", ["licence"], "MIT", "Extra inputs are not permitted"),
    ],
)
def test_a_pack_that_contradicts_itself_is_refused(name: str, path: list[Any], value: Any, said: str) -> None:
    data = copy.deepcopy(content(name))
    Domain.model_validate(data)
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValidationError, match=re.escape(said)):
        Domain.model_validate(data)


def test_a_pack_is_read_from_the_json_that_it_is_written_as() -> None:
    for pack in domains().values():
        assert Domain.model_validate_json(pack.model_dump_json()) == pack
