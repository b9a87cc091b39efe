"""Connection to the Hub: time limits, further tries, and one sentence for what went wrong.

    hub = connect()                                  # endpoint and token as huggingface_hub knows them
    with hub.told("me/name", "nothing was published"):
        hub.api.repo_info("me/name")                 # any call of huggingface_hub; a failure is a UserError

A request that failed for a passing reason (429, 5xx, a broken or silent connection) is sent again, five times at most,
after the time that the Hub asks for in `Retry-After`. Two kinds are sent once: a commit, because its answer may be lost
when it was done (`hub.py` looks whether it was), and a file's content, which huggingface_hub itself sends again.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from huggingface_hub import HfApi, constants, get_token, set_client_factory
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.utils import logging as hub_logging

from desdecero.pipelines.common.errors import UserError

PASSING = (408, 429, 500, 502, 503, 504)
"""HTTP statuses after which the same request may succeed."""
LONGEST_WAIT = 300.0
"""Seconds; the Hub counts its requests over five minutes (huggingface.co/docs/hub/rate-limits)."""


@dataclass(frozen=True)
class Patience:
    """How long the Hub is waited for, in seconds."""

    connect: float = 10.0
    answer: float = 120.0
    """Silence after which an answer counts as lost."""
    waits: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    """Before each further try, unless the Hub asks for another time."""

    def pause(self, wait: float, error: Exception) -> None:
        """Sleep before a further try."""
        asked = _retry_after(error.response) if isinstance(error, HfHubHTTPError | Passing) else None
        time.sleep(min(LONGEST_WAIT, wait if asked is None else asked))


class Passing(Exception):
    """A failure that lasted through all tries. It is no error of httpx2, so huggingface_hub does not try again."""

    def __init__(self, cause: httpx2.TransportError | httpx2.Response):
        super().__init__(str(cause))
        self.error = cause if isinstance(cause, httpx2.TransportError) else None
        self.response = cause if isinstance(cause, httpx2.Response) else None


class Client(httpx2.Client):
    """Client for huggingface_hub that sends a request again after a passing failure."""

    def __init__(self, patience: Patience):
        timeout = httpx2.Timeout(patience.answer, connect=patience.connect)
        super().__init__(follow_redirects=True, timeout=timeout)
        self._patience = patience

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request, and again after a passing failure; raise `Passing` after the last."""
        if "/commit/" in request.url.path or not isinstance(request.stream, httpx2.ByteStream):
            return super().send(request, **options)
        for wait in (*self._patience.waits, None):
            try:
                response = super().send(request, **options)
            except httpx2.TransportError as error:
                failure = Passing(error)
            else:
                if response.status_code not in PASSING:
                    return response
                response.close()
                failure = Passing(response)
            if wait is not None:
                self._patience.pause(wait, failure)
        raise failure


def _retry_after(response: httpx2.Response | None) -> float | None:
    """Return the seconds that an answer asks to wait: given as such, or as a date (RFC 9110 §10.2.3)."""
    text = response.headers.get("Retry-After", "").strip() if response is not None else ""
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


@dataclass(frozen=True)
class Hub:
    """A Hub and the token that is known for it."""

    endpoint: str
    token: str | None
    patience: Patience = Patience()

    def __post_init__(self) -> None:
        """Have huggingface_hub use our client, and keep quiet about what we report."""
        set_client_factory(lambda: Client(self.patience))
        hub_logging.set_verbosity(hub_logging.ERROR)

    @property
    def api(self) -> HfApi:
        """The Hub's own client."""
        return HfApi(endpoint=self.endpoint, token=self.token if self.token is not None else False)

    @contextmanager
    def told(self, repo_id: str, outcome: str) -> Iterator[None]:
        """Turn what huggingface_hub raises into a `UserError`: one sentence, without the token.

        outcome: ends the sentence: what did not happen, and what to do
        """
        try:
            with warnings.catch_warnings():  # it warns of Parquet files in a model's repository: they are meant
                warnings.filterwarnings("ignore", message="It seems that you are about to commit a data file")
                yield
        except (Passing, httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # of this machine: a full disk, for example
                raise
            text = " ".join(f"{self._fault(error, repo_id)}: {outcome}".split())
            raise UserError(text.replace(self.token, "(token)") if self.token else text) from None

    def _fault(self, error: BaseException, repo_id: str) -> str:
        seen: BaseException | None = error
        while seen is not None:  # the answer to a failed upload or download is the cause of another error
            if isinstance(seen, Passing) and seen.response is not None:
                answer = f"{seen.response.status_code} {seen.response.reason_phrase}"
                return f"{self.endpoint} answered {answer} to {len(self.patience.waits) + 1} requests in a row"
            if isinstance(seen, HfHubHTTPError):
                response = seen.response
                return self._refusal(response.status_code, seen.server_message or response.reason_phrase, repo_id)
            if isinstance(seen, Passing | httpx2.HTTPError):
                return f"{self.endpoint} does not answer ({seen})"
            seen = seen.__cause__ or seen.__context__
        if isinstance(error, HFValidationError):
            return f"{repo_id!r} is not a repository of the Hub ({error})"
        if isinstance(error, OSError):  # hf_xet has no type of its own for an answer: it stands in the text
            found = re.search(r"\((\d{3}) ([^)]*)\)", str(error))
            status, phrase = (int(found[1]), found[2]) if found else (0, str(error) or type(error).__name__)
            return self._refusal(status, phrase, repo_id)
        return f"{self.endpoint} and huggingface_hub did not understand each other ({error})"

    def _refusal(self, status: int, message: str, repo_id: str) -> str:
        said = f"{status}: {message}" if status else message
        if status == 401:
            return f"{self.endpoint} does not accept the token for {repo_id} ({said}); log in with `hf auth login`"
        if status == 403:
            return f"the token has no permission for {repo_id} ({said}); use one that may write there"
        if status == 404:
            return f"{self.endpoint} has no {repo_id} that this token may see ({said})"
        return f"{self.endpoint} refused a request for {repo_id} ({said})"


def connect(needs_token: bool = True, patience: Patience | None = None) -> Hub:
    """Return the Hub that huggingface_hub is set up for.

    Raises `UserError` where the environment forbids the network, or for a token that is missing or is none.
    """
    if constants.HF_HUB_OFFLINE:
        raise UserError("HF_HUB_OFFLINE is set, so the Hub cannot be reached: unset it and try again")
    token = get_token()
    if token is None and needs_token:
        raise UserError("no Hub token: log in with `hf auth login`, or set HF_TOKEN to a token that may write")
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise UserError(
            "the Hub token (HF_TOKEN, or the one of `hf auth login`) holds a character that no token has: copy it again"
        )
    return Hub(constants.ENDPOINT, token, patience or Patience())
