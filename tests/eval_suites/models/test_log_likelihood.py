"""Likelihoods of continuations, and features, against one text at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_models import ARCHITECTURES, CONTEXT, byte_level, language_model, small, texts
from small_models import tokenizer as tokenizer_of_words

from desdecero.eval_suites.models import interface, logits
from desdecero.eval_suites.models.causal import Causal
from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import BATCH_TOKENS, LanguageModel
from desdecero.eval_suites.models.masked import Masked
from desdecero.eval_suites.models.seq2seq import EncoderDecoder

QUESTIONS = [
    ("Return the", " value of the array"), ("Return the", " number"), ("", "Return"), ("If it is true, return", " it"),
    ("Return the list of", " files"), ("Return the list of", " values, or None"), ("Return the list", " of values"),
]  # fmt: skip
CONTEXTS, CONTINUATIONS = [context for context, _ in QUESTIONS], [continuation for _, continuation in QUESTIONS]


def ids_of(model: LanguageModel, context: str, continuation: str) -> tuple[list[int], list[int]]:
    """Token ids of both, where the tokenizer cuts between the two."""
    whole, before = model.prompt_ids(f"{context}{continuation}"), model.prompt_ids(context)
    assert whole[: len(before)] == before
    return before, whole[len(before) :]


# --- against one question at a time, by the model alone ----------------------------------------------------------


@torch.no_grad()
def alone(model: LanguageModel, context: str, continuation: str) -> float:
    """The log-likelihood by definition: of a masked model, each token hidden alone."""
    before, after = ids_of(model, context, continuation)
    if isinstance(model, EncoderDecoder):
        sentinel, *_ = model.sentinels
        seen = torch.tensor([[*model.begin, *before, sentinel, *model.end]])
        logits = model.model(input_ids=seen, labels=torch.tensor([[sentinel, *after]])).logits[0].log_softmax(-1)
        return sum(float(logits[place, token]) for place, token in enumerate(after, start=1))
    whole, first = [*model.begin, *before, *after, *model.end], len(model.begin) + len(before)
    if isinstance(model, Causal):
        logits = model.model(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
        return sum(float(logits[first + place - 1, token]) for place, token in enumerate(after))
    total = 0.0
    for place, token in enumerate(after, start=first):
        ids = torch.tensor([whole])
        ids[0, place] = model.tokenizer.mask_token_id
        total += float(model.model(input_ids=ids).logits[0, place].log_softmax(-1)[token])
    return total


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_continuation_is_scored_by_its_tokens_alone(architecture: str) -> None:
    model = language_model(architecture, context_length=64)
    if isinstance(model, Masked):
        model.within_words = False
    found = model.score(CONTEXTS, CONTINUATIONS)
    assert found.log_likelihood == pytest.approx([alone(model, *each) for each in QUESTIONS], rel=1e-5)
    assert found.tokens.tolist() == [len(ids_of(model, *each)[1]) for each in QUESTIONS]
    assert not found.shortened.any()
    assert (model.log_likelihood(CONTEXTS, CONTINUATIONS) == found.log_likelihood).all()
    assert model.log_likelihood([], []).shape == (0,)


@torch.no_grad()
def test_the_later_tokens_of_a_word_are_hidden_with_each_of_its_tokens() -> None:
    model = language_model("bert", context_length=64)
    text = "returned filenames"
    words = model.tokenizer(text, add_special_tokens=False).word_ids()
    assert len(set(words)) < len(words)  # some word has several tokens
    ids, mask, expected = model.prompt_ids(text), model.tokenizer.mask_token_id, 0.0
    for place, token in enumerate(ids):
        hidden = [mask if words[i] == words[place] and i >= place else other for i, other in enumerate(ids)]
        row = torch.tensor([[*model.begin, *hidden, *model.end]])
        expected += float(model.model(input_ids=row).logits[0, len(model.begin) + place].log_softmax(-1)[token])
    (found,) = model.log_likelihood([""], [text])
    assert found == pytest.approx(expected, rel=1e-5)
    assert found != pytest.approx(alone(model, "", text), rel=1e-3)


@pytest.mark.parametrize("architecture", ["modernbert", "roberta"])
def test_a_masked_model_of_any_class_is_scored_by_its_own_logits(architecture: str) -> None:
    model = Masked(small(architecture), tokenizer_of_words())
    assert model.log_likelihood(["t5"], [" t7"]) == pytest.approx([alone(model, "t5", " t7")], rel=1e-5)


# --- the cut ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_a_token_across_the_cut_belongs_to_the_continuation() -> None:
    model, context, continuation = language_model("llama", context_length=64), "Return th", "e number"
    whole, before = model.prompt_ids(f"{context}{continuation}"), model.prompt_ids(context)
    common = next(i for i, (one, other) in enumerate(zip(whole, before, strict=False)) if one != other)
    logits = model.model(input_ids=torch.tensor([[*model.begin, *whole]])).logits[0].log_softmax(-1)
    expected = sum(float(logits[place, whole[place]]) for place in range(common, len(whole)))
    found = model.score([context], [continuation])
    assert found.log_likelihood == pytest.approx([expected], rel=1e-5)
    assert found.tokens.tolist() == [len(whole) - common]


def test_likelihoods_of_both_parts_are_that_of_the_text() -> None:
    model, text = language_model("gpt2", context_length=64), "Return the number of elements — 2 ½ €"
    (whole,) = model.log_likelihood([""], [text])
    for cut in range(1, len(text)):
        before, after = text[:cut], text[cut:]
        if (model.prompt_ids(before) + model.prompt_ids(after)) == model.prompt_ids(text):
            parts = model.log_likelihood(["", before], [before, after])
            assert parts.sum() == pytest.approx(whole, rel=1e-5)


def test_a_continuation_without_tokens_is_refused() -> None:
    for architecture, continuation in (("llama", ""), ("bert", " ")):
        with pytest.raises(ValueError, match="has no tokens"):
            language_model(architecture).score(["a"], [continuation])


def test_a_long_context_is_cut_from_the_left_and_a_long_continuation_is_refused() -> None:
    model = language_model("llama")  # 16 tokens, of which one begins the text
    context, continuation = "the" + " the" * 30, " the value"
    before, after = ids_of(model, context, continuation)
    fits = CONTEXT + 1 - 1 - len(after)  # the last token is not read
    found = model.score([context, "the"], [continuation] * 2)
    assert found.shortened.tolist() == [True, False]
    whole = torch.tensor([[*model.begin, *before[-fits:], *after[:-1]]])
    assert whole.shape[1] == CONTEXT
    with torch.no_grad():
        logits = model.model(input_ids=whole).logits[0].log_softmax(-1)
    expected = sum(float(logits[fits + place, token]) for place, token in enumerate(after))
    assert found.log_likelihood[0] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="more than the model can read at once"):
        model.score([""], [context])


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_the_beginning_of_a_text_is_what_the_model_can_read(architecture: str) -> None:
    model, text = language_model(architecture), "Return the underlying representation of unfathomable filenames."
    beginning = model.beginning(text)
    assert text.startswith(beginning) and len(beginning) < len(text)
    assert model._context_room(0) - 3 <= len(model.prompt_ids(beginning)) <= model._context_room(0)
    assert model.beginning("Return") == "Return"


# --- batches ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_company_of_a_question_does_not_matter(architecture: str) -> None:
    pairs = [(text[:20], text[20 : 20 + 3 * number]) for number, text in enumerate(texts(), start=1)]
    pairs += [(text[:20], text[20:cut]) for text in texts()[5:9] for cut in (25, 30, 31)] + QUESTIONS
    check_company(language_model(architecture, context_length=64), pairs)


@pytest.mark.parametrize("architecture", ["gemma2", "olmo2"])
def test_the_company_of_a_question_does_not_matter_to_other_classes(architecture: str) -> None:
    ids = np.random.default_rng(0).integers(4, 320, size=(12, 30))
    rows = [[f" t{token}" for token in row] for row in [*ids, *np.c_[ids[:6, :20], ids[6:, :10]]]]
    pairs = [("".join(row[:9]), "".join(row[9:])) for row in rows]
    check_company(Causal(small(architecture), tokenizer_of_words()), pairs)


def check_company(model: LanguageModel, pairs: list[tuple[str, str]]) -> None:
    together = model.score(*zip(*pairs, strict=True))
    for number, (context, continuation) in enumerate(pairs):
        apart = model.score([context], [continuation])
        assert together.log_likelihood[number] == pytest.approx(apart.log_likelihood[0], rel=1e-5)
        assert together.greedy[number] == apart.greedy[0]


def tokens_read(model: LanguageModel, contexts: list[str], continuations: list[str]) -> int:
    """Tokens that the model's embeddings are asked for, padding included."""
    read = []
    handle = model.model.get_input_embeddings().register_forward_pre_hook(lambda _, ids: read.append(ids[0].numel()))
    model.score(contexts, continuations)
    handle.remove()
    return sum(read)


