"""Measure other tokenizers on the same held-out text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.tokenizer.report import WORD, HeldOut, cut_words


def load_peers(names: Sequence[str]) -> dict[str, Any]:
    """Load tokenizers by name. Raises `UserError` for one that cannot be loaded."""
    return {name: _load(name) for name in names}


def _load(name: str) -> Any:
    try:
        return AutoTokenizer.from_pretrained(name)
    except Exception as error:  # of many types: a missing folder, no network, a file that is not a tokenizer
        *_, fault = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"tokenizer.compare_with: no tokenizer could be loaded from {name} ({fault.strip()[:200]}): "
            "name a folder that AutoTokenizer reads, or a model on the Hub"
        ) from error


def compare(peers: Mapping[str, Any], documents: Sequence[HeldOut]) -> list[dict[str, Any]]:
    """Return a row for each: its size, and the figures of `report.measure`. Special tokens in a text count as text."""
    return [_row(name, tokenizer, documents) for name, tokenizer in peers.items()]


def _row(name: str, tokenizer: Any, documents: Sequence[HeldOut]) -> dict[str, Any]:
    def encode(texts: Sequence[str]) -> list[list[int]]:
        options = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
        return tokenizer(list(texts), **options)["input_ids"] if texts else []

    texts = [document.text for document in documents]
    encoded = encode(texts)
    words = sum((Counter(WORD.findall(text)) for text in texts), Counter[str]())
    cuts, unknown = cut_words(list(words), encode), tokenizer.unk_token_id
    whole = sum(n for word, n in words.items() if len(cuts[word]) == 1 and unknown not in cuts[word])
    return {
        "name": "/".join(Path(name).parts[-2:]),  # owner and name, also of a local folder
        "vocab_size": len(tokenizer),
        "bytes_per_token": sum(len(text.encode()) for text in texts) / max(1, sum(map(len, encoded))),
        "fertility": sum(n * len(cuts[word]) for word, n in words.items()) / max(1, words.total()),
        "whole_words": whole / max(1, words.total()),
        "lossless": [tokenizer.decode(ids, clean_up_tokenization_spaces=False) for ids in encoded] == texts,
    }
