"""Seals: the content of `done.json`, and strict reading of files that may have been altered.

    seal = load_seal(folder / "done.json", "audit")   # None without a file; raises InvalidFile for one that is altered
    read_file(path)                                   # bytes of a regular file, never of a link or a pipe
    parse_json(content)                               # strict: no NaN, no repeated key, no excessive nesting

A seal holds hashes of itself: `seal` covers every field of it, `digest` its outputs, `fingerprint` what the stage was
made from. These hashes are not signatures: whoever alters a file and its seal must also alter the seal of every later
stage, which holds the digest. `verification/` compares them, and `attestation.py` signs them.
"""

from __future__ import annotations

import json
import math
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from desdecero.pipelines.common.errors import UserError, printable
from desdecero.pipelines.common.files import hash_json, json_text

Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
LARGEST_COUNT = 2**63 - 1
"""Upper bound of byte counts and versions: the largest file size that a file system can represent."""


class InvalidFile(ValueError):
    """Error in a file's content; the message continues a sentence that begins with the file's name."""


class EarlierForm(UserError):
    """A sealed report that has the form of an earlier code version."""


class AlteredFile(UserError):
    """Error for a file of a sealed stage that was altered; `name` is its path, in the run directory or absolute."""

    def __init__(self, name: str, sentence: str):
        super().__init__(sentence)
        self.name = name


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if not name or "\0" in name or path.is_absolute() or ".." in path.parts or path.as_posix() != name:
        raise ValueError("names a file outside the run")
    return name


Inside = Annotated[str, AfterValidator(_inside)]
"""Path below a folder, in the form that `Path.as_posix` gives it."""


class Output(TypedDict):
    """Hash and size of a file that a stage wrote."""

    sha256: Sha256
    bytes: Annotated[int, Field(ge=0, le=LARGEST_COUNT)]


