"""How probable a model finds the words that two sentences share, given the words that they do not.

A probe's two sentences differ in the mention alone ("The woman" / "The man"), which opens them; the words after it
are shared. A causal model gives Σ log P(token | the document separator, the mention, the shared tokens before it).
A masked model gives the pseudo-log-likelihood of the shared tokens, each masked in turn while all others are seen
(Salazar et al. 2020; restricted to the shared tokens as in Nangia et al. 2020, CrowS-Pairs, §3). The two are on
different scales: compare gaps within a model, never a causal one's with a masked one's.

Mention and shared words are tokenised apart. The words start with a space, at which byte-level BPE and WordPiece
split anyhow, so this is the tokenisation of the whole sentence, and the shared tokens are the same in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

BATCH_TOKENS = 1024
"""Tokens in a forward pass. On a CPU the fastest of 256 … 4096, within a tenth, for 3 to 5 million parameters; and
the logits of a causal model with 50,000 tokens then take 0.2 GB."""


@dataclass(frozen=True)
class Sentence:
    """A mention and the shared words after it, as token ids."""

    mention: tuple[int, ...]
    shared: tuple[int, ...]


def tokenize(tokenizer: Any, mentions: Sequence[str], shared: str, max_tokens: int) -> list[Sentence]:
    """One sentence a mention, all with the same shared tokens: those of `shared` that fit a model that reads
    `max_tokens`, beside the longest mention and a separator at each end.

    Raises `ValueError` when not even one shared token fits.
    """
    mention_ids = [tuple(tokenizer(mention, add_special_tokens=False)["input_ids"]) for mention in mentions]
    room = max_tokens - 2 - max(map(len, mention_ids))
    if room < 1:
        raise ValueError(f"the mentions {', '.join(mentions)} alone fill the {max_tokens} tokens that the model reads")
    shared_ids = tuple(tokenizer(shared, add_special_tokens=False)["input_ids"][:room])
    return [Sentence(ids, shared_ids) for ids in mention_ids]


def log_probabilities(model: Any, tokenizer: Any, sentences: Sequence[Sentence], masked: bool) -> NDArray[np.float64]:
    """log P(shared tokens | mention) of each sentence in nats, shape (sentences,); `model` in evaluation mode."""
    with torch.inference_mode():
        return (_masked if masked else _causal)(model, tokenizer, sentences)


def _causal(model: Any, tokenizer: Any, sentences: Sequence[Sentence]) -> NDArray[np.float64]:
    rows = [[tokenizer.eos_token_id, *sentence.mention, *sentence.shared] for sentence in sentences]
    totals = np.zeros(len(rows))
    for batch in _batches(rows):
        ids, mask = _pad([rows[i] for i in batch], tokenizer.pad_token_id, model.device)
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        # logits − logsumexp at the tokens that came is log_softmax there, without a second array of logits' size.
        scores = (logits.gather(2, ids[:, 1:, None]).squeeze(2) - logits.logsumexp(dim=-1)).double().cpu().numpy()
        for i, scored in zip(batch, scores, strict=True):
            totals[i] = scored[len(sentences[i].mention) : len(rows[i]) - 1].sum()
    return totals


def _masked(model: Any, tokenizer: Any, sentences: Sequence[Sentence]) -> NDArray[np.float64]:
    rows: list[list[int]] = []
    masked: list[tuple[int, int, int]] = []  # (sentence, place in the row, token there)
    for number, sentence in enumerate(sentences):
        whole = [tokenizer.eos_token_id, *sentence.mention, *sentence.shared, tokenizer.eos_token_id]
        for place in range(1 + len(sentence.mention), len(whole) - 1):
            rows.append([*whole[:place], tokenizer.mask_token_id, *whole[place + 1 :]])
            masked.append((number, place, whole[place]))
    totals = np.zeros(len(sentences))
    head = model.cls if model.config.model_type == "bert" else torch.nn.Sequential(model.head, model.decoder)
    for batch in _batches(rows):
        ids, mask = _pad([rows[i] for i in batch], tokenizer.pad_token_id, model.device)
        numbers, places, tokens = np.array([masked[i] for i in batch]).T
        hidden = model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
        # The vocabulary's logits at the masked place alone: half the time of logits everywhere.
        logits = head(hidden[torch.arange(len(batch)), torch.from_numpy(places)]).float()
        scores = logits.log_softmax(dim=-1)[torch.arange(len(batch)), torch.from_numpy(tokens)]
        np.add.at(totals, numbers, scores.double().cpu().numpy())
    return totals


def _batches(rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Indices of rows of like length, in batches of at most `BATCH_TOKENS` tokens with their padding."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]), reverse=True)
    start = 0
    while start < len(order):
        size = max(1, BATCH_TOKENS // len(rows[order[start]]))
        yield order[start : start + size]
        start += size


def _pad(rows: Sequence[Sequence[int]], pad: int, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids and their attention mask, each of shape (rows, longest)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    return ids, (torch.arange(longest, device=device) < lengths[:, None]).long()
