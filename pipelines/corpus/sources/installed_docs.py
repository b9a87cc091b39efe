"""The documentation and code of Python distributions installed on the machine.

Python modules are read (for their docstrings; whole, if the recipe asks for code), the .md, .rst and .txt files, and
the long description in METADATA. Files without prose are left out, by name:

    - licences and notices, and lists of authors (they hold names and addresses, and no sentences);
    - files written by packaging tools: top_level.txt, entry_points.txt, requirements*.txt, CMakeLists.txt, …;
    - folders of tests and of test data, and files outside the environment's site-packages.

Documents come in the order of a hash of their ids, so that a size limit takes an even sample of all
distributions, not the first of the alphabet. Vendored copies come last: of two copies, the original stays,
with its own licence.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, FileFormat, Quarantined
from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG, Undecodable, decode
from desdecero.pipelines.licenses import names
from desdecero.pipelines.recipe import InstalledDocs

FORMS: dict[str, FileFormat] = {".py": "python", ".md": "text", ".rst": "text", ".txt": "text"}
CODE = (".py", ".pyx", ".pyi")

_LICENSE_FILE = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
_NO_PROSE = re.compile(
    r"(un)?licen[cs]es?\b.*|copying.*|copyright.*|.*notices?\b.*|authors.*|contributors.*|maintainers.*|credits.*"
    r"|(.*[_-])?requirements.*\.txt|top_level\.txt|entry_points\.txt|sources\.txt|requires\.txt|namespace_packages\.txt"
    r"|dependency_links\.txt|installed-files\.txt|cmakelists\.txt|conftest\.py|test_.*\.py|.*_test\.py",
    re.IGNORECASE,
)
_TESTS = {"test", "tests", "testing", "test_data", "testdata", "_testing", "licenses", "__pycache__"}
_VENDORED = {"_vendor", "vendor", "vendored", "_vendored", "extern", "externals", "node_modules"}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file to read."""

    id: str
    path: str
    file: Path
    form: FileFormat


def contents(source: InstalledDocs) -> list[str]:
    """List what would be read: the distributions with their versions, and the Python that evaluates their markers.

    A missing environment or distribution is listed as such: the reader reports it.
    """
    try:
        versions = [f"{name}=={distribution.version}" for name, distribution in find_distributions(source).items()]
    except UserError as error:
        versions = [str(error)]
    return [f"python {sys.version_info.major}.{sys.version_info.minor}", *versions]


def read(source: InstalledDocs) -> Iterator[Document | Quarantined]:
    """Yield every file of the distributions that may hold prose; modules and METADATA unchanged
    (`extraction.prose`)."""
    distributions = find_distributions(source)
    if not distributions:
        raise UserError(f"source {source.name}: no distributions left to read; name fewer in `exclude`")
    entries: list[tuple[tuple[bool, bytes], str, _Entry]] = []
    for name, distribution in distributions.items():
        if distribution.files is None:
            yield Quarantined(name, "its installer left no list of its files")
        entries += [(_order(entry), name, entry) for entry in _entries(name, distribution, source.content)]
    stated = names.normalize(source.license)
    facts = {name: _facts(distribution, stated) for name, distribution in distributions.items()}
    for _, name, entry in sorted(entries, key=lambda item: item[0]):
        yield _read(entry, source, *facts[name])


def find_distributions(source: InstalledDocs) -> dict[str, Distribution]:
    """Map canonical names to distributions, sorted. If one is installed twice, the one that Python would import."""
    paths = _site_packages(source.python) if source.python else sys.path
    found: dict[str, Distribution] = {}
    for distribution in importlib.metadata.distributions(path=paths):
        if name := distribution.metadata["Name"]:  # remains of broken uninstalls have none
            found.setdefault(canonicalize_name(name), distribution)
    names = set(found) if source.requirements_of is None else _requirements(source.requirements_of, found)
    names -= {canonicalize_name(name) for name in source.exclude}
    return {name: found[name] for name in sorted(names)}


def _site_packages(python: Path) -> list[str]:
    """Return the package folders of an environment, given by its folder or its interpreter."""
    # Not resolved: the interpreter of a virtual environment is a link to the one that it was made from.
    prefix = python.parent.parent if python.is_file() else python
    folders = {path.resolve() for path in prefix.glob("lib*/python3*/*-packages")}
    if not folders:
        raise UserError(f"no Python packages below {prefix}: set `python` to a virtual environment or its interpreter")
    return [str(path) for path in sorted(folders)]


