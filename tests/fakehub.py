"""A Hub on the loopback: as much of its protocol as publishing a model and loading it back takes, and its faults.

    with FakeHub(token="hf_x") as hub:
        subprocess.run([...], env={**os.environ, **hub.environment()})
        hub.files("me/name")                    # path → bytes at the head of `main`
        hub.fail("/commit/", Fault(503), times=2)

Written from the calls that huggingface_hub makes; the real Hub knows much more. Models and data sets share their
names here. Reading is open to all; writing asks for the token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

LARGE_FILES = re.compile(r"\.(safetensors|bin|parquet|png)$")  # what the Hub's .gitattributes sends to LFS


@dataclass(frozen=True)
class File:
    content: bytes
    large: bool

    @property
    def oid(self) -> str:
        """The name that git knows the file by, or LFS."""
        if self.large:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


@dataclass
class Fault:
    """What a request meets in place of its answer."""

    status: int | None = None
    """The answer, instead of doing anything."""
    reset: bool = False
    """The connection breaks before anything is done."""
    lost: bool = False
    """It is done, and the connection breaks before the answer."""
    seconds: float = 0
    """It is done so much later."""
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[[], None] | None = None
    """Happens first: another person's commit, for example."""


@dataclass
class Repository:
    private: bool
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    head: str = ""

    def commit(self, files: dict[str, File]) -> str:
        listing = "".join(f"{path}{file.oid}" for path, file in sorted(files.items()))
        self.head = hashlib.sha1(f"{self.head}{listing}".encode()).hexdigest()
        self.commits[self.head] = files
        return self.head

    def at(self, revision: str) -> tuple[str, dict[str, File]]:
        oid = self.head if revision == "main" else self.tags.get(revision, revision)
        return oid, self.commits.get(oid, {})


