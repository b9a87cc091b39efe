"""The sources of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo, model_validator

from desdecero.pipelines.recipe.base import ArchivePath, LocalPath, Section, absolute_path, not_remote, without_place
from desdecero.pipelines.recipe.identifiers import LanguageCode


class _Source(Section):
    """Keys of every source. `tokens.mixture` sets how often each is trained on."""

    name: str = ""
    """Name in the ledger, the report and `tokens.mixture`. Default: derived from its path or dataset."""
    license: str | None = None
    """SPDX expression for documents that state no licence."""
    terms: str | None = None
    """Terms of use of the text, in words or as an address; kept with each document."""
    language: LanguageCode | None = None
    """Language of all documents, if known: an ISO 639-1 code, or 639-3 for languages without one."""
    max_documents: Annotated[int, Field(gt=0)] | None = None
    """Stop reading this source after this many documents."""

    @property
    def name_from_path(self) -> bool:
        """Return whether the name is only a repetition of the path."""
        return False


class _OnDisk(_Source):
    name: Annotated[str, PlainSerializer(without_place)] = ""
    path: str

    @property
    def name_from_path(self) -> bool:
        return self.name == Path(self.path).name

    @model_validator(mode="before")
    @classmethod
    def _set_name(cls, data: Any) -> Any:
        return {**data, "name": Path(str(data["path"])).name} if data.get("path") and not data.get("name") else data


class _Reservable(_Source):
    respect_reservations: bool = True
    """Drop a document whose publisher reserves it from text and data mining or from model training: the header or meta
    tag `tdm-reservation: 1`, `noai` for robots, `train-ai=n` in Content-Usage, and `robots.txt` and
    `/.well-known/tdmrep.json` if the source has them."""


class _Records(_Reservable):
    """Columns of a record (a row, a JSON object) and their meaning. `a.b` is the key `b` inside `a`."""

    text_field: str = "text"
    """Column that holds the text."""
    text_template: str | None = None
    """Template that joins several columns, in place of `text_field`: `"{title}\\n\\n{body.text}"`."""
    text_form: Literal["text", "html", "wikitext", "latex"] = "text"
    """Markup of the text."""
    id_field: str | None = None
    """Column that holds the document's id. If another file of the source has the same id, the file's name is prefixed:
    `b.jsonl/7`."""
    license_field: str | None = None
    """Column that holds the licence."""
    terms_field: str | None = None
    """Column that holds the terms of use."""
    language_field: str | None = None
    """Column that holds the language: ISO 639 codes of two or three letters, with or without a script or country."""
    date_field: str | None = None
    """Column that holds the date."""
    url_field: str | None = None
    """Column that holds the address."""


def _absolute_folder(path: Any, info: ValidationInfo) -> Any:
    return absolute_path(str(path), info) if isinstance(path, str | Path) else path


class InstalledDocs(_Source):
    """Docstrings, Markdown, reStructuredText and text files of installed Python distributions, and their code.

    Their licences are taken from the distributions.
    """

    kind: Literal["installed_docs"]
    name: str = "installed_docs"
    """Name in the ledger, the report and `tokens.mixture`."""
    content: Literal["docs", "code", "both"] = "docs"
    """`docs` reads docstrings and text files; `code` reads whole Python modules instead; `both` reads whole modules and
    text files."""
    python: Annotated[Path, BeforeValidator(_absolute_folder), PlainSerializer(without_place)] | None = None
    """Folder (`/path/to/venv`) or interpreter of another environment. Default: the one that runs desdecero."""
    requirements_of: str | None = None
    """Read only the direct and indirect requirements of this distribution, so that the same recipe reads the same text
    whether or not development tools are installed."""
    exclude: tuple[str, ...] = ("desdecero",)
    """Names of distributions that are not read."""


class Files(_OnDisk, _Records):
    """A file, a folder or a glob: text, web pages, books, articles, tables (see docs/corpus.md)."""

    kind: Literal["files"]
    path: LocalPath
    """File, folder or glob; relative to the recipe file."""


class HubDataset(_Records):
    """A dataset of the Hugging Face Hub, streamed."""

    kind: Literal["hub"]
    dataset: Annotated[str, AfterValidator(not_remote)]
    """Name of the dataset, `owner/name`."""
    config: str | None = None
    """Configuration of the dataset."""
    split: str = "train"
    """Split of the dataset."""
    revision: str | None = None
    """Branch, tag or commit. Default: the main branch."""

    @model_validator(mode="before")
    @classmethod
    def _set_name(cls, data: Any) -> Any:
        return {**data, "name": data["dataset"]} if data.get("dataset") and not data.get("name") else data


class Wikipedia(_Source):
    """Articles of one Wikipedia: from a local XML dump, or as plain text from the Hub (`wikimedia/wikipedia`)."""

    kind: Literal["wikipedia"]
    language: str
    """Language of the Wikipedia, as in its address: es, qu, simple."""
    dump: LocalPath | None = None
    """A `…-pages-articles.xml` (also .bz2 or .gz), relative to the recipe file. Without one, the articles come from the
    Hub."""
    snapshot: str = "20231101"
    """Date of the Hub's dataset. The default is the newest."""
    license: str | None = "CC-BY-SA-4.0"
    """SPDX expression of the articles."""
    terms: str | None = "https://foundation.wikimedia.org/wiki/Policy:Terms_of_Use"
    """Terms of use of the articles."""

    @model_validator(mode="before")
    @classmethod
    def _set_name(cls, data: Any) -> Any:
        unnamed = data.get("language") and not data.get("name")
        return {**data, "name": f"wikipedia_{data['language']}"} if unnamed else data


class WebArchive(_OnDisk, _Reservable):
    """Web pages from WARC files or text from WET files, as Common Crawl publishes them."""

    kind: Literal["web_archive"]
    path: ArchivePath
    """A .warc, .warc.gz or .warc.wet.gz file, a folder or glob of them, an https address, or a list of files such as
    Common Crawl's `wet.paths.gz`."""
    max_files: Annotated[int, Field(gt=0)] | None = None
    """If the path is a list, read only this many of its first files."""
    site_rules: ArchivePath | None = None
    """Archives, given as in `path`, with the rules of sites for all their pages (robots.txt), which are read first:
    Common Crawl's `robotstxt.paths.gz`, for example. Rules among the pages are always read, and apply to the pages
    after them."""


Source = Annotated[InstalledDocs | Files | HubDataset | Wikipedia | WebArchive, Field(discriminator="kind")]
SOURCES: dict[str, type[_Source]] = {
    "installed_docs": InstalledDocs,
    "files": Files,
    "hub": HubDataset,
    "wikipedia": Wikipedia,
    "web_archive": WebArchive,
}
