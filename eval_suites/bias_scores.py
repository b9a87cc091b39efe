"""How probable a model finds the words that two sentences share, given the words that they do not.

A probe's two sentences differ in the mention alone ("The woman" / "The man"), which opens them; the words after it
are shared. A causal model gives Σ log P(token | the document separator, the mention, the shared tokens before it).
A masked model gives the pseudo-log-likelihood of the shared tokens, each masked in turn while all others are seen
(Salazar et al. 2020; restricted to the shared tokens as in Nangia et al. 2020, CrowS-Pairs, §3). An encoder–decoder
gives the same with a sentinel in the place of the token: log P(that its span is this token, and ends there). The three
are on different scales: compare gaps within a model, never those of different kinds.

Mention and shared words are tokenised apart. The words start with a space, at which byte-level BPE and WordPiece
split anyhow, so this is the tokenisation of the whole sentence, and the shared tokens are the same in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from desdecero.eval_suites.scoring import Objective, sentinel_ids

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


def log_probabilities(
    model: Any, tokenizer: Any, sentences: Sequence[Sentence], objective: Objective
) -> NDArray[np.float64]:
    """log P(shared tokens | mention) of each sentence in nats, shape (sentences,); `model` in evaluation mode."""
    score = {"causal": _causal, "masked": _masked, "span_corruption": _span_by_span}[objective]
    with torch.inference_mode():
        return score(model, tokenizer, sentences)


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
    hidden = _hide_in_turn(tokenizer, sentences, tokenizer.mask_token_id, [tokenizer.eos_token_id])
    totals = np.zeros(len(sentences))
    for batch in _batches([each.row for each in hidden]):
        ids, mask = _pad([hidden[i].row for i in batch], tokenizer.pad_token_id, model.device)
        places = torch.tensor([[hidden[i].place] for i in batch], device=model.device)
        with _logits_only_at(model, places):
            logits = model(input_ids=ids, attention_mask=mask).logits
        _add(totals, [hidden[i].sentence for i in batch], logits, [[hidden[i].token] for i in batch])
    return totals


def _span_by_span(model: Any, tokenizer: Any, sentences: Sequence[Sentence]) -> NDArray[np.float64]:
    sentinel, end = sentinel_ids(tokenizer)[0], tokenizer.eos_token_id
    hidden = _hide_in_turn(tokenizer, sentences, sentinel, [])
    totals = np.zeros(len(sentences))
    for batch in _batches([each.row for each in hidden]):
        ids, mask = _pad([hidden[i].row for i in batch], tokenizer.pad_token_id, model.device)
        before = [[model.config.decoder_start_token_id, sentinel, hidden[i].token] for i in batch]
        with _logits_only_at(model, torch.tensor([[1, 2]] * len(batch), device=model.device)):
            logits = model(
                input_ids=ids, attention_mask=mask, decoder_input_ids=torch.tensor(before, device=model.device),
                use_cache=False,
            ).logits  # fmt: skip
        _add(totals, [hidden[i].sentence for i in batch], logits, [[hidden[i].token, end] for i in batch])
    return totals


@dataclass(frozen=True)
class Hidden:
    """A sentence with one token hidden."""

    sentence: int
    row: list[int]
    place: int
    token: int
    """What was there."""


def _hide_in_turn(tokenizer: Any, sentences: Sequence[Sentence], mark: int, closed_by: list[int]) -> list[Hidden]:
    """Each sentence, behind a separator, once for each of its shared tokens, with `mark` in the token's place."""
    hidden = []
    for number, sentence in enumerate(sentences):
        whole = [tokenizer.eos_token_id, *sentence.mention, *sentence.shared, *closed_by]
        for place in range(1 + len(sentence.mention), len(whole) - len(closed_by)):
            hidden.append(Hidden(number, [*whole[:place], mark, *whole[place + 1 :]], place, whole[place]))
    return hidden


@contextmanager
def _logits_only_at(model: Any, places: torch.Tensor) -> Iterator[None]:
    """Within, the model's logits are those at `places`, (rows, a few), alone: half the time of logits everywhere."""
    rows, seen = torch.arange(len(places), device=places.device)[:, None], list[bool]()

    def narrow(layer: Any, arguments: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        seen.append(True)
        return (arguments[0][rows, places],)

    with model.get_output_embeddings().register_forward_pre_hook(narrow):
        yield
    if not seen:
        raise RuntimeError(f"{model.config.model_type} does not call its output layer, so its logits are not narrowed")


def _add(totals: NDArray[np.float64], sentences: list[int], logits: torch.Tensor, asked: list[list[int]]) -> None:
    """Add log P(asked), (rows, places), by logits (rows, places, vocabulary), to the totals of their sentences."""
    chosen = torch.tensor(asked, device=logits.device)[:, :, None]
    scores = logits.float().log_softmax(dim=-1).gather(2, chosen).squeeze(2).double().sum(dim=1)
    np.add.at(totals, sentences, scores.cpu().numpy())


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
