"""Training and encoding with our tokenizer against its peers: `make bench-tokenizer` (about four minutes).

Each comparison is one JSON line: {"benchmark", "ours", "peer", "unit", "ratio"}. Training is wall clock; encoding is
megabytes for each second of a processor, so that the number of cores does not matter, and our check of one text in a
hundred is part of it. `same_ids` counts the texts whose ids are those of `datasets.map` with the saved tokenizer. The
last lines compare ways of cutting text before anything is learnt. The text is that of DESDECERO_DATA where it is set,
or the documentation of the installed Python packages.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence

import rustbpe
import tiktoken
from bench_corpus import real_texts
from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.corpus.sources import installed_docs
from desdecero.pipelines.recipe import InstalledDocs
from desdecero.pipelines.recipe.pretokenization import PATTERN
from desdecero.pipelines.tokenizer.byte_pairs import learn_pairs
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.tokenizer.training import train

GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def some(texts: Sequence[str], megabytes: float) -> list[str]:
    chosen, size = [], 0
    for text in texts:
        chosen.append(text)
        size += len(text.encode())
        if size > megabytes * 1e6:
            break
    return chosen


def size_of(texts: Sequence[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def say(benchmark: str, ours: float, peer: float, unit: str, ratio: float, **more: object) -> None:
    line = {"benchmark": benchmark, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, **more}
    print(json.dumps(line), flush=True)


def compare_training(texts: list[str], size: int) -> None:
    started = time.perf_counter()
    train(recipes.Tokenizer(vocab_size=size), texts)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    peer = rustbpe.Tokenizer()
    peer.train_from_iterator(iter(texts), vocab_size=size, pattern=PATTERN)
    rust = time.perf_counter() - started
    started = time.perf_counter()
    other = Tokenizer(models.BPE())
    other.pre_tokenizer, other.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    other.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    library = time.perf_counter() - started
    about = {"megabytes": size_of(texts), "vocab_size": size}
    say("training, checks included, against rustbpe alone", ours, rust, "seconds", rust / ours, **about)
    say("training against tokenizers", ours, library, "seconds", library / ours, **about)


def compare_encoding(texts: list[str], size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        train(recipes.Tokenizer(vocab_size=size), texts).save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    encode = Encoder(tokenizer)
    started = time.process_time()
    ids = [one for first in range(0, len(texts), 512) for one in encode(texts[first : first + 512])]
    ours = size_of(texts) / (time.process_time() - started)
    started = time.process_time()
    mapped = Dataset.from_dict({"text": texts}).map(
        lambda batch: tokenizer(batch["text"], add_special_tokens=False), batched=True, load_from_cache_file=False
    )
    peer = size_of(texts) / (time.process_time() - started)
    same = sum(mine.tolist() == theirs for mine, theirs in zip(ids, mapped["input_ids"], strict=True))
    say(
        "encoding against datasets.map", ours, peer, "MB a second of a processor", ours / peer, same_ids=same,
        texts=len(texts), tokens=sum(map(len, ids)),
    )  # fmt: skip


def compare_cuts(name: str, texts: list[str], size: int) -> None:
    """Bytes per token on the last tenth, with each pattern, trained on the rest."""
    edge = len(texts) * 9 // 10
    found = {}
    for pattern_name, pattern in (("ours", PATTERN), ("gpt2", GPT2_PATTERN)):
        trainer = rustbpe.Tokenizer()
        trainer.train_from_iterator(iter(texts[:edge]), vocab_size=size, pattern=pattern)
        ranks = {bytes(token): rank for token, rank in trainer.get_mergeable_ranks()}
        encoding = tiktoken.Encoding("x", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        tokens = sum(len(encoding.encode_ordinary(text)) for text in texts[edge:])
        found[pattern_name] = 1e6 * size_of(texts[edge:]) / tokens
    say(
        f"cuts: {name}, {size:,} tokens", found["ours"], found["gpt2"], "bytes a token", found["ours"] / found["gpt2"],
        megabytes=size_of(texts), learnt=len(learn_pairs(texts[:edge], size)),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=38)
    parser.add_argument("--vocabulary", type=int, default=8192)
    args = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # of the peer's encoding: it is measured on one core
    disable_progress_bars()
    mixed = list(real_texts())
    random.Random(0).shuffle(mixed)
    texts = some(mixed, args.megabytes)
    code = [
        document.text
        for document in installed_docs.read(InstalledDocs(kind="installed_docs", content="code", max_documents=600))
        if hasattr(document, "text")
    ]
    compare_encoding(some(texts, 14), args.vocabulary)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    compare_training(texts, args.vocabulary)
    for size in (4096, 8192, 16384):
        compare_cuts("the same text", some(texts, 15), size)
        compare_cuts("Python code", code, size)


if __name__ == "__main__":
    main()
