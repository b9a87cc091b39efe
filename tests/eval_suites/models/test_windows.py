"""Scores against a reference that reads one document, one token at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small_models import CONTEXT, byte_level, language_model, random_model, reading, texts, wordpiece
from transformers import PreTrainedModel

from desdecero.eval_suites.models.batching import encode
from desdecero.eval_suites.models.causal import Causal
from desdecero.eval_suites.models.masked import Masked
from desdecero.eval_suites.models.seq2seq import EncoderDecoder
from desdecero.eval_suites.models.windows import hidden_spans, masked_positions


@torch.no_grad()
def one_at_a_time(model: PreTrainedModel, text: str, eos: int) -> tuple[float, int, int]:
    """(nll, tokens, correct): for each token a forward pass of its own over the context that its window gives it."""
    ids = [eos, *encode(byte_level(), [text])[0].tolist()]
    nll, correct, predictions = 0.0, 0, len(ids) - 1
    for place in range(predictions):
        if place < CONTEXT:
            end = min(CONTEXT, predictions)
        else:  # the window that the token falls in ends on a multiple of half a context, or with the document
            end = min(predictions, CONTEXT + CONTEXT // 2 * (1 + (place - CONTEXT) // (CONTEXT // 2)))
        start = max(0, end - CONTEXT)
        seen = torch.tensor([ids[start : place + 1]])
        logits = model(input_ids=seen).logits[0, -1].double()
        nll -= float(torch.log_softmax(logits, dim=-1)[ids[place + 1]])
        correct += int(logits.argmax()) == ids[place + 1]
    return nll, predictions, correct


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_causal_scores_agree_with_one_token_at_a_time(architecture: str) -> None:
    model = random_model(architecture).eval()
    sample = [*texts()[:3], texts()[-1][:120], "x"]
    for text, score in zip(sample, Causal(model, byte_level()).score_documents(sample), strict=True):
        nll, tokens, correct = one_at_a_time(model, text, byte_level().eos_token_id)
        assert score.nll == pytest.approx(nll, rel=1e-4)
        assert (score.tokens, score.bytes, score.correct) == (tokens, len(text.encode()), correct)


def test_each_token_is_scored_once_whatever_the_length() -> None:
    """A model that finds every token equally likely needs exactly ln(vocabulary) for each."""
    model = random_model("llama")
    torch.nn.init.zeros_(model.get_output_embeddings().weight)
    words = " one" * 100
    for length in (1, CONTEXT - 1, CONTEXT, CONTEXT + 1, 3 * CONTEXT // 2, 3 * CONTEXT // 2 + 1, 100):
        text = byte_level().decode(encode(byte_level(), [words])[0][:length])
        (score,) = Causal(model, byte_level()).score_documents([text])
        assert score.nll == pytest.approx(score.tokens * math.log(len(byte_level())), rel=1e-5)
        assert score.tokens == len(encode(byte_level(), [text])[0])


def test_overlap_gives_context() -> None:
    """Without overlap a window's first token is predicted from one token alone."""
    model, text = language_model("llama"), texts()[-1]
    (apart,) = model.score_documents([text], overlap=0.0)
    (overlapping,) = model.score_documents([text])
    assert apart.tokens == overlapping.tokens
    assert apart.nll != overlapping.nll


def test_scores_do_not_depend_on_the_company() -> None:
    model = language_model("gpt2")
    together = model.score_documents(texts())
    for text, score in list(zip(texts(), together, strict=True))[::4]:
        (alone,) = model.score_documents([text])
        assert score.nll == pytest.approx(alone.nll, rel=1e-5)


def test_special_tokens_that_a_person_wrote_stay_text() -> None:
    (ids,) = encode(byte_level(), ["a <|endoftext|> b"])
    assert byte_level().eos_token_id not in ids
    assert byte_level().decode(ids) == "a <|endoftext|> b"


def test_bytes_are_those_of_utf8() -> None:
    (score,) = language_model("llama").score_documents(["¿Qué año? 語"])
    assert score.bytes == len("¿Qué año? 語".encode()) == 16


@torch.no_grad()
def test_masked_scores_agree_with_one_window_at_a_time() -> None:
    model, tokenizer, sample = random_model("bert"), wordpiece(), texts()[:4] + texts()[-1:]
    for number, (text, score) in enumerate(
        zip(sample, Masked(model, tokenizer).score_documents(sample, seed=3), strict=True)
    ):
        ids = [tokenizer.eos_token_id, *encode(tokenizer, [text])[0].tolist(), tokenizer.eos_token_id]
        hidden = {int(place) + 1 for place in masked_positions(len(ids) - 2, 0.15, 3, number)}
        nll, correct = 0.0, 0
        for start in range(0, len(ids), CONTEXT):
            places = range(start, min(start + CONTEXT, len(ids)))
            seen = torch.tensor([[tokenizer.mask_token_id if place in hidden else ids[place] for place in places]])
            logits = model(input_ids=seen).logits[0].double()
            for place in hidden & set(places):
                nll -= float(torch.log_softmax(logits[place - start], dim=-1)[ids[place]])
                correct += int(logits[place - start].argmax()) == ids[place]
        assert score.nll == pytest.approx(nll, rel=1e-4)
        assert (score.tokens, score.correct, score.bytes) == (len(hidden), correct, len(text.encode()))


