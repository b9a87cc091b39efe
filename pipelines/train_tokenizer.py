"""Train the tokenizer on the corpus' training documents.

    desdecero tokenizer quickstart
    python pipelines/train_tokenizer.py quickstart

Writes

    tokenizer/tokenizer.json  tokenizer_config.json    what AutoTokenizer.from_pretrained loads
    tokenizer/report.json                              bytes per token, losslessness, examples

Byte-level BPE and Unigram start from all 256 bytes and have no normaliser, so any text comes back unchanged: `lossless`
in the report is checked on held-out documents, not assumed. WordPiece splits on spaces and forgets them. The same
corpus gives the same tokenizer of any kind, byte for byte (`vocabulary/byte_pairs.py`, `unigram.py`, `wordpiece.py` say
how), with the same releases of rustbpe, sentencepiece and tokenizers.

Memory: the distinct pieces of at most `tokenizer.max_training_bytes` of text.
"""

from __future__ import annotations

import sys

from transformers import PreTrainedTokenizerFast

from pipelines.chain import stage_main
from pipelines.corpus.documents import read_documents
from pipelines.recipe import Recipe
from pipelines.run_dir import RunDir
from pipelines.vocabulary.encoding import Encoder
from pipelines.vocabulary.sample import Sample
from pipelines.vocabulary.special_tokens import added_tokens, roles
from pipelines.vocabulary.training import train

MEASURED_BYTES = 1_000_000  # of held-out text, for bytes per token and losslessness


def train_tokenizer(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    wanted = recipe.tokenizer
    sample = Sample(run, run.report("corpus", recipe)["splits"]["train"]["bytes"], wanted.max_training_bytes)
    tokenizer = train(wanted, sample)
    tokenizer.save_pretrained(out.tokenizer)

    held_out = _held_out(run)
    encoded = Encoder(tokenizer)(held_out)
    bytes_per_token = sum(len(text.encode()) for text in held_out) / max(1, sum(map(len, encoded)))
    decoded = tokenizer.backend_tokenizer.decode_batch([ids.tolist() for ids in encoded], skip_special_tokens=False)
    out.write_report(
        "tokenizer",
        recipe,
        {
            "kind": wanted.kind,
            "vocab_size": len(tokenizer),
            "special_tokens": roles(wanted),
            "added_tokens": added_tokens(wanted),
            "training_bytes": sum(sample.read.values()),
            "training_share": sample.share,
            "training_sample": sample.report(),
            "measured_documents": len(held_out),
            "bytes_per_token": bytes_per_token,
            "lossless": decoded == held_out,
            "examples": [_example(tokenizer, text) for text in held_out[:3]],
        },
    )
    return f"{len(tokenizer):,} tokens, {bytes_per_token:.2f} bytes a token on held-out text"


def _held_out(run: RunDir) -> list[str]:
    texts: list[str] = []
    size = 0
    for document in read_documents(run, "validation", ["text"]):
        size += len(document["text"].encode())
        if texts and size > MEASURED_BYTES:
            break
        texts.append(document["text"])
    return texts


def _example(tokenizer: PreTrainedTokenizerFast, text: str) -> dict[str, object]:
    """How the tokenizer cuts the first line of a document."""
    line = text.strip().splitlines()[0][:80]
    ids = tokenizer.encode(line, add_special_tokens=False, split_special_tokens=True)
    return {"text": line, "tokens": [tokenizer.decode([i]) for i in ids]}


def main(argv: list[str] | None = None) -> int:
    return stage_main("tokenizer", argv)


if __name__ == "__main__":
    sys.exit(main())
