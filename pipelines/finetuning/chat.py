"""Conversations: the model learns to answer, and where an answer ends.

The loss is on the assistant's answers and the token that ends each; conversations are packed whole, and see nothing of
each other. Pretraining never saw the tokens that open and close turns, so their embeddings are trained too, in and out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate.utils import set_seed
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel

from desdecero.eval_suites.language_modeling import TOKEN_LOSS, LanguageModeling
from desdecero.eval_suites.models.batching import IGNORED
from desdecero.eval_suites.models.chat import answer_ends
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.eval_suites.results import Comparison
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.documents import Drawn
from desdecero.pipelines.finetuning.adaptation import Adaptation, Fields
from desdecero.pipelines.finetuning.conversations import Pair, encode_conversations
from desdecero.pipelines.finetuning.example import Example, Examples, Message
from desdecero.pipelines.finetuning.held_out_losses import HeldOutLosses, judged
from desdecero.pipelines.recipe import Chat, Finetune
from desdecero.pipelines.run.reports.finetune import AdapterData, AdapterScore
from desdecero.pipelines.tokenizer.chat import add_chat, role_tokens
from desdecero.pipelines.training.adapter import AdapterTask
from desdecero.pipelines.training.data.collators import NO_PADDING
from desdecero.pipelines.training.data.replay import rows_of_replay
from desdecero.pipelines.training.data.whole_examples import WholeExamples
from desdecero.pipelines.training.model_with_loss import ModelWithLoss


@dataclass(frozen=True)
class ChatData:
    """What is trained and measured on."""

    examples: Examples
    general: list[Drawn]
    """Held-out text of the corpus; none of a base of elsewhere."""
    described: AdapterData


class ChatAdaptation(Adaptation):
    """An adapter that answers in conversations."""

    data: ChatData
    _after: tuple[PreTrainedModel, list[DocumentScore]] | None = None
    """The model that was scored last, and its losses."""

    def read(self) -> ChatData:
        """Read the conversations, and draw held-out text of the corpus."""
        assert self.settings.data is not None, "the recipe checks it"
        examples = self.read_examples(self.settings.data)
        return ChatData(examples, self.general_text(), self.describe(examples, self.settings.data))

    @property
    def digest_of_data(self) -> str:
        """Return the digest of the conversations."""
        return self.data.described.sha256

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer, with the project's chat template where it has none."""
        tokenizer: Any = AutoTokenizer.from_pretrained(self.run.model)
        add_chat(tokenizer, Chat())
        return tokenizer

    # --- training --------------------------------------------------------------------------------------------------

    def new_base(self, seed: int) -> PreTrainedModel:
        """Load the model, with embeddings for the tokens that its vocabulary lacked, drawn by the seed; plain
        `generate` ends at what ends an answer."""
        model: Any = load(self.run.model).model
        if self.resized_to:
            set_seed(seed)
            model.resize_token_embeddings(self.resized_to, mean_resizing=False)
        model.generation_config.eos_token_id = list(answer_ends(self.tokenizer))
        return cast(PreTrainedModel, model)

    @cached_property
    def resized_to(self) -> int | None:
        """Rows that the model's embeddings grow to; None where its vocabulary has all tokens."""
        wanted: int = len(self.tokenizer)
        return wanted if wanted > AutoConfig.from_pretrained(self.run.model).vocab_size else None

    def task(self, settings: Finetune, seed: int, choosing: bool = False) -> AdapterTask:
        """Return the training on conversations, and some of the base's own training tokens with `replay`."""
        replayed = rows_of_replay(settings.batch_size, settings.replay)
        known, held_back = self.divided(self.data.examples, choosing)
        own = self._packed(known, settings.batch_size - replayed, seed)
        if replayed and own.separator is not None:
            raise UserError(
                "replay cannot be mixed with this model's conversations, in which documents are told apart "
                "in another way than in its training text: leave replay out"
            )
        return AdapterTask(
            self.recipe,
            settings,
            self.new_base(seed),
            lambda model, _: self._with_loss(model, own.separator),
            self.with_replay(own, replayed, seed),
            self._packed(held_back, settings.batch_size, seed) if held_back else None,
            seed=seed,
            new_tokens=role_tokens(self.tokenizer),
        )

    @property
    def _causal(self) -> bool:
        return self.recipe.model.objective == "causal"

    def _encoded(self, examples: Sequence[Example]) -> list[Pair]:
        length, objective = self.recipe.model.context_length, self.recipe.model.objective
        return encode_conversations(examples, self.tokenizer, length, objective).pairs

    def _packed(self, examples: Sequence[Example], size: int, seed: int) -> WholeExamples:
        tokenizer, length = self.tokenizer, self.recipe.model.context_length
        ends = tokenizer.eos_token_id, tokenizer.pad_token_id
        return WholeExamples(self._encoded(examples), length, size, seed, *ends, packed=self._causal)

    def _with_loss(self, model: PreTrainedModel, separator: int | None) -> ModelWithLoss:
        length, ends = self.recipe.model.context_length, self.tokenizer.eos_token_id
        padding = self.tokenizer.pad_token_id
        return ModelWithLoss(
            model, self.recipe.pretrain, context_length=length, separator=separator, ends=(ends, padding)
        )

    # --- measures --------------------------------------------------------------------------------------------------

    def _losses(self, model: PreTrainedModel, pairs: Sequence[Pair], title: str) -> list[DocumentScore]:
        """Return the loss of each conversation, over the tokens of its answers."""
        # A row is one conversation: nothing tells its parts apart, even if the end-of-text token also ends turns.
        separator = NO_PADDING if self._causal else self.tokenizer.pad_token_id
        module, scores = self._with_loss(model, separator), []
        module.eval()
        with torch.inference_mode():
            for inputs, targets in progress(pairs, title=f"finetune: {title}", unit="conversation"):
                rows = (torch.from_numpy(part.astype(np.int64))[None].to(model.device) for part in (inputs, targets))
                nats, answered = module(*rows)[1].item(), int((targets != IGNORED).sum())
                scores.append(DocumentScore(nats, answered, bytes=0, words=0, correct=0))
        return scores

    @cached_property
    def _test(self) -> list[Pair]:
        return self._encoded(self.data.examples.test)

    @cached_property
    def _before(self) -> list[DocumentScore]:
        return self._losses(self.new_base(self.recipe.seed), self._test, "before")

    def _compared(self, folder: Path) -> Comparison:
        model = self.saved(folder).model
        if self._after is None or self._after[0] is not model:
            self._after = model, self._losses(model, self._test, "after")
        after = self._after[1]
        return LanguageModeling(self.recipe.evaluate.confidence, self.recipe.seed).compare(
            TOKEN_LOSS, self._before, after
        )

    def score(self, folder: Path) -> AdapterScore:
        """Compare the loss on the answers of the test conversations with the model's as it was."""
        return judged(self._compared(folder))

    def measure(self, folder: Path) -> Fields:
        """Return the loss on answers and that on held-out text of the corpus, before and after."""
        adapted, examples = self.saved(folder), self.data.examples
        base = type(adapted)(self.new_base(self.recipe.seed), self.tokenizer)  # which knows the tokens of roles
        train, test = ([inputs for inputs, _ in self._encoded(part)] for part in (examples.train, examples.test))
        return {
            "documents": len(self.divided(examples)[0]),
            "resized_to": self.resized_to,
            "data": self.data.described,
            "measure": "answer_loss",
            "domain": self._compared(folder),
            **self._general(adapted),
            "memorization": self.memorization(base, adapted, train, test),
            "swaps": self.swaps([_as_text(one) for one in examples.test], None, self._nats(adapted.model)),
        }

    def _general(self, adapted: LanguageModel) -> Fields:
        """Return the loss on held-out text of the corpus, before and after, and what it is given in."""
        if not self.data.general:
            return {"general": None, "general_measure": None}
        losses = HeldOutLosses(self.recipe, self.run, {"general": self.data.general})
        return {"general": losses.compare(adapted, "general"), "general_measure": losses.measure.name}

    def _nats(self, model: PreTrainedModel) -> Callable[[list[str]], list[float]]:
        """Return the function from conversations as `_as_text` writes them to the loss on their answers."""

        def nats(asked: list[str]) -> list[float]:
            examples = [Example(messages=_messages(one)) for one in asked]
            return [score.nll / score.tokens for score in self._losses(model, self._encoded(examples), "swaps")]

        return nats

    def remove_scratch(self) -> None:
        """Delete nothing: the conversations are held in memory."""


BETWEEN, SAYS = "\x1e", "\x1f"
"""Stand between messages, and between a role and what it says, while words are exchanged: the record separator and the
unit separator, which no text has."""


def _as_text(example: Example) -> str:
    """Return a conversation as one text."""
    return BETWEEN.join(f"{message.role}{SAYS}{message.content}" for message in example.messages)


def _messages(text: str) -> tuple[Message, ...]:
    """Return the conversation that `_as_text` wrote."""
    return tuple(Message(*part.split(SAYS)) for part in text.split(BETWEEN))
