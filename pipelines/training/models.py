"""A model with random weights, from a recipe's `model` section: plain transformers classes, no code of ours."""

from __future__ import annotations

from typing import Any

from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    BertConfig,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

from pipelines import recipe as recipes
from pipelines.training.size_dial import MASKED, feed_forward_width


def build_config(wanted: recipes.Model, tokenizer: PreTrainedTokenizerFast) -> PretrainedConfig:
    """The transformers configuration; token ids and vocabulary size come from the tokenizer."""
    ids: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.eos_token_id,  # a text begins where the one before it ended
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": wanted.tie_embeddings,
    }
    if wanted.architecture == "gpt2":
        return GPT2Config(
            n_layer=wanted.layers,
            n_embd=wanted.hidden_size,
            n_head=wanted.heads,
            n_inner=wanted.intermediate_size,
            n_positions=wanted.context_length,
            resid_pdrop=wanted.dropout,
            embd_pdrop=wanted.dropout,
            attn_pdrop=wanted.dropout,
            **ids,
        )
    sizes: dict[str, Any] = {
        "num_hidden_layers": wanted.layers,
        "hidden_size": wanted.hidden_size,
        "num_attention_heads": wanted.heads,
        "max_position_embeddings": wanted.context_length,
    }
    if wanted.architecture in ("llama", "qwen3"):
        build = LlamaConfig if wanted.architecture == "llama" else Qwen3Config
        return build(
            intermediate_size=wanted.intermediate_size or feed_forward_width(wanted.architecture, wanted.hidden_size),
            num_key_value_heads=wanted.heads,
            head_dim=wanted.hidden_size // wanted.heads,
            attention_dropout=wanted.dropout,
            **sizes,
            **ids,
        )
    if wanted.architecture == "modernbert":
        return ModernBertConfig(
            # Two thirds of four times, as the model's authors do: its units are gated (Warner et al. 2024, §2.1.1).
            intermediate_size=wanted.intermediate_size or feed_forward_width(wanted.architecture, wanted.hidden_size),
            attention_dropout=wanted.dropout,
            embedding_dropout=wanted.dropout,
            mlp_dropout=wanted.dropout,
            # The published window is 128 of 8,192 tokens; a quarter keeps short contexts from being all global.
            local_attention=max(16, min(128, wanted.context_length // 4)),
            cls_token_id=tokenizer.eos_token_id,
            sep_token_id=tokenizer.eos_token_id,
            **sizes,
            **ids,
        )
    return BertConfig(
        intermediate_size=wanted.intermediate_size or feed_forward_width(wanted.architecture, wanted.hidden_size),
        hidden_dropout_prob=wanted.dropout,
        attention_probs_dropout_prob=wanted.dropout,
        type_vocab_size=1,  # one segment: no next-sentence task (Liu et al. 2019, §4.2)
        **sizes,
        **ids,
    )


def build_model(config: PretrainedConfig) -> PreTrainedModel:
    """Random weights in float32, drawn from torch's global generator."""
    auto = AutoModelForMaskedLM if config.model_type in MASKED else AutoModelForCausalLM
    return auto.from_config(config)


def count_parameters(model: PreTrainedModel) -> tuple[int, int]:
    """(all parameters, those outside embeddings and the output layer); tied weights count once."""
    every = {id(p): p.numel() for p in model.parameters()}
    tables = [model.get_input_embeddings(), model.get_output_embeddings()]
    tables += [module for name, module in model.named_modules() if name.endswith(("wpe", "position_embeddings"))]
    embedded = {id(p): p.numel() for table in tables for p in table.parameters()}
    return sum(every.values()), sum(every.values()) - sum(embedded.values())


def training_flops_per_token(model: PreTrainedModel, context_length: int) -> float:
    """Forward and backward floating-point operations for one token of a full sequence.

    6 per weight that multiplies an activation (Kaplan et al. 2020, §2.1), the output layer included, plus
    attention's 12 · layers · width · context, halved for causal models, whose kernels skip the upper triangle
    (Dao 2023, §3.1).
    """
    config = model.config
    head = model.get_output_embeddings().weight.numel()
    _, inner = count_parameters(model)
    attention = 12 * config.num_hidden_layers * config.hidden_size * context_length
    return 6.0 * (inner + head) + attention * (1.0 if config.model_type in MASKED else 0.5)
