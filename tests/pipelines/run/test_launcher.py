"""Several processes of one training: asked to stop they save, and none is left behind or waited for in vain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from helpers import DESDECERO, ROOT

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run import launcher
from desdecero.pipelines.run.run_dir import RunDir

pytestmark = pytest.mark.slow
Tiny = Callable[[str], Path]
ACCELERATE = [
    sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1", "--num_processes", "2",
    "--mixed_precision", "no", "--dynamo_backend", "no", str(ROOT / "pipelines" / "pretrain.py"),
]  # fmt: skip


@contextmanager
def endless(home: Path, accelerate: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A training in two processes, under way, that writes no checkpoint unless it is asked to end.

    In a session of its own, as a terminal gives a command. `accelerate`: started by hand, through `accelerate launch`.
    """
    start = ACCELERATE if accelerate else [DESDECERO, "run"]
    more = [] if accelerate else ["--processes", "2", "--until", "pretrain"]
    settings = ["budget={steps: 20000}", "precision=fp32", "compile=never", "checkpoint_minutes=1000"]
    settings.append("stability.return_every=100000")
    for setting in settings:
        more += ["--set", f"pretrain.{setting}"]
    command = [*start, str(home / "tiny.yaml"), "--run-dir", str(home / "run"), *more]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    with (home / "output.txt").open("w") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, text=True, start_new_session=True
        )
    try:
        metrics = home / "run" / "unsealed" / "pretrain" / "metrics.jsonl"
        wait(lambda: metrics.is_file() and '"loss"' in metrics.read_text(), process)
        yield process
    finally:
        for left in [*workers(home), process]:
            left.kill()
        process.wait()


def said(home: Path) -> str:
    return (home / "output.txt").read_text()


def wait(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers(home: Path) -> list[psutil.Process]:
    """The processes that train in this folder, by rank."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(home / "run") in process.cmdline() and "RANK" in process.environ():
                found.append((int(process.environ()["RANK"]), process))
        except psutil.Error:  # it ended meanwhile, or is somebody else's
            continue
    return [process for _, process in sorted(found, key=lambda pair: pair[0])]


def saved(home: Path) -> int:
    """The step of the newest checkpoint."""
    checkpoints = (home / "run" / "unsealed" / "pretrain" / "checkpoints").glob("step-*")
    return max(int(path.name[5:]) for path in checkpoints)


def is_held(home: Path) -> bool:
    """Whether another command would be refused."""
    try:
        with RunDir(home / "run").lock():
            return False
    except UserError as error:
        return "another desdecero command is using" in str(error)


def test_ctrl_c_waits_for_the_processes_to_save(tiny: Tiny) -> None:
    home = tiny("llama")
    with endless(home) as process:
        for worker in workers(home):
            worker.suspend()  # as if it wrote for long
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        time.sleep(1)
        assert process.poll() is None, "it ended before the processes that save"
        for worker in workers(home):
            worker.resume()
        assert process.wait(300) == 130, said(home)
        assert not workers(home)
    assert saved(home) > 0
    assert said(home).count("interrupted: run the same command again") == 1 and "Traceback" not in said(home)


@pytest.mark.parametrize(
    ("accelerate", "number"),
    [(False, signal.SIGTERM), (True, signal.SIGINT)],
    ids=["a scheduler tells desdecero", "Ctrl-C tells accelerate"],
)
def test_one_signal_is_one_wish_to_end(tiny: Tiny, accelerate: bool, number: signal.Signals) -> None:
    home = tiny("llama")
    with endless(home, accelerate) as process:
        process.send_signal(number)
        process.wait(300)
        assert process.returncode != 0
        assert not workers(home)
    assert saved(home) > 0, said(home)
    assert "interrupted: run the same command again" in said(home)


def test_a_scheduler_that_tells_every_process_has_one_wish(tiny: Tiny) -> None:
    home = tiny("llama")
    with endless(home, accelerate=True) as process:
        for each in [process, *workers(home)]:  # accelerate's agent tells its own processes once more
            each.terminate()
        process.wait(300)
        assert process.returncode != 0
        assert not workers(home)
    assert saved(home) > 0, said(home)
    assert "interrupted: run the same command again" in said(home)


def test_a_second_ctrl_c_ends_at_once(tiny: Tiny) -> None:
    home = tiny("llama")
    with endless(home) as process:
        workers(home)[1].suspend()  # the other one cannot go on
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(2)
        assert process.wait(150) == 130, said(home)
        assert not workers(home)
    assert saved(home) == 0


def test_processes_save_when_the_command_is_killed_and_hold_the_run_until_then(tiny: Tiny) -> None:
    home = tiny("llama")
    with endless(home) as process:
        process.kill()
        process.wait()
        deadline = time.monotonic() + 300
        while is_held(home):
            assert time.monotonic() < deadline, said(home)
            time.sleep(0.02)
        assert not workers(home), "they write on in a run that another command may take"
    assert saved(home) > 0


def test_a_process_that_dies_ends_the_run_with_one_sentence(tiny: Tiny) -> None:
    home = tiny("llama")
    with endless(home) as process:
        workers(home)[0].kill()
        assert process.wait(150) == 2, said(home)
        assert not workers(home)
    sentence = "desdecero: process 0 of 2 was ended by SIGKILL"
    assert said(home).count("desdecero: ") == said(home).count(sentence) == 1
    assert "Traceback" not in said(home)


@pytest.mark.parametrize("rank", [0, 1])
def test_whichever_dies_is_named_and_the_other_is_not_waited_for(
    rank: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that import nothing, of which the one that is left notices nothing."""
    monkeypatch.setattr(launcher, "GRACE_SECONDS", 1)
    code = f"""
import os, signal, time
open(os.environ["RANK"], "w").write(str(os.getpid()))
if os.environ["RANK"] == "{rank}":
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(300)
"""
    monkeypatch.chdir(tmp_path)
    with (
        RunDir(tmp_path / "run").lock() as lock,
        pytest.raises(UserError, match=f"^process {rank} of 2 was ended by SIGKILL"),
    ):
        launcher.run_processes([sys.executable, "-c", code], 2, dict(os.environ), lock)
    for each in (tmp_path / "0", tmp_path / "1"):
        assert not each.exists() or not psutil.pid_exists(int(each.read_text()))
