"""The page as programs and shells see it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from desdecero.app.app import main
from desdecero.pipelines.run.run_dir import RunDir

ROOT = Path(__file__).parents[2]
SCRIPT = [sys.executable, str(ROOT / "app" / "app.py")]
SECONDS = 120
GRADIO = [  # it sums up its queue with what pandas will not have for long
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
pytestmark = GRADIO


def test_generation_streams_text_that_grows(causal_page: str) -> None:
    client = Client(causal_page, verbose=False)
    texts = list(client.submit("Return the", 24, 0.8, 0.95, 1, api_name="/generate"))
    assert len(texts) > 2
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert texts[-1] == client.predict("Return the", 24, 0.8, 0.95, 1, api_name="/generate")


def test_two_at_once_are_written_one_after_the_other(causal_page: str) -> None:
    client = Client(causal_page, verbose=False)
    alone = [client.predict("The", 24, 0.8, 0.95, seed, api_name="/generate") for seed in (1, 2)]
    jobs = [client.submit("The", 24, 0.8, 0.95, seed, api_name="/generate") for seed in (1, 2)]
    assert [job.result(timeout=SECONDS) for job in jobs] == alone


@pytest.mark.slow
def test_a_cancelled_text_makes_room_for_the_next(causal_page: str) -> None:
    client = Client(causal_page, verbose=False)
    long = client.submit("The", 2046, 1.0, 1.0, 1, api_name="/generate")
    next(iter(long))
    long.cancel()
    begun = time.monotonic()
    client.predict("The", 1, 1.0, 1.0, 1, api_name="/generate")
    waited = time.monotonic() - begun
    begun = time.monotonic()
    client.predict("The", 600, 1.0, 1.0, 1, api_name="/generate")
    assert waited < time.monotonic() - begun, "it seems to have waited for all 2,046 tokens"


def test_a_bad_wish_is_answered_with_a_sentence(causal_page: str) -> None:
    client = Client(causal_page, verbose=False)
    with pytest.raises(AppError, match=r"Length must lie between 1 and 4094"):
        client.predict("The", 4095, 0.8, 0.95, 1, api_name="/generate")


def test_a_masked_model_fills_in(masked_page: str) -> None:
    (mask,) = Client(masked_page, verbose=False).predict("The default [MASK] is None.", api_name="/fill")
    assert len(mask) == 5
    assert mask == sorted(mask, key=lambda filling: -filling["probability"])


def test_an_encoder_decoder_fills_each_gap(span_page: str) -> None:
    client = Client(span_page, verbose=False)
    answers = client.predict("The [MASK] value is [MASK].", 8, 0.8, 0.95, 1, api_name="/fill")
    assert len(answers) == 2 and all(answers)
    with pytest.raises(AppError, match="Length must lie between 1 and 62"):
        client.predict("The [MASK].", 100, 0.8, 0.95, 1, api_name="/fill")


def test_without_a_model_the_answer_says_how_to_make_one(new_page: str) -> None:
    with pytest.raises(AppError, match="desdecero pretrain"):
        Client(new_page, verbose=False).predict("The", api_name="/generate")


@pytest.mark.slow
def test_the_file_starts_as_a_script_and_ctrl_c_closes_it(causal_run: RunDir) -> None:
    """As the command does, which is the README's (tests/test_readme.py)."""
    with started([*SCRIPT, str(causal_run), "--language", "es"]) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            assert "Auditoría de sesgos" in answer.read().decode()
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, "Traceback" in errors) == (0, False)
    assert "closed" in out


@pytest.mark.slow
def test_a_copy_made_as_the_readme_says_runs_as_a_space(causal_run: RunDir, tmp_path: Path) -> None:
    readme = (ROOT / "app" / "README.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```bash\n(mkdir -p space/desdecero.*?)```", readme, flags=re.DOTALL)
    for folder in ("desdecero", "app", "pipelines", "eval_suites", "model_cards"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(causal_run.path, tmp_path / "runs" / "quickstart")
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True)
    space = tmp_path / "space"
    with started([sys.executable, "app.py"], cwd=space, DESDECERO_RUN="run") as (_, url):
        client = Client(url, verbose=False)
        assert client.predict("Return the", 8, 0.8, 0.95, 1, api_name="/generate")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "which run?"),
        (["nowhere"], "no run at nowhere"),
        (["RUN", "--port", "TAKEN"], "cannot be served on 127.0.0.1, port"),
        (["RUN", "--port", "99999"], "cannot be served on 127.0.0.1, port 99999"),
        (["RUN", "--host", "203.0.113.1"], "cannot be served on 203.0.113.1"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_sentence(
    words: list[str], sentence: str, causal_run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        real = {"RUN": str(causal_run), "TAKEN": str(taken.getsockname()[1])}
        assert main([real.get(word, word) for word in words]) == 2
    errors = capsys.readouterr().err
    assert sentence in errors
    assert len(errors.splitlines()) == 1


@contextmanager
def started(
    command: list[str], cwd: Path | None = None, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves the page, and its address; ended afterwards if it has not ended by itself."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, cwd=cwd, env=environment(**variables)
    ) as process:
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield process, line.split()[0]
        finally:
            process.kill()


def environment(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "DESDECERO_RUN"} | variables