def test_a_shared_beginning_is_read_once() -> None:
    model = language_model("llama", context_length=64)
    context, endings = "Return the number of elements in the list", [" of files", " of values", ", or None", " it has"]
    assert model.reads_trees  # type: ignore[attr-defined]  # of causal models
    before = len(model.begin) + len(model.prompt_ids(context))
    endings_alone = sum(len(ids_of(model, context, ending)[1]) - 1 for ending in endings)
    assert tokens_read(model, [context] * 4, endings) <= before + endings_alone


def test_a_model_with_local_attention_reads_each_sequence_by_itself() -> None:
    model = Causal(small("gemma2"), byte_level())
    assert not model.reads_trees
    assert Causal(small("olmo2"), byte_level()).reads_trees


def test_a_context_that_several_share_is_encoded_once() -> None:
    model = language_model("t5", context_length=64)
    read = []
    encoder = model.model.get_encoder()
    handle = encoder.register_forward_pre_hook(
        lambda _, __, given: read.append(given["input_ids"].shape[0]), with_kwargs=True
    )
    model.score(["Return the"] * 4, [" value", " values", " list", " name"])
    handle.remove()
    assert read == [1]


def test_first_choices_are_told_from_others() -> None:
    model = language_model("llama", context_length=64)
    (answer,) = model.generate(["Return the"], Decoding(3))
    choice = model.decode(answer.written[0])
    if model.prompt_ids(f"Return the{choice}") != [*model.prompt_ids("Return the"), *answer.written[0]]:
        pytest.skip("what was written is tokenized another way")
    assert model.score(["Return the", "Return the"], [choice, " value"]).greedy.tolist() == [True, False]


