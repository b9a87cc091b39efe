"""Per-document attention in packed sequences, and a check that it works for this model class.

`begins` in `batches.py` tells where documents begin. Classes of transformers differ in the arguments that they
understand, and silently ignore others. So each masking method is tried on the model before training: packed documents
must give the same hidden states as one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.eval_suites.models.kinds import Objective
from desdecero.pipelines.training.data.span_corruption import documents_of

MaskingMethod = Callable[[torch.Tensor, Any], dict[str, Any]]
"""(begins, configuration) → arguments of the model's forward. begins: (rows, length), true where a document begins."""

TRIAL_LENGTH = 512
"""Tokens of the trial at most: more than the windows of local attention, and a second's work for a billion weights."""

TOLERANCE = 1e-3
"""Share of the largest hidden value. In float32 the two differ by 1e-6 of it if documents are kept apart, by 1e-1 if
not."""


def positions_only(begins: torch.Tensor, _: Any) -> dict[str, Any]:
    """Restart positions: causal models then detect packed documents, given neither a mask nor a cache."""
    return {"position_ids": positions(begins)}


def causal_mask(begins: torch.Tensor, _: Any) -> dict[str, Any]:
    """Give a causal mask of each document, and restart positions."""
    return {"attention_mask": same_document(begins).tril(), "position_ids": positions(begins)}


def attention_mask(begins: torch.Tensor, _: Any) -> dict[str, Any]:
    """Give a mask of each document, and restart positions."""
    return {"attention_mask": same_document(begins), "position_ids": positions(begins)}


def attention_mask_after_padding(begins: torch.Tensor, config: Any) -> dict[str, Any]:
    """Give a mask, and positions that start after the padding token's, as RoBERTa's do."""
    return {"attention_mask": same_document(begins), "position_ids": positions(begins) + config.pad_token_id + 1}


def attention_mask_only(begins: torch.Tensor, _: Any) -> dict[str, Any]:
    """Give a mask alone: rotary or relative positions need not restart within a document."""
    return {"attention_mask": same_document(begins)}


def attention_masks_of_layers(begins: torch.Tensor, config: Any) -> dict[str, Any]:
    """Give one mask to the layers that see all, and another to those that see a window (ModernBERT)."""
    same, place = same_document(begins), torch.arange(begins.shape[1], device=begins.device)
    near = (place[:, None] - place).abs() <= config.local_attention // 2
    return {"attention_mask": {"full_attention": same, "sliding_attention": same & near}}


MASKING_METHODS: dict[Objective, tuple[MaskingMethod, ...]] = {
    "causal": (positions_only, causal_mask),
    "masked": (attention_mask, attention_mask_after_padding, attention_mask_only, attention_masks_of_layers),
}
"""The methods that are tried, in this order."""


def positions(begins: torch.Tensor) -> torch.Tensor:
    """Return each token's place in its document, (rows, length)."""
    place = torch.arange(begins.shape[1], device=begins.device)
    return place - (place * begins).cummax(dim=1).values


def same_document(begins: torch.Tensor) -> torch.Tensor:
    """Return the mask of each document, (rows, 1, length, length): true where a token may look."""
    document = begins.cumsum(dim=1)
    return may_look(document, document)


