"""Interface to a language model of any kind.

    model = load("runs/quickstart/model")                           # or a name on the Hub: see `load.py`
    model.log_likelihood(["The cat"], [" sat down."])               # (1,), in nats
    model.score(["The cat"], [" sat down."])                        # the same, with numbers of tokens and first choices
    model.score_documents(texts, seed=0)                            # one `DocumentScore` a text
    model.features(texts)                                           # (texts, width)
    model.generate(["The cat"], Decoding(tokens=20, temperature=0.8), seed=0)
    model.stream("The cat", Decoding(tokens=20), seed=0)            # the same, piece by piece
    model.fill(["The [MASK] sat down."], Decoding(tokens=3))
    model.reply([[{"role": "user", "content": "Hi"}]], Decoding(tokens=20))     # and `stream_reply`, piece by piece

                  log_likelihood          score_documents asks for   generate               fill
causal            exact                   each token                 continues              –
masked            pseudo, token by token  a fixed set of tokens      –                      one token a gap
encoder–decoder   of a gap at the end     a fixed set of spans       fills a gap at the end some tokens a gap

Log-likelihoods of different kinds are on different scales: compare them within a model. A method that a kind does not
support raises `ValueError`. Every method puts the model into evaluation mode, and leaves torch's random state as it
was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from desdecero.eval_suites.models.batching import Progress, encode, pad
from desdecero.eval_suites.models.chat import Messages, answer_ends, chat_prompt
from desdecero.eval_suites.models.continuations import Likelihoods, Pair, encode_pairs
from desdecero.eval_suites.models.decoding import Decoding, Request, seeded, stream
from desdecero.eval_suites.models.decoding import generate as written
from desdecero.eval_suites.models.frames import longest_input, text_frame
from desdecero.eval_suites.models.kinds import Objective
from desdecero.eval_suites.models.logits import BATCH_LOGITS, Sums
from desdecero.eval_suites.models.prompts import GAP, GAP_ID, Answer, PartialText, Prompt, last_of
from desdecero.eval_suites.models.windows import DocumentScore, Padded, Questions, score_windows

BATCH_TOKENS = 1024
"""Tokens in a forward pass of `log_likelihood` and `features`. On a CPU it is the fastest of 256 … 4096, within a
tenth, for 3 to 5 million parameters; and the logits of a causal model with 50,000 tokens then take 0.2 GB."""


class LanguageModel(ABC):
    """A model of transformers with its tokenizer."""

    objective: ClassVar[Objective]
    auto: ClassVar[Any]
    """The class of transformers that builds and loads such a model."""
    fills_gaps: ClassVar[bool]
    """True for a model that answers prompts by filling gaps in them; otherwise it continues them."""
    text_probability: ClassVar[bool]
    """True for a model that gives a probability to a whole text, and so bits per byte."""
    pseudo_likelihood: ClassVar[bool] = False
    """True where `log_likelihood` hides each token in turn: one pass per token, and no probability of the text."""
    within_words: bool = True
    """Whether the later tokens of a word are hidden with each of its tokens in a pseudo-log-likelihood."""
    closes_text: ClassVar[bool] = False
    """True where a text stands between two separators if the tokenizer adds no special tokens itself."""
    hidden_share: ClassVar[float | None] = None
    """Share of a document's tokens that `score_documents` hides; None where all are asked for."""
    mean_span_length: ClassVar[float | None] = None
    """Mean number of tokens in a hidden span; None where single tokens are hidden."""
    attended_share: ClassVar[float] = 1.0
    """Share of the pairs of tokens in a sequence whose attention is computed."""
    peft_task: ClassVar[str | None] = None
    """Task type of the model in peft, which has none for filling gaps."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, context_length: int | None = None
    ) -> None:
        """Join a model and its tokenizer; `context_length` defaults to the tokens that both allow."""
        self.model: Any = model
        self.tokenizer: Any = tokenizer
        self.context_length = context_length or longest_input(model, tokenizer)
        self.begin, self.end = self._frame()
        pad_token: int | None = tokenizer.pad_token_id
        self.padding = (self.begin or self.end)[0] if pad_token is None else pad_token

    def _frame(self) -> tuple[list[int], list[int]]:
        """Return the tokens before and after a text. Raises `ValueError` for a tokenizer that has none to begin one."""
        return text_frame(self.tokenizer, self.closes_text)

    @classmethod
    def token_settings(cls, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:  # noqa: ARG003  for other kinds
        """Return the settings of the tokenizer's tokens that only configurations of this kind have."""
        return {}

    @classmethod
    def random_weights(cls, config: PretrainedConfig) -> PreTrainedModel:
        """Return a model with weights drawn from torch's global generator."""
        model: PreTrainedModel = cls.auto.from_config(config)
        return model

    # --- likelihood ------------------------------------------------------------------------------------------------

    def log_likelihood(self, contexts: Sequence[str], continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return the log-likelihood of each continuation after its context: nats, summed over tokens; (texts,)."""
        return self.score(contexts, continuations).log_likelihood

    def score(self, contexts: Sequence[str], continuations: Sequence[str], progress: Progress = iter) -> Likelihoods:
        """Return the log-likelihood of each continuation after its context, with its number of tokens.

        The two are encoded as one text (`continuations.py`). A context that is too long is cut from the left, and the
        result says so. A score does not depend on the others of the call, but for rounding.

        Raises `ValueError` for a continuation without tokens, or one that alone is longer than the model can read.
        """
        pairs = []
        for text, pair in zip(continuations, encode_pairs(self.tokenizer, contexts, continuations), strict=True):
            room = self._context_room(len(pair.continuation))
            if room < 0:
                raise ValueError(
                    f"{text[:60]!r}… has {len(pair.continuation)} tokens, {-room} more than the model can read at once"
                )
            pairs.append(pair.cut(room))
        return self.score_tokens(pairs, progress)

    def score_tokens(self, pairs: Sequence[Pair], progress: Progress = iter) -> Likelihoods:
        """Return what `score` does, of contexts and continuations that are token ids, short enough to be read."""
        sums = Sums(pairs)
        with self.reading():
            self._score(pairs, sums, progress)
        return sums.likelihoods()

    def readable(self, contexts: Sequence[str], continuations: Sequence[str]) -> NDArray[np.bool_]:
        """Return for each continuation whether the model can read it whole; `score` refuses those that it cannot."""
        pairs = encode_pairs(self.tokenizer, contexts, continuations)
        return np.array([self._context_room(len(pair.continuation)) >= 0 for pair in pairs], dtype=np.bool_)

    @abstractmethod
    def _context_room(self, continuation: int) -> int:
        """Return the number of tokens of a context that fit beside a continuation of so many; negative for none."""

    @abstractmethod
    def _score(self, pairs: Sequence[Pair], sums: Sums, progress: Progress) -> None:
        """Add the log-probability of each token of each continuation."""

    def beginning(self, text: str) -> str:
        """Return the part of a text, from its beginning, that the model can read at once."""
        room = self._context_room(0)
        while len(ids := self._ids([text])[0]) > room:
            encoding: Any = self.tokenizer([text], add_special_tokens=False, split_special_tokens=True, verbose=False)
            # A word that is cut may take more tokens than it had: then the text is cut again, by at least a character.
            text = text[: min(encoding.encodings[0].offsets[room][0], len(text) - len(ids) + room)]
        return text

    # --- documents -------------------------------------------------------------------------------------------------

    def score_documents(
        self,
        texts: Sequence[str],
        seed: int = 0,
        overlap: float = 0.5,
        progress: Progress = iter,
        numbers: Sequence[int] | None = None,
    ) -> list[DocumentScore]:
        """Return one score per document: the sums from which every measure is made.

        `seed` draws the hidden tokens, the same for each model with that tokenizer and context. `overlap` is the share
        of a context that consecutive windows of a causal model have in common. `numbers` are the places of the texts
        where they are some of more, so that the same tokens are hidden as when all are scored.
        """
        documents = encode(self.tokenizer, texts)
        size = max(1, BATCH_LOGITS // (self.context_length * self.model.config.vocab_size))
        with self.reading():
            places = range(len(documents)) if numbers is None else numbers
            questions = self._questions(documents, places, seed, overlap)
            return score_windows(questions, self._logits, texts, size, self.padding, self.model.device, progress)

    @abstractmethod
    def asked(self, length: int, document: int, seed: int) -> NDArray[Any]:
        """Return the tokens that `score_documents` asks for, of a document with `length` tokens: places or a mask."""

    @abstractmethod
    def _questions(
        self, documents: Sequence[NDArray[np.int64]], numbers: Sequence[int], seed: int, overlap: float
    ) -> Questions:
        """Return the windows of the documents, and the function that makes a window into a row."""

    @abstractmethod
    def _logits(self, first: int, read: list[Padded]) -> torch.Tensor:
        """Return the logits of the rows from place `first` on, shape (rows, places, vocabulary)."""

    # --- hidden states ---------------------------------------------------------------------------------------------

    def features(self, texts: Sequence[str], layer: int = -1) -> NDArray[np.float32]:
        """Return the hidden states of each text, averaged over its tokens, shape (texts, width).

        `layer` is 0 for the input of the first layer and -1 for the output of the last one (of an encoder–decoder, the
        encoder's). A text longer than the context is cut to its beginning.

        Raises `ValueError` for a text without tokens.
        """
        documents = [ids[: self.room()] for ids in self._ids(texts)]
        if [] in documents:
            raise ValueError(f"text {documents.index([])} has no tokens, and so no features")
        rows = [[*self.begin, *ids, *self.end] for ids in documents]
        means = np.zeros((len(rows), self.model.config.hidden_size), dtype=np.float32)
        with self.reading():
            for batch in self._batches(rows):
                ids, mask = self._pad([rows[i] for i in batch])
                states = self._reader()(input_ids=ids, attention_mask=mask, output_hidden_states=True)
                for i, state in zip(batch, states.hidden_states[layer].float(), strict=True):
                    own = state[len(self.begin) : len(self.begin) + len(documents[i])]
                    means[i] = own.mean(dim=0).cpu().numpy()
        return means

    def _reader(self) -> Any:
        """Return the part of the model that `features` takes hidden states from."""
        return self.model.base_model

    # --- answers ---------------------------------------------------------------------------------------------------

    def generate(self, prompts: Sequence[str], decoding: Decoding, seed: int = 0) -> list[Answer]:
        """Continue each prompt. Its random numbers start from `seed` plus its place among the prompts.

        A prompt begins a document, as in training. A prompt that leaves no room for the answer is cut from the left.
        """
        return self._answers([self._open_end(prompt, decoding.tokens) for prompt in prompts], decoding, seed)

    @abstractmethod
    def stream(self, prompt: str, decoding: Decoding, seed: int = 0) -> Iterator[PartialText]:
        """Continue a prompt as `generate` does, and yield the text so far. Closing the iterator stops the model."""

    def fill(self, prompts: Sequence[str], decoding: Decoding, seed: int = 0) -> list[Answer]:
        """Fill the gaps, `[MASK]`, of each prompt. Its random numbers start from `seed` plus its place among them.

        Raises `ValueError` for a prompt without a gap in the part that the model can read, or with too many.
        """
        return self._answers([self._read_gaps(prompt) for prompt in prompts], decoding, seed)

    def answer(self, prompts: Sequence[str], decoding: Decoding, seed: int = 0) -> list[Answer]:
        """Call `fill` for a model that fills gaps, otherwise `generate`."""
        return (self.fill if self.fills_gaps else self.generate)(prompts, decoding, seed)

    @abstractmethod
    def samples(self, prompts: Sequence[str], tokens: int, seed: int) -> list[dict[str, Any]]:
        """Return {"prompt", "text", …} of each prompt, for a report: the answer, and its settings or candidates."""

    def read(self, prompt: str, tokens: int = 0) -> Prompt:
        """Return the part of a prompt that the model reads, cut from the left to leave room for an answer of `tokens`.

        Raises `ValueError` where the answer leaves no room for any prompt.
        """
        ids, room = self.prompt_ids(prompt), self.room(tokens)
        if room < 0:
            raise ValueError(f"{tokens} new tokens leave no room for a prompt in a context of {self.context_length}")
        return last_of(ids, room)

    def prompt_ids(self, prompt: str) -> list[int]:
        """Return the token ids of a whole prompt, with `GAP_ID` for each gap where the model fills gaps."""
        if not self.fills_gaps:
            return self._ids([prompt])[0]
        # A byte-level token holds the space before its word, so the space before a gap belongs to what fills it.
        *before, last = prompt.split(GAP)
        pieces = [*(piece.removesuffix(" ") for piece in before), last]
        return [token for piece in pieces for token in (*self._ids([piece])[0], GAP_ID)][:-1]

    def room(self, tokens: int = 0) -> int:
        """Return the number of tokens of a prompt that fit the context, beside the answer unless it fills gaps."""
        return self.context_length - len(self.begin) - len(self.end) - (0 if self.fills_gaps else tokens)

    @property
    def writes(self) -> bool:
        """True for a model that continues a prompt with text of its own."""
        return not self.pseudo_likelihood

    @property
    def max_gaps(self) -> float:
        """Maximum number of gaps in a prompt."""
        return 0

    @abstractmethod
    def _open_end(self, prompt: str, tokens: int) -> Prompt:
        """Return a prompt to be continued with up to `tokens`."""

    def _read_gaps(self, prompt: str) -> Prompt:
        """Return a prompt whose gaps are to be filled.

        Raises `ValueError` for a prompt without a gap in the part that the model can read, or with too many.
        """
        read = self.read(prompt)
        if not 0 < read.gaps <= self.max_gaps:
            at_most = "" if self.max_gaps == np.inf else f", at most {self.max_gaps} times"
            raise ValueError(
                f"a prompt to fill needs {GAP} in it{at_most}, within its last {self.room()} tokens: {prompt[:80]!r}"
            )
        return read

    def _answers(self, prompts: Sequence[Prompt], decoding: Decoding, seed: int) -> list[Answer]:
        """Answer each prompt, with random numbers from `seed` plus its place among the prompts."""
        answers = []
        with self.reading():
            for place, prompt in enumerate(prompts):
                with seeded(seed + place, self.model.device):
                    answers.append(self._answer(prompt, decoding))
        return answers

    @abstractmethod
    def _answer(self, prompt: Prompt, decoding: Decoding) -> Answer:
        """Return the model's answer to one prompt."""

    # --- conversations ---------------------------------------------------------------------------------------------

    def reply(self, conversations: Sequence[Messages], decoding: Decoding, seed: int = 0) -> list[Answer]:
        """Answer each conversation, by the tokenizer's chat template, up to the token that ends an answer.

        Random numbers start from `seed` plus a conversation's place. One that leaves no room for the answer loses its
        earliest turns. Raises `ValueError` without a template, and for what the template refuses.
        """
        answers = []
        with self.reading():
            for place, messages in enumerate(conversations):
                prompt = chat_prompt(self.tokenizer, messages, self.chat_room(decoding.tokens))
                with seeded(seed + place, self.model.device):
                    answers.append(Answer(prompt, [written(self.model, self._chat_request(prompt, decoding))]))
        return answers

    def stream_reply(self, messages: Messages, decoding: Decoding, seed: int = 0) -> Iterator[PartialText]:
        """Answer as `reply` does, and yield the text so far. Closing the iterator stops the model."""
        prompt = chat_prompt(self.tokenizer, messages, self.chat_room(decoding.tokens))
        return stream(self.model, self.tokenizer, self._chat_request(prompt, decoding), prompt.left_out, seed)

    def chat_room(self, tokens: int) -> int:
        """Return the number of tokens of a conversation that fit the context, with an answer of so many."""
        return self.context_length - tokens

    @cached_property
    def answer_ends(self) -> tuple[int, ...]:
        """Tokens that end an answer to a conversation."""
        return answer_ends(self.tokenizer)

    def _chat_request(self, prompt: Prompt, decoding: Decoding) -> Request:  # noqa: ARG002  for other kinds
        """Return the request for the answer to a conversation."""
        raise ValueError("the model fills gaps and writes no text: it cannot answer a conversation")

    # --- parts -----------------------------------------------------------------------------------------------------

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, with nothing added; special tokens written in it are encoded as text."""
        return [ids.tolist() for ids in encode(self.tokenizer, texts)]

    def _framed(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Put the tokens of a text between those that begin and end one."""
        begin, end = (np.array(part, dtype=np.int64) for part in (self.begin, self.end))
        return np.concatenate([begin, ids, end])

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        """Return the text of token ids."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)
        return text

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Put the model into evaluation mode, and compute no gradients within the context."""
        self.model.eval()
        with torch.inference_mode():
            yield

    def _tensor(self, ids: Sequence[int]) -> torch.Tensor:
        """Return the ids as a tensor of shape (1, tokens) on the model's device."""
        return torch.tensor([list(ids)], device=self.model.device)

    def _batches(self, rows: Sequence[Sequence[int]], asked: Sequence[int] | None = None) -> list[list[int]]:
        """Cut the indices of rows, the longest first, into batches of at most `BATCH_TOKENS` tokens including padding.

        A longer row is a batch of its own. `asked` is the number of places of each row that logits are computed for: of
        these there are at most `BATCH_LOGITS`.
        """
        places = BATCH_LOGITS // self.model.config.vocab_size
        found, filled = list[list[int]](), 0
        for i in sorted(range(len(rows)), key=lambda i: -len(rows[i])):
            more = min(asked[i], len(rows[i])) if asked else 0
            if not found or (len(found[-1]) + 1) * len(rows[found[-1][0]]) > BATCH_TOKENS or filled + more > places:
                found.append([])
                filled = 0
            found[-1].append(i)
            filled += more
        return found

    def _pad(self, rows: Sequence[Sequence[int]]) -> Padded:
        """Return ids and attention mask on the model's device, each of shape (rows, longest)."""
        ids, mask = pad(rows, self.padding)
        return ids.to(self.model.device), mask.to(self.model.device)