# --- features --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.no_grad()
def test_features_are_the_mean_hidden_state_of_a_texts_own_tokens(architecture: str) -> None:
    model = language_model(architecture, context_length=64)
    sample = [text[:length] for text, length in zip(texts(), (200, 40, 8, 120), strict=False)]
    for layer in (-1, 0):
        found = model.features(sample, layer)
        assert found.shape == (4, 32) and found.dtype == np.float32
        for text, feature in zip(sample, found, strict=True):
            ids = model.prompt_ids(text)[: model.room()]
            row = torch.tensor([[*model.begin, *ids, *model.end]])
            reader = model.model.get_encoder() if architecture == "t5" else model.model.base_model
            states = reader(input_ids=row, output_hidden_states=True).hidden_states[layer][0]
            own = states[len(model.begin) : len(model.begin) + len(ids)]
            assert feature == pytest.approx(own.mean(dim=0).numpy(), abs=1e-4)
        assert model.features([], layer).shape == (0, 32)


def test_a_text_without_tokens_has_no_features() -> None:
    with pytest.raises(ValueError, match="text 1 has no tokens"):
        language_model("bert").features(["a", ""])


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_no_pass_computes_more_logits_than_allowed(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = language_model(architecture, context_length=64)
    expected = model.score(CONTEXTS, CONTINUATIONS)
    for module in (logits, interface):
        monkeypatch.setattr(module, "BATCH_LOGITS", 2 * model.model.config.vocab_size)
    computed = list[int]()
    handle = model.model.get_output_embeddings().register_forward_hook(
        lambda _, __, output: computed.append(output.shape[0])
    )
    found = model.score(CONTEXTS, CONTINUATIONS)
    handle.remove()
    assert max(computed) == 2
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-5)
    assert found.greedy.tolist() == expected.greedy.tolist()


def test_rows_of_a_batch_fit_its_tokens_and_are_all_taken() -> None:
    model, rows = language_model("llama"), [[7] * length for length in (3, 700, 90, 1, 2000, 90, 400)]
    found = model._batches(rows)
    assert sorted(i for batch in found for i in batch) == list(range(7))
    assert found[0] == [4]  # too long for the limit, and alone
    assert all(len(batch) * len(rows[batch[0]]) <= BATCH_TOKENS for batch in found[1:])
