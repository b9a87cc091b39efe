"""Encode texts into token ids, exactly as `AutoTokenizer` does at inference, and many times faster for BPE.

    encode = Encoder(PreTrainedTokenizerFast.from_pretrained(run.tokenizer))
    ids = encode(["one text", "another"])        # one array of ids per text; special tokens in a text stay text

Byte-level BPE that this project trained is encoded by `tiktoken`, which merges by the id of the resulting token;
`byte_pairs.py` explains why the ids are the same. This is also checked: the first text and every hundredth after it
are encoded both ways. Other kinds are encoded by `tokenizers`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tiktoken
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.machine import library_versions
from desdecero.pipelines.tokenizer.byte_pairs import build_byte_pairs, to_bytes

CHECK_EVERY = 100
"""One text in this many is encoded both ways: at a tenth of the speed, this costs some 10% of the time."""
NO_SPECIAL = "<|no special token|>"
"""Placeholder for tiktoken, never allowed in a text: without any special token, tiktoken searches for the empty string,
finds it before every character, and takes twice as long (9.1 against 20.1 MB per processor second)."""

Ids = NDArray[np.uint32]


class Encoder:
    """Encoder of texts with a tokenizer, on all cores."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        self.exact = tokenizer.backend_tokenizer
        self.exact.encode_special_tokens = True
        self.fast = fast_encoding(tokenizer)
        self.threads = ThreadPoolExecutor(os.cpu_count() or 1)
        self.seen = 0

    def __call__(self, texts: Sequence[str]) -> list[Ids]:
        """Encode each text without added tokens. Raises `UserError` where tiktoken and `tokenizers` differ."""
        if self.fast is None:
            return self.encode_exactly(texts)
        ids = list(self.threads.map(self._encode, texts))
        checked = range(-self.seen % CHECK_EVERY, len(texts), CHECK_EVERY)
        self.seen += len(texts)
        for place, expected in zip(checked, self.encode_exactly([texts[i] for i in checked]), strict=True):
            if not np.array_equal(ids[place], expected):
                raise UserError(_difference(texts[place]))
        return ids

    def encode_exactly(self, texts: Sequence[str]) -> list[Ids]:
        """Encode with `tokenizers` alone."""
        encodings = self.exact.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.asarray(encoding.ids, np.uint32) for encoding in encodings]

    def _encode(self, text: str) -> Ids:
        assert self.fast is not None
        return self.fast.encode_to_numpy(text, disallowed_special=())


def fast_encoding(tokenizer: PreTrainedTokenizerFast) -> tiktoken.Encoding | None:
    """Convert a tokenizer for tiktoken; None where `build_byte_pairs` has not made it."""
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    if content["model"]["type"] != "BPE" or not content["model"]["ignore_merges"]:
        return None
    special = {token["content"] for token in content["added_tokens"]}
    ranks = {to_bytes(name): number for name, number in content["model"]["vocab"].items() if name not in special}
    ours = json.loads(build_byte_pairs(sorted(ranks, key=ranks.__getitem__)).to_str())
    if any(content[part] != ours[part] for part in ("normalizer", "pre_tokenizer")):
        return None
    if content["model"]["merges"] != ours["model"]["merges"]:
        return None
    pattern = content["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    return tiktoken.Encoding(
        "desdecero", pat_str=pattern, mergeable_ranks=ranks, special_tokens={NO_SPECIAL: max(ranks.values()) + 1}
    )


def _difference(text: str) -> str:
    versions = library_versions()
    return (
        f"the text that begins {text[:60]!r} has different ids in training and at inference: install other "
        f"releases of tokenizers (here {versions.get('tokenizers')}) and tiktoken ({versions.get('tiktoken')})"
    )
