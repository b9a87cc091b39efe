"""Put a LoRA adapter on the model that it was trained on, and on no other.

    base = AutoModelForCausalLM.from_pretrained("runs/quickstart/model")
    model = load_adapter(base, "runs/quickstart/model", Path("runs/quickstart/adapters/legal/adapter"))

peft loads an adapter onto any model of the same shape, and says nothing. So an adapter that was made here has beside
its `adapter_config.json` a file that peft does not read, `desdecero.json`: `{"base_sha256": "…"}`, of the base's
`model.safetensors`. One without that file was made elsewhere, and is loaded as it is.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedModel
from transformers.utils.hub import cached_file

if TYPE_CHECKING:
    from peft import PeftModel

BASE_FILE = "desdecero.json"
SHOWN_DIGITS = 16
"""Of a digest in a sentence: enough to find it in what `sha256sum` prints."""


def load_adapter(model: PreTrainedModel, base: str | Path, adapter: Path) -> PeftModel:
    """Return the model with a saved adapter on it, which is not trained further.

    base: the folder, or the repository of the Hub, from which `model` was loaded. Raises `ValueError` where its weights
    are not those that the adapter was trained on.
    """
    from peft import PeftModel  # 2 s to import

    check_base(adapter, base)
    with warnings.catch_warnings():  # peft asks transformers for gradient checkpointing by its old name
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        return PeftModel.from_pretrained(model, str(adapter))


def check_base(adapter: Path, base: str | Path) -> None:
    """Raise `ValueError` where the weights of `base` are not those that the adapter was trained on."""
    wanted = base_of(adapter)
    if wanted is None:
        return
    found = weights_sha256(base)
    if found is None:
        raise ValueError(
            f"{base} has no model.safetensors of one piece, so it is not known whether it is the base of {adapter}"
        )
    if found != wanted:
        raise ValueError(
            f"{adapter} belongs to another base: its model.safetensors has the sha256 {wanted[:SHOWN_DIGITS]}…, "
            f"and that of {base} has {found[:SHOWN_DIGITS]}…"
        )


def base_of(adapter: Path) -> str | None:
    """Return the SHA-256 of the weights that an adapter was trained on; None for one that was made elsewhere.

    Raises `ValueError` for a file that does not say it.
    """
    file = adapter / BASE_FILE
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    digest: Any = content.get("base_sha256") if isinstance(content, dict) else None
    if not isinstance(digest, str):
        raise ValueError(f"{file} does not say the base_sha256 of the adapter: take the adapter's folder anew")
    return digest


def weights_sha256(model: str | Path) -> str | None:
    """Return the SHA-256 of `model.safetensors` in a folder or a repository of the Hub; None where there is none."""
    where: dict[str, Any] = {"local_files_only": Path(model).is_dir()}
    found = cached_file(str(model), "model.safetensors", _raise_exceptions_for_missing_entries=False, **where)
    if found is None:
        return None
    with open(found, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
