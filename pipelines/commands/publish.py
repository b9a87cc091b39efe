"""Upload a run's `model/` folder to the Hub, through the gate.

    desdecero publish quickstart --dry-run                         list what would be uploaded, without a network
    desdecero publish quickstart --repo-id owner/name              in one commit; private unless …
    desdecero publish quickstart --repo-id owner/name --public     … or the recipe says publish.private: false
    desdecero publish quickstart --repo-id owner/name --accept audit_tells --because "a first version, for review"

The gate (model_cards/gate.py) reads the seals and the sealed reports. A model that it refuses is not uploaded: exit
code 1.

`--accept RULE --because "…"`, which may be repeated, overrides rules about the model; a fault in a seal cannot be
overridden. The acceptance is added with its date to the run's recipe (`publish.accept`), and the card stage writes and
seals the card again with it: so the uploaded card prints it, and still verifies. A dry run shows what would pass, and
writes nothing.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from pydantic import ValidationError

from desdecero.model_cards import gate
from desdecero.model_cards.formats import counted, size
from desdecero.model_cards.gate import ACCEPTABLE, Finding, Publication, judge, refused
from desdecero.model_cards.gate_sentences import sentence
from desdecero.model_cards.words import LANGUAGES, Language, say
from desdecero.pipelines.commands.summary import reader_language
from desdecero.pipelines.commands.verify import verify
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, guard, printable
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.recipe import Acceptance, Recipe
from desdecero.pipelines.recipe.identifiers import repository_id
from desdecero.pipelines.run.chain import run_stage
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.seals import AlteredFile, reading
from desdecero.pipelines.run.stages import stages

VERDICTS = ("passed", "refused", "warning", "accepted")
CONNECT_SECONDS, ANSWER_SECONDS = 10, 120  # without a limit, the Hub's client waits for ever


def publish(
    recipe: Recipe, run: RunDir, repo_id: str | None, private: bool, dry_run: bool, language: Language = "en"
) -> int:
    """List the files, judge them, and upload them unless refused or in a dry run. Returns the exit code."""
    with nullcontext() if dry_run else run.lock():  # a dry run only reads
        sealed = run.recipe()
        with reading(f"a report in {run}"):
            findings = judge(publication(sealed, run, repo_id, recipe.publish.accept))
        rewrite = recipe != sealed  # acceptances that the card does not print yet
        if rewrite and not dry_run and not refused(findings):
            run_stage(stages(recipe)["card"], recipe, run, because="to print the accepted rules")
            remember_acceptances(recipe, run)
            findings = judge(publication(recipe, run, repo_id))
        print_contents(run, repo_id, private, language)
        unnamed = dry_run and repo_id is None  # a dry run needs no name: the missing name is only a warning
        blocking = [finding for finding in refused(findings) if not (unnamed and finding.rule == "repository_named")]
        print_findings(findings, blocking, language)
        if blocking:
            rules = ", ".join(finding.rule for finding in blocking)
            print("\n" + say(language, "publish.refused_by", rules=rules))
            if names := [finding.rule for finding in blocking if finding.rule in ACCEPTABLE]:
                options = " ".join(f'--accept {name} --because "…"' for name in names)
                print(say(language, "publish.to_accept", options=options))
            return EXIT_FINDING
        if dry_run:
            print("\n" + say(language, "publish.dry_run_rewrites" if rewrite else "publish.dry_run"))
            return EXIT_OK
        assert repo_id is not None  # otherwise the gate has refused
        print("\n" + say(language, "publish.published", address=upload(run, repo_id, private)))
    return EXIT_OK


def publication(
    recipe: Recipe, run: RunDir, repo_id: str | None, accepted: Sequence[Acceptance] | None = None
) -> Publication:
    """Collect what the gate judges. Sources are not compared: if they have changed since, the sealed model has not.

    accepted: the rules that the authors override, where they are not in the recipe yet
    """
    states = {}
    for name, stage in stages(recipe).items():
        if stage.adapter is not None:  # no part of what is published
            continue
        state = run.state(stage, recipe)
        states[name] = f"{state.name}: {state.reason}" if state.name == "stale" else state.name
    reports = {}
    for name in ("card", "evaluate", "audit"):
        with suppress(AlteredFile):  # `verify` lists it among the faults
            if run.seal(name, recipe):
                reports[name] = run.report_content(name, recipe)
    return Publication(
        repo_id=repo_id,
        states=states,
        faults=verify(run, recipe),
        card=reports.get("card"),
        licensing=run.sealed_json("card", recipe, "card/licensing.json") if "card" in reports else None,
        evaluation=reports.get("evaluate"),
        audit=reports.get("audit"),
        languages=recipe.languages,
        described=recipe.card.model_dump(mode="json"),
        max_unknown=recipe.publish.max_unknown,
        accepted=[gate.Acceptance(one.rule, one.because, str(one.date)) for one in accepted or recipe.publish.accept],
    )


def with_acceptances(recipe: Recipe, rules: Sequence[str], reasons: Sequence[str]) -> Recipe:
    """Add the acceptances of the command line, dated today, to the recipe.

    Raises `UserError` for a rule that may not be accepted, or without a reason.
    """
    if len(rules) != len(reasons):
        raise UserError('give one --because "…" for each --accept RULE: the card prints the reason')
    if twice := sorted({rule for rule in rules if rules.count(rule) > 1}):
        raise UserError(f"--accept {twice[0]} is given twice: give it one --because, which the card prints")
    today = datetime.datetime.now(datetime.UTC).date()
    accepted = {one.rule: one for one in recipe.publish.accept}
    for rule, because in zip(rules, reasons, strict=True):
        try:
            one = Acceptance(rule=rule, because=because, date=today)
        except ValidationError as error:
            fault = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise UserError(f"--accept {rule} --because {because!r}: {fault}") from None
        if rule not in accepted or accepted[rule].because != one.because:  # an earlier acceptance keeps its date
            accepted[rule] = one
    publish = recipe.publish.model_copy(update={"accept": tuple(accepted.values())})
    return recipe.model_copy(update={"publish": publish})


def remember_acceptances(recipe: Recipe, run: RunDir) -> None:
    """Record the acceptances with the overrides of the recipe's file: `status` compares the run with both."""
    if origin := run.origin():
        accepted = recipe.publish.model_dump(mode="json")["accept"]
        run.remember_origin(origin.overridden("publish.accept", accepted))


