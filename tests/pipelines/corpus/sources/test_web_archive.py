"""WARC and WET files as crawlers write them, on disk and over the network."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from helpers import warc_record

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.sources import read_source, signature
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.corpus.sources.reservations import Reservations, reserved
from desdecero.pipelines.recipe import WebArchive

PAGE = (
    "<html lang=es><body><nav>Menú</nav><article>"
    + "".join(f"<p>El niño número {n} comió piñas en la montaña con su tía, y le gustó mucho.</p>" for n in range(9))
    + "</article></body></html>"
)
LATIN = "text/html; charset=ISO-8859-1"


def warc(compressed: bool) -> bytes:
    records = [warc_record("warcinfo", "x", b"software: test\r\n", Content_Type="application/warc-fields")]
    for address, status, headers, body in (
        ("https://a.test/1", "200 OK", [f"Content-Type: {LATIN}", "TDM-Reservation: 1"], PAGE.encode("latin-1")),
        ("https://a.test/2", "404 Not Found", ["Content-Type: text/html"], b"no"),
        ("https://a.test/3", "200 OK", ["Content-Type: image/png"], b"\x89PNG"),
        ("https://a.test/4", "200 OK", ["Content-Type: text/html", "Content-Encoding: gzip", "X-Robots-Tag: noai"],
         gzip.compress(PAGE.encode())),
        ("https://a.test/5", "200 OK", ["Content-Type: text/plain"], "Mañana será otro día.".encode()),
    ):  # fmt: skip
        block = "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body
        records.append(warc_record("response", address, block, Content_Type="application/http; msgtype=response"))
    return b"".join(gzip.compress(item) if compressed else item for item in records)


def read(path: Path | str, **more: Any) -> tuple[list[Document], list[Quarantined]]:
    documents, quarantined = [], []
    for item in read_source(WebArchive(kind="web_archive", path=str(path), **more)):
        found = prose(item) if isinstance(item, Document) else item
        if isinstance(found, Quarantined):
            quarantined.append(found)
        elif found:
            documents.append(found)
    return documents, quarantined


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "whole.warc.gz"])
def test_pages_with_their_address_date_and_signals(tmp_path: Path, name: str) -> None:
    content = gzip.compress(warc(False)) if name.startswith("whole") else warc(name.endswith(".gz"))
    (tmp_path / name).write_bytes(content)
    (first, fourth, fifth), quarantined = read(tmp_path)
    assert quarantined == [] and "Menú" not in first.text and "comió piñas" in first.text and first.text == fourth.text
    assert first.meta["url"] == "https://a.test/1" and first.meta["retrieved"] == "2024-05-01T00:00:00Z"
    assert (first.meta["tdm"], fourth.meta["robots"], fifth.text) == ("1", "noai", "Mañana será otro día.")


@pytest.mark.parametrize("compressed", [True, False])
def test_an_archive_that_is_cut_off_says_so(tmp_path: Path, compressed: bool) -> None:
    name = "a.warc.gz" if compressed else "a.warc"
    (tmp_path / name).write_bytes(warc(compressed)[:-150])
    documents, (damage,) = read(tmp_path)
    assert len(documents) == 2 and damage.place.startswith(f"{name}, after record")


def test_wet_text_with_its_language(tmp_path: Path) -> None:
    text = warc_record(
        "conversion", "https://a.test/", "El niño comió.".encode(), Content_Type="text/plain",
        WARC_Identified_Content_Language="spa,eng",
    )  # fmt: skip
    (tmp_path / "a.warc.wet.gz").write_bytes(gzip.compress(text))
    ((found,), _) = read(tmp_path, terms="https://commoncrawl.org/terms-of-use")
    assert (found.text, found.language, found.meta["url"]) == ("El niño comió.", "es", "https://a.test/")
    assert "commoncrawl" in found.meta["terms"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def test_archives_are_streamed_from_addresses_and_from_lists_of_them(tmp_path: Path, server: str) -> None:
    (tmp_path / "a.warc.gz").write_bytes(warc(True))
    (tmp_path / "cut.warc.gz").write_bytes(warc(True)[:-150])
    assert len(read(f"{server}/a.warc.gz")[0]) == 3
    (tmp_path / "warc.paths.gz").write_bytes(gzip.compress(f"{server}/cut.warc.gz\na.warc.gz\n".encode()))
    documents, quarantined = read(tmp_path / "warc.paths.gz")
    assert [document.id for document in documents][-3:] == ["a.warc.gz#2", "a.warc.gz#5", "a.warc.gz#6"]
    assert len(documents) == 5 and quarantined[0].place.startswith("cut.warc.gz, after record")
    assert len(read(tmp_path / "warc.paths.gz", max_files=1)[0]) == 2
    with pytest.raises(UserError, match=r"cannot read .*absent\.warc\.gz"):
        read(f"{server}/absent.warc.gz")


def test_nothing_to_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \.warc"):
        read(tmp_path)
    (tmp_path / "a.warc").write_bytes(b"noise\r\n\r\n")
    with pytest.raises(UserError, match="no readable pages"):
        read(tmp_path)


def test_the_signature_of_an_address_asks_no_network() -> None:
    """Nobody connects to the server that the address names; the signature is that of the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        first, again, other = (
            signature([WebArchive(kind="web_archive", path=address + name, name="web")])
            for name in ("a.warc.gz", "a.warc.gz", "b.warc.gz")
        )
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):  # no connection waits to be accepted
            listening.accept()
    assert first == again != other


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"tdm": "1"}, True), ({"tdm": "0"}, False), ({"tdm": 1}, True), ({"tdm": "0, 1"}, True), ({}, False),
        ({"robots": "noindex, nofollow"}, False), ({"robots": "index, noai, noimageai"}, True),
        ({"robots": "noimageai"}, False), ({"content_usage": "train-ai=n"}, True),
        ({"content_usage": "train-ai=y"}, False),
    ],
)  # fmt: skip
def test_what_counts_as_a_reservation(meta: dict[str, Any], expected: bool) -> None:
    assert reserved(meta) == expected


def test_the_step_drops_what_is_reserved_where_the_recipe_respects_it() -> None:
    address = "https://a.test/a.warc"
    step = Reservations(
        [
            WebArchive(kind="web_archive", path=address, name="web"),
            WebArchive(kind="web_archive", path=address, name="other", respect_reservations=False),
        ]
    )
    for source, reason in (("web", "rights_reserved"), ("other", None)):
        draft = Draft(Document("x", "t", source, "MIT", "declared", "", {"tdm": "1"}), "t", "")
        step(draft)
        assert draft.reason == reason
