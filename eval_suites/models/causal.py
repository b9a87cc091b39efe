"""Causal models, which predict each token from those before it (GPT-2, Llama, Qwen)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.eval_suites.models.decoding import TEMPERATURE, TOP_K, Decoding, Request, generate, stream
from desdecero.eval_suites.models.interface import LanguageModel, Pair
from desdecero.eval_suites.models.prompts import Answer, PartialText, Prompt
from desdecero.eval_suites.models.windows import Padded, Questions, Row, Window, overlapping_windows


class Causal(LanguageModel):
    """A causal model and its tokenizer."""

    objective = "causal"
    auto = AutoModelForCausalLM
    fills_gaps = False
    pseudo_likelihood = False
    peft_task = "CAUSAL_LM"
    attended_share = 0.5  # kernels skip the upper triangle (Dao 2023, §3.1)

    def _frame(self) -> tuple[list[int], list[int]]:
        """Return the tokens before a text, from which its first token is predicted, and none after it."""
        begin, end = super()._frame()
        return begin or end, []

    def _log_likelihood(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Return Σ log P(token | tokens before it) over each continuation, in nats, shape (pairs,).

        The tokens before it are those that begin a text, the context, and the earlier tokens of the continuation.
        """
        rows = [[*self.begin, *pair.context, *pair.continuation] for pair in pairs]
        totals = np.zeros(len(rows))
        for batch in self._batches(rows):
            ids, mask = self._pad([rows[i] for i in batch])
            logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
            # logits − logsumexp at the tokens that came is log_softmax there, without a second array of logits' size.
            scores = (logits.gather(2, ids[:, 1:, None]).squeeze(2) - logits.logsumexp(dim=-1)).double().cpu().numpy()
            for i, scored in zip(batch, scores, strict=True):
                end = len(rows[i]) - 1
                totals[i] = scored[end - len(pairs[i].continuation) : end].sum()
        return totals

    def asked(self, length: int, document: int, seed: int) -> NDArray[np.int64]:
        """Return all places of the document: every token is scored."""
        return np.arange(length)

    def _questions(self, documents: Sequence[NDArray[np.int64]], seed: int, overlap: float) -> Questions:
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

        def row(window: Window) -> Row:
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
