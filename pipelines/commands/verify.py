"""Find every file, link, seal and quoted number that is not as it was sealed, in a run or in what was published of one.

    desdecero verify quickstart                   name what was altered; exit code 1 if anything was
    desdecero verify quickstart --key team.pub    … and who signed it, when, and what the signature does not cover
    desdecero verify quickstart --deep            … and score a part of what it has scored again, with its weights
    desdecero verify quickstart --json            the same for a program
    desdecero verify stamp                        the same for a folder that `desdecero pull` brought

Six checks, each of which reports one sentence per fault:

- Is the recipe the one that made the stages?
- Do the hashes in each seal match its content, and do the seals of later stages hold its digest?
- Is every file in the sealed folders a regular file that a seal lists, with the hash that is listed?
- Are the tokens that the weights read under each licence those that the ledger and `exposure.parquet` make?
- Do card and dossier agree with the sealed reports, in each value that they quote and in the text around it?
- Are the seals those that were signed, and with the given key?

A stage that was not made, or was left on another machine, is *not here*; only a run with all of its stages is whole. So
is, in what was published, all that is not passed on; and what could not be checked for that is named.

Without a signature (`desdecero sign`) the hashes show accidents, not forgery: whoever alters a file and then all the
seals from there to the card, and makes the card again, leaves a consistent run. With --deep, 20 held-out documents and
40 contexts of the audit, drawn at random, are scored again with the weights that are here: scores of another model, or
made up, are found without a signature. A publication has no documents: there the contexts alone are scored.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from securesystemslib.signer import SSlibKey

from desdecero.model_cards.formats import counted
from desdecero.model_cards.words import LANGUAGES, Language, reader_language, say
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, printable
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.common.signing_keys import read_public_key
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.attestation import Signature, check_signature
from desdecero.pipelines.run.published_run import PublishedRun
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.seals import InvalidFile
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.of_publication import open_publication, publication_at, verify_publication
from desdecero.pipelines.verification.of_run import verify
from desdecero.pipelines.verification.seals import read_seals

if TYPE_CHECKING:
    from desdecero.pipelines.verification.scores import ScoredAgain  # which loads torch


@dataclass(frozen=True)
class Verified:
    """What `verify` found out about a run, or about what was published of one."""

    whole: bool
    """No fault, and every stage of the recipe is here."""
    faults: list[str]
    sealed: list[str]
    """Stages that are here, with a seal that can be read."""
    not_here: list[str]
    """Stages of the recipe without a seal."""
    signature: Signature
    scored_again: ScoredAgain | None = None
    """None where it was not asked for, or there is a fault already."""
    published: str | None = None
    """Of a publication: `model`, `adapter:NAME` or `dataset`."""
    not_published: list[str] = field(default_factory=list)
    """Of a publication: sealed files that were not published, by their paths in the run."""
    not_made_again: list[str] = field(default_factory=list)
    """Of a publication: files of cards and dossier whose hashes are right, and which could not be made again."""
    not_sealed: list[str] = field(default_factory=list)
    """Of a publication: files that no seal proves, or not all of."""


def verified(
    run: RunDir, recipe: Recipe, key: SSlibKey | None, key_file: str | None, deep: int | None = None
) -> Verified:
    """Verify a run, or what was published of one, and its signature.

    key: None to compare the seals with those that were signed, whoever did. deep: the seed that draws what is scored
    again; None to score nothing.
    """
    if isinstance(run, PublishedRun):
        of_publication = verify_publication(run, recipe)
        seals, faults = of_publication.seals, of_publication.faults
    else:
        of_publication, seals, faults = None, read_seals(run, recipe)[0], verify(run, recipe)
    signature = check_signature(run, recipe, seals, key, key_file)
    faults, scored = [*faults, *signature.faults], None
    if deep is not None and not faults:  # weights that are not those which were sealed are not loaded
        from desdecero.pipelines.verification.scores import scored_again

        scored, faults = scored_again(run, recipe, seals, deep)
    not_here = [name for name in stages(recipe) if name not in seals]
    found = Verified(not (faults or not_here), faults, list(seals), not_here, signature, scored)
    if of_publication is None:
        return found
    assert isinstance(run, PublishedRun)
    return replace(
        found,
        whole=False,
        faults=[run.shown(fault) for fault in faults],
        published=run.what,
        not_published=of_publication.not_published,
        not_made_again=of_publication.not_made_again,
        not_sealed=of_publication.not_sealed,
    )


def main(argv: list[str]) -> int:
    """Print what was found in a run or a publication. Exit code 1 if there are faults."""
    parser = Arguments("verify", __doc__)
    parser.add_run(metavar="RUN|DIR", help="a run directory, its name below runs/, or a folder that `pull` brought")
    parser.add_argument("--key", metavar="FILE", help="the public key (team.pub) that the run must be signed with")
    parser.add_argument("--deep", action="store_true", help="score some documents and probes again with these weights")
    parser.add_argument("--seed", type=int, metavar="N", help="of what --deep draws (default: another each time)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--language", choices=LANGUAGES, help="of the summary (default: the recipe's first, or LANG)")
    args = parser.parse_args(argv)
    if args.seed is not None and not (args.deep and 0 <= args.seed < 2**32):
        raise UserError(f"--seed {args.seed}: give a number from 0 to 4294967295, with --deep")
    deep = (secrets.randbits(32) if args.seed is None else args.seed) if args.deep else None
    folder = publication_at(local_path(args.run))
    language: Language = args.language or "en"
    of_base = False
    run: RunDir | None = find_run(args.run) if folder is None else None
    key = read_public_key(args.key) if args.key else None
    try:
        if folder is not None:
            run = open_publication(folder)
        assert run is not None
        recipe = run.recipe()
    except (UserError, InvalidFile) as error:  # without the recipe, it is not known which stages there are
        found = Verified(False, [printable(error)], [], [], Signature("unknown"))
    else:
        found, of_base = verified(run, recipe, key, args.key, deep), recipe.base is not None
        language = reader_language(recipe.languages, args.language)
    if args.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        for line in _summary(found, of_base, language):
            print(line)
    return EXIT_FINDING if found.faults else EXIT_OK


def _summary(found: Verified, of_base: bool, language: Language) -> Iterator[str]:
    yield from found.faults
    if found.faults:
        what = "faults" if found.published is None else "faults_published"
        yield "\n" + counted(language, f"verify.{what}", len(found.faults))
    else:
        numbers = {"here": len(found.sealed), "all": len(found.sealed) + len(found.not_here)}
        names = ", ".join(found.sealed) or say(language, "verify.none")
        if found.published is not None:
            kind, _, adapter = found.published.partition(":")
            what = say(language, f"verify.what.{kind}", name=adapter)
            yield say(language, "verify.published", what=what, names=names)
        else:
            yield say(language, "verify.whole" if found.whole else "verify.in_part", names=names, **numbers)
        if of_base and found.published is None:
            yield say(language, "verify.of_base")
    if found.scored_again:
        yield from _scored(found.scored_again, language)
    if found.not_here:
        yield say(language, "verify.not_here", names=", ".join(found.not_here))
    if found.not_published:
        folders = dict.fromkeys(f"{place.rpartition('/')[0]}/" for place in sorted(found.not_published))
        names = ", ".join(map(printable, folders))
        yield counted(language, "verify.not_published", len(found.not_published), names=names)
    for key in ("not_made_again", "not_sealed"):
        if places := getattr(found, key):
            yield say(language, f"verify.{key}", names=", ".join(map(printable, places)))
    yield from _signed(found.signature, language)


def _signed(signature: Signature, language: Language) -> Iterator[str]:
    if signature.state in ("unsigned", "key_not_given"):
        yield say(language, f"verify.{signature.state}", key_id=", ".join(signature.key_ids))
    if signature.state == "signed":
        who = {"file": printable(signature.key_file), "key_id": signature.key_ids[0], "time": signature.time}
        yield say(language, "verify.signed", **who)
        if signature.not_covered:
            yield say(language, "verify.not_covered", names=", ".join(map(printable, signature.not_covered)))


def _scored(scored: ScoredAgain, language: Language) -> Iterator[str]:
    numbers = {"documents": scored.documents, "probes": scored.probes, "seed": scored.seed}
    yield say(language, "verify.scored_again", **numbers)
    if scored.not_scored:
        yield say(language, "verify.not_scored", names=", ".join(scored.not_scored))
