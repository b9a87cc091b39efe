"""Measure one model on the held-out text of a run, beside baselines that know the same training text.

documents.parquet   one row a document: id, source, language, length of the whole (bytes), and of what was scored of
                    it pieces, bytes, words, tokens, nll (nats), correct; and the result, to be used again
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from desdecero.eval_suites.language_modeling import MEASURES, Baselines, LanguageModeling
from desdecero.eval_suites.models.batching import Progress
from desdecero.eval_suites.models.continuations import encode_pairs
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.eval_suites.ngram import NGram
from desdecero.eval_suites.results import Slice, SuiteResult
from desdecero.eval_suites.slices import Facts, one_slice, slices
from desdecero.pipelines.common.files import hash_json
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.documents import Drawn, held_out, measured_split, pieces
from desdecero.pipelines.evaluation.measure import result_in, with_result
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.reports.tokens import TokensReport
from desdecero.pipelines.run.run_dir import RunDir

VERSION = 2
"""Raised when the same text and model give another result."""
CHUNK_TOKENS = 10_000_000  # counted at a time: 80 MB, however long the shard
DOMAIN_BYTES = 300_000
"""Largest text of the domain slice that is scored: that of `finetune.max_eval_bytes`, by default."""
NGRAM_TOKENS = 20_000_000
"""Training tokens, from the first on, that the n-gram model is trained on (docs/measured/ngram.md: time and memory)."""


class TrainingTokens:
    """The tokens that a run's model was trained on: counted, or read, when they are asked for."""

    def __init__(self, recipe: Recipe, run: RunDir, model: LanguageModel):
        """Take the training shards of a run, for a model with its tokenizer."""
        self.files = run.token_files("train")
        self.report = run.report("tokens", recipe)
        self.model = model
        seal = run.seal("tokens", recipe)
        self.digest = seal.digest if seal else ""
        # Blocks that documents were packed into hold padding, and open with an end of text that closes none of them.
        self.padding: int = model.tokenizer.pad_token_id
        self.separator: int = model.tokenizer.eos_token_id

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of occurrences of each token of the vocabulary."""
        counts = count_tokens(self.files, self.report.dtype, len(self.model.tokenizer))
        counts[[self.padding, self.separator]] = 0, self.report.splits["train"].documents
        return counts

    @cached_property
    def ngram(self) -> NGram:
        """The n-gram model of the tokens."""
        return train_ngram(self.files, self.report, len(self.model.tokenizer), self.padding, self.separator)

    def shards(self) -> Iterator[NDArray[np.unsignedinteger[Any]]]:
        """Yield the tokens in pieces, each with the last thousand of the one before."""
        for file in self.files:
            tokens = np.memmap(file, np.dtype(self.report.dtype), "r")
            for start in range(0, len(tokens), CHUNK_TOKENS):
                yield tokens[max(0, start - 1000) : start + CHUNK_TOKENS]

    def score(self, contexts: Sequence[str], continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return the log-likelihoods of continuations by the n-gram model, as a baseline of suites."""
        pairs = encode_pairs(self.model.tokenizer, contexts, continuations)
        begin = self.model.begin or [self.separator]
        return -self.ngram.continuation_nll(
            [pair.context for pair in pairs], [pair.continuation for pair in pairs], begin
        )


