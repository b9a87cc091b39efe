"""Upload a run's `model/` folder to the Hub, through the gate.

    desdecero publish quickstart --dry-run                         what would be uploaded; contacts no network
    desdecero publish quickstart --repo-id owner/name              in one commit; private unless …
    desdecero publish quickstart --repo-id owner/name --public     … or the recipe says publish.private: false

The gate (model_cards/gate.py) reads the seals and the sealed reports. What it refuses is not uploaded, and there
is no word to force it: exit code 1. It writes nothing into the run, so publication is no sealed stage.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from model_cards.formats import size
from model_cards.gate import Finding, Publication, judge, refused
from pipelines.chain import quiet_environment
from pipelines.command_line import Arguments
from pipelines.errors import EXIT_FINDING, EXIT_OK, UserError, guard, printable
from pipelines.recipe import Recipe
from pipelines.run_dir import STAGES, RunDir, find_run, sha256_file
from pipelines.seals import AlteredFile, reading

CONNECT_SECONDS, ANSWER_SECONDS = 10, 120  # the Hub's client would wait for ever


def publish(recipe: Recipe, run: RunDir, repo_id: str | None, private: bool, dry_run: bool) -> int:
    """Show what would go, judge it, and upload it unless it is refused or a dry run. Returns the exit code."""
    with nullcontext() if dry_run else run.lock():  # a dry run only reads
        print_contents(run, repo_id, private)
        with reading(f"a report in {run}"):
            findings = judge(publication(recipe, run, repo_id))
        unnamed = dry_run and repo_id is None  # a rehearsal judges all else, and warns that a name is wanted
        blocking = [found for found in refused(findings) if not (unnamed and found.rule == "repository_named")]
        print_findings(findings, blocking)
        if blocking:
            print(f"\nrefused by {', '.join(finding.rule for finding in blocking)}: nothing was uploaded")
            return EXIT_FINDING
        if dry_run:
            print("\ndry run: nothing was uploaded")
            return EXIT_OK
        assert repo_id is not None  # or the gate would have refused
        print(f"\npublished: {upload(run, repo_id, private)}")
    return EXIT_OK


def publication(recipe: Recipe, run: RunDir, repo_id: str | None) -> Publication:
    """What the gate judges. The sources are not looked at: if they changed since, the sealed model did not."""
    states = {}
    for name, stage in STAGES.items():
        state = run.state(stage, recipe)
        states[name] = f"{state.name}: {state.reason}" if state.name == "stale" else state.name
    reports = {}
    for name in ("card", "audit"):
        with suppress(AlteredFile):  # named among the faults
            if run.seal(name, recipe):
                reports[name] = run.report(name, recipe)
    return Publication(
        repo_id=repo_id,
        states=states,
        faults=run.verify(recipe),
        card=reports.get("card"),
        licensing=run.sealed_json("card", recipe, "card/licensing.json") if "card" in reports else None,
        bias_findings=reports["audit"]["findings"] if "audit" in reports else None,
    )


def print_contents(run: RunDir, repo_id: str | None, private: bool) -> None:
    """Every file that the upload holds: size, sha256, path."""
    files = sorted(path for path in run.model.rglob("*") if path.is_file())
    print(f"repository   {repo_id or '(none named)'}, {'private' if private else 'public'}")
    print(f"folder       {run.model}")
    for path in files:
        print(
            f"{size(path.stat().st_size):>11}  {sha256_file(path)}  {printable(path.relative_to(run.model).as_posix())}"
        )
    print(f"{size(sum(path.stat().st_size for path in files)):>11}  in {len(files)} files\n")


def print_findings(findings: list[Finding], blocking: list[Finding]) -> None:
    for finding in findings:
        verdict = "passed" if finding.passed else "REFUSED" if finding in blocking else "warning"
        print(f"{verdict:<8} {finding.sentence_en}")


# --- the Hub -------------------------------------------------------------------------------------------------


def upload(run: RunDir, repo_id: str, private: bool) -> str:
    """Make the repository if need be, put `model/` into it in one commit, and return its address."""
    quiet_environment()
    from huggingface_hub import HfApi, constants, get_token

    if constants.HF_HUB_OFFLINE:
        raise UserError("HF_HUB_OFFLINE is set, so nothing can be uploaded: unset it and publish again")
    if get_token() is None:
        raise UserError("no Hub token: log in with `hf auth login`, or set HF_TOKEN to a token that may write")
    with _hub_errors(constants.ENDPOINT, repo_id):
        api = HfApi()
        url = api.create_repo(repo_id, private=private, exist_ok=True)
        _check_repository(api.model_info(repo_id), run, private)
        api.upload_folder(repo_id=repo_id, folder_path=run.model, commit_message=f"Publish {run.path.name}")
    return str(url)


def _check_repository(info: Any, run: RunDir, private: bool) -> None:
    """Refuse a repository that would show the model to others than asked, or that holds what no gate has seen."""
    if bool(info.private) != private:
        asked, found = ("private", "public") if private else ("public", "private")
        raise UserError(
            f"{info.id} exists and is {found}, not {asked}: change it on the Hub, or name another --repo-id"
        )
    ours = {path.relative_to(run.model).as_posix() for path in run.model.rglob("*")}
    strangers = sorted({file.rfilename for file in info.siblings} - ours - {".gitattributes"})
    if strangers:
        raise UserError(
            f"{info.id} holds files that are not of this run ({', '.join(strangers)}): "
            "delete them on the Hub, or name another --repo-id"
        )


@contextmanager
def _hub_errors(endpoint: str, repo_id: str) -> Iterator[None]:
    """Give the Hub's client a time limit, and turn what the Hub refuses or does not answer into one sentence."""
    import httpx2
    from huggingface_hub import set_client_factory
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    set_client_factory(lambda: httpx2.Client(follow_redirects=True, timeout=timeout))
    try:
        yield
    except HFValidationError as error:
        raise UserError(f"{repo_id!r} is no repository name (owner/name): {error}") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise UserError(
            f"{endpoint} refused the upload to {repo_id} ({status}: {error.server_message or error}): "
            "check the name, and that your token may write there"
        ) from None
    except httpx2.HTTPError as error:
        raise UserError(f"{endpoint} does not answer ({error}): check the network, and publish again") from None


def main(argv: list[str] | None = None) -> int:
    return guard(_command, argv)


def _command(words: list[str]) -> int:
    parser = Arguments("publish", __doc__)
    parser.add_run()
    parser.add_argument(
        "--repo-id", metavar="OWNER/NAME", help="the repository (default: the recipe's publish.repo_id)"
    )
    parser.add_argument("--public", action="store_true", help="for all to see (default: as the recipe says, private)")
    parser.add_argument("--dry-run", action="store_true", help="list what would be uploaded; contact no network")
    args = parser.parse_args(words)
    run = find_run(args.run)
    recipe = run.recipe()
    repo_id = args.repo_id or recipe.publish.repo_id
    return publish(recipe, run, repo_id, recipe.publish.private and not args.public, args.dry_run)


if __name__ == "__main__":
    sys.exit(main())
