"""A small but real environment: folders with METADATA and RECORD, read as pip would leave them."""

from __future__ import annotations

from pathlib import Path

import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source, signature
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.corpus.sources.extractors.python_code import docstrings
from desdecero.pipelines.corpus.sources.installed_docs import find_distributions
from desdecero.pipelines.recipe import InstalledDocs

MODULE = '''"""What the module does."""
class Cat:
    """A cat."""
    def meow(self):
        """Say it."""
        def inner():
            """Not documentation."""
    def _hidden(self):
        """Private."""
if True:
    async def later():
        """Wait\\d."""
'''


def install(site: Path, name: str, headers: str = "", files: dict[str, str] | None = None) -> None:
    info = f"{name}-1.0.dist-info"
    files = {f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{headers}", **(files or {})}
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    (site / info / "RECORD").write_text("".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    site = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    install(
        site, "zoo",
        "License: BSD\nClassifier: License :: OSI Approved :: BSD License\nHome-page: https://zoo.test\n"
        'Requires-Dist: animals[fur]>=1\nRequires-Dist: absent\nRequires-Dist: lint; extra == "dev"\n\n# The zoo\n',
        {
            "zoo/__init__.py": MODULE, "zoo/plain.py": "x = 1\n", "zoo/guide.md": "# Guide",
            "zoo/tests/test_a.py": MODULE, "zoo-1.0.dist-info/licenses/LICENSE.txt": "Redistribution and use in source "
            "and binary forms, with or without modification, are permitted. Neither the name of the holder",
            "zoo/requirements.txt": "animals", "zoo/AUTHORS.md": "Ann", "zoo/_vendor/old.py": '"""Vendored."""\n',
        },
    )  # fmt: skip
    install(site, "Animals", 'License-Expression: MIT\nRequires-Dist: fur; extra == "fur"\n')
    install(site, "fur")
    install(site, "lint")
    return tmp_path / "venv"


def source(environment: Path, **more: object) -> InstalledDocs:
    return InstalledDocs.model_validate({"kind": "installed_docs", "python": environment, **more})


def test_documents_are_modules_texts_and_descriptions(environment: Path) -> None:
    read = {
        item.id: item for item in read_source(source(environment, requirements_of="zoo")) if isinstance(item, Document)
    }
    assert set(read) == {
        "zoo/zoo-1.0.dist-info/METADATA", "zoo/zoo/__init__.py", "zoo/zoo/plain.py", "zoo/zoo/guide.md",
        "zoo/zoo/_vendor/old.py", "animals/Animals-1.0.dist-info/METADATA", "fur/fur-1.0.dist-info/METADATA",
    }  # fmt: skip
    assert list(read)[-1] == "zoo/zoo/_vendor/old.py"  # of two copies, the original comes first
    guide = read["zoo/zoo/guide.md"]
    assert guide.meta == {
        "distribution": "zoo",
        "version": "1.0",
        "home_page": "https://zoo.test",
        "path": "zoo/guide.md",
    }
    assert (guide.license, guide.license_evidence) == ("BSD-3-Clause", "free_text")  # "BSD" alone does not say which
    description = prose(read["zoo/zoo-1.0.dist-info/METADATA"])
    assert isinstance(description, Document) and description.text.strip() == "# The zoo"
    assert prose(read["zoo/zoo/plain.py"]) is None


def test_requirements_are_followed_with_their_extras_and_markers(environment: Path) -> None:
    assert list(find_distributions(source(environment, requirements_of="zoo"))) == ["animals", "fur", "zoo"]
    assert list(find_distributions(source(environment))) == ["animals", "fur", "lint", "zoo"]
    assert list(find_distributions(source(environment, exclude=["ZOO"]))) == ["animals", "fur", "lint"]


def test_this_environment_leaves_the_project_itself_out() -> None:
    found = find_distributions(InstalledDocs(kind="installed_docs", requirements_of="desdecero"))
    assert "networkx" in found and "desdecero" not in found


def test_what_is_not_there_is_said_in_one_sentence(environment: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="requirements_of: unicorn is not installed"):
        list(read_source(source(environment, requirements_of="unicorn")))
    with pytest.raises(UserError, match="no Python packages below"):
        list(read_source(source(tmp_path / "nowhere")))


def test_the_signature_follows_the_versions_and_never_fails(environment: Path, tmp_path: Path) -> None:
    before = signature([source(environment)])
    assert before == signature([source(environment)])
    assert signature([source(tmp_path / "nowhere")]) != before
    install(environment / "lib" / "python3.11" / "site-packages", "newcomer")
    assert signature([source(environment)]) != before


def test_docstrings_stand_below_their_names_and_private_ones_are_left_out() -> None:
    assert docstrings(MODULE, "zoo") == (
        "zoo\n\nWhat the module does.\n\nCat\n\nA cat.\n\nCat.meow\n\nSay it.\n\nlater\n\nWait\\d."
    )


def test_code_of_another_python_is_quarantined() -> None:
    old = Document("old/x.py", '"""Old."""\nprint "hello"\n', "s", "MIT", "declared", "", {"path": "x.py"}, "python")
    assert isinstance(prose(old), Quarantined)


def test_a_description_loses_its_badges_and_keeps_its_words() -> None:
    page = (
        "Name: x\n\n[![CI](https://a.b/c.svg)](https://a.b)\n.. image:: https://a.b/d.svg\n   :target: https://a.b\n\n"
        '<p align="center">\n|ci| |docs|_\n\nIt counts sheep, ![inline](i.png) and all.\n'
    )
    document = Document("x/METADATA", page, "s", "MIT", "declared", "", {"path": "METADATA"}, "metadata")
    found = prose(document)
    assert (
        isinstance(found, Document)
        and found.text.split("\n\n")[-1].strip() == "It counts sheep, ![inline](i.png) and all."
    )
    assert found.text.split() == ["It", "counts", "sheep,", "![inline](i.png)", "and", "all."]