def may_look(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return (rows, 1, length of one, length of other), true where both have the same document number."""
    return one[:, None, :, None] == other[:, None, None, :]


@torch.no_grad()
def find_masking_method(model: PreTrainedModel, objective: Objective, length: int) -> MaskingMethod | None:
    """Return the first method with which packed documents give the same hidden states as one by one, or None.

    length: tokens that the model must be able to read.
    """
    separator = end_of_text(model.config)
    texts = _texts(model, length)
    packed = torch.cat(texts, dim=1)
    extra = {"use_cache": False} if objective == "causal" else {}
    apart = torch.cat([model.base_model(input_ids=text, **extra).last_hidden_state for text in texts], dim=1)
    for method in MASKING_METHODS[objective]:
        try:
            options = method(packed == separator, model.config) | extra
            together = model.base_model(input_ids=packed, **options).last_hidden_state
        except Exception:  # noqa: BLE001  # classes fail in different ways at an argument or shape they do not take
            continue
        if alike(together, apart):
            return method
    return None


def end_of_text(config: Any) -> int:
    """Return the token that ends a text: of several, as some published models have, the first; 0 of none, as BERT."""
    end: Any = config.eos_token_id
    return int((end[0] if isinstance(end, list) else end) or 0)


def alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Return whether two tensors have the same shape and differ by no more than `TOLERANCE`."""
    return one.shape == other.shape and bool((one - other).abs().max() <= TOLERANCE * other.abs().max())


def _texts(model: PreTrainedModel, length: int, special: Sequence[int] = ()) -> list[torch.Tensor]:
    """Draw two documents of random tokens, none of them special, that together are as long as the trial.

    Torch's global generator is not used: dropout and weights come from it.
    """
    config: Any = model.config
    length, end = min(length, TRIAL_LENGTH), end_of_text(config)
    plain = torch.tensor(sorted(set(range(config.vocab_size)) - {end, config.pad_token_id, *special}))
    tokens = plain[torch.randint(0, len(plain), (1, length), generator=torch.Generator().manual_seed(0))]
    cut = length * 5 // 8
    tokens[0, 0] = tokens[0, cut] = end
    return [part.to(model.device) for part in (tokens[:, :cut], tokens[:, cut:])]


# --- encoder–decoders ------------------------------------------------------------------------------------------


def read_pair(
    model: PreTrainedModel,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    sentinels: torch.Tensor | None = None,
    padding: int | None = None,
) -> torch.Tensor:
    """Run encoder and decoder; return the decoder's hidden states, (rows, targets, width).

    With `sentinels`, each target sees its own document alone, in both. The decoder reads the targets one place later,
    beginning with the start token; if documents are kept apart, each of them begins with it. With `padding` instead,
    a row is one question and its answer, and nothing sees inputs that are this token.
    """
    start = model.config.decoder_start_token_id
    before = torch.cat([torch.full_like(targets[:, :1], start), targets[:, :-1]], dim=1)
    seen = own = crossed = None
    if padding is not None:
        seen = crossed = inputs != padding
    elif sentinels is not None:
        config: Any = model.config
        read, written = documents_of(inputs, targets, sentinels, config.eos_token_id, config.pad_token_id)
        seen, crossed = may_look(read, read), may_look(written, read)
        own = may_look(written, written).tril()
        before = before.masked_fill(written != written.roll(1, dims=1), start)
    before = before.masked_fill(before == IGNORED, model.config.pad_token_id)
    encoded = model.get_encoder()(input_ids=inputs, attention_mask=seen).last_hidden_state
    get_decoder: Callable[[], nn.Module] = model.get_decoder  # transformers leaves it untyped
    parts = {"encoder_hidden_states": encoded, "encoder_attention_mask": crossed, "use_cache": False}
    states: torch.Tensor = get_decoder()(input_ids=before, attention_mask=own, **parts).last_hidden_state
    return states


@torch.no_grad()
def keeps_pairs_apart(model: PreTrainedModel, length: int, sentinels: torch.Tensor) -> bool:
    """Return whether the answers of two documents in one row give the same hidden states as one by one."""
    texts = _texts(model, length, sentinels.tolist())
    asked = []
    for text, sentinel in zip(texts, sentinels[:2], strict=True):
        answer = text[:, 3:6].clone()
        text[:, 3], answer[:, 0] = sentinel, sentinel
        asked.append(answer)
    apart = torch.cat([read_pair(model, text, answer) for text, answer in zip(texts, asked, strict=True)], dim=1)
    together = read_pair(model, torch.cat(texts, dim=1), torch.cat(asked, dim=1), sentinels)
    return alike(together, apart)
