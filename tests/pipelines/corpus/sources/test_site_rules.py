"""robots.txt and tdmrep.json, in archives and in mirrored folders, down to what a corpus drops for them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from helpers import warc_record

from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source, signature
from desdecero.pipelines.corpus.sources.reservations import reserved
from desdecero.pipelines.corpus.sources.site_rules import ROBOTS, TDMREP, Site
from desdecero.pipelines.recipe import Files, WebArchive


def site(robots: str = "", tdmrep: Any = None) -> Site:
    made = Site()
    made.read(ROBOTS, robots.encode())
    if tdmrep is not None:
        made.read(TDMREP, json.dumps(tdmrep).encode())
    return made


@pytest.mark.parametrize(
    ("robots", "path", "expected"),
    [
        ("User-agent: *\nDisallow: /private", "/private/1", True),
        ("User-agent: *\nDisallow: /private", "/open", False),
        ("User-agent: *\nDisallow: /\nAllow: /open", "/open/1", False),  # the longer path counts
        ("User-agent: *\nDisallow: /*.html$", "/a/b.html", True),
        ("User-agent: GPTBot\nUser-agent: Bingbot\nDisallow: /\n\nUser-agent: *\nDisallow:", "/a", True),
        ("user-agent: ccbot\ndisallow: /news\n", "/news/a?b=1", True),
        ("User-agent: Bingbot\nDisallow: /", "/a", False),  # reserved from search, not from training
        ("User-agent: *\nContent-Usage: train-ai=n\nAllow: /", "/a", True),
        ("User-agent: *\nContent-Usage: /paid train-ai=n\nAllow: /", "/a", False),
        ("User-agent: *\nContent-Usage: /paid train-ai=n\nAllow: /", "/paid/a", True),
        ("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /", "/a", True),
        ("User-agent: *\nContent-Signal: search=yes, ai-train=yes\nAllow: /", "/a", False),
        ("User-agent: Bingbot\nContent-Usage: train-ai=n\nAllow: /", "/a", False),
        ("User-agent: GPTBot\nCrawl-delay: 9\n\nUser-agent: CCBot\nDisallow: /a", "/b", False),
        ("<html><body>Disallow: everything</body></html>", "/a", False),
        ("User-agent: [\0\nDisallow: (((\n", "/a", False),
    ],
)
def test_what_robots_txt_reserves(robots: str, path: str, expected: bool) -> None:
    assert reserved(site(robots).signals(path)) == expected


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        ([{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://a.test/p"}], "/x",
         {"tdm": "1", "tdm_policy": "https://a.test/p"}),
        ([{"location": "/", "tdm-reservation": 1}, {"location": "/open/*", "tdm-reservation": 0}], "/open/x", {}),
        ([{"location": "/art/*.html", "tdm-reservation": 1}], "/art/x.html", {"tdm": "1"}),
        ([{"location": "/art/*.html", "tdm-reservation": 1}], "/x.html", {}),
        ({"location": "/", "tdm-reservation": 1}, "/x", {"tdm": "1"}),
        ([{"location": 3, "tdm-reservation": 1}, "noise", None], "/x", {}),
    ],
)  # fmt: skip
def test_what_tdmrep_json_reserves(rules: Any, path: str, expected: dict[str, str]) -> None:
    assert site(tdmrep=rules).signals(path) == expected


def test_of_a_site_that_reserves_nothing_nothing_is_kept() -> None:
    open_to_all = site("User-agent: *\nAllow: /\nDisallow:\n\nUser-agent: Bingbot\nDisallow: /", [{"location": "/"}])
    assert open_to_all == Site()


@pytest.mark.parametrize("data", [b"{", b"\0\1\2\3" * 99, b"[" * 100_000, b""])
def test_rules_that_cannot_be_read_say_nothing(data: bytes) -> None:
    made = Site()
    made.read(ROBOTS, data)
    made.read(TDMREP, data)
    assert made.signals("/") == {}


PAGE = "<html><body><article>" + "<p>El niño comió piñas en la montaña con su tía.</p>" * 9 + "</article></body></html>"


def answer(address: str, body: str, kind: str, status: str = "200 OK") -> bytes:
    block = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n\r\n{body}".encode()
    return gzip.compress(warc_record("response", address, block, Content_Type="application/http; msgtype=response"))


ROBOTS_ANSWER = answer("https://a.test/robots.txt", "User-agent: GPTBot\nDisallow: /shut\n", "text/plain")
TDM_ANSWER = answer(
    "https://b.test/.well-known/tdmrep.json", '[{"location": "/", "tdm-reservation": 1}]', "application/json"
)
PAGES = [
    answer(address, PAGE, "text/html")
    for address in ("https://a.test/shut/1", "http://A.test/open", "https://b.test/x", "https://c.test/shut/1")
]


def documents(source: WebArchive | Files) -> dict[str, dict[str, Any]]:
    found = list(read_source(source))
    assert not [item for item in found if isinstance(item, Quarantined)]
    return {item.meta.get("url", item.id): item.meta for item in found if isinstance(item, Document)}


@pytest.mark.parametrize("apart", [False, True])
def test_an_archive_s_rules_count_for_its_pages_and_are_no_pages(tmp_path: Path, apart: bool) -> None:
    pages, rules = tmp_path / "pages.warc.gz", tmp_path / "rules.warc.gz"
    said = ROBOTS_ANSWER + answer("https://c.test/robots.txt", "User-agent: *\nDisallow: /", "text/plain", "404 None")
    rules.write_bytes(said + TDM_ANSWER)
    pages.write_bytes(b"".join(PAGES) if apart else rules.read_bytes() + b"".join(PAGES))
    source = WebArchive(kind="web_archive", path=str(pages), site_rules=str(rules) if apart else None)
    metas = documents(source)
    assert {address for address, meta in metas.items() if reserved(meta)} == {
        "https://a.test/shut/1",
        "https://b.test/x",
    }
    assert metas["https://a.test/shut/1"]["robots_txt"] == "disallowed for GPTBot" and len(metas) == 4
    before = signature([source])
    rules.write_bytes(TDM_ANSWER)
    assert (signature([source]) != before) == apart


def test_a_mirror_s_rules_count_for_what_lies_below_them(tmp_path: Path) -> None:
    for name in ("a.test/shut/1.html", "a.test/shut/index.html", "a.test/open.html", "b.test/x.html", "loose.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(PAGE)
    source = Files(kind="files", path=str(tmp_path))
    before = signature([source])
    (tmp_path / "a.test/robots.txt").write_text("User-agent: *\nDisallow: /shut/\nAllow: /shut/$\n")
    (tmp_path / "b.test/.well-known").mkdir()
    (tmp_path / "b.test" / TDMREP).write_text('[{"location": "/*", "tdm-reservation": 1}]')
    assert len({str(before), str(signature([source]))}) == 2
    metas = documents(source)
    assert {name for name, meta in metas.items() if reserved(meta)} == {"a.test/shut/1.html", "b.test/x.html"}
    assert len(metas) == 5
    assert set(documents(Files(kind="files", path=str(tmp_path / "b.test" / "*.html")))) == {"x.html"}
    with_rules = signature([Files(kind="files", path=str(tmp_path / "b.test" / "*.html"))])
    (tmp_path / "b.test" / TDMREP).write_text("[]")
    assert signature([Files(kind="files", path=str(tmp_path / "b.test" / "*.html"))]) != with_rules
