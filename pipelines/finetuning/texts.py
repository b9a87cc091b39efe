"""Texts of one's own, to continue pretraining on: their tokens as a shard, and those that are measured on.

Texts are encoded as those of the corpus, and each is closed by the end-of-text token, so that batches are packed and
isolated as in pretraining.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines.corpus.documents import Drawn, draw_documents, read_documents
from desdecero.pipelines.finetuning.examples import Example, Examples, count_in_corpus, count_personal_data
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.finetune_data import FinetuneData
from desdecero.pipelines.run.reports.finetune import AdapterData
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokenizer.encoding import Encoder

ENCODED_TOGETHER = 512


def write_shard(examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast, dtype: str, file: Path) -> None:
    """Write the tokens of the examples, one after another."""
    encode, end, waiting = Encoder(tokenizer), tokenizer.eos_token_id, iter(examples)
    with file.open("wb") as shard:
        while batch := list(islice(waiting, ENCODED_TOGETHER)):
            for ids in encode([example.text for example in batch]):
                shard.write(np.append(ids, end).astype(np.dtype(dtype)).tobytes())


def draw_test(examples: Examples, max_bytes: int, seed: int) -> list[Drawn]:
    """Draw pieces of the test examples, as `held_out` draws those of the corpus."""
    return draw_documents(_documents(examples.test), max_bytes, seed)


def _documents(examples: Iterable[Example]) -> Iterator[dict[str, Any]]:
    for number, example in enumerate(examples):
        identity = hashlib.sha256(f"{number} {example.text}".encode()).hexdigest()[:32]
        yield {"id": identity, "text": example.text, "source": "data", "language": None}


def describe(examples: Examples, data: FinetuneData, recipe: Recipe, run: RunDir) -> AdapterData:
    """Count what the card says of the data; the texts of the base's corpus are read for it."""
    corpus = (document["text"] for document in read_documents(run, "train", ["text"]))
    return AdapterData(
        sha256=examples.sha256,
        license=data.license,
        train=len(examples.train),
        validation=len(examples.validation),
        test=len(examples.test),
        left_out=dict(examples.dropped),
        test_in_corpus=count_in_corpus(examples, corpus),
        personal_data=dict(count_personal_data(examples, recipe.languages)),
        redacted=data.personal_data == "redact",
    )
