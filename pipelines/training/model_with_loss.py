"""A model and the loss that it is trained with, as one module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import nn
from transformers import PreTrainedModel

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.architectures import objective_of
from desdecero.pipelines.training.data.batches import begins
from desdecero.pipelines.training.devices.out_of_memory import is_out_of_memory
from desdecero.pipelines.training.model.build import output_layer
from desdecero.pipelines.training.model.compilation import compile_parts
from desdecero.pipelines.training.model.document_masking import (
    alike,
    end_of_text,
    find_masking_method,
    keeps_pairs_apart,
    read_pair,
)
from desdecero.pipelines.training.model.losses import cross_entropy, linear_cross_entropy

F = TypeVar("F", bound=Callable[..., Any])
uncompiled: Callable[[F], F] = torch.compiler.disable  # torch leaves it untyped


class ModelWithLoss(nn.Module):
    """Model and loss in one module, so that torch.compile and the process wrapper see both.

    The model's own output layer is never called: it would hold the logits of all tokens at once, also of a masked
    model's unmasked ones, which no loss needs. A trial detects a class whose logits are more than a linear layer of its
    hidden states (capped, or scaled), and then its own logits are used.

    `sentinels`: the ids that stand for spans, for encoder–decoders. `context_length`: tokens of a sequence, by default
    as many as the model has positions. `separator`: the token that alone tells apart what is packed into a row
    (`WholeExamples.separator`). `ends`: in its place, the token with which documents begin and the one that fills rows
    up, by default the configuration's end-of-text and padding token. Raises `UserError` for a model that cannot be made
    to keep documents apart, or cannot read its context at all.
    """

    sentinels: torch.Tensor

    def __init__(
        self,
        model: PreTrainedModel,
        settings: recipes.Pretrain,
        in_bfloat16: bool = False,
        sentinels: Sequence[int] = (),
        context_length: int | None = None,
        separator: int | None = None,
        ends: tuple[int, int] | None = None,
    ):
        super().__init__()
        self.model, self.in_bfloat16 = model, in_bfloat16
        self.label_smoothing, self.z_loss = settings.label_smoothing, settings.z_loss
        self.compiled = False
        self.objective = objective_of(model.config.model_type)
        self.register_buffer("sentinels", torch.tensor(sentinels, dtype=torch.long, device=model.device), False)
        self.isolated, self.separator = settings.isolate_documents or separator is not None, separator
        self.ends = ends if separator is None else (separator, separator)
        training = model.training
        model.train(False)
        try:
            self._try(context_length or model.config.max_position_embeddings)
        finally:
            model.train(training)
        if settings.gradient_checkpointing:
            renamed = getattr(model, "activation_checkpointing_enable", None)  # from transformers 5.24 on
            (renamed or model.gradient_checkpointing_enable)({"use_reentrant": False})

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (loss to minimise, negative log-likelihood), summed over targets, in nats, float32."""
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            states = self.states(inputs, targets)
        losses: tuple[torch.Tensor, torch.Tensor] = self.loss(states, targets)
        return losses

    def states(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the output layer's inputs, (rows, targets, width); or the model's own logits if it is not linear."""
        if self.objective == "span_corruption":
            if self.separator is not None:
                return read_pair(self.model, inputs, targets, padding=self.separator)
            return read_pair(self.model, inputs, targets, self.sentinels if self.isolated else None)
        states: torch.Tensor
        if self.linear:
            states = self.model.base_model(input_ids=inputs, **self.attention(inputs)).last_hidden_state
        else:
            states = self.model(input_ids=inputs, **self.attention(inputs)).logits
        return states

    def compile(self, *_: Any, **__: Any) -> None:
        """Compile the parts that repeat: see `compilation.py`."""
        compile_parts(self.model)
        self.compiled = True

    def attention(self, inputs: torch.Tensor) -> dict[str, Any]:
        """Return the arguments that keep each token to its own document, by the model's masking method."""
        options: dict[str, Any] = {"use_cache": False} if self.objective == "causal" else {}
        if self.masking_method is not None:
            config: Any = self.model.config
            ends = self.ends or (config.eos_token_id, config.pad_token_id)
            options |= self.masking_method(begins(inputs, *ends), config)
        return options

    @uncompiled  # the number of targets changes from step to step, and would recompile all
    def loss(self, states: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (loss to minimise, negative log-likelihood) of the result of `states`."""
        counted = targets != IGNORED
        if counted.all():
            states, targets = states.flatten(0, 1), targets.flatten()
        else:
            states, targets = states[counted], targets[counted]
        if not self.linear:
            return cross_entropy(states, targets, self.label_smoothing, self.z_loss)
        with torch.autocast(states.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            states = before_output(self.model)(states)
        if self.in_bfloat16:
            states = states.to(torch.bfloat16)
        head = output_layer(self.model)
        assert head is not None, "a model that writes text has one"
        bias = getattr(head, "original_module", head).bias  # of new tokens, peft wraps the layer and hides its bias
        return linear_cross_entropy(
            states, head.weight, bias, targets, self.label_smoothing, self.z_loss, self.compiled
        )

    def _try(self, length: int) -> None:
        """Find the masking method for packed documents, and whether the logits are a linear layer of the states."""
        self.masking_method, self.linear = None, True
        spans, name = self.objective == "span_corruption", self.model.config.model_type
        try:
            read_whole(self.model, length, spans)
            if self.separator is not None and spans:
                isolates = True  # a row is one example
            elif self.isolated and spans:
                isolates = keeps_pairs_apart(self.model, length, self.sentinels)
            elif self.isolated:
                self.masking_method = find_masking_method(self.model, self.objective, length)
                isolates = self.masking_method is not None
            else:
                isolates = True
            self.linear = logits_are_linear(self.model, spans)
        except (IndexError, RuntimeError) as error:  # depending on how a class looks its positions up
            if is_out_of_memory(error):
                raise
            raise UserError(
                f"{name} has no positions for the {length} tokens of model.context_length ({error}): "
                "raise model.overrides.max_position_embeddings"
            ) from error
        if not isolates:
            raise UserError(
                f"{name} lets packed documents see each other, whatever transformers is told: set "
                "pretrain.isolate_documents to false, or take another architecture"
            )
        if spans and not self.linear:
            raise UserError(f"{name} has more than a linear output layer, which no encoder–decoder may have here")


def before_output(model: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the function that a model applies to its hidden states before its output layer."""
    transform: Callable[[torch.Tensor], torch.Tensor]
    if model.config.model_type == "bert":
        transform = model.cls.predictions.transform
        return transform
    if model.config.model_type == "modernbert":
        transform = model.head
        return transform
    if getattr(model.config, "scale_decoder_outputs", False):
        return lambda states: states * model.config.d_model**-0.5
    return lambda states: states


@torch.no_grad()
def read_whole(model: Any, length: int, spans: bool) -> None:
    """Read `length` tokens; some classes raise `IndexError` for more tokens than they have positions."""
    reader = model.get_encoder() if spans else model.base_model
    reader(input_ids=torch.full((1, length), end_of_text(model.config), device=model.device))


@torch.no_grad()
def logits_are_linear(model: Any, spans: bool) -> bool:
    """Return whether the output layer on the hidden states gives the model's own logits, on a few tokens.

    The output layer is scaled by 1,024 for the trial: a cap does not show in the small logits of random weights.
    """
    weight = model.get_output_embeddings().weight
    weight.mul_(1024)  # a power of two: taken back to the bit
    try:
        return _agree(model, spans)
    finally:
        weight.div_(1024)


def _agree(model: Any, spans: bool) -> bool:
    tokens = torch.arange(3, 19, device=model.device)[None] % model.config.vocab_size
    if spans:
        states = read_pair(model, tokens, tokens)
        logits = model(input_ids=tokens, labels=tokens).logits
    else:
        states, logits = model.base_model(input_ids=tokens).last_hidden_state, model(input_ids=tokens).logits
    head = model.get_output_embeddings()
    if states.shape[-1] != head.weight.shape[1]:
        return False
    return alike(head(before_output(model)(states)), logits)
