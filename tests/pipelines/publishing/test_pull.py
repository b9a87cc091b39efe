"""What comes back is whole, at one commit, or nothing comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakehub import FakeHub, Fault
from fakehub import File as Stored

from desdecero.pipelines.publishing.connection import Hub
from desdecero.pipelines.publishing.hub import Repository
from desdecero.pipelines.publishing.pull import pull

CONTENTS = {"README.md": b"# A model\n", "config.json": b"{}", "model.safetensors": b"weights", "a/b.json": b"[]"}
HERE = Repository("me/name")
Told = Callable[[Callable[[], object]], str]


def stored(**changed: bytes) -> dict[str, Stored]:
    contents = CONTENTS | {".gitattributes": b"* lfs"} | changed
    return {name: Stored(content, name.endswith("safetensors")) for name, content in contents.items()}


@pytest.fixture
def first(server: FakeHub) -> str:
    server.create("me/name", private=True)
    server.repositories["me/name"].commit(stored())
    return server.repositories["me/name"].head


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


FAULTS = {"503": Fault(503), "429": Fault(429, headers={"Retry-After": "0"}), "reset": Fault(reset=True)}
REQUESTS = ("GET /api/models/me/name", "/tree/", "HEAD /me/name/resolve/", "GET /me/name/resolve/")


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_does_not_keep_it_from_coming(
    server: FakeHub, hub: Hub, first: str, tmp_path: Path, request_of: str, fault: str
):
    server.fail(request_of, FAULTS[fault])
    assert pull(hub, HERE, None, tmp_path / "back") == first
    assert files(tmp_path) == {f"back/{name}": content for name, content in CONTENTS.items()}


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize("status", [403, 500])
def test_a_fault_that_stays_is_told_and_leaves_nothing(
    server: FakeHub, hub: Hub, told: Told, first: str, tmp_path: Path, request_of: str, status: int
):
    server.fail(request_of, Fault(status), times=99)
    said = told(lambda: pull(hub, HERE, None, tmp_path / "back"))
    assert ("no permission for me/name" if status == 403 else "answered 500") in said
    assert list(tmp_path.iterdir()) == []


def test_a_tag_and_a_commit_name_what_was_there_then(server: FakeHub, hub: Hub, first: str, tmp_path: Path):
    server.repositories["me/name"].tags["v1"] = first
    server.repositories["me/name"].commit(stored(**{"config.json": b"{1}"}))
    for revision in ("v1", first, None):
        pull(hub, HERE, revision, tmp_path / str(revision))
    found = [(tmp_path / name / "config.json").read_bytes() for name in ("v1", first, "None")]
    assert found == [b"{}", b"{}", b"{1}"]


def test_a_commit_that_lands_meanwhile_is_not_mixed_in(server: FakeHub, hub: Hub, first: str, tmp_path: Path):
    def interfere() -> None:
        server.repositories["me/name"].commit(stored(**{"config.json": b"{1}"}))

    server.fail("HEAD /me/name/resolve/", Fault(before=interfere))
    assert pull(hub, HERE, None, tmp_path / "back") == first
    assert (tmp_path / "back" / "config.json").read_bytes() == b"{}"


def test_what_is_not_there_is_told(server: FakeHub, hub: Hub, told: Told, first: str, tmp_path: Path):
    assert "has no me/none" in told(lambda: pull(hub, Repository("me/none"), None, tmp_path / "back"))
    assert "has no me/name" in told(lambda: pull(hub, HERE, "v9", tmp_path / "back"))
    server.create("me/empty", private=True)
    assert "is empty" in told(lambda: pull(hub, Repository("me/empty"), None, tmp_path / "back"))
    (tmp_path / "there").mkdir()
    assert "there exists" in told(lambda: pull(hub, HERE, None, tmp_path / "there"))
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/outside", "a/../../outside", "a\\..\\b", "a\x1b[2J"])
def test_a_name_that_leads_out_is_refused(server: FakeHub, hub: Hub, told: Told, first: str, tmp_path: Path, name: str):
    server.repositories["me/name"].commit(stored(**{name: b"x"}))
    assert "names a file outside its folder" in told(lambda: pull(hub, HERE, None, tmp_path / "back"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_other_bytes_than_are_listed_are_named(
    server: FakeHub, hub: Hub, told: Told, first: str, tmp_path: Path, name: str
):
    server.altered = name
    assert f"{name} of me/name did not arrive as the Hub lists it" in told(
        lambda: pull(hub, HERE, None, tmp_path / "back")
    )
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_call_left_does_not_stay(server: FakeHub, hub: Hub, first: str, tmp_path: Path):
    (tmp_path / ".back.partial").mkdir()
    (tmp_path / ".back.partial" / "config.json").write_bytes(b"half")
    pull(hub, HERE, None, tmp_path / "back")
    assert [path.name for path in tmp_path.iterdir()] == ["back"] and files(tmp_path / "back") == CONTENTS
