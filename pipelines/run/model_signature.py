"""Signature of `model/` alone, in the form of OpenSSF Model Signing, for readers who do not know this project.

    write_model_signature(run, "team-p256.key")      # model/model.sig
    model_signing verify key model --signature model/model.sig --public_key team-p256.pub

It is written and checked by the library `model-signing` (github.com/sigstore/model-transparency, v1.1), which the extra
`oms` installs: ECDSA on P-256, because it knows no Ed25519. `desdecero verify` does not check whose it is, and needs no
such library to see whether it is of the files that are sealed.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run.layout import MODEL_SIGNATURE
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import InvalidFile, Seal, check_regular, parse_json, read_file


def write_model_signature(run: RunDir, private_key: str) -> None:
    """Sign the files of `model/`, in place of an earlier signature.

    private_key: path of a P-256 key in PEM. Raises `UserError` where the extra is not installed.
    """
    try:
        from model_signing import hashing, signing
    except ImportError:
        raise UserError("--oms needs `model-signing` and pyOpenSSL: pip install 'desdecero[oms]'") from None
    partial = run.path / f"{run.model_signature.name}.partial"  # not in `model/`, which is being hashed
    files = hashing.Config().set_ignored_paths(paths=[Path(run.model_signature.name)])
    signer = signing.Config().set_hashing_config(files).use_elliptic_key_signer(private_key=private_key)
    try:
        signer.sign(run.model, partial)
        os.replace(partial, run.model_signature)
    finally:
        partial.unlink(missing_ok=True)


def model_signature_fault(run: RunDir, seals: Mapping[str, Seal]) -> str | None:
    """Return a sentence where the signature is of other files than the sealed ones; None without a signature."""
    try:
        check_regular(run.model_signature)
        signed = _signed_files(parse_json(read_file(run.model_signature)))
    except FileNotFoundError:
        return None
    except InvalidFile as error:
        return f"{MODEL_SIGNATURE}: {error}"
    root = f"{run.model.name}/"
    sealed = {
        name.removeprefix(root): output["sha256"]
        for seal in seals.values()
        for name, output in seal.outputs.items()
        if name.startswith(root)
    }
    if signed == sealed:
        return None
    how = "sign again with `desdecero sign --oms`, or remove it"
    return f"{MODEL_SIGNATURE}: of other files than those that are sealed: {how}"


def _signed_files(bundle: Any) -> dict[str, str]:
    """Return name below `model/` → sha256, as a Sigstore bundle states it. Raises `InvalidFile` for other content."""
    try:
        statement = parse_json(base64.b64decode(bundle["dsseEnvelope"]["payload"], validate=True))
        return {str(one["name"]): str(one["digest"]) for one in statement["predicate"]["resources"]}
    except (LookupError, TypeError, ValueError):
        raise InvalidFile("is no signature of a model: sign again with `desdecero sign --oms`, or remove it") from None
