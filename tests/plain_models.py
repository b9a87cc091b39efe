"""Models as others publish them: saved by plain transformers, with tokenizers that are not this project's.

None has a chat template. GPT-2's has no padding token; Llama's puts a token before each text, its weights are in half
precision and its configuration names several ends of text; BERT's has no end of text, but [CLS] and [SEP].
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from helpers import docstrings
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)  # fmt: skip

SHAPE = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 48,
}  # fmt: skip
WIDE = {"initializer_range": 0.2}
"""Weights large enough that predictions depend on the context."""


def _bpe(special: list[str], template: str = "") -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, show_progress=False, initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator(docstrings("heapq", "textwrap"), trainer)
    return _framed(tokenizer, template)


def _wordpiece(special: list[str], template: str) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(docstrings("heapq", "textwrap"), trainer)
    return _framed(tokenizer, template)


def _framed(tokenizer: Tokenizer, template: str) -> Tokenizer:
    if template:
        names = [name for name in template.split() if name != "$A"]
        special = [(name, tokenizer.token_to_id(name)) for name in names]
        tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=special)
    return tokenizer


def gpt2() -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_bpe(["<|endoftext|>"]), eos_token="<|endoftext|>")
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=48, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
        **WIDE,
    )  # fmt: skip
    return GPT2LMHeadModel(config), tokenizer


def llama() -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_bpe(["<s>", "</s>"], "<s> $A"), bos_token="<s>", eos_token="</s>"
    )
    config = LlamaConfig(
        vocab_size=len(tokenizer), num_key_value_heads=1, bos_token_id=0, eos_token_id=[1, 2], **SHAPE, **WIDE
    )  # fmt: skip
    return LlamaForCausalLM(config).to(torch.bfloat16), tokenizer


def bert() -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    roles = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    roles["mask_token"] = "[MASK]"
    words = _wordpiece(list(roles.values()), "[CLS] $A [SEP]")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **roles)
    return BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **SHAPE, **WIDE)), tokenizer


def roberta() -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    roles = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "mask_token": "<mask>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_bpe(list(roles.values()), "<s> $A </s>"), **roles)
    shape = {**SHAPE, "max_position_embeddings": 50}  # two of which are before the first token's
    return RobertaForMaskedLM(RobertaConfig(vocab_size=len(tokenizer), type_vocab_size=1, **shape, **WIDE)), tokenizer


def t5() -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    spans = [f"<extra_id_{number}>" for number in range(8)]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_bpe(["<pad>", "</s>", *spans], "$A </s>"),
        pad_token="<pad>", eos_token="</s>", model_max_length=48,
    )  # fmt: skip
    shape = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0}
    return T5ForConditionalGeneration(T5Config(vocab_size=len(tokenizer), **shape)), tokenizer


PLAIN: dict[str, Callable[[], tuple[PreTrainedModel, PreTrainedTokenizerFast]]] = {
    "gpt2": gpt2, "llama": llama, "roberta": roberta, "bert": bert, "t5": t5,
}  # fmt: skip


def save_plain(architecture: str, folder: Path, seed: int = 0) -> Path:
    """Write a model and its tokenizer as transformers does; return the folder."""
    torch.manual_seed(seed)
    for part in PLAIN[architecture]():
        part.save_pretrained(folder)
    return folder


def write_examples(folder: Path) -> dict[str, Path]:
    """Write examples of each task; return task → file."""
    texts = docstrings("csv", "copy", "calendar", "gettext", "codecs", "string")
    rows = {
        "text": [{"text": text[:400]} for text in texts[:40]],
        "chat": [{"prompt": f"{text.split()[0]} {n}?", "response": text[:20]} for n, text in enumerate(texts[:40])],
        "classification": [{"text": text[:60], "label": "short" if len(text) < 400 else "long"} for text in texts[:50]],
        "tokens": [
            {"text": text[:60], "spans": [{"start": 0, "end": len(text.split()[0]), "label": "FIRST"}]}
            for text in texts[:40]
        ],
    }  # fmt: skip
    files = {task: folder / f"{task}.jsonl" for task in rows}
    for task, file in files.items():
        file.write_text("".join(json.dumps(row) + "\n" for row in rows[task]), encoding="utf-8")
    return files
