"""The catalogue of words: both languages say everything, all of it is used, and nothing else holds what people read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from helpers import ROOT

from desdecero.model_cards import words
from desdecero.model_cards.formats import counted
from desdecero.model_cards.words import LANGUAGES, catalogue, file_in, name, placeholders, say

FOLDERS = ("app", "eval_suites", "model_cards", "pipelines")
TEMPLATES = sorted((ROOT / "model_cards/templates").iterdir())
NAMED = re.compile(
    r"""\bname\((?:\w+, |["']e[ns]["'], )?["'](\w+)["']|\| name\(["'](\w+)["']( if [^)]*["'](\w+)["'])?\)"""
)
ASKED = re.compile(r"""\b(?:say|counted)\(\s*(?:\w+,\s*|["']e[ns]["'],\s*)?["']([\w. ]+)["']""")
TERM = re.compile(r"""\bterm\(["'](\w+)["']""")
PREFIX = re.compile(r"""["']((?:\w+\.)+)(?=["'{])""")
QUOTED = re.compile(r"""["']([\w. ]+)["']""")


def sources() -> str:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in (*paths, *TEMPLATES))


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    english, spanish = (catalogue()[language] for language in LANGUAGES)
    assert english.keys() == spanish.keys()
    assert not [key for key in english if placeholders(english[key]) != placeholders(spanish[key])]
    assert not [key for key in english if not (english[key].strip() or key == "number.thousands")]


@pytest.mark.parametrize(
    ("spanish", "complaint"),
    [
        ({"page": {"stop": "Parar"}}, "one language only: page.stop, page.write"),
        ({"page": {"write": "Escribir {number}"}}, "page.write has other placeholders in es"),
        ({"page": {"write": False}}, "page.write is not a text"),
        ({"page": {}}, "page is not a text"),
    ],
)
def test_a_catalogue_that_is_not_whole_is_refused(
    spanish: dict[str, object], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for language, content in (("en", {"page": {"write": "Write"}}), ("es", spanish)):
        (tmp_path / f"{language}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(words.resources, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=complaint):
        catalogue.__wrapped__()  # the one that is kept stays as it is


def test_every_key_is_used() -> None:
    """By itself; as a family of names; or by a prefix of it and its other steps, as in `f"page.prompt.{objective}"`."""
    text = sources()
    families = {word for found in NAMED.findall(text) for word in found if word}
    quoted, prefixes = set(QUOTED.findall(text)), set(PREFIX.findall(text))
    asked = set(ASKED.findall(text)) | {f"term.{term}" for term in TERM.findall(text)}

    def used(key: str) -> bool:
        stem = re.sub(r"\.(one|other)$", "", key)
        rests = [stem.removeprefix(prefix) for prefix in prefixes if stem.startswith(prefix)]
        return (
            key.partition(".")[0] in families
            or stem in asked | quoted
            or any(rest in quoted or set(rest.split(".")) <= quoted for rest in rests)
        )

    assert len(families) > 20 and len(asked) > 200
    assert [key for key in catalogue()["en"] if not used(key)] == []


def test_every_key_that_is_asked_for_is_there() -> None:
    text, known = sources(), catalogue()["en"]
    asked = {key for key in ASKED.findall(text) if not key.endswith(".")}
    asked |= {f"term.{term}" for term in TERM.findall(text)}
    assert [key for key in sorted(asked) if key not in known and f"{key}.one" not in known] == []
    families = {word for found in NAMED.findall(text) for word in (found[0], found[1], found[3]) if word}
    assert families - {key.partition(".")[0] for key in known} == set()


def test_a_word_of_a_report_that_has_no_other_name_is_shown_as_it_is() -> None:
    assert name("es", "source", "files") == "archivos"
    assert name("es", "source", "something_new") == "something new"
    assert name("es", "against", "CC-BY-4.0") == "CC-BY-4.0"


def test_one_thing_is_counted_in_the_singular() -> None:
    assert [counted("en", "page.documents", number) for number in (0, 1, 1200)] == [
        "0 documents", "1 document", "1,200 documents",
    ]  # fmt: skip
    assert counted("es", "page.documents", 1200) == "1200 documentos"


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="number"):
        say("en", "page.gap_of")


def test_files_are_named_by_their_language() -> None:
    assert [file_in(language, "card/README.md") for language in LANGUAGES] == ["card/README.md", "card/README.es.md"]


# --- nothing else holds what people read -----------------------------------------------------------------------

MAY_SPEAK = {
    # Command lines and what a server answers to programs: in English, as all commands are.
    "app/app.py", "app/checks.py", "app/limits.py",
    # Errors that are ours, for developers.
    "model_cards/words/__init__.py",
}  # fmt: skip
SHOWING = [
    *(ROOT / "app").glob("*.py"), *(ROOT / "model_cards").rglob("*.py"),
    *(ROOT / "eval_suites").glob("bias_[fv]*.py"),
    *(ROOT / path for path in (
        "pipelines/commands/summary.py", "pipelines/corpus/unread.py", "pipelines/corpus/report.py",
        "pipelines/training/watch/curve.py", "pipelines/tokenizer/picture.py",
    )),
]  # fmt: skip
BOTH_IN_ONE_FILE = ROOT / "pipelines/training/adapter.py"
"""Its README beside an adapter says a paragraph in English and the same in Spanish: there is one file of that name."""
PROSE = re.compile(r"[^\W\d_]{2,}(?:,? [^\W\d_]{2,}){3}")
"""Four words in a row."""
SPANISH = re.compile(r"[áéíóúñ¿¡«»]", re.IGNORECASE)


def strings(path: Path) -> Iterator[str]:
    """The texts in a module that are not docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("path", SHOWING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_shows_things_to_people_has_no_sentences_of_its_own(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() not in MAY_SPEAK:
        assert [text for text in strings(path) if PROSE.search(text)] == []


@pytest.mark.parametrize("folder", ["app", "eval_suites", "model_cards", "pipelines/training", "pipelines/tokenizer"])
def test_no_module_holds_spanish(folder: str) -> None:
    paths = {*(ROOT / folder).rglob("*.py"), *(ROOT / "pipelines").glob("*.py")} - {BOTH_IN_ONE_FILE}
    assert [(path.name, text) for path in paths for text in strings(path) if SPANISH.search(text)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_words_but_code(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    text = re.sub(r"(?s)\{% filter fenced.*?endfilter %\}|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", text)
    assert re.findall(r"[^\W\d_]{2,}", text.replace(".png", "")) == []