@dataclass(frozen=True)
class Seal:
    """Content of `done.json`: the inputs that a stage read, and the hash of every file that it wrote."""

    stage: str
    version: Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
    fingerprint: Sha256
    """sha256 of the recipe sections it read, its inputs' digests and its code version; no times, no hardware."""
    sections: dict[str, Sha256]
    """Recipe section → sha256, to name the section that changed."""
    inputs: dict[str, str]
    """Input stage → the `digest` of its seal."""
    sources: str | None
    """sha256 of the corpus' sources (names, versions, contents; `sources.json` has them); None for other stages."""
    outputs: dict[Inside, Output]
    """Path in the run directory → {"sha256", "bytes"}."""
    digest: Sha256
    """sha256 of `outputs`: identifies what the stage made."""
    seconds: Annotated[float, Field(ge=0, le=1e12)]
    finished: Annotated[str, Field(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z")]
    libraries: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `done.json`."""
        content = asdict(self)
        return {**content, "seal": hash_json(content)}


_SEAL = TypeAdapter(Seal)
_FIELDS = {entry.name for entry in fields(Seal)}


def load_seal(path: Path, stage: str) -> Seal | None:
    """Load a stage's seal; None where there is no file.

    Raises `InvalidFile` for a seal that cannot be read, or in which anything was altered.
    """
    try:
        content = parse_json(written := read_file(path))
    except FileNotFoundError:
        return None
    if not isinstance(content, dict):
        raise InvalidFile("does not hold a JSON object")
    claimed = content.pop("seal", None)
    if unknown := sorted(set(content) - _FIELDS):
        raise InvalidFile(f"has an unknown field: {printable(unknown[0])}")
    try:
        seal = _SEAL.validate_json(json.dumps(content), strict=True)  # strict validate_python would demand a Seal
    except ValidationError as error:
        raise InvalidFile(_first_fault(error)) from None
    if seal.stage != stage:
        raise InvalidFile(f"is the seal of {printable(seal.stage)}, not of {stage}")
    if seal.digest != hash_json(content["outputs"]):
        raise InvalidFile("was altered: its digest is not that of its outputs")
    if seal.fingerprint != fingerprint(stage, seal.version, seal.sections, seal.inputs):
        raise InvalidFile("was altered: its fingerprint is not that of its version, sections and inputs")
    if claimed != hash_json(content):
        raise InvalidFile("was altered: it does not hash to its own `seal`")
    # Spaces, the order of keys and the spelling of a number leave its own hash as it is.
    if written != json_text(seal.to_json()).encode(errors="surrogatepass"):
        raise InvalidFile("was altered: it is not as it was written")
    return seal


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    place = printable(": ".join(["was altered", *(str(step) for step in fault["loc"])]))
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}"


def fingerprint(stage: str, version: int, sections: Mapping[str, str], inputs: Mapping[str, str]) -> str:
    """Return the hash of what a stage is made from: code version, recipe sections and input digests."""
    return hash_json({"stage": stage, "version": version, "sections": sections, "inputs": inputs})


# --- files that may have been altered --------------------------------------------------------------------------


def now() -> str:
    """Return the time as seals and what is noted beside them hold it: UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def read_file(path: Path) -> bytes:
    """Read the bytes of a regular file.

    Raises `FileNotFoundError` where there is none, and `InvalidFile` for a link, a folder, a pipe, or a file that may
    not be read.
    """
    check_regular(path)
    try:
        return path.read_bytes()
    except PermissionError:
        raise InvalidFile("cannot be read: change its permissions") from None


def check_regular(path: Path) -> int:
    """Return the size of a regular file. Raises as `read_file` does; nothing is opened, so a pipe does not block."""
    try:
        status = path.lstat()
    except NotADirectoryError:
        raise FileNotFoundError(path) from None
    if stat.S_ISLNK(status.st_mode):
        raise InvalidFile("is a symbolic link: put the file itself there")
    if not stat.S_ISREG(status.st_mode):
        raise InvalidFile("is not a regular file")
    return status.st_size


def walk(base: Path, root: str) -> Iterator[tuple[str, str]]:
    """Yield (path below `base`, "") for each regular file, (path, fault) for what is neither file nor folder.

    Links are not followed, and the depth of folders is not limited.
    """
    waiting = [root]
    while waiting:
        place = waiting.pop()
        path = base / place
        try:
            if stat.S_ISDIR(path.lstat().st_mode):
                waiting += (f"{place}/{entry.name}" for entry in path.iterdir())
            else:
                check_regular(path)
                yield place, ""
        except FileNotFoundError:
            continue
        except InvalidFile as error:
            yield place, str(error)
        except OSError as error:
            yield place, f"cannot be read ({error.strerror})"


def parse_json(content: bytes, make_object: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Parse JSON as the stages write it. Raises `InvalidFile` for anything else."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidFile(f"is not UTF-8 text (byte {error.start})") from None
    try:
        return json.loads(
            text,
            object_pairs_hook=make_object or _without_repeats,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise InvalidFile(f"is not JSON (line {error.lineno}: {error.msg})") from None
    except RecursionError:
        raise InvalidFile("is nested too deeply") from None
    except InvalidFile:
        raise
    except ValueError:  # Python refuses integers of more than 4,300 digits
        raise InvalidFile("holds a number with too many digits") from None


class Report(dict[str, Any]):
    """Object of a stage's report; a missing key raises `AlteredFile` with a sentence."""

    def __init__(self, content: Mapping[str, Any], where: str):
        super().__init__(content)
        self.where = where

    def __missing__(self, key: str) -> Any:
        raise not_as_written(self.where, f"it lacks {printable(key)!r}")


def parse_report(content: bytes, where: str) -> Report:
    """Parse a stage's report; `where` names its file in messages. Raises `InvalidFile` if it is not a JSON object."""
    report = parse_json(content, lambda pairs: Report(_without_repeats(pairs), where))
    if not isinstance(report, Report):
        raise InvalidFile("does not hold a JSON object")
    return report


@contextmanager
def reading(where: object) -> Iterator[None]:
    """Turn errors that wrong content causes in Python and its libraries into a sentence that names the file."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # a full disk, no permission: not the content
            raise
        fault = f"{type(error).__name__}: {printable(error)[:200]}"
        raise not_as_written(str(where), fault) from error


def not_as_written(where: str, fault: str) -> AlteredFile:
    """Make the error for a file whose content is not what its stage writes."""
    return AlteredFile(
        where,
        f"{where} does not hold what its stage writes ({fault}): `desdecero verify` names what was altered, and "
        "`desdecero run` with `--from` and the stage's name makes it again",
    )


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidFile(f"has the key {printable(next(n for n in names if names.count(n) > 1))} twice")
    return content


def _no_constant(name: str) -> float:
    raise InvalidFile(f"holds {name}, which is not valid JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidFile(f"holds a number that is too large: {text[:20]}")
    return value
