"""Find every file, link, seal and quoted number of a run that is not as it was sealed (`desdecero verify`).

    desdecero verify quickstart                   name what was altered; exit code 1 if anything was
    desdecero verify quickstart --key team.pub    … and who signed it, when, and what the signature does not cover
    desdecero verify quickstart --deep            … and score a part of what it has scored again, with its weights
    desdecero verify quickstart --json            the same for a program

Five checks, each of which reports one sentence per fault:

- Is the recipe the one that made the stages?
- Do the hashes in each seal match its content, and do the seals of later stages hold its digest?
- Is every file in the sealed folders a regular file that a seal lists, with the hash that is listed?
- Do card and dossier agree with the sealed reports, in each value that they quote and in the text around it?
- Are the seals those that were signed, and with the given key?

A stage that was not made, or was left on another machine, is *not here*; only a run with all of its stages is whole.

Without a signature (`desdecero sign`) the hashes show accidents, not forgery: whoever alters a file and then all the
seals from there to the card, and makes the card again, leaves a consistent run. With --deep, 20 held-out documents and
40 contexts of the audit, drawn at random, are scored again with the weights that are here: scores of another model, or
made up, are found without a signature.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from securesystemslib.signer import SSlibKey

from desdecero.model_cards.formats import counted
from desdecero.model_cards.words import LANGUAGES, Language, reader_language, say
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, printable
from desdecero.pipelines.common.signing_keys import read_public_key
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.attestation import Signature, check_signature
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.of_run import verify
from desdecero.pipelines.verification.seals import read_seals

if TYPE_CHECKING:
    from desdecero.pipelines.verification.scores import ScoredAgain  # which loads torch


@dataclass(frozen=True)
class Verified:
    """What `verify` found out about a run."""

    whole: bool
    """No fault, and every stage of the recipe is here."""
    faults: list[str]
    sealed: list[str]
    """Stages that are here, with a seal that can be read."""
    not_here: list[str]
    """Stages of the recipe without a seal."""
    signature: Signature
    scored_again: ScoredAgain | None = None
    """None where it was not asked for, or the run has a fault already."""


def verified(
    run: RunDir, recipe: Recipe, key: SSlibKey | None, key_file: str | None, deep: int | None = None
) -> Verified:
    """Verify a run and its signature; without a key, only whether the signed seals are those that are here.

    deep: the seed that draws what is scored again; None to score nothing
    """
    seals, _ = read_seals(run, recipe)
    signature = check_signature(run, recipe, seals, key, key_file)
    faults, scored = [*verify(run, recipe), *signature.faults], None
    if deep is not None and not faults:  # weights that are not those which were sealed are not loaded
        from desdecero.pipelines.verification.scores import scored_again

        scored, faults = scored_again(run, recipe, seals, deep)
    not_here = [name for name in stages(recipe) if name not in seals]
    return Verified(not (faults or not_here), faults, list(seals), not_here, signature, scored)


def main(argv: list[str]) -> int:
    """Print what was found in a run. Exit code 1 if there are faults."""
    parser = Arguments("verify", __doc__)
    parser.add_run()
    parser.add_argument("--key", metavar="FILE", help="the public key (team.pub) that the run must be signed with")
    parser.add_argument("--deep", action="store_true", help="score some documents and probes again with these weights")
    parser.add_argument("--seed", type=int, metavar="N", help="of what --deep draws (default: another each time)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--language", choices=LANGUAGES, help="of the summary (default: the recipe's first, or LANG)")
    args = parser.parse_args(argv)
    if args.seed is not None and not (args.deep and 0 <= args.seed < 2**32):
        raise UserError(f"--seed {args.seed}: give a number from 0 to 4294967295, with --deep")
    deep = (secrets.randbits(32) if args.seed is None else args.seed) if args.deep else None
    run, key = find_run(args.run), read_public_key(args.key) if args.key else None
    language: Language = args.language or "en"
    try:
        recipe = run.recipe()
    except UserError as error:  # without the recipe, it is not known which stages there are
        found, of_base = Verified(False, [printable(error)], [], [], Signature("unknown")), False
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
        yield "\n" + counted(language, "verify.faults", len(found.faults))
    else:
        numbers = {"here": len(found.sealed), "all": len(found.sealed) + len(found.not_here)}
        names = ", ".join(found.sealed) or say(language, "verify.none")
        yield say(language, "verify.whole" if found.whole else "verify.in_part", names=names, **numbers)
        if of_base:
            yield say(language, "verify.of_base")
    if found.scored_again:
        yield from _scored(found.scored_again, language)
    if found.not_here:
        yield say(language, "verify.not_here", names=", ".join(found.not_here))
    signature = found.signature
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
