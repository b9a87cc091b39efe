"""Where a corpus comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo, model_validator

from desdecero.pipelines.recipe.base import ArchivePath, LocalPath, Section, absolute_path, not_remote, without_place
from desdecero.pipelines.recipe.identifiers import LanguageCode


class _Source(Section):
    """What all sources have. How often each is trained on is said by `tokens.mixture`."""

    name: str = ""
    """As ledger, report and `tokens.mixture` call it; from its path or dataset by default."""
    license: str | None = None
    """SPDX expression of every document that states none itself."""
    terms: str | None = None
    """The terms of use that the text came under, in words or by address: kept with each document."""
    language: LanguageCode | None = None
    """Of every document, where it is known: an ISO 639-1 code, or 639-3 where there is none."""
    max_documents: Annotated[int, Field(gt=0)] | None = None
    """Stop reading this source after so many."""

    @property
    def name_from_path(self) -> bool:
        """Whether the name only repeats where the source is."""
        return False


class _OnDisk(_Source):
    name: Annotated[str, PlainSerializer(without_place)] = ""
    path: str

    @property
    def name_from_path(self) -> bool:
        return self.name == Path(self.path).name

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {**data, "name": Path(str(data["path"])).name} if data.get("path") and not data.get("name") else data


class _Reservable(_Source):
    respect_reservations: bool = True
    """Drop a document whose publisher reserves it from text and data mining or model training: the header or meta tag
    `tdm-reservation: 1`, `noai` for robots, `train-ai=n` in Content-Usage (see `sources/reservations.py`); `robots.txt`
    and `/.well-known/tdmrep.json` where the source has them (see `sources/site_rules.py`)."""


class _Records(_Reservable):
    """Which columns of a record (a row, a JSON object) hold what. `a.b` is the key `b` inside `a`."""

    text_field: str = "text"
    """The column that holds the text."""
    text_template: str | None = None
    """Or several columns with words between: `"{title}\\n\\n{body.text}"`."""
    text_form: Literal["text", "html", "wikitext", "latex"] = "text"
    """What the text is written in."""
    id_field: str | None = None
    """An id that another file of the source had before is made distinct by the file: `b.jsonl/7`."""
    license_field: str | None = None
    terms_field: str | None = None
    language_field: str | None = None
    """ISO 639 codes, of two or three letters, with or without a script or country."""
    date_field: str | None = None
    url_field: str | None = None


def _absolute_folder(path: Any, info: ValidationInfo) -> Any:
    return absolute_path(str(path), info) if isinstance(path, str | Path) else path


class InstalledDocs(_Source):
    """Docstrings, Markdown, reStructuredText and text files of installed Python distributions, and their code.

    Their licences are those that the distributions state.
    """

    kind: Literal["installed_docs"]
    name: str = "installed_docs"
    content: Literal["docs", "code", "both"] = "docs"
    """`code` reads Python modules whole, in place of their docstrings; `both`, those and the texts."""
    python: Annotated[Path, BeforeValidator(_absolute_folder), PlainSerializer(without_place)] | None = None
    """Another environment, by its folder (`/path/to/venv`) or its interpreter; this one by default."""
    requirements_of: str | None = None
    """Read this distribution's requirements and theirs, not all that is installed: the same recipe then reads
    the same text whether or not development tools are installed beside it."""
    exclude: tuple[str, ...] = ("desdecero",)
    """Distributions left out, by name."""


class Files(_OnDisk, _Records):
    """A file, a folder or a glob, in the formats of `sources/files.py`: text, web pages, books, articles, tables."""

    kind: Literal["files"]
    path: LocalPath


class HubDataset(_Records):
    """A dataset of the Hugging Face Hub, streamed."""

    kind: Literal["hub"]
    dataset: Annotated[str, AfterValidator(not_remote)]
    config: str | None = None
    split: str = "train"
    revision: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {**data, "name": data["dataset"]} if data.get("dataset") and not data.get("name") else data


class Wikipedia(_Source):
    """Articles of one Wikipedia: from a local XML dump, or as plain text from the Hub (`wikimedia/wikipedia`)."""

    kind: Literal["wikipedia"]
    language: str
    """Of the Wikipedia, as its address has it: es, qu, simple."""
    dump: LocalPath | None = None
    """A `…-pages-articles.xml` (also .bz2 .gz), relative to the recipe file; from the Hub when there is none."""
    snapshot: str = "20231101"
    """Of the Hub's data set: its newest."""
    license: str | None = "CC-BY-SA-4.0"
    terms: str | None = "https://foundation.wikimedia.org/wiki/Policy:Terms_of_Use"

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        unnamed = data.get("language") and not data.get("name")
        return {**data, "name": f"wikipedia_{data['language']}"} if unnamed else data


class WebArchive(_OnDisk, _Reservable):
    """Web pages from WARC files or text from WET files, as Common Crawl gives them out."""

    kind: Literal["web_archive"]
    path: ArchivePath
    """A .warc .warc.gz .warc.wet.gz file, a folder or glob of them, or an https address; or a list of them, such as
    Common Crawl's `wet.paths.gz`."""
    max_files: Annotated[int, Field(gt=0)] | None = None
    """Of a list, read so many."""
    site_rules: ArchivePath | None = None
    """Archives, named in the same ways, that hold what sites say of all their pages, and are read first: Common Crawl
    gives its `robotstxt.paths.gz` out apart. Those among the pages are read without it, from where they stand on."""


Source = Annotated[InstalledDocs | Files | HubDataset | Wikipedia | WebArchive, Field(discriminator="kind")]
SOURCES: dict[str, type[_Source]] = {
    "installed_docs": InstalledDocs, "files": Files, "hub": HubDataset, "wikipedia": Wikipedia,
    "web_archive": WebArchive,
}  # fmt: skip
