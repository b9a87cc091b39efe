"""Causal models, which predict each token from those before it (GPT-2, Llama, Qwen)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from desdecero.eval_suites.models.batching import IGNORED, Progress, pad
from desdecero.eval_suites.models.continuations import Pair
from desdecero.eval_suites.models.decoding import TEMPERATURE, TOP_K, Decoding, Request, generate, stream
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.logits import Asked, Sums
from desdecero.eval_suites.models.prefix_tree import Row, rows_of, visible
from desdecero.eval_suites.models.prompts import Answer, PartialText, Prompt
from desdecero.eval_suites.models.windows import Padded, Questions, Window, overlapping_windows
from desdecero.eval_suites.models.windows import Row as WindowRow

TRIAL_TOKENS = 48
"""Length of the sequences on which `reads_trees` is tried."""
TRIAL_TOLERANCE = 1e-3
"""Share of the largest logit. In float32 the two differ by 1e-6 of it if branches are kept apart, by 1e-1 if not."""


class Causal(LanguageModel):
    """A causal model and its tokenizer."""

    objective = "causal"
    auto = AutoModelForCausalLM
    fills_gaps = False
    text_probability = True
    peft_task = "CAUSAL_LM"
    attended_share = 0.5  # kernels skip the upper triangle (Dao 2023, §3.1)

    def _frame(self) -> tuple[list[int], list[int]]:
        """Return the tokens before a text, from which its first token is predicted, and none after it."""
        begin, end = super()._frame()
        return begin or end, []

    def _context_room(self, continuation: int) -> int:
        # The last token of the continuation is asked for and not read.
        return self.context_length + 1 - len(self.begin) - continuation

    def _score(self, pairs: Sequence[Pair], sums: Sums, progress: Progress) -> None:
        """Add log P(token | tokens before it) of each token of the continuations.

        The tokens before it are those that begin a text, the context, and the earlier tokens of the continuation. What
        several pairs have in common at the beginning is read once (`prefix_tree.py`).
        """
        sequences = [[*self.begin, *pair.context, *pair.continuation[:-1]] for pair in pairs]
        rows = rows_of(sequences, join=self.reads_trees)
        places = [sum(len(pairs[index].continuation) for index, _ in row.paths) for row in rows]
        for batch in progress(self._batches([row.ids for row in rows], places)):
            asked = Asked()
            for number, row in enumerate(rows[i] for i in batch):
                for index, path in row.paths:
                    tokens = pairs[index].continuation
                    asked.add(index, number, path[-len(tokens) :], tokens)
            sums.add(self.model, asked, use_cache=False, **self._inputs([rows[i] for i in batch]))

    def _inputs(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Return the inputs of the model for a batch of rows."""
        ids, mask = self._pad([row.ids for row in rows])
        if all(len(row.paths) == 1 for row in rows):
            return {"input_ids": ids, "attention_mask": mask}
        # Numbers that are added to the scores of attention, which every implementation takes.
        dtype = self.model.dtype
        hidden = torch.tensor(torch.finfo(dtype).min, dtype=dtype)
        mask = torch.where(torch.from_numpy(visible(rows)), torch.zeros((), dtype=dtype), hidden)[:, None]
        positions, _ = pad([row.positions for row in rows], 0)
        return {"input_ids": ids, "attention_mask": mask.to(ids.device), "position_ids": positions.to(ids.device)}

    @cached_property
    def reads_trees(self) -> bool:
        """True if the model scores sequences joined to a tree as it scores each alone.

        Models differ in what they make of a mask and of positions, and some silently ignore them: so it is tried, on
        random tokens. Layers that see only what is near would count places of the row: such models are not tried.
        """
        config = self.model.config
        near = getattr(config, "sliding_window", None)
        if set(getattr(config, "layer_types", None) or ["full_attention"]) != {"full_attention"} or (
            near is not None and near < self.context_length and getattr(config, "use_sliding_window", True)
        ):
            return False
        length = min(TRIAL_TOKENS, self.context_length)
        draw = np.random.default_rng(0).integers(config.vocab_size, size=(3, length))
        sequences = [[*draw[0][: length // 2], *one[length // 2 :]] for one in draw]
        rows = rows_of([[int(token) for token in one] for one in sequences], join=True)
        try:
            with self.reading():
                ids = torch.tensor(np.array(sequences), device=self.model.device)
                apart = self.model(input_ids=ids, use_cache=False).logits.float()
                joined = self.model(use_cache=False, **self._inputs(rows)).logits[0].float()
        except Exception:  # noqa: BLE001  # classes fail in different ways at an argument or shape they do not take
            return False
        differences = [(joined[path] - apart[number]).abs().max() for number, path in rows[0].paths]
        return len(rows) == 1 and bool(max(differences) < TRIAL_TOLERANCE * apart.abs().max())

    def asked(self, length: int, document: int, seed: int) -> NDArray[np.int64]:
        """Return all places of the document: every token is scored."""
        return np.arange(length)

    def _questions(
        self, documents: Sequence[NDArray[np.int64]], numbers: Sequence[int], seed: int, overlap: float
    ) -> Questions:
        """Return questions that ask for each token of each document exactly once, given the tokens before it.

        The first token is predicted from the token that begins a text. A document longer than the context is cut into
        windows that share `overlap` of a context, so that each token but those of the first window sees at least that
        much before it. With one half, the windows cost twice a single reading.
        """
        advance = self.context_length - round(overlap * self.context_length)
        sequences = [np.r_[self.begin[-1], ids] for ids in documents]
        windows = [
            window
            for document, sequence in enumerate(sequences)
            for window in overlapping_windows(document, len(sequence) - 1, self.context_length, advance)
        ]

        def row(window: Window) -> WindowRow:
            sequence = sequences[window.document]
            targets = sequence[window.start + 1 : window.end + 1].copy()
            targets[: window.fresh - window.start] = IGNORED
            return sequence[window.start : window.end], targets

        return Questions(windows, row)

    def _logits(self, first: int, read: list[Padded]) -> torch.Tensor:
        # Padding stands to the right, where no scored token can look: a mask would only slow attention down.
        ((inputs, _),) = read
        logits: torch.Tensor = self.model(
            input_ids=inputs, use_cache=False, logits_to_keep=inputs.shape[1] - first
        ).logits
        return logits

    def stream(self, prompt: str, decoding: Decoding, seed: int = 0) -> Iterator[PartialText]:
        """Yield the text written after the prompt, longer each time; closing the iterator stops the model."""
        read = self.read(prompt, decoding.tokens)
        return stream(self.model, self.tokenizer, self._request(read, decoding), read.left_out, seed)

    def _open_end(self, prompt: str, tokens: int) -> Prompt:
        return self.read(prompt, tokens)

    def _read_gaps(self, prompt: str) -> Prompt:
        raise ValueError("a causal model continues texts and fills no gaps: use generate")

    def _answer(self, prompt: Prompt, decoding: Decoding) -> Answer:
        return Answer(prompt, [generate(self.model, self._request(prompt, decoding))])

    def _request(self, prompt: Prompt, decoding: Decoding) -> Request:
        ids = self._tensor([*self.begin, *prompt.ids])
        read = {"inputs": ids, "attention_mask": torch.ones_like(ids), "pad_token_id": self.padding}
        return Request(read | decoding.options(), given=ids.shape[1])

    def _chat_request(self, prompt: Prompt, decoding: Decoding) -> Request:
        ids, ends = self._tensor(prompt.ids), self.answer_ends  # the template begins the text itself
        read = {"inputs": ids, "attention_mask": torch.ones_like(ids), "pad_token_id": self.padding}
        return Request(read | decoding.options() | {"eos_token_id": list(ends)}, given=ids.shape[1], ends=ends)

    def samples(self, prompts: Sequence[str], tokens: int, seed: int) -> list[dict[str, Any]]:
        """Return each prompt with the text that continues it, which opens with the prompt, and the settings used.

        The tokens are drawn, because a small model that takes the likeliest token each time soon repeats itself
        (Holtzman et al. 2020).
        """
        how = {"temperature": TEMPERATURE, "top_k": TOP_K, "seed": seed, "tokens": tokens}
        answers = self.generate(prompts, Decoding(tokens, TEMPERATURE, TOP_K), seed)
        return [
            {"prompt": prompt, "text": f"{prompt}{self.decode(answer.written[0], skip_special_tokens=True)}", **how}
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
