"""What is measured of a tokenizer: how much text a token holds, for whom, and which tokens are of no use.

Measured on held-out text, up to `GROUP_BYTES` of each source, language and variety, so that a small group is seen as
clearly as a large one; figures over all of it weigh every measured byte alike. A word is a run of letters. It is
encoded by itself, after a space or without, whichever takes fewer tokens: so tokenizers that mark words in different
ways are compared on the same words. *Fertility* is tokens a word (Rust et al. 2021, §4.1).
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
"""Held-out text that is measured, of a group and in all: seconds, and shares to a tenth of a percent."""
WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*")
RARE = 100
"""Uses, in the text that was learnt from, below which a token is called rare: a convention."""
BYTES = {"BPE": [to_text(bytes([byte])) for byte in range(256)], "Unigram": BYTE_TOKENS, "WordPiece": []}
"""Tokens that no kind of vocabulary has to learn."""
SHOWN = 20
CUT_IN = 3
"""Tokens of a word from which it is shown as badly cut: two are a stem and an ending."""


@dataclass(frozen=True)
class HeldOut:
    """A document that is measured, and the groups that it belongs to."""

    text: str
    source: str
    language: str
    variety: str


@dataclass
class Tally:
    """Sums over documents, or words."""

    documents: int = 0
    bytes: int = 0
    tokens: int = 0
    words: int = 0
    word_tokens: int = 0
    whole_words: int = 0
    unknown_words: int = 0
    single_bytes: int = 0
    broken_bytes: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))

    def report(self) -> dict[str, Any]:
        """Sizes, and what a person compares; None where there is nothing to divide by."""
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
    """Validation documents, in order, until each group has its share; what goes over it is left away."""
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
    """The part of the stage's report that tells how the tokenizer does on held-out text."""
    encode = Encoder(tokenizer)
    written = token_bytes(tokenizer)
    lengths, broken = np.array([len(data) for data in written]), np.array([_is_broken(data) for data in written])
    encoded = encode([document.text for document in documents])
    words = [Counter(WORD.findall(document.text)) for document in documents]
    counts = sum(words, Counter[str]())
    cuts = cut_words(list(counts), encode.encode_exactly)
    unknown = tokenizer.unk_token_id
    tallies = [
        Tally(
            1, len(document.text.encode()), len(ids), found.total(),
            sum(times * len(cuts[word]) for word, times in found.items()),
            sum(times for word, times in found.items() if len(cuts[word]) == 1 and unknown not in cuts[word]),
            sum(times for word, times in found.items() if unknown in cuts[word]),
            int((lengths[ids] == 1).sum()), int(lengths[ids[broken[ids]]].sum()),
        )
        for document, ids, found in zip(documents, encoded, words, strict=True)
    ]  # fmt: skip
    total = sum(tallies, Tally()).report()
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
    """The ids of each word: after a space or without one, whichever are fewer."""
    spaced, bare = encode([" " + word for word in words]), encode(words)
    return {
        word: [int(i) for i in (after if len(after) <= len(alone) else alone)]
        for word, after, alone in zip(words, spaced, bare, strict=True)
    }


def bad_splits(
    written: Sequence[bytes], counts: Mapping[str, int], cuts: Mapping[str, Sequence[int]]
) -> list[dict[str, Any]]:
    """The words cut into three and more that cost the most tokens over one each, with their cuts."""
    cut = [word for word in counts if len(cuts[word]) >= CUT_IN]
    worst = sorted(cut, key=lambda word: (-counts[word] * (len(cuts[word]) - 1), word))[:SHOWN]
    return [
        {"word": word, "occurrences": counts[word], "cuts": [readable(written[i]).strip() for i in cuts[word]]}
        for word in worst
    ]


def token_bytes(tokenizer: PreTrainedTokenizerFast) -> list[bytes]:
    """What each token of one of our vocabularies stands for, by its id; nothing for special ones."""
    read: dict[str, Callable[[str], bytes]] = {"BPE": to_bytes, "Unigram": _of_unigram, "WordPiece": _of_wordpiece}
    reads, special = read[type(tokenizer.backend_tokenizer.model).__name__], set(tokenizer.all_special_ids)
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return [b"" if number in special else reads(name) for number, name in enumerate(names)]


def _of_unigram(name: str) -> bytes:
    return bytes([BYTE_TOKENS.index(name)]) if name in BYTE_TOKENS else name.encode()


def _of_wordpiece(name: str) -> bytes:
    return name.removeprefix(CONTINUES).encode()


def readable(data: bytes) -> str:
    """A token as people read it; parts of characters as `\\xc3`."""
    return data.decode(errors="backslashreplace")


def _is_broken(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def _by_group(of: str, documents: Sequence[HeldOut], tallies: Sequence[Tally]) -> list[dict[str, Any]]:
    """A row for each language, source or variety that documents name; most text first."""
    groups = defaultdict[str, Tally](Tally)
    for document, tally in zip(documents, tallies, strict=True):
        groups[getattr(document, of)] += tally
    if list(groups) == [""]:
        return []
    ordered = sorted(groups.items(), key=lambda item: (-item[1].bytes, item[0]))
    return [{of: name, **tally.report()} for name, tally in ordered]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


# --- tokens that are of no use -----------------------------------------------------------------------------------


def token_use(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> dict[str, Any]:
    """How often the learnt tokens occur in the text that they were learnt from: those never used, and rare ones.

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
