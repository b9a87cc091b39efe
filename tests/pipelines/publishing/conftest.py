"""A Hub on the loopback and our connection to it, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import huggingface_hub
import pytest
from fakehub import FakeHub
from huggingface_hub.utils._http import default_client_factory

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.publishing.connection import Hub, Patience

TOKEN = "hf_secretToken"


@pytest.fixture
def server() -> Iterator[FakeHub]:
    with FakeHub(token=TOKEN) as server:
        yield server
    huggingface_hub.set_client_factory(default_client_factory)


@pytest.fixture
def hub(server: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Waits for moments only. huggingface_hub has read the environment already."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)  # which would ask more of the Hub
    return Hub(server.url, TOKEN, Patience(connect=2, answer=0.4, waits=(0.01,) * 5))


@pytest.fixture
def told() -> Callable[[Callable[[], object]], str]:
    """What a fault is called: one sentence, and never the token, which this Hub repeats in its answers."""

    def sentence_of(call: Callable[[], object]) -> str:
        with pytest.raises(UserError) as caught:
            call()
        sentence = str(caught.value)
        assert "\n" not in sentence and TOKEN not in sentence and len(sentence) < 600
        return sentence

    return sentence_of
