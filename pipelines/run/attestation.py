"""Attestation: a signed statement of which files a run sealed, in the forms of in-toto and DSSE.

    statement = make_statement(run, recipe, seals, verdicts)
    write_attestation(run, statement, read_private_key("team.key"))       # attestations/run.dsse.json
    check_signature(run, recipe, seals, read_public_key("team.pub"), "team.pub").faults

The envelope is DSSE (github.com/secure-systems-lab/dsse, v1) with an Ed25519 signature by securesystemslib; in it lies
an in-toto Statement v1 (github.com/in-toto/attestation). Its subjects are the sealed files with their sha256. Its
predicate holds what they were made by: every seal, the recipe without the paths of this machine, and what the gate says
of each card.

The signature covers the seals, and the seals cover the files: `verify` compares files with seals, this module compares
seals with the statement. So a file that is altered is named once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error
from securesystemslib.signer import CryptoSigner, SSlibKey

from desdecero.pipelines.common.errors import UserError, printable
from desdecero.pipelines.common.files import json_text, sha256_file, write_text
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.layout import ATTESTATION
from desdecero.pipelines.run.published_run import MANIFEST, PublishedRun
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import InvalidFile, Seal, Sha256, now, parse_json, read_file, walk
from desdecero.pipelines.run.stages import stages

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:desdecero:run:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
AGAIN = "sign the run again if that is right"
LISTED = 3
"""Files that a sentence names; the number of the others follows."""


class _Stated(BaseModel):
    """Part of a statement; unknown fields are ignored, as in-toto asks of its readers."""

    model_config = ConfigDict(strict=True, populate_by_name=True)


class Digest(_Stated):
    """Hash of a file."""

    sha256: Sha256


class Subject(_Stated):
    """A file that the statement is about."""

    name: str
    """Path in the run directory."""
    digest: Digest


class SignedSeal(_Stated):
    """A stage's seal."""

    file: str
    """Path in the run directory."""
    sha256: Sha256
    """Of the seal's file: with its time, libraries and machine."""
    digest: Sha256
    """Of what the stage made, which later seals and the card quote."""


class Verdict(_Stated):
    """What the gate says by one rule, when the run is signed."""

    rule: str
    verdict: str
    """pass, fail, not_measured or waived."""
    level: str = ""
    """What comes of a rule that does not pass: off, warn or refuse."""
    value: float | str | None = None
    threshold: float | str | None = None
    read: str = ""
    """Report that the value was read from, and the JSON pointers into it."""


