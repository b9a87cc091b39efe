"""Make a key pair to sign runs with.

    desdecero keygen team      team.key, which signs and which nobody else may have; team.pub, for everyone who checks
    desdecero keygen team-p256 --p256      a pair for `desdecero sign --oms`

The keys are Ed25519, or ECDSA on the curve P-256 with --p256, as PEM files. Existing files are never overwritten. Keep
team.key outside of runs and of what is published; whoever has it signs as the team. Readers need team.pub from a place
that they trust.
"""

from __future__ import annotations

from desdecero.model_cards.words import LANGUAGES, reader_language, say
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, printable
from desdecero.pipelines.common.signing_keys import read_public_key, write_pair


def main(argv: list[str]) -> int:
    """Run `desdecero keygen`."""
    parser = Arguments("keygen", __doc__)
    parser.add_argument("name", metavar="NAME", help="of the pair: NAME.key and NAME.pub, here or in a folder")
    parser.add_argument("--p256", action="store_true", help="for `sign --oms`: ECDSA on P-256")
    parser.add_argument("--language", choices=LANGUAGES, help="of what is said (default: LANG)")
    args = parser.parse_args(argv)
    private, public = write_pair(args.name, args.p256)
    said = {"private": printable(private), "public": printable(public)}
    language = reader_language([""], args.language)
    if args.p256:
        print(say(language, "keygen.made_p256", **said))
    else:
        print(say(language, "keygen.made", **said, key_id=read_public_key(str(public)).keyid))
    return EXIT_OK
