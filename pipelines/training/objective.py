"""A model and the loss that it is trained with, as one module."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from pipelines import recipe as recipes
from pipelines.training.batches import IGNORED
from pipelines.training.compilation import compile_parts
from pipelines.training.losses import linear_cross_entropy
from pipelines.training.models import MASKED


class Objective(nn.Module):
    """So that model and loss are compiled, synchronised and counted together.

    The model's own output layer is never called: it would hold the logits of all tokens at once, and of a masked
    model's unmasked ones, which no loss needs.
    """

    def __init__(self, model: PreTrainedModel, wanted: recipes.Pretrain, in_bfloat16: bool):
        super().__init__()
        self.model, self.in_bfloat16 = model, in_bfloat16
        self.label_smoothing, self.z_loss = wanted.label_smoothing, wanted.z_loss
        self.separator = model.config.eos_token_id if wanted.isolate_documents else None
        self.compiled = False
        self.kind = model.config.model_type

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(sum of what is minimised, sum of −ln p(target)) over the targets that count, in nats, float32."""
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            hidden = self.model.base_model(input_ids=inputs, **self.attention(inputs)).last_hidden_state
        return self.loss(hidden, targets)

    def compile(self, *_: Any, **__: Any) -> None:
        """Compile the parts that repeat: see `compilation.py`."""
        compile_parts(self.model)
        self.compiled = True

    def attention(self, inputs: torch.Tensor) -> dict[str, Any]:
        """What keeps each token to its own document, in the words of the model's class.

        A document begins at the end-of-text token before it, which is also where a prompt begins at inference.
        Causal models of transformers see from positions that start anew where a document begins, provided that
        there is neither a mask nor a cache. Encoders do not, and want masks: true where a token may look.
        """
        causal = self.kind not in MASKED
        if self.separator is None:
            return {"use_cache": False} if causal else {}
        begins = inputs == self.separator
        place = torch.arange(inputs.shape[1], device=inputs.device)
        positions = place - (place * begins).cummax(dim=1).values
        if causal:
            return {"use_cache": False, "position_ids": positions}
        document = begins.cumsum(dim=1)
        same = document[:, None, :, None] == document[:, None, None, :]
        if self.kind == "bert":
            return {"attention_mask": same, "position_ids": positions}
        # Rotary positions are relative: within a document they need not start anew.
        near = (place[:, None] - place).abs() <= self.model.config.local_attention // 2
        return {"attention_mask": {"full_attention": same, "sliding_attention": same & near}}

    @torch.compiler.disable  # how many tokens are masked changes from step to step, and would recompile all
    def loss(self, hidden: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        counted = targets != IGNORED
        model: Any = self.model  # its parts differ by class
        head = model.get_output_embeddings()
        if self.kind in MASKED:
            transform = model.cls.predictions.transform if self.kind == "bert" else model.head
            with torch.autocast(hidden.device.type, torch.bfloat16, enabled=self.in_bfloat16):
                hidden = transform(hidden[counted])
            targets = targets[counted]
        else:
            hidden, targets = hidden.flatten(0, 1), targets.flatten()
        if self.in_bfloat16:
            hidden = hidden.to(torch.bfloat16)
        return linear_cross_entropy(
            hidden, head.weight, head.bias, targets, self.label_smoothing, self.z_loss, self.compiled
        )