def measure_text(
    recipe: Recipe,
    run: RunDir,
    model: LanguageModel,
    digest: str,
    training: TrainingTokens | None,
    folder: Path,
    known: bytes | None,
    baselines: Baselines | None = None,
) -> tuple[SuiteResult, list[Slice], list[Drawn]]:
    """Return the result of a model on the held-out text of a run, its slices, and the text; write `documents.parquet`.

    digest: of the model. training: None for a model that the run did not train. known: the file of an earlier
    measurement, which is used again if it was made from the same. baselines: of the model under an adapter, whose are
    the same
    """
    split, section = measured_split(recipe), recipe.evaluate
    documents = held_out(recipe, run, split, section.max_bytes)
    corpus = run.seal("corpus", recipe)
    made_from = hash_json(
        {
            "version": VERSION, "model": digest, "corpus": corpus.digest if corpus else "", "split": split,
            "max_bytes": section.max_bytes, "confidence": section.confidence, "seed": recipe.seed,
            "training": training.digest if training else "",
        }
    )  # fmt: skip
    if known is not None and (found := result_in(known, made_from)):
        (folder / "documents.parquet").write_bytes(known)
        return *found, documents
    texts, owners = pieces(documents)
    suite, bar = LanguageModeling(section.confidence, recipe.seed), partial(progress, title="evaluate", unit="batch")
    result, scores = suite.run(
        model,
        texts,
        training.counts if training and baselines is None else None,
        bar,
        training.ngram if training and model.text_probability and baselines is None else None,
        owners,
        baselines,
    )
    main = next(measure for measure in MEASURES[model.objective] if measure.name == result.main)
    parts = slices(suite, main, [_facts(document) for document in documents], scores)
    if domain := recipe.corpus.domain:
        parts.append(one_slice(suite, main, "domain", domain.name, domain_scores(recipe, run, suite, model, bar)))
    table = with_result(_score_table(documents, scores), result, made_from, parts)
    pq.write_table(table, folder / "documents.parquet")
    return result, parts, documents


def domain_scores(
    recipe: Recipe, run: RunDir, suite: LanguageModeling, model: LanguageModel, bar: Progress
) -> list[DocumentScore]:
    """Score held-out documents of the domain slice."""
    size = min(recipe.evaluate.max_bytes, DOMAIN_BYTES)
    texts, owners = pieces(held_out(recipe, run, "domain_validation", size))
    return suite.score(model, texts, bar, owners)


def _facts(document: Drawn) -> Facts:
    return Facts(document.facts["source"], document.facts["language"] or "", document.length)


def count_tokens(files: Sequence[Path], dtype: str, vocab_size: int) -> NDArray[np.int64]:
    """Count how often each token of the vocabulary occurs in the shards."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for file in files:
        tokens = np.memmap(file, np.dtype(dtype), "r")
        for start in range(0, len(tokens), CHUNK_TOKENS):
            counts += np.bincount(tokens[start : start + CHUNK_TOKENS], minlength=vocab_size)
    return counts


def train_ngram(
    files: Sequence[Path], tokens: TokensReport, vocab_size: int, padding: int, separator: int, most: int = NGRAM_TOKENS
) -> NGram:
    """Train an n-gram model on the first `most` tokens of the shards.

    Documents in blocks: what ends one block and what begins the next have nothing to do with each other, so a padding
    token is put between them, where n-grams end. Documents one after another: the first has no separator before it,
    and gets one.
    """
    parts, room = list[NDArray[np.unsignedinteger[Any]]](), most
    for file in files:
        shard = np.memmap(file, np.dtype(tokens.dtype), "r")
        parts.append(shard[:room])
        room -= len(parts[-1])
        if not room:
            break
    stream = np.concatenate(parts)
    if length := tokens.packing.block_length:
        blocks = stream[: len(stream) // length * length].reshape(-1, length)
        stream = np.pad(blocks, ((0, 0), (0, 1)), constant_values=padding).ravel()
    else:
        stream = np.insert(stream, 0, separator)
    return NGram.train(stream, vocab_size, separator=separator, padding=padding)


def _score_table(documents: Sequence[Drawn], scores: Sequence[DocumentScore]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([document.id for document in documents], pa.string()),
            "source": pa.array([document.facts["source"] for document in documents], pa.string()),
            "language": pa.array([document.facts["language"] for document in documents], pa.string()),
            "length": pa.array([document.length for document in documents], pa.int64()),
            "pieces": pa.array([len(document.pieces) for document in documents], pa.int64()),
            "bytes": pa.array([score.bytes for score in scores], pa.int64()),
            "words": pa.array([score.words for score in scores], pa.int64()),
            "tokens": pa.array([score.tokens for score in scores], pa.int64()),
            "nll": pa.array([score.nll for score in scores], pa.float64()),
            "correct": pa.array([score.correct for score in scores], pa.int64()),
        }
    )
