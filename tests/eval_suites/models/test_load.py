"""Models that transformers saved with their own tokenizers, whoever made them, are loaded and asked like ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakehub import FakeHub, File
from helpers import ROOT
from small_models import ARCHITECTURES, CONTEXT, random_model, reading, texts
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertLMHeadModel,
    BertTokenizer,
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Tokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
    ViTConfig,
    ViTModel,
)

from desdecero.eval_suites.models.causal import Causal
from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.frames import DEFAULT_CONTEXT
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.kinds import objective_by_heads
from desdecero.eval_suites.models.load import KINDS, kind_of, load
from desdecero.eval_suites.models.masked import Masked
from desdecero.eval_suites.models.seq2seq import EncoderDecoder
from desdecero.eval_suites.paired_sentences.probes import shipped_probes
from desdecero.eval_suites.paired_sentences.scoring import score_probes
from desdecero.pipelines.recipe.architectures import SHAPED

# --- made with transformers and tokenizers alone -----------------------------------------------------------------

SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def vocabulary(trained: Tokenizer, trainer: Any) -> dict[str, int]:
    trained.train_from_iterator(texts(), trainer)
    found: dict[str, int] = trained.get_vocab()
    return found


def gpt2() -> tuple[PreTrainedModel, Any]:
    """No special token is added to a text, and there is no padding token."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary(
        bpe,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=["<|endoftext|>"], show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )  # fmt: skip
    bpe.decoder = decoders.ByteLevel()
    tokenizer = GPT2Tokenizer(tokenizer_object=bpe)
    end = tokenizer.eos_token_id
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=64, bos_token_id=end, eos_token_id=end
    )
    return GPT2LMHeadModel(config), tokenizer


def words() -> dict[str, int]:
    wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    wordpiece.normalizer, wordpiece.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return vocabulary(
        wordpiece, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    )  # fmt: skip


def bert(kind: type[PreTrainedModel] = BertForMaskedLM, **how: Any) -> tuple[PreTrainedModel, Any]:
    """A text stands between [CLS] and [SEP], and there is no end-of-text token."""
    tokenizer = BertTokenizer(vocab=words())
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **SIZES, **how)
    return kind(config), tokenizer


def bert_as_a_decoder() -> tuple[PreTrainedModel, Any]:
    return bert(BertLMHeadModel, is_decoder=True)


def modernbert() -> tuple[PreTrainedModel, Any]:
    _, tokenizer = gpt2()
    tokenizer.add_special_tokens(
        {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    )
    ends = [("[CLS]", tokenizer.cls_token_id), ("[SEP]", tokenizer.sep_token_id)]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing("[CLS] $0 [SEP]", special_tokens=ends)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer,
        cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]",
    )  # fmt: skip
    config = ModernBertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=64, local_attention=16, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None, eos_token_id=None, cls_token_id=tokenizer.cls_token_id, sep_token_id=tokenizer.sep_token_id,
        **SIZES,
    )  # fmt: skip
    return ModernBertForMaskedLM(config), tokenizer


def llama() -> tuple[PreTrainedModel, Any]:
    """<s> begins a text; nothing ends it."""
    _, tokenizer = gpt2()
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    backend = tokenizer.backend_tokenizer
    backend.post_processor = processors.TemplateProcessing("<s> $0", special_tokens=[("<s>", begin)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    config = LlamaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=64, bos_token_id=begin, eos_token_id=end, **SIZES
    )
    return LlamaForCausalLM(config), tokenizer


def t5() -> tuple[PreTrainedModel, Any]:
    """</s> ends a text; nothing begins it."""
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    found = vocabulary(unigram, trainers.UnigramTrainer(vocab_size=300, unk_token="<unk>", show_progress=False))
    pieces = [(piece, -float(rank)) for rank, piece in enumerate(sorted(found, key=found.__getitem__)) if piece]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    tokenizer = T5Tokenizer(vocab=[*special, *(p for p in pieces if p[0] != "<unk>")], extra_ids=8)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    return T5ForConditionalGeneration(config), tokenizer


def roberta() -> tuple[PreTrainedModel, Any]:
    """A text stands between <s> and </s>; of 64 positions, those up to the padding token's number are never used."""
    _, tokenizer = gpt2()
    backend = tokenizer.backend_tokenizer
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "mask_token": "<mask>"}
    backend.add_special_tokens(list(special.values()))
    ends = [(name, backend.token_to_id(name)) for name in ("<s>", "</s>")]
    backend.post_processor = processors.TemplateProcessing("<s> $0 </s>", special_tokens=ends)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **special)
    config = RobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=64, pad_token_id=1, **SIZES)
    return RobertaForMaskedLM(config), tokenizer


