"""Scores are checked against plain, slow references; the audit as a whole against bias planted in training text."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)  # fmt: skip

from desdecero.eval_suites.bias import LANGUAGES, Probe, load_probes, score_probes
from desdecero.eval_suites.bias_verdicts import judge
from desdecero.eval_suites.models.causal import Causal

PROBES = [probe for language in LANGUAGES for probe in load_probes(language)]
FEW = PROBES[::60]


def sentences(probes: list[Probe]) -> list[str]:
    return [
        text.format(mention) for probe in probes for text in (probe.context, probe.neutral) for mention in probe.pair
    ]


@pytest.fixture(scope="module")
def bpe() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1500, special_tokens=["<|eos|>", "<|pad|>", "<|mask|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(sentences(PROBES), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|eos|>", pad_token="<|pad|>", mask_token="<|mask|>"
    )


@pytest.fixture(scope="module")
def wordpiece() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[SEP]", "[PAD]", "[MASK]", "[UNK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=1500, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(sentences(PROBES), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]", unk_token="[UNK]"
    )


def llama(tokenizer: PreTrainedTokenizerFast, **sizes: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), num_attention_heads=2, max_position_embeddings=64,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2, **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, **sizes},
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def gpt2(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=64, initializer_range=0.2,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def bert(tokenizer: PreTrainedTokenizerFast) -> BertForMaskedLM:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, type_vocab_size=1, pad_token_id=tokenizer.pad_token_id, initializer_range=0.2,
    )  # fmt: skip
    return BertForMaskedLM(config).eval()


def test_the_gap_is_a_difference_in_differences_in_nats(bpe: PreTrainedTokenizerFast) -> None:
    model = Causal(llama(bpe), bpe)
    score = score_probes(model, FEW[:1], seed=0)[0]
    probe = score.probe
    values = [model.log_likelihood(probe.pair, [text[2:]] * 2) for text in (probe.context, probe.neutral)]
    assert score.gap == pytest.approx((values[0][0] - values[0][1]) - (values[1][0] - values[1][1]), rel=1e-4)


def test_swapping_the_mentions_turns_the_gap_around(bpe: PreTrainedTokenizerFast) -> None:
    model = Causal(llama(bpe), bpe)
    swapped = [Probe(p.id, p.language, p.group, (p.pair[1], p.pair[0]), p.context, p.neutral) for p in FEW]
    there = [score.gap for score in score_probes(model, FEW, seed=0)]
    back = [-score.gap for score in score_probes(model, swapped, seed=0)]
    assert there == pytest.approx(back, abs=1e-4)


def test_scoring_in_pieces_gives_the_same_scores(bpe: PreTrainedTokenizerFast) -> None:
    model = Causal(llama(bpe), bpe)
    together = score_probes(model, FEW, seed=3)
    apart = [score_probes(model, [probe], seed=3)[0] for probe in FEW]
    assert [s.shuffled for s in together] == pytest.approx([s.shuffled for s in apart], rel=1e-4)
    assert [s.gap for s in together] == pytest.approx([s.gap for s in apart], abs=1e-4)


def test_a_short_context_cuts_both_sentences_of_a_probe_alike(bpe: PreTrainedTokenizerFast) -> None:
    model, asked = Causal(llama(bpe), bpe, context_length=16), list[tuple[str, str]]()
    score, model.score = (
        model.score,
        lambda mentions, shared: (  # type: ignore[method-assign]
            asked.extend(zip(mentions, shared, strict=True)) or score(mentions, shared)
        ),
    )
    score_probes(model, PROBES, seed=0)
    sentences = [asked[5 * place : 5 * place + 5] for place in range(len(PROBES))]
    for probe, (first, second, third, fourth, _) in zip(PROBES, sentences, strict=True):
        assert (first[0], second[0]) == (third[0], fourth[0]) == probe.pair
        assert first[1] == second[1] and third[1] == fourth[1]
        assert probe.context[2:].startswith(first[1]) and probe.neutral[2:].startswith(third[1])
    assert any(len(each[0][1]) < len(probe.context[2:]) for probe, each in zip(PROBES, sentences, strict=True))


def test_a_mention_that_fills_the_model_is_refused_by_name(bpe: PreTrainedTokenizerFast) -> None:
    probe = Probe("x", "en", "disability", ("The man with Tourette syndrome", "The man"), "{} waved.", "{} sat.")
    with pytest.raises(ValueError, match="The man with Tourette syndrome"):
        score_probes(Causal(llama(bpe), bpe, context_length=4), [probe], seed=0)


def test_a_model_with_random_weights_is_not_competent(bpe: PreTrainedTokenizerFast) -> None:
    languages = judge(score_probes(Causal(llama(bpe), bpe), PROBES, seed=0), 0.95, 0.5, 200, 0)
    for report in languages.values():
        assert report.competence.high < report.competence.threshold
        assert {group.verdict for group in report.groups.values()} == {"model not competent"}


@pytest.mark.slow
def test_bias_planted_in_the_text_is_found_where_it_was_planted_and_nowhere_else(bpe: PreTrainedTokenizerFast) -> None:
    """One mention alone goes with the contexts of one group; in the others, and in the controls, both go with all."""
    probes = [probe for probe in load_probes("en") if probe.group in ("gender", "religion", "class")]
    removed = {probe.context.format(probe.pair[1]) for probe in probes if probe.group == "religion"}
    balanced = sentences(probes)
    planted = [text for text in balanced if text not in removed]
    for texts, expected in ((balanced, set()), (planted, {"religion"})):
        scores = score_probes(Causal(trained(bpe, texts), bpe), probes, seed=0)
        report = judge(scores, 0.95, 0.5, 500, 0)["en"]
        assert report.competence.competent
        assert {name for name, group in report.groups.items() if group.verdict == "bias found"} == expected
    assert report.groups["religion"].gap.low > 1


def trained(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> LlamaForCausalLM:
    """A tiny model that has read the texts a few times."""
    model = llama(tokenizer, hidden_size=64, intermediate_size=128).train()
    rows = tokenizer([f"<|eos|>{text}" for text in texts], padding=True, return_tensors="pt")
    labels = rows["input_ids"].masked_fill(rows["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(12):
        for batch in torch.randperm(len(texts)).split(32):
            loss = model(
                input_ids=rows["input_ids"][batch], attention_mask=rows["attention_mask"][batch], labels=labels[batch],
                use_cache=False,
            ).loss  # fmt: skip
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()
