"""Train the tokenizer on the corpus' training documents.

    desdecero tokenizer quickstart
    python pipelines/train_tokenizer.py quickstart

Writes

    tokenizer/tokenizer.json  tokenizer_config.json    what AutoTokenizer.from_pretrained loads
    tokenizer/report.json                              bytes per token, losslessness, examples

Byte-level BPE (Sennrich et al. 2016; bytes as in Radford et al. 2019) starts from all 256 bytes and has no
normaliser, so any text comes back unchanged: `lossless` in the report is checked on held-out documents, not
assumed. The same corpus gives the same BPE, byte for byte. WordPiece (Devlin et al. 2019) splits on spaces and
forgets them; the `tokenizers` library breaks its ties in hash order, so two trainings may differ in some pieces.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from pipelines import recipe as recipes
from pipelines.chain import stage_main
from pipelines.corpus.documents import read_documents
from pipelines.errors import UserError
from pipelines.progress import progress
from pipelines.recipe import Recipe
from pipelines.run_dir import RunDir

# One set of roles for every kind: documents end with `eos_token`, batches are filled with `pad_token`, masked
# models hide behind `mask_token`. Only WordPiece has text that it cannot write (`unk_token`).
SPECIAL_TOKENS = {
    "bpe": {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"},
    "wordpiece": {"eos_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"},
}
MEASURED_BYTES = 1_000_000  # of held-out text, for bytes per token and losslessness


def train_tokenizer(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    wanted, special = recipe.tokenizer, SPECIAL_TOKENS[recipe.tokenizer.kind]
    train_bytes = run.report("corpus", recipe)["splits"]["train"]["bytes"]
    sampled = Sample(run, min(1.0, wanted.max_training_bytes / train_bytes))
    tokenizer = train(wanted, sampled)
    if tokenizer.get_vocab_size() < wanted.vocab_size:
        raise UserError(
            f"the corpus has only enough variety for {tokenizer.get_vocab_size()} tokens, and tokenizer.vocab_size "
            f"asks for {wanted.vocab_size}: lower it, lower tokenizer.min_frequency, or bring more text"
        )
    more = {"extra_special_tokens": list(wanted.sentinel_tokens)}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **special, **more)
    fast.save_pretrained(out.tokenizer)

    tokenizer.encode_special_tokens = True  # "<|endoftext|>" written by a person stays text
    held_out = _held_out(run)
    encoded = [encoding.ids for encoding in tokenizer.encode_batch_fast(held_out, add_special_tokens=False)]
    bytes_per_token = sum(len(text.encode()) for text in held_out) / max(1, sum(map(len, encoded)))
    lossless = all(tokenizer.decode(ids) == text for ids, text in zip(encoded, held_out, strict=True))
    out.write_report(
        "tokenizer",
        recipe,
        {
            "kind": wanted.kind,
            "vocab_size": tokenizer.get_vocab_size(),
            "special_tokens": special,
            "training_bytes": sampled.bytes_read,
            "training_share": sampled.share,
            "measured_documents": len(held_out),
            "bytes_per_token": bytes_per_token,
            "lossless": lossless,
            "examples": [_example(tokenizer, text) for text in held_out[:3]],
        },
    )
    return f"{tokenizer.get_vocab_size():,} tokens, {bytes_per_token:.2f} bytes a token on held-out text"


def train(wanted: recipes.Tokenizer, texts: Iterator[str] | Sample) -> Tokenizer:
    """Train a tokenizer of the wanted kind and size on `texts`."""
    special = [*SPECIAL_TOKENS[wanted.kind].values(), *wanted.sentinel_tokens]
    trainer: trainers.Trainer
    if wanted.kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=wanted.vocab_size,
            min_frequency=wanted.min_frequency,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=sys.stderr.isatty(),
        )
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=wanted.lowercase, strip_accents=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(
            vocab_size=wanted.vocab_size,
            min_frequency=wanted.min_frequency,
            special_tokens=special,
            show_progress=sys.stderr.isatty(),
        )
    tokenizer.train_from_iterator(iter(texts), trainer)
    return tokenizer


class Sample:
    """The training documents' texts, thinned evenly to a share of them."""

    def __init__(self, run: RunDir, share: float):
        self.run = run
        self.share = share
        self.bytes_read = 0

    def __iter__(self) -> Iterator[str]:
        due = 0.0
        for document in progress(read_documents(self.run, "train", ["text"]), title="tokenizer: reading", unit="doc"):
            due += self.share
            if due >= 1.0:
                due -= 1.0
                self.bytes_read += len(document["text"].encode())
                yield document["text"]


def _held_out(run: RunDir) -> list[str]:
    texts: list[str] = []
    size = 0
    for document in read_documents(run, "validation", ["text"]):
        size += len(document["text"].encode())
        if texts and size > MEASURED_BYTES:
            break
        texts.append(document["text"])
    return texts


def _example(tokenizer: Tokenizer, text: str) -> dict[str, object]:
    """How the tokenizer cuts the first line of a document."""
    line = text.strip().splitlines()[0][:80]
    ids = tokenizer.encode(line, add_special_tokens=False).ids
    return {"text": line, "tokens": [tokenizer.decode([i], skip_special_tokens=False) for i in ids]}


def main(argv: list[str] | None = None) -> int:
    return stage_main("tokenizer", argv)


if __name__ == "__main__":
    sys.exit(main())