class FakeHub:
    """Serves until the `with` block ends. `requests` lists what was asked: "POST /api/repos/create"."""

    def __init__(self, token: str = "hf_x"):
        self.token = token
        self.repositories: dict[str, Repository] = {}
        self.large_objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.corrupt = False
        """Whether what arrives is stored with another content."""
        self.altered = ""
        """Name of a file that is sent with another content than is listed."""
        self._faults: list[tuple[str, Fault, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FakeHub:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """What a process needs to take this for the Hub."""
        return {
            "HF_ENDPOINT": self.url, "HF_TOKEN": self.token, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0",
            "HF_XET_XORB_COMPRESSION_POLICY": "none", "HF_XET_CLIENT_RETRY_BASE_DELAY": "10ms",
        }  # fmt: skip

    def create(self, repo_id: str, private: bool) -> None:
        self.repositories[repo_id] = Repository(private)
        self.repositories[repo_id].commit({})

    def fail(self, request: str, fault: Fault, times: int = 1) -> None:
        """Have the next requests whose method and path contain `request` meet a fault."""
        self._faults.append((request, fault, times))

    def fault_for(self, asked: str) -> Fault | None:
        for place, (request, fault, times) in enumerate(self._faults):
            if request in asked:
                self._faults[place : place + 1] = [(request, fault, times - 1)] if times > 1 else []
                return fault
        return None

    def commits(self, repo_id: str) -> int:
        """How many commits a repository has, without the one that it begins with."""
        return len(self.repositories[repo_id].commits) - 1 if repo_id in self.repositories else 0

    def files(self, repo_id: str) -> dict[str, bytes]:
        repository = self.repositories[repo_id]
        return {path: file.content for path, file in repository.commits[repository.head].items()}


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

    def answer(self) -> None:
        """Find the route of a request and let it answer."""
        path = unquote(urlsplit(self.path).path)
        self.body = self._read_body()
        asked = f"{self.command} {path}"
        self.hub.requests.append(asked)
        self.silent = False
        if fault := self.hub.fault_for(asked):
            if fault.before is not None:
                fault.before()
            if fault.status is not None:
                message = f"fault for {self.headers.get('Authorization')}"
                return self.refuse(fault.status, "Fault", message, fault.headers)
            if fault.reset:
                return self.hang_up()
            time.sleep(fault.seconds)
            self.silent = fault.lost
            self.route(path)
            return self.hang_up() if fault.lost else None
        return self.route(path)

    def hang_up(self) -> None:
        """Reset the connection: what is closed with LINGER at zero is not finished, but broken."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def route(self, path: str) -> None:
        for method, pattern, route in ROUTES:
            if (match := re.fullmatch(pattern, path)) and self.command in method.split():
                writing = route in WRITING
                if writing and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
                    return self.refuse(401, "Unauthorized", "this token may not write here")
                repo_id = match.groupdict().get("repo")
                if repo_id and repo_id not in self.hub.repositories:
                    return self.refuse(404, "RepoNotFound", "Repository not found")
                revision = match.groupdict().get("revision")
                if (
                    repo_id
                    and revision
                    and self.hub.repositories[repo_id].at(revision)[0] not in (self.hub.repositories[repo_id].commits)
                ):
                    return self.refuse(404, "RevisionNotFound", f"no revision {revision}")
                return route(self, **match.groupdict())
        return self.refuse(404, "NotFound", f"this Hub does not play {self.command} {path}")

    do_GET = do_HEAD = do_POST = do_PUT = answer
    silent = False

    # --- routes ----------------------------------------------------------------------------------------------

    def whoami(self) -> None:
        self.send({"type": "user", "name": "me", "orgs": [], "auth": {"accessToken": {"role": "write"}}})

    def validate_yaml(self) -> None:
        self.send({"errors": [], "warnings": []})

    def create_repo(self) -> None:
        asked = json.loads(self.body)
        repo_id = f"{asked.get('organization') or 'me'}/{asked['name']}"
        url = f"{self.hub.url}/{repo_id}"
        if repo_id in self.hub.repositories:
            return self.send({"error": "You already created this model repo", "url": url}, status=409)
        self.hub.create(repo_id, asked.get("visibility") == "private")
        return self.send({"url": url, "id": repo_id, "name": repo_id})

    def preupload(self, repo: str, revision: str) -> None:
        """Say which files go into the commit itself and which through LFS, and what of them is there already."""
        _, present = self.hub.repositories[repo].at(revision)
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if LARGE_FILES.search(file["path"]) else "regular",
                "shouldIgnore": False,
                "oid": present[file["path"]].oid if file["path"] in present else None,
            }
            for file in json.loads(self.body)["files"]
        ]
        self.send({"files": files})

    def lfs_batch(self, repo: str) -> None:
        """Name the places where large files are to be put; none for what is here."""
        objects = json.loads(self.body)["objects"]
        for item in objects:
            if item["oid"] not in self.hub.large_objects:
                place = {"href": f"{self.hub.url}/lfs/{item['oid']}"}
                item["actions"] = {"upload": place, "verify": place}
        self.send({"transfer": "basic", "objects": objects})

    def xet_token(self, repo: str, revision: str) -> None:
        """Say where large files go that are uploaded with Xet: to this server too."""
        self.send({"casUrl": self.hub.url, "accessToken": "xet", "exp": int(time.time()) + 3600})

    def xet_xorb(self) -> None:
        """Take a xorb: chunks of files, each with a header of version, length, compression and length unpacked.

        Where nothing is compressed, a run of chunks is a file.
        """
        chunks, place = list[bytes](), 0
        while place + 8 <= len(self.body) and self.body[place] == 0:
            length = int.from_bytes(self.body[place + 1 : place + 4], "little")
            if self.body[place + 4]:
                break
            chunks.append(self.body[place + 8 : place + 8 + length])
            place += 8 + length
        runs = [b"".join(chunks[a:b]) for a in range(len(chunks)) for b in range(a + 1, len(chunks) + 1)]
        self.hub.large_objects |= {hashlib.sha256(run).hexdigest(): run for run in runs}
        self.send({"was_inserted": True})

    def xet_shard(self) -> None:
        self.send({"result": 1})

    def lfs_upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.refuse(400, "BadRequest", "the content does not hash to its name")
        self.hub.large_objects[oid] = self.body
        return self.send({})

    def tag(self, repo: str, revision: str) -> None:
        repository, name = self.hub.repositories[repo], json.loads(self.body)["tag"]
        if name in repository.tags:
            return self.refuse(409, "Conflict", "there is such a tag")
        repository.tags[name] = repository.at(revision)[0]
        return self.send({})

    def settings(self, repo: str) -> None:
        self.hub.repositories[repo].private = json.loads(self.body)["visibility"] == "private"
        self.send({})

    def lfs_verify(self, oid: str) -> None:
        self.send({}, status=200 if oid in self.hub.large_objects else 404)

    def commit(self, repo: str, revision: str) -> None:
        repository = self.hub.repositories[repo]
        head, present = repository.at(revision)
        files = dict(present)
        for line in self.body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            if operation["key"] == "header" and value.get("parentCommit", head) != head:
                return self.refuse(412, "PreconditionFailed", "A commit has happened since.")
            if operation["key"] == "deletedFile":
                del files[value["path"]]
            if operation["key"] == "file":
                files[value["path"]] = File(base64.b64decode(value["content"]), large=False)
            elif operation["key"] == "lfsFile":
                files[value["path"]] = File(self.hub.large_objects[value["oid"]], large=True)
        if self.hub.corrupt:
            files = {path: File(file.content[:-1] + b"?", file.large) for path, file in files.items()}
        oid = repository.commit(files)
        return self.send({"commitOid": oid, "commitUrl": f"{self.hub.url}/{repo}/commit/{oid}", "hookOutput": ""})

    def model_info(self, repo: str, revision: str | None = None) -> None:
        repository = self.hub.repositories[repo]
        oid, files = repository.at(revision or "main")
        names = [{"rfilename": path} for path in sorted(files)]
        card = files["README.md"].content.decode().split("---\n") if "README.md" in files else []
        about = yaml.safe_load(card[1]) if len(card) > 2 else {}
        self.send(
            {
                "id": repo, "modelId": repo, "sha": oid, "private": repository.private, "siblings": names, "tags": [],
                "cardData": about,
            }
        )  # fmt: skip

    def tree(self, repo: str, revision: str, folder: str = "") -> None:
        """The files of a commit, or of one of its folders: all below it, as if `recursive` were asked for."""
        _, files = self.hub.repositories[repo].at(revision)
        found = {path: file for path, file in sorted(files.items()) if not folder or path.startswith(f"{folder}/")}
        if folder and not found:
            return self.refuse(404, "EntryNotFound", f"no folder {folder}")
        return self.send([self._entry(path, file) for path, file in found.items()])

    def _entry(self, path: str, file: File) -> dict[str, Any]:
        entry = {"type": "file", "path": path, "size": len(file.content), "oid": file.oid}
        if file.large:
            entry["lfs"] = {"oid": file.oid, "size": len(file.content), "pointerSize": 134}
        return entry

    def resolve(self, repo: str, revision: str, path: str) -> None:
        oid, files = self.hub.repositories[repo].at(revision)
        file = files.get(path)
        if file is None:
            return self.refuse(404, "EntryNotFound", f"no file {path}", {"X-Repo-Commit": oid})
        headers = {"ETag": f'"{file.oid}"', "X-Repo-Commit": oid}
        if file.large:
            headers |= {"X-Linked-Etag": f'"{file.oid}"', "X-Linked-Size": str(len(file.content))}
        content = file.content if path != self.hub.altered else bytes(len(file.content))
        return self.send_bytes(200, content, {"Content-Type": "application/octet-stream", **headers})

    # --- reading and writing ---------------------------------------------------------------------------------

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while length := int(self.rfile.readline(), 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def send(self, content: Any, status: int = 200) -> None:
        self.send_bytes(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        content = json.dumps({"error": message}).encode()
        self.send_bytes(status, content, {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})})

    def send_bytes(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        if self.silent:
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet: `requests` is the log."""


KIND = r"(?:models|datasets)"
REPO, REVISION = r"(?P<repo>[^/]+/[^/]+)", r"(?P<revision>[^/]+)"
ROUTES = (
    ("GET", r"/api/whoami-v2", _Handler.whoami),
    ("POST", r"/api/validate-yaml", _Handler.validate_yaml),
    ("POST", r"/api/repos/create", _Handler.create_repo),
    ("POST", rf"/api/{KIND}/{REPO}/preupload/{REVISION}", _Handler.preupload),
    ("POST", rf"/api/{KIND}/{REPO}/commit/{REVISION}", _Handler.commit),
    ("GET", rf"/api/{KIND}/{REPO}/xet-write-token/{REVISION}", _Handler.xet_token),
    ("POST", r"/v1/xorbs/default/[0-9a-f]{64}", _Handler.xet_xorb),
    ("POST", r"(?:/v1)?/shards", _Handler.xet_shard),
    ("POST", rf"/api/{KIND}/{REPO}/tag/{REVISION}", _Handler.tag),
    ("PUT", rf"/api/{KIND}/{REPO}/settings", _Handler.settings),
    ("POST", rf"/(?:datasets/)?{REPO}\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", _Handler.lfs_upload),
    ("POST", r"/lfs/(?P<oid>[0-9a-f]{64})", _Handler.lfs_verify),
    ("GET", rf"/api/{KIND}/{REPO}", _Handler.model_info),
    ("GET", rf"/api/{KIND}/{REPO}/revision/{REVISION}", _Handler.model_info),
    ("GET", rf"/api/{KIND}/{REPO}/tree/{REVISION}", _Handler.tree),
    ("GET", rf"/api/{KIND}/{REPO}/tree/{REVISION}/(?P<folder>.+)", _Handler.tree),
    ("GET HEAD", rf"/(?:datasets/)?{REPO}/resolve/{REVISION}/(?P<path>.+)", _Handler.resolve),
)
WRITING = (
    _Handler.whoami, _Handler.create_repo, _Handler.preupload, _Handler.commit, _Handler.lfs_batch, _Handler.tag,
    _Handler.settings,
)  # fmt: skip