def opt() -> tuple[PreTrainedModel, Any]:
    """</s> begins a text; positions are counted from 2."""
    _, tokenizer = llama()
    config = OPTConfig(
        vocab_size=len(tokenizer), max_position_embeddings=64, hidden_size=32, num_hidden_layers=2, ffn_dim=64,
        num_attention_heads=2, word_embed_proj_dim=32,
    )  # fmt: skip
    return OPTForCausalLM(config), tokenizer


def bloom() -> tuple[PreTrainedModel, Any]:
    """No positions at all: attention counts distances, and no limit is named."""
    _, tokenizer = gpt2()
    config = BloomConfig(vocab_size=len(tokenizer), hidden_size=32, n_layer=2, n_head=2)
    return BloomForCausalLM(config), tokenizer


def mistral() -> tuple[PreTrainedModel, Any]:
    """Attention sees the last 16 tokens."""
    _, tokenizer = llama()
    config = MistralConfig(
        vocab_size=len(tokenizer), max_position_embeddings=64, sliding_window=16, num_key_value_heads=2, **SIZES
    )
    return MistralForCausalLM(config), tokenizer


FOREIGN: dict[Callable[[], tuple[PreTrainedModel, Any]], tuple[type[LanguageModel], list[str], list[str]]] = {
    gpt2: (Causal, ["<|endoftext|>"], []),
    llama: (Causal, ["<s>"], []),
    bert_as_a_decoder: (Causal, ["[CLS]"], []),
    opt: (Causal, ["<s>"], []),
    bloom: (Causal, ["<|endoftext|>"], []),
    mistral: (Causal, ["<s>"], []),
    bert: (Masked, ["[CLS]"], ["[SEP]"]),
    roberta: (Masked, ["<s>"], ["</s>"]),
    modernbert: (Masked, ["[CLS]"], ["[SEP]"]),
    t5: (EncoderDecoder, [], ["</s>"]),
}
"""The class that a model is loaded as, and the tokens between which a text stands."""


@pytest.fixture(params=list(FOREIGN), ids=lambda make: make.__name__)
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> LanguageModel:
    torch.manual_seed(0)
    model, tokenizer = request.param()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, (kind, begin, end) = load(tmp_path), FOREIGN[request.param]
    assert type(loaded) is kind
    assert [loaded.tokenizer.convert_ids_to_tokens(part) for part in (loaded.begin, loaded.end)] == [begin, end]
    return loaded


# --- what they are asked -----------------------------------------------------------------------------------------


def test_a_foreign_model_gives_scores_and_features(foreign: LanguageModel) -> None:
    scores = foreign.score_documents(texts()[:5], seed=0)
    guess = np.log(foreign.model.config.vocab_size)
    for text, score in zip(texts()[:5], scores, strict=True):
        assert score.bytes == len(text.encode()) and score.tokens > 0
        assert 0.5 * guess < score.nll / score.tokens < 2 * guess  # of random weights
    assert foreign.features(texts()[:5]).shape == (5, 32)
    probes = shipped_probes("en")[0]
    few = replace(probes, contexts=probes.contexts[:3], reading=probes.reading[:1])
    gaps = score_probes(foreign, few, few.pairs[:2], seed=0).gaps
    assert gaps.shape == (3, 2) and np.all(np.isfinite(gaps)) and np.any(gaps != 0)


def test_a_foreign_model_answers(foreign: LanguageModel) -> None:
    prompt = "Return the [MASK] of the [MASK]." if foreign.fills_gaps else "Return the"
    (answer,) = foreign.answer([prompt], Decoding(4, min_tokens=1), seed=0)
    assert len(answer.written) == (2 if foreign.fills_gaps else 1)
    assert all(1 <= len(written) <= 4 for written in answer.written)
    assert foreign.samples([prompt], 4, seed=0)[0]["prompt"] == prompt


@torch.no_grad()
def test_a_foreign_text_is_scored_within_its_frame(foreign: LanguageModel) -> None:
    """The last token of a text, by the model alone on the ids that stand before it, or around it."""
    *context, token = foreign.tokenizer("Return the value", add_special_tokens=False)["input_ids"]
    ((_, cut),) = foreign.tokenizer(["Return the value"], add_special_tokens=False).encodings[0].offsets[-2:-1]
    begin, end, model = foreign.begin, foreign.end, foreign.model
    if isinstance(foreign, EncoderDecoder):
        sentinel, *_ = foreign.sentinels
        seen, answer = torch.tensor([[*context, sentinel, *end]]), torch.tensor([[sentinel, token]])
        expected = model(input_ids=seen, labels=answer).logits[0].log_softmax(-1)[1, token]
    elif isinstance(foreign, Masked):
        seen = torch.tensor([[*begin, *context, foreign.tokenizer.mask_token_id, *end]])
        expected = model(input_ids=seen).logits[0, -1 - len(end)].log_softmax(-1)[token]
    else:
        expected = model(input_ids=torch.tensor([[*begin, *context]])).logits[0, -1].log_softmax(-1)[token]
    text = "Return the value"
    found = foreign.score([text[:cut]], [text[cut:]])
    assert found.log_likelihood == pytest.approx([float(expected)], rel=1e-4) and found.tokens.tolist() == [1]


