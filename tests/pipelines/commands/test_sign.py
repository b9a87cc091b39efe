"""What a signature of a run holds, who can check it, and what it finds that the seals alone do not."""

from __future__ import annotations

import base64
import json
import random
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from sealed_run import make_sealed_run, reseal, reseal_all, seal_card
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from desdecero.pipelines.cli import main
from desdecero.pipelines.common.files import hash_json, sha256_file, write_json
from desdecero.pipelines.common.signing_keys import read_public_key
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.attestation import check_signature
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import BASE, stages
from desdecero.pipelines.verification.files import model_faults
from desdecero.pipelines.verification.of_run import verify
from desdecero.pipelines.verification.seals import read_seals

NAMES = [stage.name for stage in BASE]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed run with every stage of its recipe, and two key pairs."""
    home = tmp_path_factory.mktemp("home")
    run, _ = make_sealed_run(home / "run", "finetune=null")
    (run.path / "made_from.json").write_text("{}")
    for name in ("team", "other"):
        assert main(["keygen", str(home / name)]) == 0
    assert main(["sign", str(run), "--key", str(home / "team.key")]) == 0
    return home


@pytest.fixture
def run(home: Path, tmp_path: Path) -> RunDir:
    return RunDir(shutil.copytree(home / "run", tmp_path / "run"))


@pytest.fixture
def key(home: Path) -> SSlibKey:
    return read_public_key(str(home / "team.pub"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def checked(run: RunDir, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """Exit code of `verify`, and the lines that it prints."""
    capsys.readouterr()
    code = main(["verify", str(run), *words])
    said = capsys.readouterr()
    assert said.err == ""
    return code, said.out.splitlines()


# --- keys ------------------------------------------------------------------------------------------------------


def test_a_pair_is_two_files_that_other_programs_read(home: Path) -> None:
    private, public = home / "team.key", home / "team.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert private.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    signature = load_pem_private_key(private.read_bytes(), None).sign(b"a run")  # type: ignore[union-attr, call-arg]
    load_pem_public_key(public.read_bytes()).verify(signature, b"a run")  # type: ignore[union-attr, call-arg]


@pytest.mark.parametrize("there", ["team.key", "team.pub"])
def test_a_key_is_never_overwritten(there: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / there).write_text("mine")
    assert main(["keygen", str(tmp_path / "team")]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert f"{there} exists, and a key is never overwritten" in sentence
    assert [path.name for path in tmp_path.iterdir()] == [there] and (tmp_path / there).read_text() == "mine"


@pytest.mark.parametrize("name", ["", ".", "..", "keys/", "keys/.", "keys/.."])
def test_a_pair_without_a_name_is_not_made(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["keygen", name]) == 2
    assert "is no name for a key" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_half_of_a_pair(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"0" * 4096)
    assert main(["keygen", str(small_disk / "team")]) == 2
    assert "the disk is full" in capsys.readouterr().err and list(small_disk.iterdir()) == [filler]
    filler.write_bytes(filler.read_bytes()[:-4096])  # room for the first file alone
    assert main(["keygen", str(small_disk / "team")]) == 2 and list(small_disk.iterdir()) == [filler]
    filler.unlink()
    assert main(["keygen", str(small_disk / "team")]) == 0


def test_what_is_no_key_of_its_kind_is_one_sentence(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rsa = generate_private_key(public_exponent=65537, key_size=2048)
    team = load_pem_private_key((home / "team.key").read_bytes(), None)
    locked = team.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    contents = {
        "rsa.key": rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "locked.key": locked, "empty.key": b"", "noise.key": b"\xff\x00" * 99,
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.key").mkdir()
    said = {
        "rsa.key": "another kind than Ed25519", "locked.key": "encrypted", "empty.key": "no private key",
        "noise.key": "no private key", "folder.key": "is not a file", "gone.key": "no key at",
    }  # fmt: skip
    for name, words in said.items():
        assert main(["sign", str(home / "run"), "--key", str(tmp_path / name)]) == 2
        (sentence,) = capsys.readouterr().err.splitlines()
        assert words in sentence, sentence
    assert main(["sign", str(home / "run"), "--key", str(home / "team.pub")]) == 2
    assert "is a public key, and a private one signs" in capsys.readouterr().err
    assert main(["verify", str(home / "run"), "--key", str(home / "team.key")]) == 2
    assert "is a private key, and the public one checks" in capsys.readouterr().err


# --- the statement ---------------------------------------------------------------------------------------------


def test_the_envelope_holds_an_in_toto_statement_of_every_sealed_file(run: RunDir, home: Path, key: SSlibKey) -> None:
    envelope = Envelope.from_dict(json.loads(run.attestation.read_text()))
    assert envelope.verify([key], 1) == {key.keyid: key}
    with pytest.raises(VerificationError):
        envelope.verify([read_public_key(str(home / "other.pub"))], 1)
    assert envelope.payload_type == "application/vnd.in-toto+json"
    statement = json.loads(envelope.payload)
    assert statement.keys() == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"

    recipe = run.recipe()
    seals, _ = read_seals(run, recipe)
    assert list(seals) == list(stages(recipe))
    sealed = {name for seal in seals.values() for name in seal.outputs}
    assert {one["name"]: one["digest"]["sha256"] for one in statement["subject"]} == {
        name: sha256_file(run.path / name) for name in sealed
    }
    predicate = statement["predicate"]
    for name, stated in predicate["seals"].items():
        place = f"{stages(recipe)[name].folder}/done.json"
        assert stated == {"file": place, "sha256": sha256_file(run.path / place), "digest": seals[name].digest}
    assert predicate["recipe"] == recipe.content()
    verdicts = {one["rule"]: one["verdict"] for one in predicate["verdicts"]["card"]}
    assert verdicts["seals"] == "pass" and verdicts["bias"] == "not_measured" and "signed" not in verdicts
    assert b"PRIVATE" not in run.attestation.read_bytes()


def test_a_run_with_a_fault_is_not_signed(run: RunDir, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run.attestation.read_bytes()
    edit(run.audit / "report.json", "{", '{"added": 1,')
    assert main(["sign", str(run), "--key", str(home / "team.key")]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "audit/report.json: altered since audit was sealed", "", "1 fault: nothing was signed",
    ]  # fmt: skip
    assert run.attestation.read_bytes() == before


def test_a_run_that_has_sealed_nothing_is_not_signed(
    run: RunDir, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new").mkdir()
    shutil.copyfile(run.recipe_file, tmp_path / "new/recipe.yaml")
    assert main(["sign", str(tmp_path / "new"), "--key", str(home / "team.key")]) == 2
    assert "has no sealed stage yet" in capsys.readouterr().err


# --- what `verify` says of it ----------------------------------------------------------------------------------


def test_verify_says_who_signed_when_and_what_is_not_covered(
    run: RunDir, key: SSlibKey, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.path / "trace").mkdir()
    for name in ("trace/index.bin", "trace/plan.json", "attestations/other.json"):
        (run.path / name).write_bytes(b"?")
    public = str(home / "team.pub")
    code, lines = checked(run, capsys, "--key", public)
    assert code == 0 and lines[0].startswith("whole: 7 stages")
    assert lines[1].startswith(f"signed by {public} (key {key.keyid}), on 20") and lines[1].endswith("of who signed")
    assert lines[2:] == ["not covered by the signature: attestations/other.json, made_from.json, trace/"]
    _, lines = checked(run, capsys, "--key", public, "--language", "es")
    assert lines[1].startswith(f"firmada con {public} (clave {key.keyid}), el 20")
    _, lines = checked(run, capsys, "--key", public, "--json")
    signature = json.loads("\n".join(lines))["signature"]
    assert (signature["state"], signature["key_ids"], signature["faults"]) == ("signed", [key.keyid], [])
    assert signature["time"].endswith("Z") and signature["not_covered"][-1] == "trace/"


def test_without_a_key_or_a_signature_verify_says_so(
    run: RunDir, key: SSlibKey, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = checked(run, capsys)
    assert code == 0 and lines[-1].startswith(f"signed (key {key.keyid}), key not given: ")
    run.attestation.unlink()
    assert checked(run, capsys) == (0, [lines[0], "unsigned: the seals show accidents, not forgery"])
    code, lines = checked(run, capsys, "--key", str(home / "team.pub"))
    assert code == 1 and lines[0] == "attestations/run.dsse.json: not here, so nobody signed this run"


def test_another_key_is_one_sentence(run: RunDir, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, (fault, *_) = checked(run, capsys, "--key", str(home / "other.pub"))
    assert code == 1 and "signed with another key than" in fault and "other.pub" in fault


def test_an_altered_file_is_one_sentence(run: RunDir, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(run.audit / "report.json", "{", '{"added": 1,')
    code, lines = checked(run, capsys, "--key", str(home / "team.pub"))
    assert code == 1 and lines[:2] == ["audit/report.json: altered since audit was sealed", ""]


@pytest.mark.parametrize("stage", ["tokens", "card"])
def test_another_machine_in_a_seal_is_found(
    run: RunDir, home: Path, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its hash of itself is made to fit. The card's evidence holds the hashes of all seals but the card's own."""
    path = run.folder(stage, run.recipe()) / "done.json"
    content = json.loads(path.read_text())
    del content["seal"]
    content["hardware"]["processor"] = "a faster one"
    write_json(path, {**content, "seal": hash_json(content)})
    assert bool(verify(run, run.recipe())) == (stage == "tokens")
    code, lines = checked(run, capsys, "--key", str(home / "team.pub"))
    said = f"{stage}/done.json: another seal than the one that was signed (the same files, but another time, machine or"
    assert code == 1 and any(line.startswith(said) for line in lines)


