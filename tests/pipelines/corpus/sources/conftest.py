"""Documents as programs write them, made small enough to read here."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence

import pytest

from desdecero.pipelines.corpus.document import Document, FileFormat


@pytest.fixture
def document() -> Callable[..., Document]:
    """`document("html", text=… or data=…)`: as a reader hands it to a worker."""

    def build(form: FileFormat, text: str = "", data: bytes = b"", **meta: object) -> Document:
        return Document("x", text, "s", "LicenseRef-unknown", "unknown", "", {"path": "x", **meta}, form, data)

    return build


@pytest.fixture
def zipped() -> Callable[..., bytes]:
    """`zipped({"word/document.xml": "<…>"})` → the bytes of a zip file."""

    def build(members: dict[str, str | bytes]) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return stream.getvalue()

    return build


@pytest.fixture
def pdf() -> Callable[..., bytes]:
    """`pdf([["first line", "second"], [...]])` → a PDF with a page for each list of lines.

    names: what the font says that some characters are, as `{"\x01": "\0"}`; it says nothing more of any character.
    """

    def build(pages: Sequence[Sequence[str]], names: dict[str, str] | None = None) -> bytes:
        bodies = []
        kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
        bodies.append(b"<< /Type /Catalog /Pages 2 0 R >>")
        bodies.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
        named = f" /ToUnicode {4 + 2 * len(pages)} 0 R" if names else ""
        font = f"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding{named} >>"
        bodies.append(font.encode())
        for number, lines in enumerate(pages):
            drawn = b"".join(
                b"(" + line.encode("windows-1252").replace(b"(", rb"\(").replace(b")", rb"\)") + b") Tj T* "
                for line in lines
            )
            content = b"BT /F1 12 Tf 14 TL 50 800 Td " + drawn + b"ET"
            bodies.append(
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 850] /Contents {5 + 2 * number} 0 R "
                "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
            )
            bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        if names:
            lines = "".join(
                f"<{char.encode('windows-1252').hex()}> <{name.encode('utf-16-be').hex()}>\n"
                for char, name in names.items()
            )
            content = (
                f"1 begincodespacerange <00> <ff> endcodespacerange {len(names)} beginbfchar\n{lines}endbfchar".encode()
            )
            bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        stream, places = io.BytesIO(), []
        stream.write(b"%PDF-1.4\n")
        for number, body in enumerate(bodies, start=1):
            places.append(stream.tell())
            stream.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        start = stream.tell()
        stream.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1))
        stream.write(b"".join(b"%010d 00000 n \n" % place for place in places))
        stream.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, start))
        return stream.getvalue()

    return build