def test_a_foreign_model_reads_texts_of_any_length(foreign: LanguageModel) -> None:
    text = "Return the value of it. " * 30
    (score,) = foreign.score_documents([text], seed=0)
    assert score.tokens > 0 and np.isfinite(score.nll)
    found = foreign.score([text], [" Return"])
    assert found.shortened.all() == (len(foreign.prompt_ids(text)) > foreign._context_room(1))
    assert np.isfinite(found.log_likelihood).all()
    assert np.isfinite(foreign.features([text])).all()


def test_questions_to_a_foreign_model_may_share_a_batch(foreign: LanguageModel) -> None:
    pairs = [("Return the value of it, or None if it is not", after) for after in (" true", " there", " a value of it")]
    pairs += [("", text[:40]) for text in texts()[:6]] + [(text[:30], text[30:50]) for text in texts()[6:]]
    together = foreign.log_likelihood(*zip(*pairs, strict=True))
    apart = [foreign.log_likelihood([context], [after])[0] for context, after in pairs]
    assert together == pytest.approx(apart, rel=1e-5)


# --- which kind, which limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_of_ours_is_loaded_as_its_kind(architecture: str, tmp_path: Path) -> None:
    random_model(architecture).save_pretrained(tmp_path)
    reading(architecture).save_pretrained(tmp_path)
    loaded = load(tmp_path)
    assert type(loaded) is kind_of(architecture)
    assert loaded.context_length == CONTEXT
    assert not loaded.model.training and loaded.model.dtype == torch.float32


@pytest.mark.parametrize("architecture", SHAPED)
def test_the_recipe_and_the_heads_of_transformers_agree_on_the_kind(architecture: str) -> None:
    assert SHAPED[architecture] == objective_by_heads(architecture) == KINDS[SHAPED[architecture]].objective


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    model, tokenizer = gpt2()
    model.to(torch.bfloat16).save_pretrained(tmp_path)  # type: ignore[arg-type]
    tokenizer.save_pretrained(tmp_path)
    assert load(tmp_path).model.dtype == torch.float32


def test_what_is_not_a_language_model_is_refused(tmp_path: Path) -> None:
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    ViTModel(ViTConfig(image_size=16, patch_size=16, **shape)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no language model of type vit"):
        load(tmp_path)
    with pytest.raises(ValueError, match="no language model of type vit"):
        kind_of("vit")


def test_the_context_is_what_configuration_and_tokenizer_allow(tmp_path: Path) -> None:
    model, tokenizer = gpt2()
    assert Causal(model, tokenizer).context_length == 64
    assert Causal(model, tokenizer, context_length=8).context_length == 8
    tokenizer.model_max_length = 48
    assert Causal(model, tokenizer).context_length == 48
    assert EncoderDecoder(*t5()).context_length == DEFAULT_CONTEXT
    assert Masked(*roberta()).context_length == 62
    assert Causal(*opt()).context_length == 64
    assert Causal(*bloom()).context_length == DEFAULT_CONTEXT


def test_an_encoder_decoder_without_sentinels_says_so() -> None:
    model, _ = t5()
    _, tokenizer = llama()
    with pytest.raises(ValueError, match="no tokens <extra_id_0>"):
        EncoderDecoder(model, tokenizer).fill(["a [MASK]"], Decoding(2))


def test_a_tokenizer_without_an_end_of_text_is_refused() -> None:
    model, _ = gpt2()
    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, "a")))
    with pytest.raises(ValueError, match="nothing begins a text"):
        Causal(model, bare)


def test_the_example_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, architecture in (("quickstart", "llama"), ("quickstart_t5", "t5")):
        folder = tmp_path / "runs" / name / "model"
        random_model(architecture, context_length=64).save_pretrained(folder)
        reading(architecture).save_pretrained(folder)
    _, code, _ = re.split(r"```(?:python)?\n", (ROOT / "docs" / "model_interface.md").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    exec(code, {})


def test_a_name_on_the_hub_is_loaded_from_there(tmp_path: Path) -> None:
    random_model("llama").save_pretrained(tmp_path / "model")
    reading("llama").save_pretrained(tmp_path / "model")
    code = (
        "from desdecero.eval_suites.models.load import load; print(load('team/tiny').log_likelihood(['a'], [' b'])[0])"
    )
    with FakeHub() as hub:
        hub.create("team/tiny", private=False)
        files = {path.name: File(path.read_bytes(), large=False) for path in (tmp_path / "model").iterdir()}
        hub.repositories["team/tiny"].commit(files)
        environment = {**os.environ, **hub.environment(), "HF_HOME": str(tmp_path / "home")}
        finished = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    expected = load(tmp_path / "model").log_likelihood(["a"], [" b"])
    assert float(finished.stdout) == pytest.approx(expected[0], rel=1e-5)
