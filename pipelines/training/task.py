"""The description of one training: the model with its loss, the data, and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.data.batches import Batches, Collator, TrainingData
from desdecero.pipelines.training.data.collators import build_collator, build_training_collator
from desdecero.pipelines.training.model.build import (
    build_config,
    build_model,
    set_generation,
    training_flops_per_token,
    zero_init_residual_outputs,
)
from desdecero.pipelines.training.model_with_labels import ModelWithLabels
from desdecero.pipelines.training.model_with_loss import ModelWithLoss

FEW_STEPS = 1000
"""Below, a warning. `espanol` preferred the right gender of an adjective by 0.05 nats after 90 steps, when all it wrote
was gibberish, and by 1.19 after 1,121."""


@dataclass(kw_only=True)
class TrainingTask:
    """One training, for `Trainer` in trainer.py. The parameters that require a gradient are trained."""

    section: str
    """The recipe's section, for messages: `pretrain`, `finetune`, `tokenizer`."""
    settings: recipes.Pretrain
    """Budget, batch size, optimizer, schedule, precision …, whatever the section says of them."""
    seed: int
    module: ModelWithLoss | ModelWithLabels
    train_data: TrainingData
    validation_data: TrainingData | None = None
    """None if nothing is validated during training."""
    validation_sequences: int = 64
    """Scored at each validation, at most: enough to see the curve of pretraining, which `evaluate` measures
    properly."""
    flops_per_token: float
    """Floating-point operations, forward and backward, for a token of input."""
    head: Sequence[torch.nn.Parameter] = ()
    """Parameters with a learning rate of their own, `head_rate`."""
    head_rate: float = 0.0
    title: str = ""
    """Title of the progress bar; the section's name by default."""
    few_steps: int = 0
    """Fewer are warned of."""
    rate_keys: str = ""
    """The recipe's learning rates, as a message names them."""
    size_keys: str = ""
    """The recipe's keys to lower if a step takes too long, as a message names them."""
    may_be_sharded: bool = False

    @property
    def model(self) -> PreTrainedModel:
        """The model without its loss."""
        return self.module.model

    @property
    def context_length(self) -> int:
        """Tokens in a sequence."""
        return self.train_data.length

    @property
    def tokens_per_step(self) -> int:
        """Tokens in a batch, on average; padding does not count."""
        return round(self.settings.batch_size * self.train_data.row_tokens)


class Pretraining(TrainingTask):
    """The training of a model with the seed's random weights, on the run's tokens."""

    def __init__(self, recipe: Recipe, run: RunDir):
        self.recipe = recipe
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
        dtype = run.report("tokens", recipe).dtype

        def batches(split: Any, collator: Collator) -> Batches:
            size, vocabulary = recipe.pretrain.batch_size, len(self.tokenizer)
            return Batches(run.token_files(split), dtype, collator, size, recipe.seed, vocabulary)

        train_data = batches("train", build_training_collator(recipe, self.tokenizer))
        validation_data = batches("validation", build_collator(recipe, self.tokenizer))
        set_seed(recipe.seed)
        model = build_model(build_config(recipe.model, self.tokenizer))
        context_length, targets = recipe.model.context_length, train_data.collator.target_length
        sentinels: Any = self.tokenizer.convert_tokens_to_ids(list(recipe.tokenizer.sentinel_tokens))
        module = ModelWithLoss(model, recipe.pretrain, sentinels=sentinels, context_length=context_length)
        zero_init_residual_outputs(model)  # not before: layers that add nothing would pass any trial of `ModelWithLoss`
        super().__init__(
            section="pretrain",
            settings=recipe.pretrain,
            seed=recipe.seed,
            module=module,
            train_data=train_data,
            validation_data=validation_data,
            few_steps=FEW_STEPS,
            may_be_sharded=True,
            flops_per_token=training_flops_per_token(model, context_length, targets),
            rate_keys="pretrain.optimizer.learning_rate (or matrix_learning_rate)",
            size_keys="pretrain.batch_size, model.context_length or model.size (layers, hidden_size)",
        )

    def save_model(self, model: PreTrainedModel, folder: Path) -> None:
        """Write what `from_pretrained` loads, for any transformers user. `model`: this task's, in one piece."""
        set_generation(model, self.tokenizer, self.context_length)
        model.save_pretrained(folder)
        self.tokenizer.model_max_length = self.context_length
        self.tokenizer.save_pretrained(folder)
