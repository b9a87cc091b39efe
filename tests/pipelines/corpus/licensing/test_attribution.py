"""The attribution file: who is named, for which reason, and where the list goes when it is long."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from desdecero.pipelines.corpus.licensing import attribution
from desdecero.pipelines.corpus.licensing.attribution import Works, license_url


def row(license: str, source: str = "texts", decision: str = "kept", **meta: Any) -> dict[str, Any]:
    return {"license": license, "source": source, "decision": decision, "bytes_after": 10, "meta": json.dumps(meta)}


def write_attribution(rows: Iterable[Mapping[str, Any]], folder: Path, **asked: Any) -> dict[str, Any]:
    with Works(folder, **asked) as works:
        works.add(rows)
        return works.write()


def test_works_are_named_with_title_author_source_and_licence(tmp_path: Path) -> None:
    said = write_attribution(
        [row("CC-BY-SA-4.0", title="Una *guía*", author="Ana [ed.]", url="https://example.org/guia", path="1.txt")],
        tmp_path,
    )
    page = (tmp_path / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "## texts" in page
    assert (
        r"- *Una \*guía\**, Ana \[ed.\], [https://example.org/guia](https://example.org/guia), "
        "[CC-BY-SA-4.0](https://creativecommons.org/licenses/by-sa/4.0/)"
    ) in page
    assert said == {
        "file": "ATTRIBUTION.md", "works": 1, "documents": 1, "required": {"license": 1},
        "without": {"title": 0, "author": 0, "source": 0},
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["ATTRIBUTION.md"]


def test_documents_of_one_package_are_one_work(tmp_path: Path) -> None:
    rows = [row("MIT", distribution="Click", version="8.1", home_page="https://c.org", path=f"{n}") for n in range(5)]
    said = write_attribution(rows, tmp_path)
    assert (said["works"], said["documents"], said["without"]["author"]) == (1, 5, 1)
    assert "*Click 8.1*, [https://c.org](https://c.org), [MIT]" in (tmp_path / "ATTRIBUTION.md").read_text()


def test_who_is_named_and_why(tmp_path: Path) -> None:
    rows = [
        row("LicenseRef-public-domain", title="Poemas", author="Rosalía de Castro"),
        row("CC0-1.0", title="Sin autor"),
        row("LicenseRef-unknown", title="¿De quién?"),
        row("CC0-1.0 OR CC-BY-4.0", title="A choice"),
        row("CC-BY-4.0", title="Dropped", decision="dropped"),
        row("LicenseRef-PE-DL822-art9", title="Ley 29733", source="leyes"),
    ]
    said = write_attribution(rows, tmp_path)
    page = (tmp_path / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert said["required"] == {"author": 1, "license": 1, "unknown": 1}
    assert "Rosalía de Castro" in page and "Ley 29733" in page and "¿De quién?" in page
    for absent in ("Sin autor", "A choice", "Dropped"):
        assert absent not in page


def test_a_long_list_goes_to_a_file_of_its_own_and_the_page_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribution, "LARGEST_LIST", 10)
    rows = [row("CC-BY-4.0", title=f"Work {n:02}", author="A") for n in range(30)]
    said = write_attribution(reversed(rows), tmp_path)
    assert said["file"] == "ATTRIBUTION.jsonl"
    lines = [json.loads(line) for line in (tmp_path / "ATTRIBUTION.jsonl").read_text().splitlines()]
    assert [line["title"] for line in lines] == [f"Work {n:02}" for n in range(30)]
    assert lines[0]["license_url"] == "https://creativecommons.org/licenses/by/4.0/"
    assert "- texts: 30 (30), [CC-BY-4.0]" in (tmp_path / "ATTRIBUTION.md").read_text()


def test_the_order_of_the_rows_makes_no_difference(tmp_path: Path) -> None:
    rows = [row("CC-BY-4.0", title=f"Work {n}", source=f"s{n % 3}") for n in range(50)]
    pages = []
    for order in (rows, rows[::-1]):
        write_attribution(order, tmp_path)
        pages.append((tmp_path / "ATTRIBUTION.md").read_bytes())
    assert pages[0] == pages[1]


def test_an_interrupted_list_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield row("MIT", title="One")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_attribution(broken(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "attribution.sqlite").write_bytes(b"left by a power cut")
    assert write_attribution([row("MIT", title="One")], tmp_path)["works"] == 1


@pytest.mark.parametrize(
    ("license", "url"),
    [
        ("MIT", "https://spdx.org/licenses/MIT.html"),
        ("CC-BY-NC-ND-2.5", "https://creativecommons.org/licenses/by-nc-nd/2.5/"),
        ("CC-BY-3.0-IGO", "https://creativecommons.org/licenses/by/3.0/igo/"),
        ("LicenseRef-CC-BY-SA-3.0-ES", "https://creativecommons.org/licenses/by-sa/3.0/es/"),
        ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("LicenseRef-CC-BY-NC", None),
        ("LicenseRef-our-own", None),
        ("MIT AND BSD-3-Clause", None),
    ],
)
def test_addresses_of_licences(license: str, url: str | None) -> None:
    assert license_url(license) == url


def test_real_novels_and_laws_are_attributed(tmp_path: Path) -> None:
    if not (data := os.environ.get("DESDECERO_DATA")):
        pytest.skip("DESDECERO_DATA is not set")
    rows = []
    for name in ("novelas_es", "leyes_pe"):
        with gzip.open(Path(data) / "corpora" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            for line in file:
                fields = json.loads(line)
                license = fields.pop("license")
                meta = {key: value for key, value in fields.items() if isinstance(value, str) and key != "text"}
                rows.append({**row(license, name), "meta": json.dumps(meta)})
    said = write_attribution(rows, tmp_path)
    # A law's source must be cited; a novel's author is named although the novel is in the public domain.
    assert said["required"] == {"author": 82, "license": said["works"] - 82}
    page = (tmp_path / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "*El Señor de Bembibre : edición ELTeC*, Gil y Carrasco, Enrique (1815-1846)" in page
    assert "https://spij.minjus.gob.pe/" in page
