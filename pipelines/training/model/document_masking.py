"""What keeps each token to its own document, in the words of the model's class; and the trial that proves it.

Where a document begins, `begins` in `batches.py` says. Classes of transformers differ in what they understand, and
what one does not, it ignores in silence. So each way that might do is tried on the model at hand before training:
packed documents must come out as they do one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.eval_suites.models.kinds import Objective
from desdecero.pipelines.training.data.span_corruption import documents_of

Way = Callable[[torch.Tensor, Any], dict[str, Any]]
"""(begins, configuration) → arguments of the model's forward. begins: (rows, length), true where a document does."""

TRIAL_LENGTH = 512
"""Tokens of the trial at most: more than the windows of local attention, and a second's work for a billion weights."""

TOLERANCE = 1e-3
"""Of the largest hidden value. In float32 the two differ by 1e-6 of it where documents are apart, by 1e-1 where not."""


def by_positions(begins: torch.Tensor, config: Any) -> dict[str, Any]:
    """Positions that start anew: causal models take them for packed documents, given neither a mask nor a cache."""
    return {"position_ids": positions(begins)}


def by_causal_mask(begins: torch.Tensor, config: Any) -> dict[str, Any]:
    return {"attention_mask": same_document(begins).tril(), "position_ids": positions(begins)}


def by_mask(begins: torch.Tensor, config: Any) -> dict[str, Any]:
    return {"attention_mask": same_document(begins), "position_ids": positions(begins)}


def by_mask_after_padding(begins: torch.Tensor, config: Any) -> dict[str, Any]:
    """RoBERTa and its kin count positions from the one after the padding token's."""
    return {"attention_mask": same_document(begins), "position_ids": positions(begins) + config.pad_token_id + 1}


def attention_mask_only(begins: torch.Tensor, config: Any) -> dict[str, Any]:
    """For rotary or relative positions, which need not start anew within a document."""
    return {"attention_mask": same_document(begins)}


def by_masks_of_layers(begins: torch.Tensor, config: Any) -> dict[str, Any]:
    """A mask for the layers that see all, and one for those that see a window (ModernBERT)."""
    same, place = same_document(begins), torch.arange(begins.shape[1], device=begins.device)
    near = (place[:, None] - place).abs() <= config.local_attention // 2
    return {"attention_mask": {"full_attention": same, "sliding_attention": same & near}}


WAYS: dict[Objective, tuple[Way, ...]] = {
    "causal": (by_positions, by_causal_mask),
    "masked": (by_mask, by_mask_after_padding, attention_mask_only, by_masks_of_layers),
}


def positions(begins: torch.Tensor) -> torch.Tensor:
    """(rows, length): each token's place in its document."""
    place = torch.arange(begins.shape[1], device=begins.device)
    return place - (place * begins).cummax(dim=1).values


def same_document(begins: torch.Tensor) -> torch.Tensor:
    """(rows, 1, length, length): true where a token may look."""
    document = begins.cumsum(dim=1)
    return may_look(document, document)


def may_look(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(rows, 1, length of one, length of other): true where both have the same number of a document."""
    return one[:, None, :, None] == other[:, None, None, :]


@torch.no_grad()
def find_masking_method(model: PreTrainedModel, objective: Objective, length: int) -> Way | None:
    """The first way under which packed documents come out as they do one by one; None where there is none.

    length: what the model must be able to read.
    """
    separator = model.config.eos_token_id
    texts = _texts(model, length)
    packed = torch.cat(texts, dim=1)
    extra = {"use_cache": False} if objective == "causal" else {}
    apart = torch.cat([model.base_model(input_ids=text, **extra).last_hidden_state for text in texts], dim=1)
    for way in WAYS[objective]:
        try:
            options = way(packed == separator, model.config) | extra
            together = model.base_model(input_ids=packed, **options).last_hidden_state
        except Exception:  # an argument or a shape that the class does not take: each fails in its own way
            continue
        if alike(together, apart):
            return way
    return None


def alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() <= TOLERANCE * other.abs().max())


def _texts(model: PreTrainedModel, length: int, special: Sequence[int] = ()) -> list[torch.Tensor]:
    """Two documents of random tokens, none of them special, that together are as long as the trial.

    Torch's own generator is left alone: dropout and weights come from it.
    """
    config: Any = model.config
    length = min(length, TRIAL_LENGTH)
    plain = torch.tensor(sorted(set(range(config.vocab_size)) - {config.eos_token_id, config.pad_token_id, *special}))
    tokens = plain[torch.randint(0, len(plain), (1, length), generator=torch.Generator().manual_seed(0))]
    cut = length * 5 // 8
    tokens[0, 0] = tokens[0, cut] = config.eos_token_id
    return [part.to(model.device) for part in (tokens[:, :cut], tokens[:, cut:])]


# --- encoder–decoders ------------------------------------------------------------------------------------------


def read_pair(
    model: PreTrainedModel, inputs: torch.Tensor, targets: torch.Tensor, sentinels: torch.Tensor | None = None
) -> torch.Tensor:
    """(rows, targets, width): what the decoder makes of the targets before each, and of what the encoder read.

    With `sentinels`, each target sees its own document alone, in both. The decoder reads the targets one place later,
    beginning with the start token; where documents are kept apart, each of them begins so.
    """
    start = model.config.decoder_start_token_id
    before = torch.cat([torch.full_like(targets[:, :1], start), targets[:, :-1]], dim=1)
    seen = own = crossed = None
    if sentinels is not None:
        config: Any = model.config
        documents, wanted = documents_of(inputs, targets, sentinels, config.eos_token_id, config.pad_token_id)
        seen, crossed = may_look(documents, documents), may_look(wanted, documents)
        own = may_look(wanted, wanted).tril()
        before = before.masked_fill(wanted != wanted.roll(1, dims=1), start)
    before = before.masked_fill(before == IGNORED, model.config.pad_token_id)
    encoded = model.get_encoder()(input_ids=inputs, attention_mask=seen).last_hidden_state
    decoder = model.get_decoder()
    parts = {"encoder_hidden_states": encoded, "encoder_attention_mask": crossed, "use_cache": False}
    return decoder(input_ids=before, attention_mask=own, **parts).last_hidden_state


@torch.no_grad()
def keeps_pairs_apart(model: PreTrainedModel, length: int, sentinels: torch.Tensor) -> bool:
    """Whether the answers of two documents in one row come out as they do one by one."""
    texts = _texts(model, length, sentinels.tolist())
    asked = []
    for text, sentinel in zip(texts, sentinels[:2], strict=True):
        answer = text[:, 3:6].clone()
        text[:, 3], answer[:, 0] = sentinel, sentinel
        asked.append(answer)
    apart = torch.cat([read_pair(model, text, answer) for text, answer in zip(texts, asked, strict=True)], dim=1)
    together = read_pair(model, torch.cat(texts, dim=1), torch.cat(asked, dim=1), sentinels)
    return alike(together, apart)