def _requirements(root: str, found: dict[str, Distribution]) -> set[str]:
    """Return `root` and all its requirements that its markers select on this platform and that are installed."""
    if canonicalize_name(root) not in found:
        raise UserError(f"requirements_of: {root} is not installed; name a distribution that `pip list` shows")
    reached: set[tuple[str, frozenset[str]]] = set()
    waiting: list[tuple[str, frozenset[str]]] = [(canonicalize_name(root), frozenset())]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in reached or name not in found:
            continue
        reached.add((name, extras))
        for line in found[name].requires or []:
            try:
                required = Requirement(line)
            except InvalidRequirement:  # written before PEP 508
                continue
            if not required.marker or any(required.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                waiting.append((canonicalize_name(required.name), frozenset(required.extras)))
    return {name for name, _ in reached}


def _entries(name: str, distribution: Distribution, content: str) -> Iterator[_Entry]:
    for file in distribution.files or []:
        path = PurePosixPath(file)
        form: FileFormat | None = "metadata" if path.name in ("METADATA", "PKG-INFO") else FORMS.get(path.suffix)
        if content != "docs" and path.suffix in CODE:
            form = "text"
        elif content == "code":
            continue
        if form and path.parts[0] != ".." and not _NO_PROSE.fullmatch(path.name) and _TESTS.isdisjoint(path.parts):
            yield _Entry(f"{name}/{path}", str(path), Path(str(distribution.locate_file(file))), form)


def _order(entry: _Entry) -> tuple[bool, bytes]:
    vendored = not _VENDORED.isdisjoint(PurePosixPath(entry.path).parts)
    return vendored, hashlib.sha256(entry.id.encode()).digest()


def _facts(distribution: Distribution, otherwise: names.License) -> tuple[names.License, dict[str, str]]:
    """Return (licence, metadata) that all documents of a distribution share; `otherwise`: the default licence."""
    metadata = distribution.metadata
    texts = (
        file.read_text(encoding="utf-8", errors="replace")
        for path in distribution.files or []
        if _LICENSE_FILE.match(path.name)
        and path.suffix in ("", ".txt", ".md", ".rst")
        and (file := Path(str(path.locate()))).is_file()
    )
    known = names.identify(
        _header(distribution, "License-Expression"),
        _header(distribution, "License"),
        metadata.get_all("Classifier") or [],
        texts,
    )
    meta = {"distribution": metadata["Name"], "version": distribution.version, "home_page": _home_page(distribution)}
    return known if known.evidence != "unknown" else otherwise, meta


def _header(distribution: Distribution, name: str) -> str | None:
    return next(iter(distribution.metadata.get_all(name) or []), None)


def _home_page(distribution: Distribution) -> str:
    """Return `Home-page`, or the project URL that replaces it."""
    if page := _header(distribution, "Home-page"):
        return page
    urls = dict(line.split(", ", 1) for line in distribution.metadata.get_all("Project-URL") or [] if ", " in line)
    labels = {label.lower().replace(" ", "").replace("-", ""): url for label, url in urls.items()}
    for label in ("homepage", "home", "repository", "source", "sourcecode", "github", "documentation"):
        if label in labels:
            return str(labels[label])
    return next(iter(urls.values()), "")


def _read(entry: _Entry, source: InstalledDocs, known: names.License, meta: dict[str, str]) -> Document | Quarantined:
    try:
        if entry.file.stat().st_size > MAX_RECORD_BYTES:
            return Quarantined(entry.id, TOO_LONG)
        text, _ = decode(entry.file.read_bytes())
    except OSError as error:
        return Quarantined(entry.id, error.strerror or str(error))
    except Undecodable as error:
        return Quarantined(entry.id, str(error))
    return Document(
        id=entry.id, text=text, source=source.name, license=known.expression, license_evidence=known.evidence,
        language=source.language or "", form=entry.form,
        meta={
            **meta, "path": entry.path, **({"terms": source.terms} if source.terms else {}),
            **({"content": "code"} if entry.form == "text" and entry.file.suffix in CODE else {}),
        },
    )  # fmt: skip