class Predicate(_Stated):
    """What the files were made by, and what is said of them."""

    signed: Annotated[str, Field(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z")]
    """UTC, by the clock of the machine that signed."""
    desdecero: str
    """Version that signed."""
    seals: dict[str, SignedSeal]
    """By stage."""
    recipe: dict[str, Any]
    """Every value but paths of files, whose content the seals compare."""
    verdicts: dict[str, list[Verdict]]
    """By the stage of the card."""


class Statement(_Stated):
    """An in-toto Statement v1."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(validation_alias="_type", serialization_alias="_type")
    subject: list[Subject]
    predicate_type: Literal["urn:desdecero:run:v1"] = Field(
        validation_alias="predicateType", serialization_alias="predicateType"
    )
    predicate: Predicate


def make_statement(
    run: RunDir, recipe: Recipe, seals: Mapping[str, Seal], verdicts: Mapping[str, Sequence[Verdict]]
) -> Statement:
    """State what is sealed now.

    seals: by stage; verdicts: by the stage of the card
    """
    chain = stages(recipe)
    files = {name: output["sha256"] for seal in seals.values() for name, output in seal.outputs.items()}
    places = {name: f"{chain[name].folder}/done.json" for name in seals}
    return Statement(
        type=STATEMENT_TYPE,
        predicate_type=PREDICATE_TYPE,
        subject=[Subject(name=name, digest=Digest(sha256=files[name])) for name in sorted(files)],
        predicate=Predicate(
            signed=now(),
            desdecero=metadata.version("desdecero"),
            seals={
                name: SignedSeal(file=place, sha256=sha256_file(run.path / place), digest=seals[name].digest)
                for name, place in places.items()
            },
            recipe=_recipe_content(run, recipe),
            verdicts={card: list(found) for card, found in verdicts.items()},
        ),
    )


def _recipe_content(run: RunDir, recipe: Recipe) -> dict[str, Any]:
    return run.without_added_adapters(recipe).content()


def write_attestation(run: RunDir, statement: Statement, signer: CryptoSigner) -> None:
    """Sign a statement and write it, in place of an earlier one. Raises `UserError` where its folder is a link."""
    if run.attestation.parent.is_symlink():
        raise UserError(f"{run.attestation.parent} is a symbolic link: put a folder there")
    payload = json.dumps(statement.model_dump(mode="json", by_alias=True), sort_keys=True).encode("ascii")
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    write_text(run.attestation, json_text(envelope.to_dict()))


# --- what a reader may conclude --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signature:
    """Whether a run is signed, by whom, and what the signature says nothing of."""

    state: Literal["unsigned", "key_not_given", "signed", "refused", "unknown"]
    """`refused`: there are faults; `unknown`: the run's recipe cannot be read."""
    key_file: str | None = None
    """The key's file as its reader named it."""
    key_ids: list[str] = field(default_factory=list)
    """Keys that the signatures name; if `signed`, the one that was checked."""
    time: str | None = None
    """When it was signed, as the signer's clock said: nobody else vouches for it."""
    not_covered: list[str] = field(default_factory=list)
    """Files and folders of the run that the statement says nothing of."""
    faults: list[str] = field(default_factory=list)
    """One sentence each."""


def check_signature(
    run: RunDir, recipe: Recipe, seals: Mapping[str, Seal], key: SSlibKey | None, key_file: str | None = None
) -> Signature:
    """Compare a run's seals with the signed statement, and the signature with a key, if one is given.

    A stage that was signed and is not here is no fault: what of a run is here, `verify` says.
    """
    try:
        envelope, statement = _read(run)
    except FileNotFoundError:
        if key is None:
            return Signature("unsigned")
        return Signature("refused", key_file, faults=[f"{ATTESTATION}: not here, so nobody signed this run"])
    except InvalidFile as error:
        return Signature("refused", key_file, faults=[f"{ATTESTATION}: {error}"])
    key_ids = sorted(printable(key_id) for key_id in envelope.signatures)
    if key is not None and (fault := _refusal(envelope, key, printable(key_file))):
        return Signature("refused", key_file, key_ids, faults=[f"{ATTESTATION}: {fault}"])
    faults = _differences(run, recipe, seals, statement)
    if key is None:
        return Signature("refused" if faults else "key_not_given", None, key_ids, faults=faults)
    return Signature(
        "refused" if faults else "signed",
        key_file,
        [key.keyid],
        statement.predicate.signed,
        _not_covered(run, statement),
        faults,
    )


def _read(run: RunDir) -> tuple[Envelope, Statement]:
    """Read the attestation. Raises `FileNotFoundError`, or `InvalidFile` for one that has another form."""
    for place, fault in walk(run.path, ATTESTATION.split("/")[0]):
        if fault and place in (ATTESTATION, ATTESTATION.split("/")[0]):
            raise InvalidFile(fault)
    content = parse_json(read_file(run.attestation))
    try:
        envelope = Envelope.from_dict(content)
    except (LookupError, TypeError, AttributeError, ValueError, Error):
        raise InvalidFile("is no DSSE envelope: sign the run again with `desdecero sign`") from None
    if envelope.payload_type != PAYLOAD_TYPE or not envelope.signatures:
        raise InvalidFile("is not a signed in-toto statement: sign the run again with `desdecero sign`")
    parse_json(envelope.payload)  # refuses what `json` would read in more than one way
    try:
        return envelope, Statement.model_validate_json(envelope.payload)
    except ValidationError as error:
        place = ".".join(str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"])
        raise InvalidFile(
            f"does not state what a run of this version seals ({printable(place)}): sign it again with `desdecero sign`"
        ) from None


def _refusal(envelope: Envelope, key: SSlibKey, key_file: str) -> str | None:
    if key.keyid not in envelope.signatures:
        others = ", ".join(sorted(printable(key_id) for key_id in envelope.signatures))
        return f"signed with another key than {key_file}, whose id is {key.keyid}: {others}"
    try:
        envelope.verify([key], threshold=1)
    except (Error, ValueError):
        return f"altered since it was signed: the signature of {key_file} does not fit it"
    return None


def _differences(run: RunDir, recipe: Recipe, seals: Mapping[str, Seal], statement: Statement) -> list[str]:
    """Return a sentence for each seal that is another than the signed one, and for the recipe."""
    faults, signed = [], {one.name: one.digest.sha256 for one in statement.subject}
    for name, seal in seals.items():
        stated, place = statement.predicate.seals.get(name), f"{stages(recipe)[name].folder}/done.json"
        if stated is None or (stated.file == place and sha256_file(run.path / place) == stated.sha256):
            continue
        other = [file for file, output in seal.outputs.items() if signed.get(file) != output["sha256"]]
        listed = ", ".join(map(printable, other[:LISTED]))
        more = f" and {len(other) - LISTED} more" if len(other) > LISTED else ""
        which = f"other content in {listed}{more}" if other else "the same files, but another time, machine or inputs"
        faults.append(
            f"{place}: another seal than the one that was signed ({which}): sign the run again if that is right"
        )
    if _recipe_content(run, recipe) != statement.predicate.recipe:
        faults.append(f"recipe.yaml: another recipe than the one that was signed: {AGAIN}")
    return faults


def _not_covered(run: RunDir, statement: Statement) -> list[str]:
    """List the files that the statement does not name; a folder of which it names none, by its name alone."""
    covered = {one.name for one in statement.subject} | {one.file for one in statement.predicate.seals.values()}
    covered |= {ATTESTATION, run.recipe_file.name, ".lock"}
    if isinstance(run, PublishedRun):
        return sorted([MANIFEST, *(name for name, place in run.files.items() if place not in covered)])
    left: list[str] = []
    for root in sorted(entry.name for entry in run.path.iterdir()):
        found = sorted(place for place, _ in walk(run.path, root))
        others = [place for place in found if place not in covered]
        whole = len(others) == len(found) and others != [root]
        left += [f"{root}/"] if whole and others else others
    return left
