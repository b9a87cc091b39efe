"""Publication: through the gate or not at all, and what was uploaded loads back the same."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakehub import FakeHub
from sealed_run import make_sealed_run

from pipelines.run_dir import sha256_file


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sealed_run(tmp_path_factory.mktemp("publish") / "run")[0].path


@pytest.fixture
def run_path(whole_run: Path, tmp_path: Path) -> Path:
    """A copy to alter at will."""
    return Path(shutil.copytree(whole_run, tmp_path / "run"))


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


def python(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Another process: the Hub's libraries read their environment once, when they are imported."""
    command = [sys.executable, *map(str, words)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(command, env={**inherited, **environment}, capture_output=True, text=True, timeout=120)


def publish(run: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment.setdefault("HF_HOME", str(run.parent / "hf_home"))  # no token of the person who runs the tests
    return python("-m", "pipelines.publish", run, *words, **environment)


LOAD_BACK = """
import sys, torch
from huggingface_hub import snapshot_download
from transformers import AutoModelForCausalLM, AutoTokenizer
repository, folder = sys.argv[1:]
ours, theirs = (AutoModelForCausalLM.from_pretrained(name).state_dict() for name in (folder, repository))
assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
text = "the law of the boats"
assert AutoTokenizer.from_pretrained(folder)(text) == AutoTokenizer.from_pretrained(repository)(text)
print(snapshot_download(repository))
"""


@pytest.mark.slow
def test_what_is_published_loads_back_with_the_same_weights(run_path: Path, hub: FakeHub, tmp_path: Path):
    published = publish(run_path, "--repo-id", "me/name", **hub.environment())
    assert published.returncode == 0, published.stdout + published.stderr
    assert f"published: {hub.url}/me/name" in published.stdout
    assert hub.files("me/name") == {path.name: path.read_bytes() for path in (run_path / "model").iterdir()}
    assert hub.repositories["me/name"].private
    assert sum("/commit/" in request for request in hub.requests) == 1

    folder = run_path / "model"
    loaded = python("-c", LOAD_BACK, "me/name", folder, HF_HOME=str(tmp_path / "cache"), **hub.environment())
    assert loaded.returncode == 0, loaded.stderr
    snapshot = Path(loaded.stdout.strip().splitlines()[-1])
    assert {path.name for path in snapshot.iterdir()} == {path.name for path in folder.iterdir()}


def test_publishing_twice_is_no_fault_and_public_is_public(run_path: Path, hub: FakeHub):
    for _ in range(2):
        published = publish(run_path, "--repo-id", "me/name", "--public", **hub.environment())
        assert published.returncode == 0, published.stderr
    assert not hub.repositories["me/name"].private


def test_a_dry_run_lists_every_file_and_opens_no_connection(run_path: Path):
    with socket.socket() as listener:  # bound and never listening: whoever connects is refused
        listener.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        shown = publish(run_path, "--dry-run", "--repo-id", "me/name", HF_ENDPOINT=endpoint, HF_TOKEN="hf_x")
    assert shown.returncode == 0, shown.stderr
    assert "me/name, private" in shown.stdout
    for path in (run_path / "model").iterdir():
        assert f"{sha256_file(path)}  {path.name}" in shown.stdout
    assert "warning  training tokens whose licence is not known: LicenseRef-unknown 1.6%" in shown.stdout
    assert "nothing was uploaded" in shown.stdout


def test_a_dry_run_asks_the_hub_nothing(run_path: Path, hub: FakeHub):
    publish(run_path, "--dry-run", "--repo-id", "me/name", **hub.environment())
    assert hub.requests == []


def refusal(run: Path, hub: FakeHub, *words: str) -> str:
    refused = publish(run, *words, **hub.environment())
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert hub.requests == []
    return refused.stdout


def test_an_altered_file_is_refused_by_name(run_path: Path, hub: FakeHub):
    weights = run_path / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    said = refusal(run_path, hub, "--repo-id", "me/name")
    assert "model/model.safetensors: altered since pretrain was sealed" in said


def test_a_file_that_no_stage_wrote_is_refused_by_name(run_path: Path, hub: FakeHub):
    (run_path / "model" / "notes.txt").write_text("private")
    assert "model/notes.txt" in refusal(run_path, hub, "--repo-id", "me/name")


def test_a_run_that_is_not_whole_is_refused(run_path: Path, hub: FakeHub):
    (run_path / "audit" / "done.json").unlink()
    said = refusal(run_path, hub, "--repo-id", "me/name")
    assert "audit (missing)" in said
    assert "has not been audited" in said


def test_a_model_that_has_only_been_trained_is_refused(run_path: Path, hub: FakeHub):
    shutil.rmtree(run_path / "card")
    assert "there is no card" in refusal(run_path, hub, "--repo-id", "me/name")


def test_a_model_without_licence_is_refused(tmp_path: Path, hub: FakeHub):
    run, _ = make_sealed_run(tmp_path / "run", "card.license=null")
    assert "the model has no licence" in refusal(run.path, hub, "--repo-id", "me/name")


def test_without_a_repository_it_is_refused(run_path: Path, hub: FakeHub):
    assert "no repository is named" in refusal(run_path, hub)


def sentence(run: Path, **environment: str) -> str:
    """What a fault outside the run is called: one sentence, exit code 2, no traceback."""
    failed = publish(run, "--repo-id", "me/name", **environment)
    assert failed.returncode == 2, failed.stdout + failed.stderr
    assert failed.stderr.startswith("desdecero: ") and failed.stderr.count("\n") == 1, failed.stderr
    return failed.stderr


def test_without_a_token_one_is_asked_for(run_path: Path, hub: FakeHub):
    assert "HF_TOKEN" in sentence(run_path, **{**hub.environment(), "HF_TOKEN": ""})
    assert hub.requests == []


def test_offline_is_said(run_path: Path, hub: FakeHub):
    assert "HF_HUB_OFFLINE is set" in sentence(run_path, **{**hub.environment(), "HF_HUB_OFFLINE": "1"})
    assert hub.requests == []


def test_a_server_that_refuses_is_quoted(run_path: Path, hub: FakeHub):
    said = sentence(run_path, **{**hub.environment(), "HF_TOKEN": "hf_another"})
    assert "refused the upload to me/name" in said
    assert "this token may not write here" in said


def test_a_server_that_is_not_there_is_said(run_path: Path, hub: FakeHub):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert "does not answer" in sentence(run_path, **{**hub.environment(), "HF_ENDPOINT": endpoint})


def test_a_private_model_does_not_go_into_a_public_repository(run_path: Path, hub: FakeHub):
    hub.create("me/name", private=False)
    assert "exists and is public, not private" in sentence(run_path, **hub.environment())
    assert hub.files("me/name") == {}


def test_files_that_no_gate_has_seen_are_not_joined(run_path: Path, hub: FakeHub, tmp_path: Path):
    first = publish(run_path, "--repo-id", "me/name", **hub.environment())
    assert first.returncode == 0, first.stderr
    other, _ = make_sealed_run(tmp_path / "other", architecture="bert")
    assert "generation_config.json" in sentence(other.path, **hub.environment())