def print_contents(run: RunDir, repo_id: str | None, private: bool, language: Language) -> None:
    """Print every file of the upload: size, sha256, path."""
    files = sorted(path for path in run.model.rglob("*") if path.is_file())
    visibility = say(language, "publish.private" if private else "publish.public")
    print(f"{say(language, 'publish.repository'):<12} {repo_id or say(language, 'publish.unnamed')}, {visibility}")
    print(f"{say(language, 'publish.folder'):<12} {run.model}")
    for path in files:
        print(
            f"{size(path.stat().st_size):>11}  {sha256_file(path)}  {printable(path.relative_to(run.model).as_posix())}"
        )
    total = size(sum(path.stat().st_size for path in files))
    print(f"{total:>11}  {counted(language, 'publish.files', len(files))}\n")


def print_findings(findings: list[Finding], blocking: list[Finding], language: Language) -> None:
    """Print the gate's finding on each rule."""
    width = max(len(say(language, f"publish.verdict.{verdict}")) for verdict in VERDICTS)
    for finding in findings:
        verdict = "passed" if finding.passed else "refused" if finding in blocking else "warning"
        if finding.accepted:
            verdict = "accepted"
        told = say(language, f"publish.verdict.{verdict}")
        # Spanish writes a no-break space before %: it stays, all else that is not printable is escaped.
        words = "\u00a0".join(map(printable, sentence(language, finding).split("\u00a0")))
        print(f"{told:<{width}} {finding.rule}: {words}")
        if accepted := finding.accepted:
            said = say(language, "publish.accepted_on", date=accepted.date, because=accepted.because)
            print(f"{'':<{width}} {said}")


# --- the Hub -------------------------------------------------------------------------------------------------


def upload(run: RunDir, repo_id: str, private: bool) -> str:
    """Create the repository if it does not exist, upload `model/` in one commit, and return its address."""
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
    """Refuse a repository with another visibility than requested, or with files that the gate has not judged."""
    if bool(info.private) != private:
        requested, actual = ("private", "public") if private else ("public", "private")
        raise UserError(
            f"{info.id} exists and is {actual}, not {requested}: change it on the Hub, or name another --repo-id"
        )
    ours = {path.relative_to(run.model).as_posix() for path in run.model.rglob("*")}
    foreign = sorted({file.rfilename for file in info.siblings} - ours - {".gitattributes"})
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


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero publish`."""
    return guard(_command, argv)


def _command(words: list[str]) -> int:
    parser = Arguments("publish", __doc__)
    parser.add_run()
    parser.add_argument(
        "--repo-id", metavar="OWNER/NAME", help="the repository (default: the recipe's publish.repo_id)"
    )
    parser.add_argument("--public", action="store_true", help="publicly visible (default: as the recipe says, private)")
    parser.add_argument(
        "--accept",
        metavar="RULE",
        action="append",
        default=[],
        help=f"override one rule; may be repeated, each with its --because: {', '.join(ACCEPTABLE)}",
    )
    parser.add_argument(
        "--because", metavar="REASON", action="append", default=[], help="the reason, which the card prints, dated"
    )
    parser.add_argument("--language", choices=LANGUAGES, help="of the findings (default: the recipe's first, or LANG)")
    parser.add_argument("--dry-run", action="store_true", help="list what would be uploaded; contact no network")
    args = parser.parse_args(words)
    run = find_run(args.run)
    recipe = with_acceptances(run.recipe(), args.accept, args.because)
    repo_id = _checked(args.repo_id) or recipe.publish.repo_id
    private = recipe.publish.private and not args.public
    return publish(recipe, run, repo_id, private, args.dry_run, reader_language(recipe, args.language))


def _checked(repo_id: str | None) -> str | None:
    try:
        return repo_id and repository_id(repo_id)
    except ValueError as error:
        raise UserError(f"--repo-id {repo_id!r} {error}") from None


if __name__ == "__main__":
    sys.exit(main())
