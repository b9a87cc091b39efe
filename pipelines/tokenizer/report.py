"""Measure a tokenizer: bytes per token and fertility by group, badly split words, and unused tokens.

Measured on validation text, up to `GROUP_BYTES` of each source, language and variety, so that a small group is measured
as precisely as a large one; total figures weigh every measured byte equally. A word is a run of letters. It is encoded
alone, after a space or without one, whichever takes fewer tokens: so tokenizers that mark words in different ways are
compared on the same words. *Fertility* is tokens per word (Rust et al. 2021, §4.1).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import regex
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines.corpus.documents import read_documents
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokenizer.byte_pairs import to_bytes, to_text
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.tokenizer.sample import batches
from desdecero.pipelines.tokenizer.unigram import BYTE_TOKENS
from desdecero.pipelines.tokenizer.wordpiece import CONTINUES

GROUP_BYTES, MEASURED_BYTES = 1_000_000, 10_000_000
"""Validation text that is measured, per group and in total: takes seconds, and gives shares to a tenth of a percent."""
WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*")
RARE = 100
"""Occurrences in the training text below which a token is called rare: a convention."""
BYTES = {"BPE": [to_text(bytes([byte])) for byte in range(256)], "Unigram": BYTE_TOKENS, "WordPiece": []}
"""Tokens that are given and not learnt, by kind of vocabulary."""
SHOWN = 20
BAD_SPLIT_TOKENS = 3
"""Number of tokens from which a word counts as badly split: two may be a stem and an ending."""


@dataclass(frozen=True)
class HeldOut:
    """Validation document, and the groups that it belongs to."""

    text: str
    source: str
    language: str
    variety: str


@dataclass
class TokenCounts:
    """Sums over documents and their words."""

    documents: int = 0
    bytes: int = 0
    tokens: int = 0
    words: int = 0
    word_tokens: int = 0
    whole_words: int = 0
    unknown_words: int = 0
    single_bytes: int = 0
    broken_bytes: int = 0

    def __add__(self, other: TokenCounts) -> TokenCounts:
        return TokenCounts(
            *(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True))
        )

    def report(self) -> dict[str, Any]:
        """Return sizes and ratios; a ratio is None where its denominator is 0."""
        return {
            "documents": self.documents,
            "bytes": self.bytes,
            "words": self.words,
            "bytes_per_token": _ratio(self.bytes, self.tokens),
            "fertility": _ratio(self.word_tokens, self.words),
            "whole_words": _ratio(self.whole_words, self.words),
            "unknown_words": _ratio(self.unknown_words, self.words),
            "single_bytes": _ratio(self.single_bytes, self.bytes),
            "broken_bytes": _ratio(self.broken_bytes, self.bytes),
        }


def read_held_out(run: RunDir, variety_field: str) -> list[HeldOut]:
    """Read validation documents, in order, up to the limits of each group and of all; the last one is cut off."""
    taken, total, chosen = defaultdict[tuple[str, str, str], int](int), 0, list[HeldOut]()
    for document in read_documents(run, "validation", ["text", "source", "language", "meta"]):
        variety = str(json.loads(document["meta"]).get(variety_field) or "")
        group = (document["source"], document["language"] or "", variety)
        room = min(GROUP_BYTES - taken[group], MEASURED_BYTES - total)
        text = document["text"].encode()[:room].decode(errors="ignore") if room > 0 else ""
        if text.strip():
            taken[group] += len(text.encode())
            total += len(text.encode())
            chosen.append(HeldOut(text, *group))
    return chosen


def measure(tokenizer: PreTrainedTokenizerFast, documents: Sequence[HeldOut]) -> dict[str, Any]:
    """Return the part of the stage's report that measures the tokenizer on validation text."""
    encode = Encoder(tokenizer)
    written = token_bytes(tokenizer)
    lengths, broken = np.array([len(data) for data in written]), np.array([_is_broken(data) for data in written])
    encoded = encode([document.text for document in documents])
    words = [Counter(WORD.findall(document.text)) for document in documents]
    counts = sum(words, Counter[str]())
    cuts = cut_words(list(counts), encode.encode_exactly)
    unknown = tokenizer.unk_token_id
    tallies = [
        TokenCounts(
            documents=1,
            bytes=len(document.text.encode()),
            tokens=len(ids),
            words=counter.total(),
            word_tokens=sum(times * len(cuts[word]) for word, times in counter.items()),
            whole_words=sum(n for word, n in counter.items() if len(cuts[word]) == 1 and unknown not in cuts[word]),
            unknown_words=sum(times for word, times in counter.items() if unknown in cuts[word]),
            single_bytes=int((lengths[ids] == 1).sum()),
            broken_bytes=int(lengths[ids[broken[ids]]].sum()),
        )
        for document, ids, counter in zip(documents, encoded, words, strict=True)
    ]
    total = sum(tallies, TokenCounts()).report()
    decoded = tokenizer.backend_tokenizer.decode_batch([ids.tolist() for ids in encoded], skip_special_tokens=False)
    return {
        "measured": total,
        "bytes_per_token": total["bytes_per_token"],
        "lossless": decoded == [document.text for document in documents],
        "languages": _by_group("language", documents, tallies),
        "sources": _by_group("source", documents, tallies),
        "varieties": _by_group("variety", documents, tallies),
        "bad_splits": bad_splits(written, counts, cuts),
    }


