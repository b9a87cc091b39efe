"""Whatever the Hub does, a publication is there once or not at all, and what went wrong is one sentence."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

import pytest
from fakehub import FakeHub, Fault
from fakehub import File as Stored

from desdecero.pipelines.publishing.connection import Hub
from desdecero.pipelines.publishing.files import Files, PublishedFile
from desdecero.pipelines.publishing.hub import Commit, Repository, compare, head, publish, tag, withdraw

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")  # huggingface_hub's
CARD = b"---\nlicense: mit\n---\n# A model\n"
CONTENTS = {
    "README.md": CARD,
    "config.json": b"{}",
    "model.safetensors": bytes(range(200)) * 3,
    "evidence/evaluation/documents.parquet": b"PAR1 and so on",
    "evidence/corpus/report.json": b'{"documents": 1}',
}
HERE = Repository("me/name")


def files(**changed: bytes) -> Files:
    return {name: PublishedFile(name, content) for name, content in (CONTENTS | changed).items()}


def do(hub: Hub, *, name: str | None = "v1", content: Files | None = None, earlier: str | None = None) -> Commit:
    commit = publish(hub, HERE, content or files(), True, "Publish", earlier, name)
    if name is not None:
        tag(hub, HERE, name, commit.oid)
    return commit


Told = Callable[[Callable[[], object]], str]

REQUESTS = (
    "POST /api/repos/create", "GET /api/models/me/name", "GET /api/models/me/name/tree/", "POST /api/validate-yaml",
    "/preupload/", "/info/lfs/objects/batch", "PUT /lfs/", "POST /lfs/", "/commit/", "/tag/",
)  # fmt: skip
PASSING_FAULTS = {
    "500": Fault(500),
    "503": Fault(503),
    "429": Fault(429, headers={"Retry-After": "0"}),
    "reset": Fault(reset=True),
    "lost": Fault(lost=True),
    "slow": Fault(seconds=0.7),
}


@pytest.mark.parametrize("fault", PASSING_FAULTS)
@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_passing_fault_leaves_one_publication(server: FakeHub, hub: Hub, request_of: str, fault: str):
    server.fail(request_of, PASSING_FAULTS[fault])
    commit = do(hub)
    assert server.files("me/name") == CONTENTS and server.commits("me/name") == 1
    repository = server.repositories["me/name"]
    assert repository.private and repository.tags == {"v1": repository.head} and commit.oid == repository.head


@pytest.mark.parametrize("request_of", [one for one in REQUESTS if not one.startswith("PUT")])
@pytest.mark.parametrize("status", [500, 429])
def test_a_fault_that_stays_is_told_and_leaves_no_part(
    server: FakeHub, hub: Hub, told: Told, request_of: str, status: int
):
    server.fail(request_of, Fault(status, headers={"Retry-After": "0"}), times=99)
    said = told(lambda: do(hub))
    assert str(status) in said
    late = request_of == "/tag/"
    assert server.commits("me/name") == late
    assert ("is published, without the tag v1" in said) == late and ("nothing was published" in said) == (not late)
    server.fail(request_of, Fault(status), times=0)


@pytest.mark.slow
def test_a_store_that_takes_no_file_is_told(server: FakeHub, hub: Hub, told: Told):
    server.fail("PUT /lfs/", Fault(503), times=99)
    assert "refused" in told(lambda: do(hub)) and server.commits("me/name") == 0


@pytest.mark.parametrize("request_of", ["POST /api/repos/create", "/preupload/", "/info/lfs", "PUT /lfs/", "/commit/"])
@pytest.mark.parametrize(("status", "said"), [(401, "does not accept the token"), (403, "has no permission")])
def test_a_token_that_may_not_is_told_at_once(
    server: FakeHub, hub: Hub, told: Told, request_of: str, status: int, said: str
):
    server.fail(request_of, Fault(status), times=99)
    sentence = told(lambda: do(hub))
    assert said in sentence and "me/name" in sentence and "nothing was published" in sentence
    assert server.commits("me/name") == 0 and sum(request_of in one for one in server.requests) <= 2


def test_a_file_that_the_store_finds_wrong_is_told(server: FakeHub, hub: Hub, told: Told):
    server.fail("PUT /lfs/", Fault(400), times=99)
    assert "refused a request for me/name (400" in told(lambda: do(hub)) and server.commits("me/name") == 0


def test_files_that_arrive_with_other_bytes_are_named(server: FakeHub, hub: Hub, told: Told):
    server.corrupt = True
    said = told(lambda: do(hub))
    assert "does not hold what was sent" in said and "README.md" in said
    assert server.repositories["me/name"].tags == {}


@pytest.mark.parametrize("answer", [Fault(), Fault(lost=True), Fault(status=503)], ids=["412", "lost", "503"])
def test_a_commit_of_somebody_else_in_between_is_not_joined(server: FakeHub, hub: Hub, told: Told, answer: Fault):
    def interfere() -> None:
        server.repositories["me/name"].commit({"pickle.bin": Stored(b"x", large=True)})

    answer.before = interfere
    server.fail("/commit/", answer)
    said = told(lambda: do(hub))
    assert "somebody else committed to me/name at the same time" in said
    assert list(server.files("me/name")) == ["pickle.bin"]
    # And it stays so: the files are nobody's that the gate has judged.
    assert "holds files that are not of this run (pickle.bin)" in told(lambda: do(hub))


def test_a_hub_that_ends_before_it_tells_whether_it_did_leaves_it_open(server: FakeHub, hub: Hub, told: Told):
    server.fail("/commit/", Fault(lost=True))
    server.fail("GET /api/models/me/name", Fault(), times=3)  # before the commit: info, tree and tag
    server.fail("GET /api/models/me/name", Fault(503), times=99)
    assert "it is not known whether the commit arrived" in told(lambda: do(hub))
    server._faults.clear()
    assert not do(hub).new and server.commits("me/name") == 1


def test_publishing_again_makes_no_commit_and_a_change_makes_one(server: FakeHub, hub: Hub, told: Told):
    first = do(hub)
    again = do(hub)
    assert first.new and not again.new and first.oid == again.oid and server.commits("me/name") == 1
    changed = files(**{"config.json": b'{"a": 1}'})
    assert "has a tag v1 already" in told(lambda: do(hub, content=changed))
    second = do(hub, name="v2", content=changed)
    assert server.commits("me/name") == 2 and server.files("me/name")["config.json"] == b'{"a": 1}'
    assert server.repositories["me/name"].tags == {"v1": first.oid, "v2": second.oid}


def test_a_file_of_an_earlier_publication_is_removed_and_one_of_others_is_not(server: FakeHub, hub: Hub, told: Told):
    first = do(hub)
    fewer = {name: file for name, file in files().items() if name != "config.json"}
    assert "holds files that are not of this run (config.json)" in told(lambda: do(hub, name=None, content=fewer))
    do(hub, name=None, content=fewer, earlier=first.oid)
    assert set(server.files("me/name")) == CONTENTS.keys() - {"config.json"}


def test_a_difference_is_told_by_file(server: FakeHub, hub: Hub):
    do(hub)
    wanted = files(**{"config.json": b'{"a": 1}', "LICENSE": b"MIT"})
    del wanted["README.md"]
    found = compare(head(hub, HERE), wanted)
    assert (found.added, found.changed, found.removed) == (["LICENSE"], ["config.json"], ["README.md"])
    assert len(found.same) == 3


def test_a_repository_of_another_visibility_is_refused(server: FakeHub, hub: Hub, told: Told):
    server.create("me/name", private=False)
    assert "exists and is public, not private" in told(lambda: do(hub))
    assert server.files("me/name") == {}


@pytest.mark.parametrize("request_of", ["/settings", "GET /me/name/resolve/", "/commit/", "GET /api/models/me/name"])
@pytest.mark.parametrize("fault", ["500", "reset", "lost"])
def test_a_withdrawal_makes_private_and_says_why(server: FakeHub, hub: Hub, request_of: str, fault: str):
    publish(hub, HERE, files(), False, "Publish")
    server.fail(request_of, PASSING_FAULTS[fault])
    for _ in range(2):  # the second finds all done
        withdraw(hub, HERE, {"README.md": "> Withdrawn.\n", "README.es.md": "> Retirado.\n"}, "Withdraw")
    assert server.repositories["me/name"].private and server.commits("me/name") == 2
    assert server.files("me/name")["README.md"] == b"---\nlicense: mit\n---\n\n> Withdrawn.\n\n# A model\n"


def test_a_hub_that_is_not_there_is_told(hub: Hub, told: Told):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        elsewhere = replace(hub, endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert "does not answer" in told(lambda: do(elsewhere))


def test_a_retry_waits_as_long_as_the_hub_asks(server: FakeHub, hub: Hub, monkeypatch: pytest.MonkeyPatch):
    slept: list[float] = []
    monkeypatch.setattr("desdecero.pipelines.publishing.connection.time.sleep", slept.append)
    server.fail("/preupload/", Fault(429, headers={"Retry-After": "7"}))
    server.fail("/commit/", Fault(429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    server.fail("/tag/", Fault(503))
    do(hub)
    assert slept == [7.0, 0.0, 0.01]
