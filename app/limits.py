"""Restrict the requests that the page accepts: a layer between the network and gradio.

Gradio serves far more than this page uses: uploads, files, a proxy, recordings, functions of components, addresses
that bypass its queue. Here a request to an address that is not in `ADDRESSES` is refused before its body is read. A
body is read up to `BODY_BYTES`, chunked or not, within `BODY_SECONDS`. Its values are checked (`checks.py`), and gradio
receives only checked values. Requests of a client that does not read the answer are removed from the queue after
`GRACE_SECONDS`.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from gradio.queueing import Queue
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desdecero.app.checks import (
    BadRequest,
    check_cancel,
    check_named_call,
    check_queued_call,
    check_session,
    parse_body,
)

BODY_BYTES = 2**20
BODY_SECONDS = 20
DISCARD_SECONDS = 10
GRACE_SECONDS = 5
"""Time to start reading the answer: browsers and clients need milliseconds, or seconds on a slow network."""
CONNECTIONS = 300
"""Maximum number of open connections. Each open page holds two: one for answers, and one as a heartbeat."""
QUEUED_PER_SESSION = 8
"""Maximum number of queued requests of one session. A page sends one at a time, and two while it is loaded."""

API = "/gradio_api"
ADDRESSES: dict[str, re.Pattern[str]] = {
    "GET": re.compile(
        r"/|/config/?|/theme\.css|/robots\.txt|/favicon\.ico|/manifest\.json|/pwa_icon(/\d+)?|/(assets|static|svelte)/.+"
        rf"|{API}/(info|openapi\.json|app_id|user|login_check|token|startup-events|theme\.css|queue/status)/?"
        rf"|{API}/heartbeat/[^/]+|{API}/queue/data|{API}/call/(v2/)?[^/]+/[^/]+"
    ),
    "POST": re.compile(rf"{API}/(call/(v2/)?[^/]+|queue/join|cancel|reset)/?"),
}
ADDRESSES["HEAD"] = re.compile(r"/")
LISTENS = re.compile(rf"{API}/(queue/data|call/(?:v2/)?[^/]+/(?P<event>[^/]+))")
CALL = re.compile(rf"{API}/call/(?P<by_name>v2/)?(?P<name>[^/]+)/?")


class Limits:
    """ASGI middleware that applies the limits to one page."""

    def __init__(self, app: ASGIApp, blocks: gr.Blocks):
        self.app, self.blocks = app, blocks
        self.open = 0
        self.listeners: Counter[str] = Counter()
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def _queue(self) -> Queue:
        return self.blocks._queue  # noqa: SLF001 (gradio has no public attribute for its queue)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request within the limits, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close"})  # before the handshake: the server answers 403
            return
        if self.open >= CONNECTIONS:
            await refuse(receive, send, BadRequest("too many people at once: come back in a minute", 503))
            return
        self.open += 1
        try:
            await self._serve(scope, receive, send)
        except BadRequest as error:
            await refuse(receive, send, error)
        finally:
            self.open -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        if method not in ADDRESSES or not ADDRESSES[method].fullmatch(path):
            raise _no_such_address(path)
        if method == "POST":
            body = self._check(path, await read_body(scope, receive))
            await self.app(*replayed(scope, receive, body), self._watched(send) if "cancel" not in path else send)
        elif listens := LISTENS.fullmatch(path):
            session = check_session(listens["event"] or _session(scope))
            if session not in self._queue.pending_messages_per_session:
                raise BadRequest("this session has no open request", 404)
            await self._listen(session, scope, receive, send)
        else:
            if path.startswith(f"{API}/heartbeat/"):
                check_session(path.rpartition("/")[2])
            await self.app(scope, receive, send)

    def _check(self, path: str, body: bytes) -> bytes:
        content = parse_body(body)
        if call := CALL.fullmatch(path):
            passed = check_named_call(self.blocks, call["name"], content, by_name=bool(call["by_name"]))
        elif path.startswith(f"{API}/queue/join"):
            passed = check_queued_call(self.blocks, content)
            waiting = self._queue.pending_event_ids_session.get(passed["session_hash"], ())
            if len(waiting) >= QUEUED_PER_SESSION:
                raise BadRequest("too many requests at once: wait for the answers", 429)
        elif path.startswith(f"{API}/cancel"):
            passed = check_cancel(content)
        else:
            passed = {"event_id": str(content.get("event_id", ""))[:64]}
        return json.dumps(passed).encode()

    # ---- abandoned requests ---------------------------------------------------------------------------------------

    def _watched(self, send: Send) -> Send:
        """Wrap `send` so that the requests that it accepts are removed later if nobody reads the answer."""
        known = set(self._queue.event_ids_to_events)

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                for event in set(self._queue.event_ids_to_events) - known:
                    self._start(self._remove_abandoned(self._queue.event_ids_to_events[event].session_hash))
            await send(message)

        return watch

    async def _listen(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        self.listeners[session] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.listeners[session] -= 1
            if not self.listeners[session]:
                del self.listeners[session]
                self._start(self._remove_abandoned(session))

    async def _remove_abandoned(self, session: str) -> None:
        """After `GRACE_SECONDS`, remove a session's requests, also the running one, if nobody reads the answers."""
        await asyncio.sleep(GRACE_SECONDS)
        queue = self._queue
        times = [event.enqueue_time for event in queue.event_ids_to_events.values() if event.session_hash == session]
        if session in self.listeners or any(time.monotonic() - at < 0.9 * GRACE_SECONDS for at in times):
            return  # the answer of the latest request may still be read
        if queue.pending_event_ids_session.get(session):
            await queue.clean_events(session_hash=session)
        queue.pending_event_ids_session.pop(session, None)
        if session in queue.pending_messages_per_session:
            del queue.pending_messages_per_session[session]

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


# --- requests and answers ------------------------------------------------------------------------------------------


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Read the whole body; raise `BadRequest` as soon as it is too large or too slow."""
    headers = {name.lower(): value for name, value in scope["headers"]}
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
        raise BadRequest("the body must be JSON, with the Content-Type application/json", 415)
    too_large = BadRequest(f"the body is larger than {BODY_BYTES:,} bytes", 413)
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > 20 or int(length) > BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest("the body ended too early", 400)
                body += message.get("body", b"")
                if len(body) > BODY_BYTES:
                    raise too_large
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise BadRequest(f"the body took more than {BODY_SECONDS} seconds", 408) from None


def replayed(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """Return the request with another body, which is JSON."""
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if name.lower() not in (b"content-length", b"content-type", b"transfer-encoding")
    ]
    headers = [*kept, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def once() -> Message:
        return messages.pop() if messages else await receive()

    return {**scope, "headers": headers}, once


async def refuse(receive: Receive, send: Send, error: BadRequest) -> None:
    """Answer with the error's sentence, and close the connection.

    The rest of a body is read and discarded for `DISCARD_SECONDS`: most clients read no answer before they have sent
    all of it.
    """
    body = json.dumps({"detail": str(error)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            while (await receive()).get("more_body"):
                pass
    await send({"type": "http.response.body", "body": b""})


def _no_such_address(path: str) -> BadRequest:
    if path.startswith(f"{API}/upload"):
        return BadRequest("this page accepts no files", 403)
    known = [other for other, pattern in ADDRESSES.items() if pattern.fullmatch(path)]
    return BadRequest(f"this address accepts {known[0]} only", 405) if known else BadRequest("no such address", 404)


def _session(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get("session_hash", [""])[0]