def cut_words(words: Sequence[str], encode: Any) -> dict[str, list[int]]:
    """Return the ids of each word: after a space or without one, whichever are fewer."""
    spaced, bare = encode([" " + word for word in words]), encode(words)
    return {
        word: [int(i) for i in (after if len(after) <= len(alone) else alone)]
        for word, after, alone in zip(words, spaced, bare, strict=True)
    }


def bad_splits(
    written: Sequence[bytes], counts: Mapping[str, int], cuts: Mapping[str, Sequence[int]]
) -> list[dict[str, Any]]:
    """Return the words of three and more tokens that cost the most tokens in excess of one each, with their splits."""
    cut = [word for word in counts if len(cuts[word]) >= BAD_SPLIT_TOKENS]
    worst = sorted(cut, key=lambda word: (-counts[word] * (len(cuts[word]) - 1), word))[:SHOWN]
    return [
        {"word": word, "occurrences": counts[word], "cuts": [readable(written[i]).strip() for i in cuts[word]]}
        for word in worst
    ]


def token_bytes(tokenizer: PreTrainedTokenizerFast) -> list[bytes]:
    """Return the bytes of each token of a tokenizer that this project trained, by id; empty for special tokens."""
    read: dict[str, Callable[[str], bytes]] = {"BPE": to_bytes, "Unigram": _of_unigram, "WordPiece": _of_wordpiece}
    reads, special = read[type(tokenizer.backend_tokenizer.model).__name__], set(tokenizer.all_special_ids)
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return [b"" if number in special else reads(name) for number, name in enumerate(names)]


def _of_unigram(name: str) -> bytes:
    return bytes([BYTE_TOKENS.index(name)]) if name in BYTE_TOKENS else name.encode()


def _of_wordpiece(name: str) -> bytes:
    return name.removeprefix(CONTINUES).encode()


def readable(data: bytes) -> str:
    """Return a token as readable text; bytes of incomplete characters as `\\xc3`."""
    return data.decode(errors="backslashreplace")


def _is_broken(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def _by_group(of: str, documents: Sequence[HeldOut], tallies: Sequence[TokenCounts]) -> list[dict[str, Any]]:
    """Return a row for each language, source or variety that documents name; most text first."""
    groups = defaultdict[str, TokenCounts](TokenCounts)
    for document, tally in zip(documents, tallies, strict=True):
        groups[getattr(document, of)] += tally
    if list(groups) == [""]:
        return []
    ordered = sorted(groups.items(), key=lambda item: (-item[1].bytes, item[0]))
    return [{of: name, **tally.report()} for name, tally in ordered]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


# --- unused tokens -----------------------------------------------------------------------------------------------


def token_use(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> dict[str, Any]:
    """Count how often the learnt tokens occur in the training text, and report those never used and rare ones.

    Special tokens and the 256 bytes are not learnt, and not counted.
    """
    encode, uses = Encoder(tokenizer), np.zeros(len(tokenizer), np.int64)
    for batch in batches(texts, 64):
        for ids in encode(batch):
            uses += np.bincount(ids, minlength=len(uses))
    written = token_bytes(tokenizer)
    vocabulary = tokenizer.get_vocab()
    given = {vocabulary[name] for name in BYTES[type(tokenizer.backend_tokenizer.model).__name__]}
    learnt = [i for i, data in enumerate(written) if data and i not in given]
    dead = [i for i in learnt if not uses[i]]
    rare = sorted((i for i in learnt if 0 < uses[i] < RARE), key=lambda i: (uses[i], i))
    return {
        "learnt": len(learnt),
        "tokens_read": int(uses.sum()),
        "dead": {"tokens": len(dead), "examples": [readable(written[i]) for i in dead[:SHOWN]]},
        "rare": {
            "below": RARE,
            "tokens": len(rare),
            "examples": [{"token": readable(written[i]), "uses": int(uses[i])} for i in rare[:SHOWN]],
        },
    }
