"""A tiny model and its tokenizer, to be asked probes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


def byte_pairs(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1500, special_tokens=["<|eos|>", "<|pad|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|eos|>", pad_token="<|pad|>")


def llama(tokenizer: PreTrainedTokenizerFast, seed: int = 0, **sizes: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), num_attention_heads=2, max_position_embeddings=64,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2, **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, **sizes},
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def trained(tokenizer: PreTrainedTokenizerFast, texts: list[str], seed: int, epochs: int = 6) -> LlamaForCausalLM:
    """A tiny model that has read the texts a few times."""
    model = llama(tokenizer, seed, hidden_size=64, intermediate_size=128).train()
    rows = tokenizer([f"<|eos|>{text}" for text in texts], padding=True, return_tensors="pt")
    labels = rows["input_ids"].masked_fill(rows["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(texts)).split(64):
            longest = int(rows["attention_mask"][batch].sum(dim=1).max())  # padding is not read
            ids, mask, wanted = (each[batch, :longest] for each in (rows["input_ids"], rows["attention_mask"], labels))
            loss = model(input_ids=ids, attention_mask=mask, labels=wanted, use_cache=False).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()
