"""Key pairs with which a team signs its runs: Ed25519 (RFC 8032), as PEM files.

    write_pair("team")                  # team.key (PKCS #8, readable by its owner alone) and team.pub
    read_private_key("team.key")        # what signs
    read_public_key("team.pub").keyid   # sha256 of the key, by which a signature names it

A pair for OpenSSF Model Signing is ECDSA on P-256, because its library knows no Ed25519.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.local_paths import local_path

MADE = "`desdecero keygen team` makes a pair, team.key and team.pub"
LARGEST_KEY = 65_536
"""Bytes that are read of a key file; a pair of ours has 119 and 113."""


def write_pair(name: str, p256: bool = False) -> tuple[Path, Path]:
    """Write NAME.key, which its owner alone may read, and NAME.pub; return their paths.

    p256: for OpenSSF Model Signing, in place of Ed25519. Raises `UserError` where one of the files exists: a key that
    is overwritten cannot sign again.
    """
    private, public = Path(f"{local_path(name)}.key"), Path(f"{name}.pub")
    if not Path(name).name or name.endswith(("/", "/.")) or Path(name).name == "..":
        raise UserError(f"{name!r} is no name for a key: give one such as team, for team.key and team.pub")
    for path in (private, public):
        if path.is_symlink() or path.exists():
            raise UserError(f"{path} exists, and a key is never overwritten: choose another name, or move it away")
    signer = CryptoSigner.generate_ecdsa() if p256 else CryptoSigner.generate_ed25519()
    key = load_pem_private_key(signer.private_bytes, None).public_key()
    private.parent.mkdir(parents=True, exist_ok=True)
    _create(private, signer.private_bytes, 0o600)
    try:
        _create(public, key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    except BaseException:  # no half of a pair: the next attempt would refuse to overwrite it
        private.unlink()
        raise
    return private, public


def _create(path: Path, content: bytes, mode: int) -> None:
    """Write a new file that has its mode from the first moment on, and is on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:  # a full disk: what is there is no key
            path.unlink()
            raise


def read_private_key(path: str) -> CryptoSigner:
    """Read what signs a run. Raises `UserError` for anything but an unencrypted Ed25519 private key."""
    key = _private_key(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{path} is a key of another kind than Ed25519: {MADE}")
    return CryptoSigner(key)


def check_p256_key(path: str) -> None:
    """Raise `UserError` for anything but an unencrypted private key on P-256."""
    key = _private_key(path)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise UserError(f"{path} is no key on P-256, which --oms needs: `desdecero keygen NAME --p256` makes a pair")


def _private_key(path: str) -> PrivateKeyTypes:
    content = _read(path)
    if b"PUBLIC KEY" in content:
        raise UserError(f"{path} is a public key, and a private one signs: give the .key file of the pair")
    try:
        return load_pem_private_key(content, None)
    except TypeError:
        raise UserError(f"{path} is encrypted: give a key without a password; {MADE}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"{path} is no private key in PEM form: {MADE}") from None


def read_public_key(path: str) -> SSlibKey:
    """Read what a signature is checked with. Raises `UserError` for anything but an Ed25519 public key."""
    content = _read(path)
    if b"PRIVATE KEY" in content:
        raise UserError(f"{path} is a private key, and the public one checks: give the .pub file of the pair")
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"{path} is no public key in PEM form: {MADE}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(f"{path} is a key of another kind than Ed25519: {MADE}")
    return SSlibKey.from_crypto(key)


def _read(path: str) -> bytes:
    file = Path(local_path(path))
    if not file.exists():
        raise UserError(f"no key at {path}: {MADE}")
    if not file.is_file():  # a folder, or a pipe that nothing may ever come out of
        raise UserError(f"{path} is not a file: name the key's file")
    with file.open("rb") as opened:
        return opened.read(LARGEST_KEY)
