"""What a model writes while it is being trained: to see it learn, not to measure it.

A causal model continues a prompt; a masked model and an encoder–decoder fill the gaps in it. The likeliest token each
time, or drawn with a temperature from a generator of its own: training's random state is as it was before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import torch

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training.model.attention import BLOCKWISE
from desdecero.pipelines.training.trainer import Training

GAP = "[MASK]"
"""How a person writes a gap in a prompt, whatever the tokenizer's own mask token is."""


class Sampler:
    """Answers the recipe's prompts with the model as it is. Raises `UserError` for a prompt that it cannot see whole
    or, of a model that fills gaps, that has none."""

    def __init__(self, training: Training, wanted: recipes.Samples):
        self.training, self.wanted, self.tokenizer = training, wanted, training.tokenizer
        self.model: Any = training.model
        self.objective = training.recipe.model.objective
        self.sentinels = training.tokenizer.convert_tokens_to_ids(list(training.recipe.tokenizer.sentinel_tokens))
        self.prompts = [self._read(prompt) for prompt in wanted.prompts]

    def __call__(self) -> list[dict[str, str]]:
        """{"prompt", "text"} of each prompt; the text holds the prompt."""
        answer = {"causal": self._continue, "masked": self._fill, "span_corruption": self._fill_spans}[self.objective]
        with _as_a_reader(self.training), torch.inference_mode():
            texts = []
            for place, ids in enumerate(self.prompts):
                torch.manual_seed(self.training.recipe.seed + place)
                texts.append(answer(ids))
        return [{"prompt": prompt, "text": text} for prompt, text in zip(self.wanted.prompts, texts, strict=True)]

    def _read(self, prompt: str) -> list[int]:
        """A prompt's ids behind the separator, with a mask or a sentinel for each gap."""
        gaps = {"causal": [], "masked": repeat(self.tokenizer.mask_token_id), "span_corruption": self.sentinels}
        pieces = [prompt] if self.objective == "causal" else prompt.split(GAP)
        if self.objective != "causal" and not 1 < len(pieces) <= 1 + (len(self.sentinels) or len(pieces)):
            at_most = f", at most {len(self.sentinels)} times" if self.sentinels else ""
            raise UserError(f"pretrain.samples.prompts: {prompt[:60]!r} needs {GAP} in it{at_most}: write one")
        *before, last = (self._encode(piece) for piece in _without_space_before_gaps(pieces))
        ids = [self.tokenizer.eos_token_id]
        for piece, gap in zip(before, gaps[self.objective], strict=False):
            ids += [*piece, gap]
        ids += [*last, self.tokenizer.eos_token_id] if self.objective == "masked" else last
        room = self.training.recipe.model.context_length - (self.wanted.tokens if self.objective == "causal" else 0)
        if len(ids) > room:
            raise UserError(
                f"pretrain.samples.prompts: {prompt[:60]!r} and its answer take more than the "
                f"{self.training.recipe.model.context_length} tokens of model.context_length: shorten the prompt"
                + (" or lower pretrain.samples.tokens" if self.objective == "causal" else "")
            )
        return ids

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def _generate(self, ids: list[int], **more: Any) -> list[int]:
        """The ids that `generate` adds."""
        inputs = torch.tensor([ids], device=self.model.device)
        warm = self.wanted.temperature
        how = {"do_sample": True, "temperature": warm, "top_k": 0} if warm else {"do_sample": False}
        output = self.model.generate(
            inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=self.wanted.tokens,
            pad_token_id=self.tokenizer.pad_token_id, **how, **more,
        )  # fmt: skip
        given = more["decoder_input_ids"].shape[1] if more else len(ids)
        new: list[int] = output[0, given:].tolist()
        return new

    def _continue(self, ids: list[int]) -> str:
        return self._decode([*ids[1:], *self._generate(ids)])

    def _fill(self, ids: list[int]) -> str:
        logits = self.model(input_ids=torch.tensor([ids], device=self.model.device)).logits[0].float()
        filled = [self._pick(logits[at]) if token == self.tokenizer.mask_token_id else token
                  for at, token in enumerate(ids)]  # fmt: skip
        return self._decode(filled[1:-1])

    def _pick(self, logits: torch.Tensor) -> int:
        warm = self.wanted.temperature
        return int(torch.multinomial((logits / warm).softmax(-1), 1) if warm else logits.argmax())

    def _fill_spans(self, ids: list[int]) -> str:
        """The sentinels of the answer are given, not drawn, so that each gap is answered, in order; an answer ends
        where the model writes any sentinel or the end."""
        ends = [self.tokenizer.eos_token_id, *self.sentinels]
        written, answers = [self.model.config.decoder_start_token_id], dict[int, list[int]]()
        for sentinel in [token for token in ids if token in self.sentinels]:
            written.append(sentinel)
            given = torch.tensor([written], device=self.model.device)
            new = self._generate(ids, decoder_input_ids=given, eos_token_id=ends)
            answers[sentinel] = new[:-1] if new and new[-1] in ends else new
            written += answers[sentinel]
        return self._decode([token for place in ids[1:] for token in answers.get(place, [place])])

    def _decode(self, ids: list[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text


@contextmanager
def _as_a_reader(training: Training) -> Iterator[None]:
    """The model as `from_pretrained` would give it, for a while: no dropout, nothing compiled (each length would be
    compiled anew), and an attention that can look back on a cache."""
    model: Any = training.model
    attention = model.config._attn_implementation
    devices = [model.device] if model.device.type == "cuda" else []  # by default all of the machine's, with a warning
    training.bare.eval()
    if attention == BLOCKWISE:
        model.set_attn_implementation("sdpa")
    try:
        with torch.compiler.set_stance("force_eager"), torch.random.fork_rng(devices):
            yield
    finally:
        if attention == BLOCKWISE:
            model.set_attn_implementation(attention)
        training.bare.train()


def _without_space_before_gaps(pieces: list[str]) -> list[str]:
    """A byte-level token holds the space before its word, so the space before a gap belongs to what fills it."""
    return [*(piece.removesuffix(" ") for piece in pieces[:-1]), pieces[-1]]
