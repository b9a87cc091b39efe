"""The n-gram model against the same formula in dictionaries, and on real prose."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from small_models import byte_level

from desdecero.eval_suites import ngram as module
from desdecero.eval_suites.models.batching import encode
from desdecero.eval_suites.ngram import NGram

END, PAD = 0, 1
Probability = Callable[[Sequence[int], int], float]


def stream(tokens: int, vocab_size: int, seed: int = 0, padding: bool = True) -> np.ndarray:
    """Tokens in which the last two tell something of the next, with documents, empty ones too, and padding."""
    generator = np.random.default_rng(seed)
    ids = 2 + np.minimum(generator.zipf(1.5, tokens), vocab_size - 2) - 1
    follows = generator.random(tokens) < 0.6
    for place in range(2, tokens):
        if follows[place]:
            ids[place] = 2 + (7 * ids[place - 1] + ids[place - 2]) % (vocab_size - 2)
    ids[generator.random(tokens) < 0.02] = END
    if padding:
        ids[generator.random(tokens) < 0.01] = PAD
    ids[40:42] = END
    return ids.astype(np.uint16)


def reference(ids: Sequence[int], vocab_size: int, order: int) -> Probability:
    """P(token | context) by the definition: texts are cut out, and everything is counted in dictionaries."""
    texts, text = [], []
    for token in ids:
        if token == PAD:
            texts.append(text)
            text = []
            continue
        text.append(token)
        if token == END:
            texts.append(text)
            text = [END]
    texts.append(text)
    seen = {n: Counter(tuple(t[i : i + n]) for t in texts for i in range(len(t) - n + 1)) for n in range(1, order + 1)}
    counts: dict[int, dict[tuple[int, ...], int]] = {}
    for n in range(1, order + 1):
        before = defaultdict(set)
        for gram in seen.get(n + 1, ()):
            before[gram[1:]].add(gram[0])
        raw = Counter((token,) for token in ids if token != PAD) if n == 1 else seen[n]
        counts[n] = {gram: raw[gram] if n == order or (n > 1 and gram[0] == END) else len(before[gram]) for gram in raw}
    discounts = {n: by_definition(list(counts[n].values())) for n in counts}
    after: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for n in counts:
        for gram, count in counts[n].items():
            after[gram[:-1]].append(count)

    def probability(context: Sequence[int], token: int) -> float:
        context = tuple(context)[-(order - 1) :] if order > 1 else ()
        n = len(context) + 1
        lower = probability(context[1:], token) if context else 1 / vocab_size
        total = sum(after[context])
        if not total:
            return lower
        own = counts[n].get((*context, token), 0)
        spared = sum(discounts[n][min(count, 3)] for count in after[context])
        return (own - discounts[n][min(own, 3)]) / total + spared / total * lower

    return probability


def by_definition(counts: Sequence[int]) -> list[float]:
    n = Counter(counts)
    if not n[1] or not n[2]:
        return [0, 0.5, 0.5, 0.5]
    y = n[1] / (n[1] + 2 * n[2])
    if n[3]:
        chen = [1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
        if all(0 < chen[i] < i + 1 for i in range(3)):
            return [0, *chen]
    return [0, y, y, y]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize(("tokens", "vocab_size"), [(4000, 60), (300, 257), (6, 9)])
def test_it_is_the_formula(order: int, tokens: int, vocab_size: int) -> None:
    ids = stream(max(tokens, 50), vocab_size)[:tokens]
    expected = reference(ids.tolist(), vocab_size, order)
    ngram = NGram.train(ids, vocab_size, order, separator=END, padding=PAD)
    held_out = [np.r_[END, stream(200, vocab_size, seed)] for seed in (1, 2)] + [ids[:100], np.array([END])]
    for document, found in zip(held_out, ngram.log_probabilities(held_out), strict=True):
        own = document.tolist()
        wanted = [math.log(expected(own[max(0, i - order + 1) : i], own[i])) for i in range(len(own))]
        assert found == pytest.approx(wanted, abs=1e-9)


def test_without_a_separator_the_stream_is_one_text() -> None:
    ids = stream(3000, 60, padding=False)
    other = np.where(ids == END, 59, np.where(ids == 59, END, ids))  # the same by other names: the 0 is a word now
    one, two = NGram.train(ids, 60), NGram.train(other.astype(np.uint16), 60)
    document = stream(300, 60, seed=1)
    renamed = np.where(document == END, 59, np.where(document == 59, END, document))
    assert one.log_probabilities([document])[0] == pytest.approx(two.log_probabilities([renamed])[0], abs=1e-12)
    assert len(NGram.train(ids, 60).levels[-1].keys) > len(NGram.train(ids, 60, separator=END).levels[-1].keys)


@pytest.mark.parametrize("tokens", [0, 1, 30, 5000])
def test_the_probabilities_of_all_tokens_sum_to_one(tokens: int) -> None:
    ids = stream(5000, 60)[:tokens]
    ngram = NGram.train(ids, 60, separator=END, padding=PAD)
    seen = [ids[i : i + n].tolist() for n in range(1, 5) for i in (0, 7, 400, 3000) if i + n <= tokens]
    for context in [[], [END], [PAD], [59, 58, 57, 56], [END, 2, 3], [2, END, 3, 2, 4, 2], *seen]:
        distribution = ngram.distribution(context)
        assert distribution.sum() == pytest.approx(1, abs=1e-9)
        assert distribution.min() > 0
        asked = [np.array([*context, token]) for token in range(60)]
        each = np.exp([found[-1] for found in ngram.log_probabilities(asked)])
        assert distribution == pytest.approx(each, rel=1e-12)


def test_the_first_choice_is_the_most_likely_token() -> None:
    ngram = NGram.train(stream(4000, 60), 60, separator=END, padding=PAD)
    document = np.r_[END, stream(500, 60, seed=3)]
    (predictions,) = ngram.predict([document])
    for place, choice in enumerate(predictions.first_choice.tolist()):
        distribution = ngram.distribution(document[:place].tolist())
        assert distribution[choice] == pytest.approx(distribution.max(), rel=1e-12)


def test_padding_and_the_end_of_another_text_tell_nothing() -> None:
    texts = [[END, 5, 6, 7, END], [END, 8, 9, 10, END]]
    apart = NGram.train(np.array([END, 5, 6, 7, END, 8, 9, 10, END]), 12, separator=END, padding=PAD)
    opening = apart.distribution([END])
    assert opening[5] == pytest.approx(opening[8]) and opening[5] > np.delete(opening, [5, 8]).max()
    assert apart.distribution([7, END]) == pytest.approx(opening)
    padded = NGram.train(np.array([*texts[0], PAD, PAD, *texts[1], PAD]), 12, separator=END, padding=PAD)
    for context in ([END], [5, 6], [10], [7, END]):
        assert padded.distribution(context) == pytest.approx(apart.distribution(context))
    assert padded.distribution([7])[PAD] == padded.distribution([7])[11]  # neither was seen


def test_a_continuation_is_scored_after_the_end_of_its_context() -> None:
    ngram = NGram.train(stream(4000, 60), 60, separator=END, padding=PAD)
    contexts, continuations = [[], [4, 5], list(range(2, 30)), [9]], [[3, 4], [6], [7, 8, 9, 10, 11, 12], []]
    found = ngram.continuation_nll(contexts, continuations, [END])
    for context, continuation, nll in zip(contexts, continuations, found, strict=True):
        whole = ngram.log_probabilities([np.array([END, *context, *continuation])])[0]
        assert nll == pytest.approx(-whole[1 + len(context) :].sum())
    assert NGram.train(stream(400, 60), 60, 1).continuation_nll([[2, 3]], [[4]], [END]).shape == (1,)


def test_the_size_of_a_chunk_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ngram = NGram.train(stream(4000, 60), 60, separator=END, padding=PAD)
    documents = [np.r_[END, stream(length, 60, seed=length)] for length in (300, 50, 51, 777)]
    whole = ngram.predict(documents)
    monkeypatch.setattr(module, "CHUNK_TOKENS", 7)
    for one, other in zip(whole, ngram.predict(documents), strict=True):
        assert np.array_equal(one.log_probability, other.log_probability)
        assert np.array_equal(one.first_choice, other.first_choice)


def test_large_ids_fit_in_a_key() -> None:
    ids = stream(3000, 60).astype(np.uint32)
    large = np.where(ids > 1, ids + 2_000_000, ids).astype(np.uint32)
    document = np.r_[END, stream(200, 60, seed=1)].astype(np.uint32)
    small = NGram.train(ids, 2_000_060, separator=END, padding=PAD).log_probabilities([document])[0]
    moved = np.where(document > 1, document + 2_000_000, document)
    found = NGram.train(large, 2_000_060, separator=END, padding=PAD).log_probabilities([moved])[0]
    assert found == pytest.approx(small, abs=1e-9)


def test_tokens_outside_of_the_vocabulary_are_refused() -> None:
    with pytest.raises(ValueError, match="not in a vocabulary of 60"):
        NGram.train(np.array([3, 60]), 60)
    with pytest.raises(ValueError, match="at least one token"):
        NGram.train(np.array([3]), 60, order=0)
    ngram = NGram.train(np.array([3, 4]), 60)
    for ids in ([60], [-1]):
        with pytest.raises(ValueError, match="not in a vocabulary of 60"):
            ngram.log_probabilities([np.array(ids)])
        with pytest.raises(ValueError, match="not in a vocabulary of 60"):
            ngram.distribution(ids)
    assert ngram.predict([]) == []


def test_on_real_prose_each_token_of_context_helps(prose: list[str]) -> None:
    tokenizer = byte_level()
    documents = [np.r_[tokenizer.eos_token_id, ids] for ids in encode(tokenizer, prose)]
    held_out, texts = documents[::10], [d for i, d in enumerate(documents) if i % 10]
    train = np.concatenate([*texts, [tokenizer.eos_token_id]]).astype(np.uint16)

    def perplexity(order: int) -> float:
        ngram = NGram.train(train, len(tokenizer), order, separator=tokenizer.eos_token_id)
        return math.exp(-np.concatenate([found[1:] for found in ngram.log_probabilities(held_out)]).mean())

    perplexities = [perplexity(order) for order in range(1, 6)]
    assert all(longer < shorter for shorter, longer in pairwise(perplexities))
    assert perplexities[4] < perplexities[0] / 5


def test_another_process_trains_the_same_model() -> None:
    code = (
        "import hashlib, numpy as np; from desdecero.eval_suites.ngram import NGram\n"
        "ids = np.minimum(np.random.default_rng(0).zipf(1.3, 20000), 499).astype(np.uint16)\n"
        "model = NGram.train(ids, 500, separator=3)\n"
        "parts = [model.unigram, *(part for level in model.levels for part in vars(level).values())]\n"
        "print(hashlib.sha256(b''.join(part.tobytes() for part in parts)).hexdigest())"
    )
    digests = {subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout for _ in range(2)}
    assert len(digests) == 1
