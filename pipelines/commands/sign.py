"""Sign a run: state which files it sealed, and vouch for them with a key.

    desdecero keygen team                       once: team.key and team.pub
    desdecero sign quickstart --key team.key
    desdecero verify quickstart --key team.pub
    desdecero sign quickstart --key team.key --oms team-p256.key      for readers without this project, too

    attestations/run.dsse.json   a DSSE envelope with an in-toto Statement v1: sha256 of every sealed file; every seal,
                                 the recipe and the gate's verdicts at this moment
    model/model.sig              with --oms: what `model_signing verify key` accepts for `model/` (extra `oms`)

A run in which `verify` finds a fault is not signed: exit code 1. A model that the gate refuses is signed with that
verdict: a signature says who vouches for the files, and that they are these. A later change of the recipe, or a stage
that is made again, needs a new signature, which takes the place of the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator

from desdecero.model_cards.formats import counted
from desdecero.model_cards.words import LANGUAGES, reader_language, say
from desdecero.pipelines.commands.gate import judge_run
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError
from desdecero.pipelines.common.signing_keys import check_p256_key, read_private_key
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.attestation import Verdict, make_statement, write_attestation
from desdecero.pipelines.run.layout import ATTESTATION, MODEL_SIGNATURE
from desdecero.pipelines.run.model_signature import write_model_signature
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.of_run import verify
from desdecero.pipelines.verification.seals import read_seals


def verdicts(recipe: Recipe, run: RunDir) -> Iterator[tuple[str, list[Verdict]]]:
    """Yield (stage of a card, what the gate says of what it describes) for each card of a run without faults.

    Whether it is signed is left out: it is being signed.
    """
    for stage in stages(recipe).values():
        if stage.kind != "card" or run.seal(stage.name, recipe) is None:
            continue
        judged = judge_run(recipe, run, stage.adapter, faults=(), leave_out=("signed",))
        yield (
            stage.name,
            [
                Verdict(
                    rule=one.rule,
                    verdict=one.verdict,
                    level=one.level,
                    value=one.value,
                    threshold=one.threshold,
                    read=f"{one.report} {one.pointer}",
                )
                for one in judged
            ],
        )


def main(argv: list[str]) -> int:
    """Run `desdecero sign`."""
    parser = Arguments("sign", __doc__)
    parser.add_run()
    parser.add_argument("--key", metavar="FILE", required=True, help="the private key, of `desdecero keygen`")
    parser.add_argument("--oms", metavar="FILE", help="sign model/ for OpenSSF Model Signing too: a private P-256 key")
    parser.add_argument("--language", choices=LANGUAGES, help="of what is said (default: the recipe's first, or LANG)")
    args = parser.parse_args(argv)
    run, signer = find_run(args.run), read_private_key(args.key)
    if args.oms:
        check_p256_key(args.oms)
    with run.lock():
        recipe = run.recipe()
        language = reader_language(recipe.languages, args.language)
        if faults := verify(run, recipe):
            print("\n".join([*faults, "", counted(language, "sign.refused", len(faults))]))
            return EXIT_FINDING
        seals, _ = read_seals(run, recipe)
        if not seals:
            raise UserError(f"{run} has no sealed stage yet, so there is nothing to sign: make it with `desdecero run`")
        if args.oms:
            if "pretrain" not in seals:
                raise UserError(f"{run} has no model of its own that was trained, so there is none for --oms to sign")
            write_model_signature(run, args.oms)
        statement = make_statement(run, recipe, seals, dict(verdicts(recipe, run)))
        write_attestation(run, statement, signer)
    said = {"stages": str(len(seals)), "place": ATTESTATION, "key_id": signer.public_key.keyid}
    print(counted(language, "sign.signed", len(statement.subject), **said))
    if args.oms:
        print(say(language, "sign.oms", place=MODEL_SIGNATURE))
    if left := [name for name in stages(recipe) if name not in seals]:
        print(say(language, "verify.not_here", names=", ".join(left)))
    return EXIT_OK