def test_a_stage_that_is_not_here_is_no_forgery(run: RunDir, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("corpus", "evaluation", "audit", "card"):
        shutil.rmtree(run.path / name)
    for name in ("README.md", "README.es.md", "loss.png", "loss.es.png"):
        (run.model / name).unlink()
    code, lines = checked(run, capsys, "--key", str(home / "team.pub"))
    assert code == 0 and lines[0].startswith("not whole: of 7 stages 3 are here")
    assert lines[1] == "not here: corpus, evaluate, audit, card" and lines[2].startswith("signed by ")


def test_a_recipe_that_was_altered_outside_of_what_stages_read_is_found(run: RunDir, key: SSlibKey) -> None:
    edit(run.recipe_file, "private: true", "private: false")
    recipe = run.recipe()
    (fault,) = check_signature(run, recipe, read_seals(run, recipe)[0], key, "team.pub").faults
    assert fault.startswith("recipe.yaml: another recipe than the one that was signed")


# --- attestations that were worked on --------------------------------------------------------------------------


def test_an_altered_statement_does_not_fit_its_signature(
    run: RunDir, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    envelope = json.loads(run.attestation.read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["verdicts"]["card"][0]["verdict"] = "waived"
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    run.attestation.write_text(json.dumps(envelope))
    code, (fault, *_) = checked(run, capsys, "--key", str(home / "team.pub"))
    assert code == 1 and fault.startswith("attestations/run.dsse.json: altered since it was signed")


def enveloped(payload: object, payload_type: str = "application/vnd.in-toto+json") -> bytes:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signatures = [{"keyid": "\x1b[2J", "sig": base64.b64encode(b"?" * 64).decode()}]
    envelope = {"payload": base64.b64encode(content).decode(), "payloadType": payload_type, "signatures": signatures}
    return json.dumps(envelope).encode()


GARBAGE: list[bytes] = [
    b"", b"\xff\xfe", b"[" * 100_000, b"[]", b"{}", b"7", b'{"payload": 1, "payloadType": 2, "signatures": 3}',
    b'{"payload": "?", "payloadType": "a", "signatures": []}',
    b'{"payload": "e30=", "payloadType": "a", "signatures": [{"keyid": [], "sig": "e30="}]}',
    b'{"payload": "e30=", "payloadType": [], "signatures": [7]}',
    enveloped([]), enveloped({}), enveloped(b"\xff"), enveloped(b'{"a": NaN}'), enveloped({}, "text/plain"),
    enveloped({"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "a", "predicate": []}),
]  # fmt: skip


def test_an_attestation_that_is_none_is_one_sentence(
    run: RunDir, key: SSlibKey, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = run.recipe()
    seals, _ = read_seals(run, recipe)
    for content in GARBAGE:
        run.attestation.write_bytes(content)
        found = check_signature(run, recipe, seals, key, "team.pub")
        assert found.state == "refused" and len(found.faults) == 1
        code, lines = checked(run, capsys)
        assert code == 1 and len(lines) == 3 and lines[0].startswith("attestations/run.dsse.json: "), content
        assert "\x1b" not in lines[0] and len(lines[0]) < 300


@pytest.mark.parametrize("place", ["attestations", "attestations/run.dsse.json"])
def test_a_linked_attestation_is_not_read(
    run: RunDir, home: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.path / place).rename(run.path.parent / "elsewhere")
    (run.path / place).symlink_to(run.path.parent / "elsewhere")
    code, (fault, *_) = checked(run, capsys, "--key", str(home / "team.pub"))
    assert code == 1 and "is a symbolic link" in fault
    assert main(["sign", str(run), "--key", str(home / "team.key")]) == (2 if place == "attestations" else 0)


# --- the model alone, for OpenSSF Model Signing ----------------------------------------------------------------


def accepted(home: Path, model: Path, key: str = "p256.pub") -> bool:
    """What the program `model_signing` says, in a process of its own: it configures logging for all."""
    words = ["verify", "key", model, "--signature", model / "model.sig", "--public_key", home / key]
    finished = subprocess.run([sys.executable, "-m", "model_signing", *words], capture_output=True, text=True)
    assert "Traceback" not in finished.stderr, finished.stderr
    return finished.returncode == 0


def test_the_model_is_signed_for_others_too(
    run: RunDir, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    team, recipe = str(home / "team.key"), run.recipe()
    for name in ("p256", "q256"):
        assert (home / f"{name}.key").exists() or main(["keygen", str(home / name), "--p256"]) == 0
    assert main(["sign", str(run), "--key", team, "--oms", team]) == 2
    assert "is no key on P-256" in capsys.readouterr().err
    assert main(["sign", str(run), "--key", team, "--oms", str(home / "p256.key")]) == 0
    assert "the model also for `model_signing verify key`, in model/model.sig" in capsys.readouterr().out
    assert verify(run, recipe) == model_faults(run, recipe) == []
    _, lines = checked(run, capsys, "--key", str(home / "team.pub"))
    assert lines[-1] == "not covered by the signature: made_from.json, model/model.sig"
    downloaded = Path(shutil.copytree(run.model, tmp_path / "downloaded"))
    assert accepted(home, downloaded) and not accepted(home, downloaded, "q256.pub")
    (downloaded / "config.json").write_text("{}")
    assert not accepted(home, downloaded)

    edit(run.recipe_file, "limitations: ''", "limitations: Many.")
    seal_card(run.recipe(), run)
    (fault,) = verify(run, run.recipe())
    assert fault.startswith("model/model.sig: of other files than those that are sealed")
    (run.model / "model.sig").write_text("[" * 9)
    assert verify(run, run.recipe())[-1].startswith("model/model.sig: ")


# --- edits at random -------------------------------------------------------------------------------------------


def sealed_files(run: RunDir, recipe: Recipe) -> list[str]:
    seals, _ = read_seals(run, recipe)
    places = {name for seal in seals.values() for name in seal.outputs if not name.endswith(".png")}
    return sorted(places | {f"{stages(recipe)[name].folder}/done.json" for name in seals} | {"recipe.yaml"})


def altered(content: bytes, chance: random.Random) -> bytes:
    """One byte changed, inserted or removed, or the end cut off."""
    at, other = chance.randrange(len(content)), bytes([chance.randrange(256)])
    kinds = [content[:at] + other + content[at + 1 :], content[:at] + other + content[at:], content[:at],
             content[:at] + content[at + 1 :]]  # fmt: skip
    return next((kind for kind in chance.sample(kinds, 4) if kind != content), b"")


def test_two_hundred_edits_are_named(run: RunDir) -> None:
    recipe, chance = run.recipe(), random.Random(0)
    places = sealed_files(run, recipe)
    for _ in range(200):
        path = run.path / (place := chance.choice(places))
        original = path.read_bytes()
        path.write_bytes(altered(original, chance))
        assert any(place in fault for fault in verify(run, recipe)), (place, path.read_bytes()[:200])
        path.write_bytes(original)


def numbers(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the figures of a report stand."""
    if isinstance(content, dict | list):
        steps = content.items() if isinstance(content, dict) else enumerate(content)
        return [place for step, value in steps for place in numbers(value, (*path, step))]
    return [path] if isinstance(content, float) else []


def with_another_figure(path: Path, chance: random.Random) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    *steps, last = chance.choice(numbers(content))
    place = content
    for step in steps:
        place = place[step]
    place[last] = place[last] * 0.97 + 0.001
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def test_sixty_figures_with_one_seal_made_to_fit_are_caught_without_a_key(run: RunDir) -> None:
    recipe, chance = run.recipe(), random.Random(1)
    for _ in range(60):
        folder = run.folder(stage := chance.choice(NAMES), recipe)
        originals = {path: path.read_bytes() for path in (folder / "report.json", folder / "done.json")}
        with_another_figure(folder / "report.json", chance)
        reseal(run, stage)
        assert any(f"{stages(recipe)[stage].folder}/done.json" in fault for fault in verify(run, recipe)), stage
        for path, content in originals.items():
            path.write_bytes(content)


def forge(run: RunDir, recipe: Recipe, chance: random.Random) -> str:
    """Change a figure, and then every seal and the card, as somebody does who knows how all of it is made."""
    chosen = chance.choice(NAMES)
    with_another_figure(run.folder(chosen, recipe) / "report.json", chance)
    reseal_all(run, recipe)
    return f"{stages(recipe)[chosen].folder}/done.json"


@pytest.mark.slow
def test_forty_figures_with_every_seal_and_the_card_made_to_fit_are_caught_by_the_signature(
    home: Path, run: RunDir, key: SSlibKey
) -> None:
    recipe, chance = run.recipe(), random.Random(2)
    for number in range(40):
        place = forge(run, recipe, chance)  # one upon the other
        if number in (0, 39):
            assert verify(run, recipe) == [], "to the seals, the forgery is a run like any other"
        found = check_signature(run, recipe, read_seals(run, recipe)[0], key, "team.pub")
        assert found.state == "refused" and any(fault.startswith(f"{place}: another seal") for fault in found.faults)
        assert check_signature(run, recipe, read_seals(run, recipe)[0], None).state == "refused"
