"""What strangers send to a served page: it is refused with a sentence and a status, and the page goes on."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from gradio_client import Client

from desdecero.app import checks, limits

GRADIO = [  # it sums up its queue with what pandas will not have for long
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
pytestmark = GRADIO
API = "/gradio_api"
SECONDS = 120
ASK = ["Return the", 4, 0.8, 0.95, 1]
PAGE_ASK = ["en", *ASK]
LONG = ["The", 2000, 1.0, 1.0, 1]


def ask(
    page: str, method: str, path: str, body: Any = None, content_type: str = "application/json"
) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(urlsplit(page).netloc, timeout=SECONDS)
    try:
        connection.request(method, path, sent if method == "POST" else None, {"Content-Type": content_type})
        answer = connection.getresponse()
        text = answer.read() if answer.headers.get_content_type() == "application/json" else b"{}"
        return answer.status, json.loads(text) if text[:1] == b"{" else {}
    finally:
        connection.close()


def headers_only(page: str, path: str, *headers: str) -> socket.socket:
    """A connection on which a request has begun whose body has not."""
    where = urlsplit(page)
    connection = socket.create_connection((where.hostname, where.port), timeout=SECONDS)
    lines = [f"POST {path} HTTP/1.1", f"Host: {where.netloc}", "Content-Type: application/json", *headers, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection


def status(connection: socket.socket) -> int:
    with connection, connection.makefile("rb") as answer:
        return int(answer.readline().split()[1])


def function(page: str, name: str) -> int:
    """The number under which the page itself asks for a function."""
    connection = http.client.HTTPConnection(urlsplit(page).netloc, timeout=SECONDS)
    connection.request("GET", "/config")
    found = json.loads(connection.getresponse().read())["dependencies"]
    connection.close()
    return next(each["id"] for each in found if each["api_name"] == name)


def join(page: str, name: str, data: object, **more: Any) -> tuple[int, dict[str, Any]]:
    body = {"session_hash": "tester", "fn_index": function(page, name), "data": data, **more}
    return ask(page, "POST", f"{API}/queue/join", body)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRACE_SECONDS", 1)


def test_the_page_and_its_interface_are_there(causal_page: str) -> None:
    for path in ("/", "/config", "/theme.css", f"{API}/info", f"{API}/queue/status"):
        assert ask(causal_page, "GET", path)[0] == 200, path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{API}/upload"),
        ("POST", f"{API}/upload?upload_id=1"),
        ("POST", f"{API}/component_server"),
        ("POST", f"{API}/process_recording"),
        ("POST", f"{API}/stream/1"),
        ("POST", f"{API}/run/generate"),
        ("POST", f"{API}/api/generate"),
        ("POST", f"{API}/vibe-edit"),
        ("POST", f"{API}/run-history/connect"),
        ("POST", "/login"),
        ("POST", "/"),
        ("GET", f"{API}/file=/etc/hostname"),
        ("GET", f"{API}/file=http://127.0.0.1/"),
        ("GET", f"{API}/file/etc/hostname"),
        ("GET", f"{API}/proxy=http://127.0.0.1/"),
        ("GET", f"{API}/deep_link?session_hash=a"),
        ("GET", f"{API}/custom_component/1/client/component/index.js"),
        ("GET", f"{API}/upload_progress?upload_id=1"),
        ("GET", "/monitoring"),
        ("GET", f"{API}/queue/join"),
        ("PUT", f"{API}/queue/join"),
        ("DELETE", "/"),
        ("OPTIONS", f"{API}/upload"),
    ],
)
def test_what_the_page_does_not_use_is_not_served(causal_page: str, method: str, path: str) -> None:
    assert ask(causal_page, method, path, {"data": []})[0] in (403, 404, 405)


def test_a_websocket_is_refused(causal_page: str) -> None:
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    connection = http.client.HTTPConnection(urlsplit(causal_page).netloc, timeout=SECONDS)
    connection.request("GET", f"{API}/queue/data", headers=upgrade)
    assert connection.getresponse().status == 403
    connection.close()


@pytest.mark.parametrize(
    ("path", "expected"), [(f"{API}/upload", 403), (f"{API}/call/generate", 413), (f"{API}/queue/join", 413)]
)
def test_a_large_body_is_refused_before_it_is_read(causal_page: str, path: str, expected: int) -> None:
    assert status(headers_only(causal_page, path, "Content-Length: 200000000")) == expected


def test_a_file_of_many_megabytes_is_thrown_away_and_its_sender_told(causal_page: str) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.bin"\r\n\r\n'
        + b"\0" * 2**25
        + b"\r\n--x--\r\n"
    )
    code, answer = ask(causal_page, "POST", f"{API}/upload", form, "multipart/form-data; boundary=x")
    assert (code, answer) == (403, {"detail": "this page accepts no files"})
    assert ask(causal_page, "POST", f"{API}/call/generate", b"x" * 2**25)[0] == 413


def test_a_body_that_does_not_say_how_large_it_is_is_counted(causal_page: str) -> None:
    connection = headers_only(causal_page, f"{API}/call/generate", "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for _ in range(limits.BODY_BYTES // 0x10000 + 1):
        connection.sendall(chunk)
    assert status(connection) == 413


def test_a_body_that_never_ends_is_not_waited_for(causal_page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.5)
    assert status(headers_only(causal_page, f"{API}/call/generate", "Content-Length: 100")) == 408


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"data": [NaN]}', "application/json", 400),
        (b"[" * 500_000, "application/json", 400),
        (b'{"data": [' + b"9" * 5000 + b"]}", "application/json", 400),
        (b'{"data": []}', "text/plain", 415),
        (b"--x--", "multipart/form-data; boundary=x", 415),
    ],
)
def test_what_is_not_json_is_refused(causal_page: str, body: bytes, content_type: str, expected: int) -> None:
    for path in ("call/generate", "call/v2/generate", "queue/join", "cancel"):
        assert ask(causal_page, "POST", f"{API}/{path}", body, content_type)[0] == expected


WRONG: list[tuple[int, Any]] = [
    (0, None), (0, 3), (0, ["Return"]), (0, {"path": "/etc/hostname"}), (0, True),
    (0, "x" * (checks.PROMPT_CHARACTERS + 1)),
    (1, "4"), (1, None), (1, [4]), (1, True), (1, 4.5), (1, {}),
    (2, "warm"), (2, None), (2, [[]]), (2, 10**400),
    (3, "0.9"), (3, False), (4, "seed"), (4, 0.5), (4, {"a": [1]}),
]  # fmt: skip


@pytest.mark.parametrize(("position", "value"), WRONG, ids=lambda value: repr(value)[:20])
def test_wrong_types_get_a_sentence(causal_page: str, position: int, value: Any) -> None:
    names = ["prompt", "length", "temperature", "top_p", "seed"]
    data = [*ASK[:position], value, *ASK[position + 1 :]]
    for path, body in {
        "call/generate": {"data": data},
        "call/v2/generate": dict(zip(names, data, strict=True)),
    }.items():
        code, answer = ask(causal_page, "POST", f"{API}/{path}", body)
        assert code == 422 and answer["detail"].startswith(f"{names[position]} "), answer
    if not (value is None and position == 4):
        code, answer = join(causal_page, "generate", data)
        assert code == 422 and answer["detail"].startswith(f"{names[position]} ")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("write", ["xx", *ASK]),
        ("write", [["en"], *ASK]),
        ("write", ["en", None, *ASK[1:]]),
        ("write", ["en", "Return", float("1e300"), "0", [], {}]),
        ("write", ASK),
        ("write", "Return"),
        ("write", {"0": "Return"}),
        ("set_language", ["de"]),
        ("set_language", []),
        ("lambda", [99]),
        ("lambda", [-1]),
        ("lambda", ["0"]),
        ("zoom", [1]),
    ],
)
def test_the_functions_of_the_page_itself_are_guarded_alike(causal_page: str, name: str, data: object) -> None:
    code, answer = join(causal_page, name, data)
    assert code == 422 and answer["detail"]


@pytest.mark.parametrize(
    "more",
    [
        {"session_hash": None}, {"session_hash": "../.."}, {"session_hash": "a" * 65}, {"session_hash": ["a"]},
        {"session_hash": ""}, {"fn_index": "0"}, {"fn_index": -1}, {"fn_index": 999}, {"fn_index": None},
        {"fn_index": True}, {"fn_index": [1]},
    ],
)  # fmt: skip
def test_who_asks_and_for_what_must_be_said(causal_page: str, more: dict[str, Any]) -> None:
    assert join(causal_page, "set_language", ["en"], **more)[0] == 422


@pytest.mark.parametrize("event", [None, "x", {}, {"index": 3}, {"index": [0, "a"]}, {"index": [0, None]}])
def test_a_selection_has_two_ends(causal_page: str, event: object) -> None:
    assert join(causal_page, "zoom", [], event_data=event)[0] == 422


def test_a_name_that_is_not_a_function_is_not_found(causal_page: str) -> None:
    for name in ("write", "set_language", "nothing", "%00"):
        for version in ("", "v2/"):
            assert ask(causal_page, "POST", f"{API}/call/{version}{name}", {"data": []})[0] == 404


def test_nobody_listens_to_what_was_not_asked(causal_page: str) -> None:
    assert ask(causal_page, "GET", f"{API}/queue/data?session_hash=nobody")[0] == 404
    assert ask(causal_page, "GET", f"{API}/queue/data")[0] == 422
    assert ask(causal_page, "GET", f"{API}/call/generate/0123456789abcdef")[0] == 404


def test_a_call_by_name_takes_the_defaults(causal_page: str) -> None:
    code, answer = ask(causal_page, "POST", f"{API}/call/v2/generate", {"prompt": "Return the", "length": 3})
    assert code == 200
    (*_, last) = events(causal_page, answer["event_id"])
    assert last[0] == "complete" and last[1][0]


def answers(page: str, data: list[Any]) -> Iterator[tuple[str, Any]]:
    return events(page, ask(page, "POST", f"{API}/call/generate", {"data": data})[1]["event_id"])


def events(page: str, event: str) -> Iterator[tuple[str, Any]]:
    name = ""
    with closing(http.client.HTTPConnection(urlsplit(page).netloc, timeout=SECONDS)) as connection:
        connection.request("GET", f"{API}/call/generate/{event}")
        with connection.getresponse() as answer:
            for line in answer:
                kind, _, rest = line.decode().rstrip("\n").partition(": ")
                if kind == "event":
                    name = rest
                elif kind == "data":
                    yield name, json.loads(rest)


@pytest.mark.parametrize(
    ("data", "last"),
    [
        (["\ud800", 3, 0.8, 0.95, 1], "error"),
        (["nul\x00\x1b[2J\u202e", 3, 0.8, 0.95, 1], "complete"),
        (["", 3, 0, 0.95, 1], "complete"),
        (["x", 10**30, 0.8, 0.95, 1], "error"),
        (["x", 3, -1, 0.95, 1], "error"),
        (["x", 3, 1e300, 0.95, 1], "error"),
        (["x", 3, 0.8, 0, 1], "error"),
        (["x", 3, 0.8, 0.95, -5], "error"),
        (["x", 3.0, 1, 1, 2**53], "complete"),
    ],
)
def test_strange_values_of_the_right_type_are_answered(causal_page: str, data: list[Any], last: str) -> None:
    code, answer = ask(causal_page, "POST", f"{API}/call/generate", {"data": data})
    assert code == 200
    assert list(events(causal_page, answer["event_id"]))[-1][0] == last


def test_questions_that_nobody_waits_for_are_dropped(causal_page: str, impatient: None) -> None:
    """The line is filled, and the one at work would take minutes: whoever asks next is served soon."""
    codes = [ask(causal_page, "POST", f"{API}/call/generate", {"data": LONG})[0] for _ in range(24)]
    assert set(codes) == {200, 503}
    client, begun = Client(causal_page, verbose=False), time.monotonic()
    while True:
        try:
            assert client.predict(*ASK, api_name="/generate") is not None
            break
        except Exception:
            assert time.monotonic() - begun < 300, "the line stays full"
            time.sleep(0.5)
    assert ask(causal_page, "GET", f"{API}/queue/status")[1]["queue_size"] == 0


def test_an_answer_stops_when_its_listener_leaves(causal_page: str, impatient: None) -> None:
    listening = answers(causal_page, ["The", 4000, 1.0, 1.0, 1])
    next(listening)
    listening.close()
    begun = time.monotonic()
    list(answers(causal_page, ASK))
    waited = time.monotonic() - begun
    begun = time.monotonic()
    list(answers(causal_page, ["The", 1000, 1.0, 1.0, 1]))
    assert waited < time.monotonic() - begun, "it seems to have waited for all 4,000 tokens"


def test_one_session_cannot_fill_the_line(causal_page: str, impatient: None) -> None:
    codes = [
        join(causal_page, "generate", LONG, session_hash="greedy")[0] for _ in range(limits.QUEUED_PER_SESSION + 2)
    ]
    assert codes[-1] == 429 and codes[0] == 200
    time.sleep(3)
