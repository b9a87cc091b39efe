"""Encoder–decoders that fill spans (T5): the encoder reads a text with sentinels, the decoder writes the spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import count, takewhile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoModelForSeq2SeqLM,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5ForConditionalGeneration,
)
from transformers.modeling_outputs import BaseModelOutput

from desdecero.eval_suites.models.batching import IGNORED, Progress
from desdecero.eval_suites.models.continuations import Pair
from desdecero.eval_suites.models.decoding import Decoding, Request, generate, stream
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.logits import Asked, Sums
from desdecero.eval_suites.models.prompts import GAP_ID, Answer, PartialText, Prompt, last_of
from desdecero.eval_suites.models.windows import Padded, Questions, Row, Window, even_windows, hidden_spans


class EncoderDecoder(LanguageModel):
    """An encoder–decoder and its tokenizer."""

    objective = "span_corruption"
    auto = AutoModelForSeq2SeqLM
    fills_gaps = True
    text_probability = False
    peft_task = "SEQ_2_SEQ_LM"
    hidden_share, mean_span_length = 0.15, 3.0
    """T5's share of hidden tokens and mean span length (Raffel et al. 2020, §3.3.4), used for scoring even if training
    has others."""

    @classmethod
    def token_settings(cls, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
        """Return the token that the decoder starts from: the padding token."""
        return {"decoder_start_token_id": tokenizer.pad_token_id}  # as in T5 (Raffel et al. 2020)

    @classmethod
    def random_weights(cls, config: PretrainedConfig) -> PreTrainedModel:
        """Return a model with random weights, and for T5 without tied embeddings with an output layer of its own.

        transformers 5 ties T5's output layer to its embeddings, whatever the configuration says; from a file that
        holds a different one, it loads that one. As in T5 version 1.1, the output layer is drawn separately, as small
        as T5's other matrices: with the embeddings' standard deviation of 1, untrained logits would have one of √width.
        """
        model = super().random_weights(config)
        if isinstance(model, T5ForConditionalGeneration) and not model.config.scale_decoder_outputs:
            apart = torch.nn.init.normal_(model.shared.weight.detach().clone(), std=model.model_dim**-0.5)
            model.lm_head.weight = torch.nn.Parameter(apart)
        return model

    @cached_property
    def sentinels(self) -> list[int]:
        """Ids of the tokens that stand for spans, in order of use, by T5's names for them.

        Raises `ValueError` where there are none.
        """
        vocabulary = self.tokenizer.get_vocab()
        names = takewhile(vocabulary.__contains__, (f"<extra_id_{number}>" for number in count()))
        if not (ids := [vocabulary[name] for name in names]):
            raise ValueError("the tokenizer has no tokens <extra_id_0>, …: this encoder–decoder cannot fill spans")
        return ids

    @property
    def max_gaps(self) -> float:
        """Number of sentinels: each gap needs one."""
        return len(self.sentinels)

    def _context_room(self, continuation: int) -> int:
        # The encoder reads the context and a sentinel; the decoder its start, a sentinel, and all tokens but the last.
        fits = continuation + 1 <= self.context_length
        return self.room() - 1 if fits else self.context_length - continuation - 1

    def _score(self, pairs: Sequence[Pair], sums: Sums, progress: Progress) -> None:
        """Add log P(token | context, tokens before it) of each token of the continuations.

        The encoder reads the context with a sentinel at its end, and the decoder writes the continuation behind that
        sentinel. A context that several pairs of a batch share is encoded once.
        """
        sentinel, start = self.sentinels[0], self.model.config.decoder_start_token_id
        read = [[*self.begin, *pair.context, sentinel, *self.end] for pair in pairs]
        written = [[start, sentinel, *pair.continuation[:-1]] for pair in pairs]
        order = sorted(range(len(pairs)), key=lambda i: (len(read[i]) + len(written[i]), read[i]), reverse=True)
        groups = self._batches([[*read[i], *written[i]] for i in order], [len(written[i]) - 1 for i in order])
        for batch in progress([[order[i] for i in group] for group in groups]):
            contexts = list(dict.fromkeys(tuple(read[i]) for i in batch))
            ids, mask = self._pad(contexts)
            states = self.model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
            which = torch.tensor([contexts.index(tuple(read[i])) for i in batch], device=ids.device)
            answers, _ = self._pad([written[i] for i in batch])
            asked = Asked()
            for row, i in enumerate(batch):
                tokens = pairs[i].continuation
                asked.add(i, row, range(1, len(tokens) + 1), tokens)
            sums.add(
                self.model, asked, encoder_outputs=BaseModelOutput(last_hidden_state=states[which]),
                attention_mask=mask[which], decoder_input_ids=answers, use_cache=False,
            )  # fmt: skip

    def asked(self, length: int, document: int, seed: int) -> NDArray[np.bool_]:
        """Return a mask of the document's tokens, true in the hidden spans, shape (length,)."""
        return hidden_spans(
            length, self.room(), self.hidden_share, self.mean_span_length, len(self.sentinels), seed, document
        )

    def _questions(
        self, documents: Sequence[NDArray[np.int64]], numbers: Sequence[int], seed: int, overlap: float
    ) -> Questions:
        """Return questions that ask for a fixed set of spans of each document; as in training, sentinels replace them.

        A document is cut into windows of even length, each in its frame. All spans of a window are hidden together;
        the decoder sees the spans before, as they were, and is asked for the tokens of the next. Tokens that no text
        has (sentinels, the end, padding) get no probability, so that the scores are of words. This is not a likelihood
        of the text.
        """
        sentinels = np.asarray(self.sentinels)
        hidden = [self.asked(len(ids), number, seed) for number, ids in zip(numbers, documents, strict=True)]
        windows = [
            Window(document, begin, end, begin)
            for document, ids in enumerate(documents)
            for begin, end in even_windows(len(ids), self.room())
        ]

        def row(window: Window) -> Row:
            tokens = documents[window.document][window.start : window.end]
            noise = hidden[window.document][window.start : window.end]
            begins = noise & ~np.r_[False, noise[:-1]]
            sentinel = sentinels[begins.cumsum() - 1]  # of the span that a hidden token is in
            inputs = np.where(begins, sentinel, tokens)[~noise | begins]
            # Before the tokens of each span stands its sentinel; the decoder reads all of it one place later.
            answer = np.insert(tokens[noise], np.flatnonzero(begins[noise]), sentinel[begins])
            asked = np.insert(tokens[noise], np.flatnonzero(begins[noise]), IGNORED)
            return self._framed(inputs), np.r_[self.model.config.decoder_start_token_id, answer[:-1]], asked

        return Questions(windows, row)

    def _logits(self, first: int, read: list[Padded]) -> torch.Tensor:
        (inputs, mask), (answers, _) = read
        logits: torch.Tensor = self.model(
            input_ids=inputs, attention_mask=mask, decoder_input_ids=answers, use_cache=False
        ).logits
        logits[..., [*self.sentinels, self.tokenizer.eos_token_id, self.padding]] = -torch.inf
        return logits

    def _reader(self) -> Any:
        """Return the encoder."""
        return self.model.get_encoder()

    def stream(self, prompt: str, decoding: Decoding, seed: int = 0) -> Iterator[PartialText]:
        """Yield the text written after the prompt, longer each time; closing the iterator stops the model."""
        read = self._open_end(prompt, decoding.tokens)
        request = self._request(read, [self.model.config.decoder_start_token_id, self.sentinels[0]], decoding)
        return stream(self.model, self.tokenizer, request, read.left_out, seed)

    def _open_end(self, prompt: str, tokens: int) -> Prompt:
        """Put a gap at the end of a prompt, to continue it by filling; gaps written in it are encoded as text."""
        (ids,) = self._ids([prompt.removesuffix(" ")])
        return last_of([*ids, GAP_ID], self.room())

    def _answer(self, prompt: Prompt, decoding: Decoding) -> Answer:
        """Fill each gap with up to `decoding.tokens` tokens.

        The sentinels of the answer are given, not drawn, so that each gap is answered, in order, even if the model
        prefers another sentinel: an answer ends where the model writes any sentinel or the end of the text.
        """
        written, answers = [self.model.config.decoder_start_token_id], list[list[int]]()
        for sentinel in self.sentinels[: prompt.gaps]:
            written.append(sentinel)
            answers.append(generate(self.model, self._request(prompt, written, decoding)))
            written += answers[-1]
        return Answer(prompt, answers)

    def _request(self, prompt: Prompt, written: list[int], decoding: Decoding) -> Request:
        """Return the request for the next gap; each gap has an equal part of the time limit."""
        sentinels = iter(self.sentinels)
        read = [next(sentinels) if token == GAP_ID else token for token in prompt.ids]
        ids, ends = self._tensor([*self.begin, *read, *self.end]), (self.tokenizer.eos_token_id, *self.sentinels)
        given = {
            "inputs": ids, "attention_mask": torch.ones_like(ids), "decoder_input_ids": self._tensor(written),
            "eos_token_id": list(ends), "pad_token_id": self.padding,
        }  # fmt: skip
        options = decoding.options()
        if "max_time" in options:
            options["max_time"] /= prompt.gaps
        return Request(given | options, len(written), ends)

    def chat_room(self, tokens: int) -> int:
        """Return the tokens that the encoder reads: the answer is the decoder's."""
        return self.context_length

    def _chat_request(self, prompt: Prompt, decoding: Decoding) -> Request:
        """Return the request for an answer, which the decoder writes from its start token on, without a sentinel."""
        ids, ends = self._tensor(prompt.ids), self.answer_ends
        given = {
            "inputs": ids, "attention_mask": torch.ones_like(ids), "eos_token_id": list(ends),
            "decoder_input_ids": self._tensor([self.model.config.decoder_start_token_id]), "pad_token_id": self.padding,
        }  # fmt: skip
        return Request(given | decoding.options(), given=1, ends=ends)

    def samples(self, prompts: Sequence[str], tokens: int, seed: int) -> list[dict[str, Any]]:
        """Return each prompt with its gaps filled with the likeliest tokens, and the settings used."""
        how = {"temperature": 0, "tokens": tokens}
        answers = self.fill(prompts, Decoding(tokens, min_tokens=1), seed)
        return [
            {"prompt": prompt, "text": self.decode(answer.ids), **how}
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
