"""Seals one by one: every field is covered, and what was never a seal is refused with a reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from desdecero.pipelines.common.errors import printable
from desdecero.pipelines.common.files import hash_json, json_text
from desdecero.pipelines.run.seals import InvalidFile, Seal, fingerprint, load_seal, parse_json, read_file

OUTPUTS = {"audit/report.json": {"sha256": "a" * 64, "bytes": 7}}
SEAL = Seal(
    stage="audit",
    version=1,
    fingerprint=fingerprint("audit", 1, {"seed": "b" * 64}, {"pretrain": "c" * 64}),
    sections={"seed": "b" * 64},
    inputs={"pretrain": "c" * 64},
    sources=None,
    outputs=OUTPUTS,  # type: ignore[arg-type]
    digest=hash_json(OUTPUTS),
    seconds=1.5,
    finished="2026-01-02T03:04:05Z",
    libraries={"numpy": "2.0"},
    hardware={"cores": 2},
)


def written(folder: Path, content: Any) -> Path:
    path = folder / "done.json"
    path.write_text(content if isinstance(content, str) else json_text(content), encoding="utf-8")
    return path


def sealed_again(**changes: Any) -> dict[str, Any]:
    """The seal with other values, which hashes to itself again."""
    content = {**{key: value for key, value in SEAL.to_json().items() if key != "seal"}, **changes}
    return {**content, "seal": hash_json(content)}


def test_a_seal_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert load_seal(written(tmp_path, SEAL.to_json()), "audit") == SEAL
    assert load_seal(tmp_path / "nothing" / "done.json", "audit") is None


def test_a_seal_that_says_the_same_in_another_form_was_altered(tmp_path: Path) -> None:
    content = SEAL.to_json()
    for other in (json.dumps(content), json_text(content) + " ", json_text(dict(reversed(content.items())))):
        with pytest.raises(InvalidFile, match="not as it was written"):
            load_seal(written(tmp_path, other), "audit")


@pytest.mark.parametrize("name", sorted(SEAL.to_json()))
def test_a_change_of_any_field_is_noticed(tmp_path: Path, name: str) -> None:
    content = SEAL.to_json()
    content[name] = {
        "version": 2, "seconds": 2.5, "sources": "others",
        "outputs": {"audit/report.json": {"sha256": "d" * 64, "bytes": 7}},
        "finished": "2026-01-02T03:04:06Z", "libraries": {}, "hardware": {"cores": 64}, "sections": {}, "inputs": {},
        "stage": "card",
    }.get(name, "e" * 64)  # fmt: skip
    with pytest.raises(InvalidFile):
        load_seal(written(tmp_path, content), "audit")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"outputs": {"audit/report.json": {"sha256": "d" * 64, "bytes": 7}}}, "its digest is not that of its outputs"),
        ({"digest": "d" * 64}, "its digest is not that of its outputs"),
        ({"inputs": {"pretrain": "d" * 64}}, "its fingerprint is not that of"),
        ({"version": 9}, "its fingerprint is not that of"),
        ({"stage": "card"}, "is the seal of card, not of audit"),
        ({"outputs": []}, "outputs: Input should be an object"),
        ({"outputs": {"../secret": OUTPUTS["audit/report.json"]}}, "outside the run"),
        ({"outputs": {"/etc/passwd": OUTPUTS["audit/report.json"]}}, "outside the run"),
        ({"outputs": {"audit/./report.json": OUTPUTS["audit/report.json"]}}, "outside the run"),
        ({"outputs": {"audit/report.json": {"sha256": "a" * 64}}}, "bytes: Field required"),
        ({"outputs": {"audit/report.json": {"sha256": "A" * 64, "bytes": 7}}}, "sha256"),
        ({"outputs": {"audit/report.json": {"sha256": "a" * 64, "bytes": -1}}}, "bytes"),
        ({"version": "1"}, "version: Input should be a valid integer"),
        ({"version": True}, "version: Input should be a valid integer"),
        ({"version": 10**400}, "version"),
        ({"seconds": None}, "seconds"),
        ({"seconds": 10**300}, "seconds"),
        ({"finished": "yesterday\x1b[2J"}, "finished"),
        ({"hardware": []}, "hardware"),
        ({"extra\n\x1b[31m": 1}, r"an unknown field: extra\\n\\x1b\[31m"),
    ],
)
def test_what_was_hashed_again_must_still_be_a_seal(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidFile, match=reason):
        load_seal(written(tmp_path, sealed_again(**changes)), "audit")


@pytest.mark.parametrize("name", sorted(SEAL.to_json()))
def test_a_field_that_is_gone_is_noticed(tmp_path: Path, name: str) -> None:
    content = {key: value for key, value in SEAL.to_json().items() if key != name}
    with pytest.raises(InvalidFile):
        load_seal(written(tmp_path, content), "audit")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe{}", "is not UTF-8 text"),
        (b'{"a": NaN}', "holds NaN"),
        (b'{"a": -Infinity}', "holds -Infinity"),
        (b'{"a": 1e999}', "a number that is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": 1, "a": 2}', "has the key a twice"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b'{"a": 1} x', "is not JSON"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_json_is_read_strictly(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidFile, match=reason):
        parse_json(content)


def link(path: Path) -> None:
    path.with_name("target").write_text("{}")
    path.symlink_to("target")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (link, "is a symbolic link"),
        (lambda path: path.symlink_to("nowhere"), "is a symbolic link"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (lambda path: os.mkfifo(path), "is not a regular file"),
    ],
)
def test_only_regular_files_are_read(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    make(tmp_path / "done.json")
    with pytest.raises(InvalidFile, match=reason):
        read_file(tmp_path / "done.json")


def test_names_cannot_draw_on_the_terminal() -> None:
    assert printable("model/niño — 模型.bin") == "model/niño — 模型.bin"
    assert printable("a\x1b[31m\r\nwhole: 8 stages\u202e\udcff") == "a\\x1b[31m\\r\\nwhole: 8 stages\\u202e\\udcff"
