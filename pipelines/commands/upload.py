"""Upload files to a repository of the Hub in one commit; refusals and silence of the Hub are one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import UserError

CONNECT_SECONDS, ANSWER_SECONDS = 10, 120  # without a limit, the Hub's client waits for ever


def upload(files: Mapping[str, Path], repo_id: str, private: bool, what: str) -> str:
    """Create the repository if it does not exist, upload the files in one commit, and return its address.

    files: path in the repository → file. what: named in the commit's message. Raises `UserError` where the repository
    has another visibility or other files, or the Hub refuses or does not answer.
    """
    quiet_environment()
    from huggingface_hub import CommitOperationAdd, HfApi, constants, get_token

    if constants.HF_HUB_OFFLINE:
        raise UserError("HF_HUB_OFFLINE is set, so nothing can be uploaded: unset it and publish again")
    if get_token() is None:
        raise UserError("no Hub token: log in with `hf auth login`, or set HF_TOKEN to a token that may write")
    with _hub_errors(constants.ENDPOINT, repo_id):
        api = HfApi()
        url = api.create_repo(repo_id, private=private, exist_ok=True)
        _check_repository(api.model_info(repo_id), files, private)
        operations = [CommitOperationAdd(name, path) for name, path in files.items()]
        api.create_commit(repo_id, operations, commit_message=f"Publish {what}")
    return str(url)


def _check_repository(info: Any, ours: Collection[str], private: bool) -> None:
    """Refuse a repository with another visibility than requested, or with files that the gate has not judged."""
    if bool(info.private) != private:
        requested, actual = ("private", "public") if private else ("public", "private")
        raise UserError(
            f"{info.id} exists and is {actual}, not {requested}: change it on the Hub, or name another --repo-id"
        )
    foreign = sorted({file.rfilename for file in info.siblings} - {*ours, ".gitattributes"})
    if foreign:
        raise UserError(
            f"{info.id} holds files that are not of this run ({', '.join(foreign)}): "
            "delete them on the Hub, or name another --repo-id"
        )


@contextmanager
def _hub_errors(endpoint: str, repo_id: str) -> Iterator[None]:
    """Give the Hub's client a time limit, and turn refusals and missing answers into one sentence."""
    import httpx2
    from huggingface_hub import set_client_factory
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    set_client_factory(lambda: httpx2.Client(follow_redirects=True, timeout=timeout))
    try:
        yield
    except HFValidationError as error:
        raise UserError(f"{repo_id!r} is not a valid repository name (owner/name): {error}") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise UserError(
            f"{endpoint} refused the upload to {repo_id} ({status}: {error.server_message or error}): "
            "check the name, and that your token may write there"
        ) from None
    except httpx2.HTTPError as error:
        raise UserError(f"{endpoint} does not answer ({error}): check the network, and publish again") from None
