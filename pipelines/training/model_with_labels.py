"""A model with a classification head and the loss that it is trained with, as one module."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.training.model.compilation import compile_parts


class ModelWithLabels(nn.Module):
    """Model and loss in one module, so that torch.compile and the process wrapper see both; see `ModelWithLoss`.

    The model is one of transformers' `…ForSequenceClassification` or `…ForTokenClassification`, and its own forward
    pass is used: each class has a way of its own to make one vector of a text. `padding`: the id that fills rows up.
    `several`: whether a text may have several labels, each of which is then a decision of its own. `by_token`: whether
    every token has a label.
    """

    def __init__(self, model: PreTrainedModel, padding: int, several: bool = False, by_token: bool = False):
        super().__init__()
        self.model, self.padding, self.several, self.by_token = model, padding, several, by_token
        self.in_bfloat16 = self.compiled = False

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the cross-entropy of the targets twice, as loss and as measure: summed, in nats, float32.

        inputs: (rows, length) ids, padded at the right. targets: (rows, 1), (rows, labels) of 0 and 1 for several
        labels, or (rows, length) for tokens; `IGNORED` ones do not count.
        """
        read = inputs != self.padding
        width = int(read.any(dim=0).sum())  # of a batch that was cut to pieces, some may be shorter
        inputs, read = inputs[:, :width], read[:, :width]
        targets = targets[:, :width] if self.by_token else targets
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            logits: torch.Tensor = self.model(input_ids=inputs, attention_mask=read).logits
        counted = targets != IGNORED
        logits = logits.float()
        if self.several:
            loss = F.binary_cross_entropy_with_logits(logits[counted], targets[counted].float(), reduction="sum")
        else:
            logits = logits if self.by_token else logits[:, None]
            loss = F.cross_entropy(logits[counted], targets[counted], reduction="sum")
        return loss, loss.detach()

    def compile(self, *_: object, **__: object) -> None:
        """Compile the parts that repeat, once for batches of all lengths: see `compilation.py`."""
        compile_parts(self.model, dynamic=True)
        self.compiled = True