def test_masks_are_fixed_by_seed_and_document() -> None:
    masks = [masked_positions(200, 0.15, 0, 5) for _ in range(2)]
    assert np.array_equal(*masks)
    assert len(masks[0]) == len(set(masks[0].tolist())) == 30
    assert not np.array_equal(masks[0], masked_positions(200, 0.15, 1, 5))
    assert not np.array_equal(masks[0], masked_positions(200, 0.15, 0, 6))


def test_the_shortest_document_has_one_token_hidden() -> None:
    assert masked_positions(1, 0.15, 0, 0).tolist() == [0]


# --- spans -----------------------------------------------------------------------------------------------------


def spans_of(hidden: np.ndarray) -> list[tuple[int, int]]:
    """(start, end) of each run of true."""
    edges = np.flatnonzero(np.diff(np.r_[False, hidden, False].astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


@torch.no_grad()
def test_span_scores_agree_with_one_token_at_a_time() -> None:
    """Each hidden token from a forward pass of its own, over the answer as it would have been written by then."""
    model, tokenizer, sample = random_model("t5"), reading("t5"), [texts()[0], texts()[3], "x"]
    asked = EncoderDecoder(model, tokenizer)
    sentinels, start = asked.sentinels, model.config.decoder_start_token_id
    scores = asked.score_documents(sample, seed=3)
    for number, (text, score) in enumerate(zip(sample, scores, strict=True)):
        ids = encode(tokenizer, [text])[0].tolist()
        hidden = hidden_spans(len(ids), CONTEXT - 1, 0.15, 3.0, len(sentinels), 3, number)
        nll, correct, windows = 0.0, 0, -(-len(ids) // (CONTEXT - 1))
        for window in range(windows):
            begin, end = len(ids) * window // windows, len(ids) * (window + 1) // windows
            seen, answer, last = [tokenizer.eos_token_id], [start], begin
            spans = spans_of(hidden[begin:end])
            for sentinel, (first, past) in zip(sentinels, spans, strict=False):
                seen += [*ids[last : begin + first], sentinel]
                last = begin + past
            seen += ids[last:end]
            for sentinel, (first, past) in zip(sentinels, spans, strict=False):
                answer.append(sentinel)
                for token in ids[begin + first : begin + past]:
                    asked = {"input_ids": torch.tensor([seen]), "decoder_input_ids": torch.tensor([answer])}
                    logits = model(**asked).logits[0, -1].double()
                    logits[[*sentinels, tokenizer.eos_token_id, tokenizer.pad_token_id]] = -torch.inf  # no words
                    nll -= float(torch.log_softmax(logits, dim=-1)[token])
                    correct += int(logits.argmax()) == token
                    answer.append(token)
        assert score.nll == pytest.approx(nll, rel=1e-4)
        assert (score.tokens, score.correct, score.bytes) == (hidden.sum(), correct, len(text.encode()))


@pytest.mark.parametrize("length", [1, 2, 14, 15, 16, 31, 500])
def test_spans_hide_the_share_that_is_asked_for_with_text_between_them(length: int) -> None:
    for document in range(30):
        hidden = hidden_spans(length, 100, 0.15, 3.0, 4, seed=0, document=document)
        assert len(hidden) == length
        windows = -(-length // 100)
        assert hidden.sum() == pytest.approx(0.15 * length, abs=0.5 * windows + 0.5)
        for begin in range(windows):
            part = hidden[length * begin // windows : length * (begin + 1) // windows]
            assert 1 <= len(spans_of(part)) <= 4


def test_spans_are_fixed_by_seed_and_document_and_three_tokens_long_on_average() -> None:
    one, same, other_seed, other_document = (
        hidden_spans(3000, 255, 0.15, 3.0, 100, seed, document) for seed, document in ((0, 5), (0, 5), (1, 5), (0, 6))
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other_seed) and not np.array_equal(one, other_document)
    assert one.sum() / len(spans_of(one)) == pytest.approx(3.0, rel=0.1)


def test_a_text_without_tokens_is_asked_for_none() -> None:
    (score,) = language_model("t5").score_documents([""])
    assert (score.tokens, score.nll) == (0, 0.0)
