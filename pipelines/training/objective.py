"""A model and the loss that it is trained with, as one module."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel

from pipelines import recipe as recipes
from pipelines.training.batches import IGNORED
from pipelines.training.losses import linear_cross_entropy


class Objective(nn.Module):
    """So that model and loss are compiled, synchronised and counted together.

    The model's own output layer is never called: it would hold the logits of all tokens at once, and of a masked
    model's unmasked ones, which no loss needs.
    """

    def __init__(self, model: PreTrainedModel, wanted: recipes.Pretrain, in_bfloat16: bool):
        super().__init__()
        self.model, self.in_bfloat16 = model, in_bfloat16
        self.label_smoothing, self.z_loss = wanted.label_smoothing, wanted.z_loss
        # A cache would also keep transformers from seeing where documents begin.
        self.options = {} if model.config.model_type == "bert" else {"use_cache": False}

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(sum of what is minimised, sum of −ln p(target)) over the targets that count, in nats, float32."""
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            hidden = self.model.base_model(input_ids=inputs, **self.options).last_hidden_state
        return self.loss(hidden, targets)

    @torch.compiler.disable  # how many tokens are masked changes from step to step, and would recompile all
    def loss(self, hidden: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        counted = targets != IGNORED
        head = self.model.get_output_embeddings()
        if self.model.config.model_type == "bert":
            with torch.autocast(hidden.device.type, torch.bfloat16, enabled=self.in_bfloat16):
                hidden = self.model.cls.predictions.transform(hidden[counted])
            targets = targets[counted]
        else:
            hidden, targets = hidden.flatten(0, 1), targets.flatten()
        if self.in_bfloat16:
            hidden = hidden.to(torch.bfloat16)
        return linear_cross_entropy(hidden, head.weight, head.bias, targets, self.label_smoothing, self.z_loss)
