"""`published.jsonl`: what was published is read strictly, and a line is never joined to another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.publishing.record import Publication, publications, remember
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import now

LINE: dict[str, Any] = {
    "repository": "me/name", "kind": "model", "what": "model", "commit": "ab" * 20, "date": "2026-11-27T10:00:00Z",
}  # fmt: skip


def run_with(content: bytes, folder: Path) -> RunDir:
    run = RunDir(folder)
    run.publications.write_bytes(content)
    return run


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe", b"{}", b"null", b"[]", b'{"repository": NaN}',
        *(json.dumps(LINE | change).encode() for change in (
            {"repository": "me/\x1b[31mname"}, {"repository": "name"}, {"commit": "\x1b[1m"}, {"commit": "ab"},
            {"date": "\x1b[2myesterday"}, {"what": "adapter:\x07"}, {"withdrawn": "a\x1b[3m"}, {"digest": "x"},
        )),
    ],
)  # fmt: skip
def test_what_publish_did_not_write_is_refused_in_a_sentence_that_draws_nothing(content: bytes, tmp_path: Path) -> None:
    run = run_with(json.dumps(LINE).encode() + b"\n" + content + b"\n", tmp_path)
    with pytest.raises(UserError, match=r"published\.jsonl, line 2: not as `publish` wrote it") as error:
        publications(run)
    assert str(error.value).isprintable()


def test_a_link_and_a_folder_are_no_record(tmp_path: Path) -> None:
    run = run_with(b"", tmp_path)
    run.publications.rename(tmp_path / "elsewhere")
    run.publications.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a symbolic link"):
        remember(run, Publication(**LINE))
    assert (tmp_path / "elsewhere").read_bytes() == b""
    run.publications.unlink()
    run.publications.mkdir()
    with pytest.raises(UserError, match="is not a regular file"):
        publications(run)


@pytest.mark.parametrize("end", [b"\n", b""], ids=["whole", "its end cut off by an editor"])
def test_a_line_is_added_below_the_last(end: bytes, tmp_path: Path) -> None:
    run = run_with(json.dumps(LINE).encode() + end, tmp_path)
    for _ in range(2):  # the same at another time is not added again
        remember(run, Publication(**{**LINE, "tag": "v1", "date": now()}))
    assert [one.tag for one in publications(run)] == [None, "v1"]
