"""Bring a published model, adapter or data set back from the Hub, with its evidence.

    desdecero pull owner/name                     to the folder `name`, at the newest commit
    desdecero pull owner/name@v1 folder           at a tag, a branch or a commit
    desdecero pull owner/corpus --what dataset

The revision is resolved to one commit first, every file is compared with the Hub's hashes, and the folder is whole or
absent. It must not exist before. `evidence/` in it is the run directory without texts, tokens and checkpoints
(docs/publishing.md). A private repository needs a token (`hf auth login`, or HF_TOKEN).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_OK, UserError, guard, printable
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.common.signals import run_ending_at_once
from desdecero.pipelines.recipe.identifiers import repository_id


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero pull`."""
    return guard(_command, argv)


def _command(words: list[str]) -> int:
    quiet_environment()  # before huggingface_hub is imported, which reads it
    parser = Arguments("pull", __doc__)
    parser.add_argument("repository", metavar="OWNER/NAME[@REV]", help="the repository, and a tag, branch or commit")
    parser.add_argument("folder", metavar="DIR", nargs="?", help="a folder that does not exist (default: NAME)")
    parser.add_argument("--what", choices=("model", "dataset"), default="model", help="kind of repository")
    args = parser.parse_args(words)
    name, separator, revision = args.repository.partition("@")
    try:
        repository_id(name)
    except ValueError as error:
        raise UserError(f"{name!r} {error}") from None
    if separator and not revision:
        raise UserError(f"{args.repository}: name a tag, branch or commit after @")
    folder = Path(local_path(args.folder or name.partition("/")[2])).absolute()
    from desdecero.pipelines.publishing.connection import connect
    from desdecero.pipelines.publishing.hub import Repository
    from desdecero.pipelines.publishing.pull import check_absent, partial_folder, pull

    check_absent(folder)  # before the network is asked for anything
    hub = connect(needs_token=False)
    commit = run_ending_at_once(
        lambda: pull(hub, Repository(name, args.what), revision or None, folder),
        clean_up=lambda: shutil.rmtree(partial_folder(folder), ignore_errors=True),
    )
    print(f"{printable(name)} at {commit}: {printable(folder)}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
