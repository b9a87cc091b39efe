"""Web archives as servers and crawlers leave them: misspelt types, odd encodings, wrong lengths; the rest is read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from helpers import warc_record

from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.recipe import WebArchive

HTML = (
    "<html lang=es><body><article>"
    + "".join(
        f"<p>La barca número {n} salió de la caleta al alba, y volvió cargada de anchovetas.</p>" for n in range(9)
    )
    + "</article></body></html>"
).encode()
TEXT = "La barca salió de la caleta al alba, y volvió cargada de anchovetas.".encode()
HTTP = {"Content_Type": "application/http; msgtype=response"}


def answer(headers: Sequence[str], body: bytes, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *headers, "", ""]).encode() + body


def response(headers: Sequence[str], body: bytes, address: str = "https://b.test/x", **more: str) -> bytes:
    return warc_record("response", address, answer(headers, body), **{**HTTP, **more})


WHOLE = response(["Content-Type: text/html"], HTML, "https://b.test/last")


def read(folder: Path, *records: bytes, name: str = "a.warc") -> tuple[list[Document], list[Quarantined]]:
    """The documents and faults of an archive that ends with a page in good order, which is always read."""
    content = b"".join((*records, WHOLE))
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    documents, quarantined = [], []
    for item in read_source(WebArchive(kind="web_archive", path=str(folder))):
        found = prose(item) if isinstance(item, Document) else item
        if isinstance(found, Quarantined):
            quarantined.append(found)
        elif found:
            documents.append(found)
    last = documents.pop()
    assert last.meta["url"] == "https://b.test/last" and "anchovetas" in last.text
    return documents, quarantined


def one(folder: Path, *records: bytes) -> Document:
    (found,), quarantined = read(folder, *records)
    assert quarantined == [] and "salió de la caleta" in found.text and "<p>" not in found.text
    return found


@pytest.mark.parametrize(
    "headers",
    [
        [], ["Content-Type:"], ["Content-Type: text/html charset=utf-8"], ["Content-Type: TEXT/HTML"],
        ["Content-Type: text/html;;"], ["Content-Type: text"], ["Content-Type: unknown/unknown"],
        ["Content-Type: application/octet-stream"], ['Content-Type: "text/html"'], ["Content-Type:   text/html  ;x"],
        ["Content-Type: text/html", "Content-Type: text/plain"], ["Content-Type: html"], ["Content-Type: text/hmtl"],
        ["Content-Type: text/plain"], ["content-type: text/html, text/html"], ["Content-Type: application/xml"],
        ["Content-Type: charset=utf-8"], ["Content-Type: text-html"],
    ],
)  # fmt: skip
def test_a_page_is_recognised_whatever_its_type_says(tmp_path: Path, headers: list[str]) -> None:
    one(tmp_path, response(headers, HTML))


def test_a_type_that_the_archive_found_out_counts(tmp_path: Path) -> None:
    odd = b"<x-page>" + HTML.replace(b"<html lang=es><body>", b"").replace(b"</body></html>", b"</x-page>")
    one(tmp_path, response([], odd, WARC_Identified_Payload_Type="text/html"))


def test_plain_text_without_a_type_is_text(tmp_path: Path) -> None:
    assert one(tmp_path, response([], TEXT)).text == TEXT.decode()


@pytest.mark.parametrize(
    "body",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9,
        b'{"a": [1, 2]}',
        b"",
        b"<rss><p/></rss>",
        b"a{color: red}\nb{top: 0}\n" * 9,
    ],
)
def test_what_no_type_names_and_nobody_recognises_is_told(tmp_path: Path, body: bytes) -> None:
    documents, (fault,) = read(tmp_path, response([], body))
    assert documents == [] and "states no type" in fault.reason
    assert fault.place == "a.warc, record 1 (https://b.test/x)"


@pytest.mark.parametrize("kind", ["plain/text", "txt/plain", "words", "*/*"])
def test_text_of_a_type_that_is_a_mistake_is_text(tmp_path: Path, kind: str) -> None:
    assert one(tmp_path, response([f"Content-Type: {kind}"], TEXT)).text == TEXT.decode()


@pytest.mark.parametrize("kind", ["text/palin", "application/text", "application/x-notes"])
def test_what_is_of_a_type_that_nobody_reads_is_told(tmp_path: Path, kind: str) -> None:
    documents, (fault,) = read(tmp_path, response([f"Content-Type: {kind}"], TEXT))
    assert documents == [] and fault.reason == f"its type {kind} is none that is read"


@pytest.mark.parametrize("kind", ["image/png", "text/css", "application/javascript", "application/json", "font/woff2"])
def test_pictures_and_styles_are_passed_over(tmp_path: Path, kind: str) -> None:
    assert read(tmp_path, response([f"Content-Type: {kind}"], HTML)) == ([], [])


def compressed(name: str) -> bytes:
    if name == "deflate raw":
        return zlib.compress(HTML)[2:-4]
    packers = {"gzip": gzip.compress, "deflate": zlib.compress}
    codec = {"br": "brotli", "zstd": "zstd"}.get(name)
    return pa.Codec(codec).compress(HTML, asbytes=True) if codec else packers[name](HTML)


@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate raw", "br", "zstd"])
@pytest.mark.parametrize("prefix", ["", "x-"])
def test_encodings_are_undone(tmp_path: Path, name: str, prefix: str) -> None:
    headers = ["Content-Type: text/html", f"Content-Encoding: {prefix}{name.split()[0].upper()}"]
    one(tmp_path, response(headers, compressed(name)))
    cut = compressed(name)[: len(compressed(name)) // 2]
    documents, (fault,) = read(tmp_path, response(headers, cut))
    assert documents == [] and fault.place.startswith("a.warc, record 1")


@pytest.mark.parametrize(
    ("named", "body"),
    [
        ("gzip", HTML), ("br", HTML), ("zstd", HTML), ("deflate", HTML), ("identity", HTML), ("utf-8", HTML),
        ("never-heard-of", HTML), ("br, gzip", gzip.compress(compressed("br"))), ("gzip, identity", compressed("gzip")),
        ("identity", compressed("gzip")), ("gzip", gzip.compress(HTML[:300]) + gzip.compress(HTML[300:])),
        ("gzip", gzip.compress(compressed("gzip"))),
    ],
)  # fmt: skip
def test_a_wrong_encoding_does_not_lose_the_page(tmp_path: Path, named: str, body: bytes) -> None:
    one(tmp_path, response(["Content-Type: text/html", f"Content-Encoding: {named}"], body))


@pytest.mark.parametrize("name", ["compress", "gzip", "br", "dcb"])
def test_bytes_that_no_encoding_undoes_are_told(tmp_path: Path, name: str) -> None:
    noise = bytes(n * n % 251 for n in range(4000))
    documents, (fault,) = read(tmp_path, response(["Content-Type: text/html", f"Content-Encoding: {name}"], noise))
    assert documents == [] and "content encoding" in fault.reason


def test_several_headers_of_encoding_are_undone_from_the_last(tmp_path: Path) -> None:
    headers = ["Content-Type: text/html", "Content-Encoding: deflate", "Content-Encoding: gzip"]
    one(tmp_path, response(headers, gzip.compress(compressed("deflate"))))


def chunks(body: bytes, size: int) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_chunks_are_joined_and_damage_in_them_is_told(tmp_path: Path) -> None:
    headers = ["Content-Type: text/html", "Transfer-Encoding: chunked", "Content-Encoding: gzip"]
    packed = compressed("gzip")
    one(tmp_path, response(headers, chunks(packed, 37)))
    one(tmp_path, response(headers, packed))  # joined when it was archived
    documents, (fault,) = read(tmp_path, response(headers, chunks(packed, 37)[:90] + b"zz"))
    assert documents == [] and "in chunks" in fault.reason


def test_what_the_crawler_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    headers = ["Content-Type: text/html", "Content-Encoding: gzip"]
    found = one(tmp_path, response(headers, gzip.compress(HTML, 0)[:-80], WARC_Truncated="length"))
    assert found.meta["damage"] == "cut off by the crawler"


@pytest.mark.parametrize("stated", ["12", "9", "", "many", "100000", "-5"])
@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_a_wrong_length_loses_no_record(tmp_path: Path, stated: str, name: str) -> None:
    record = response(["Content-Type: text/html"], HTML)
    true = f"Content-Length: {len(answer(['Content-Type: text/html'], HTML))}".encode()
    wrong = record.replace(true, f"Content-Length: {stated}".encode())
    assert wrong != record
    (first, second), quarantined = read(tmp_path, wrong, record, name=name)
    assert quarantined == [] and first.text == second.text
    assert "length" in first.meta["damage"] and "damage" not in second.meta


def test_bytes_between_records_are_told(tmp_path: Path) -> None:
    record = response(["Content-Type: text/html"], HTML)
    (first, second), (fault,) = read(tmp_path, record + b"\x00noise\n" * 3, record)
    assert first.text == second.text and fault.place == "a.warc, after record 1" and "no record" in fault.reason


def test_a_damaged_member_loses_its_record_alone(tmp_path: Path) -> None:
    member = gzip.compress(response(["Content-Type: text/html"], HTML))
    middle = len(member) // 2
    wrong_sum = member[:-8] + b"\0\0\0\0" + member[-4:]
    for broken in (member[:middle] + b"\xff" * 40 + member[middle + 40 :], member[:middle], wrong_sum):
        (tmp_path / "a.warc.gz").write_bytes(member + broken + member + b"\0" * 32 + gzip.compress(WHOLE))
        items = list(read_source(WebArchive(kind="web_archive", path=str(tmp_path))))
        documents = [item for item in items if isinstance(item, Document)]
        assert [item.meta["url"] for item in documents][-2:] == ["https://b.test/x", "https://b.test/last"]
        faults = [item for item in items if isinstance(item, Quarantined)]
        assert faults and all("damaged part" in fault.reason for fault in faults)


def test_records_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    others = [
        warc_record("request", "https://b.test/x", b"GET / HTTP/1.1\r\n\r\n", Content_Type="application/http"),
        warc_record("revisit", "https://b.test/x", answer(["Content-Type: text/html"], b""), **HTTP),
        warc_record("response", "dns:b.test", b"20240501\r\nb.test. 300 IN A 1.2.3.4\r\n", Content_Type="text/dns"),
        warc_record("metadata", "https://b.test/x", b"fetchTimeMs: 3", Content_Type="application/warc-fields"),
        response(["Content-Type: text/html"], HTML).replace(b"200 OK", b"404 Not Found"),
    ]
    assert read(tmp_path, *others) == ([], [])


@pytest.mark.parametrize("status", ["HTTP/2 200", "HTTP/1.1 200", "ICY 200 OK", "http/1.1 200 OK"])
def test_status_lines_of_all_kinds(tmp_path: Path, status: str) -> None:
    block = answer(["Content-Type: text/html"], HTML, status)
    one(tmp_path, warc_record("response", "https://b.test/x", block, **HTTP))


def test_resources_and_answers_without_headers_are_read_by_their_own_type(tmp_path: Path) -> None:
    one(tmp_path, warc_record("resource", "https://b.test/x", HTML, Content_Type="text/html; charset=utf-8"))
    one(tmp_path, warc_record("resource", "file:///x.html", HTML))
    one(tmp_path, warc_record("response", "https://b.test/x", HTML, **HTTP))
    one(tmp_path, warc_record("conversion", "https://b.test/x", TEXT, Content_Type="text/plain"))
