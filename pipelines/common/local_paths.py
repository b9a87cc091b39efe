"""Reject remote addresses where a local path is expected, with a sentence that says how to copy the data.

A remote address that is used as a path creates a folder `s3:` below the current one. So every path of a recipe and of
the command line is checked here before it is used.
"""

from __future__ import annotations

import re

from desdecero.pipelines.common.errors import UserError

_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):(?P<slashes>/+)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_OTHER_HOST = re.compile(r"[\w.-]+@[\w.-]+:")
"""An address as scp and rsync write it: `me@server:texts`."""
_HUB = ("hf", "huggingface")
_SINGLE_SLASH = (
    "s3", "s3a", "s3n", "gs", "gcs", "hf", "http", "https", "ftp", "sftp", "ssh", "az", "abfs", "abfss", "hdfs", "dbfs",
    "file",
)  # fmt: skip
"""Schemes that are recognized with one slash too: `pathlib` turns `s3://bucket` into `s3:/bucket`."""
_COPY = {
    "s3": "aws s3 sync {address} FOLDER", "gs": "gcloud storage rsync -r {address} FOLDER",
    "http": "curl -LO {address}", "hdfs": "hdfs dfs -get {address} FOLDER", "az": "azcopy copy {address} FOLDER -r",
}  # fmt: skip
_COPIED_AS = {
    "s3a": "s3", "s3n": "s3", "gcs": "gs", "https": "http", "ftp": "http", "abfs": "az", "abfss": "az", "wasbs": "az",
}  # fmt: skip


def is_web_address(path: str) -> bool:
    """Return whether a path is an http or https address."""
    return path.strip().lower().startswith(("https://", "http://"))


def remote(path: str) -> str | None:
    """Return the sentence for a path that is a remote address; None for a path on this machine.

    A local folder whose name looks like an address is written with `./` before it.
    """
    address = path.strip()
    if _OTHER_HOST.match(address):
        return f"{address} is on another machine, and only local paths are read and written here: copy it with scp"
    match = _SCHEME.match(address)
    if not match or (len(match["slashes"]) < 2 and match["scheme"].lower() not in _SINGLE_SLASH):
        return None
    scheme, rest = match["scheme"].lower(), match["rest"].strip("/")
    if scheme == "file":
        return f"{address} is a file address: write the path alone, /{rest}"
    if scheme in _HUB:
        name = rest.removeprefix("datasets/") or "owner/name"
        return (
            f"{address} is on the Hugging Face Hub, and this must be a local path: download it with `hf download`, "
            f"or read a dataset by a source `kind: hub` with `dataset: {'/'.join(name.split('/')[:2])}`"
        )
    copy = _COPY.get(_COPIED_AS.get(scheme, scheme))
    how = f" (`{copy.format(address=address)}`)" if copy else ""
    return f"{address} is remote storage, which is not supported here: copy it to a local path first{how}"


def local_path(path: str) -> str:
    """Return a path from the command line unchanged; raise `UserError` where it is a remote address."""
    if sentence := remote(path):
        raise UserError(sentence)
    return path
