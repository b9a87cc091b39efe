"""LoRA adapters (Hu et al. 2021): add one to a model, describe its training, save it for peft.

The loss is pretraining's, with pretraining's isolation of packed documents: see `model_with_loss.py`.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines.common.files import write_json, write_text
from desdecero.pipelines.recipe import Finetune, Optimizer, Pretrain, Recipe, Schedule
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.model.build import training_flops_per_token
from desdecero.pipelines.training.model_with_loss import ModelWithLoss
from desdecero.pipelines.training.task import TrainingTask

SCHEDULE = Schedule(name="linear", warmup=0.1)
"""Warm-up, as a share of the steps, and then a straight line to 0 (Hu et al. 2021, appendix D, do both)."""


def settings_of(recipe: Recipe, finetune: Finetune) -> Pretrain:
    """Return an adapter's training settings: the model's (precision, compilation, micro-batch, checkpoints, loss
    spikes), with the values of `finetune` and a fixed schedule and optimizer.

    Gradients are not clipped: an adapter starts at zero, and AdamW divides them by their size anyway.
    """
    adam = Optimizer(name="adamw", learning_rate=finetune.learning_rate, betas=(0.9, 0.999), weight_decay=0.0)
    return recipe.pretrain.model_copy(
        update={
            "budget": finetune.budget,
            "batch_size": finetune.batch_size,
            "optimizer": adam,
            "schedule": SCHEDULE,
            "clip_norm": math.inf,
            "keep_every_steps": None,
            "early_stop": None,
            "samples": None,
            "trackers": (),
            "energy": None,
            "price_per_hour": None,
        }
    )


class AdapterTask(TrainingTask):
    """The training of LoRA matrices on a model whose own weights are frozen."""

    def __init__(
        self,
        recipe: Recipe,
        finetune: Finetune,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        batches: Batches,
    ):
        """Add the adapter to `model`, which is loaded. The seed draws the adapter's first weights."""
        length, targets = recipe.model.context_length, batches.collator.target_length
        # 4 operations for each frozen weight, which gets no gradient, and 6 for each of the adapter's
        frozen = training_flops_per_token(model, length, targets, each_weight=4.0)
        set_seed(recipe.seed)
        self.adapted = add_adapter(model, finetune, recipe)
        self.trainable, self.total = self.adapted.get_nb_trainable_parameters()
        settings = settings_of(recipe, finetune)
        sentinels: Any = tokenizer.convert_tokens_to_ids(list(recipe.tokenizer.sentinel_tokens))
        super().__init__(
            section="finetune",
            settings=settings,
            seed=recipe.seed,
            train_data=batches,
            module=ModelWithLoss(model, settings, sentinels=sentinels, context_length=length),
            flops_per_token=frozen + 6.0 * self.trainable,
            rate_keys="finetune.learning_rate",
            size_keys="finetune.batch_size",
        )


def add_adapter(model: PreTrainedModel, finetune: Finetune, recipe: Recipe) -> PeftModel:
    """Add LoRA matrices to every linear layer but the output's; they are the only parameters left to train."""
    config = LoraConfig(
        r=finetune.rank,
        lora_alpha=finetune.alpha,  # type: ignore[arg-type]  # annotated int, used as a factor
        target_modules="all-linear",
        task_type=kind_of(recipe.model.architecture).peft_task,
        fan_in_fan_out=recipe.model.architecture == "gpt2",  # whose layers keep their matrices transposed
    )
    with _old_name_allowed():
        return get_peft_model(model, config)


def load_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Load a saved adapter onto its model."""
    with _old_name_allowed():
        return PeftModel.from_pretrained(model, str(folder))


@contextmanager
def _old_name_allowed() -> Iterator[None]:
    """Ignore a warning: peft asks transformers for gradient checkpointing by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


# --- what is written -------------------------------------------------------------------------------------------

README = """\
# LoRA adapter

Load it onto its base model, wherever both folders lie:

```python
from peft import PeftModel
from transformers import {auto}

base = {auto}.from_pretrained("RUN/model")
model = PeftModel.from_pretrained(base, "RUN/adapters/{name}/adapter")
```

`adapter_config.json` names the folder in which the base lay when the adapter was made, so `AutoPeftModel…` finds it
from any working directory until the run is moved; after that, use the lines above, or write the new place (or the
repository of the published model) into `base_model_name_or_path`. peft does not check that it is the same base:
this adapter belongs to the one whose `model.safetensors` has the sha256 `{digest}`.
`../merged` is the model with the adapter in its weights, and needs no base.

---

Cárguelo sobre su modelo base con las líneas de arriba, estén donde estén ambas carpetas. `adapter_config.json` guarda
la carpeta en la que estaba el modelo base al crear el adaptador: `AutoPeftModel…` lo encuentra desde cualquier
directorio mientras no se mueva la ejecución; después, use esas líneas o escriba la nueva ruta (o el repositorio del
modelo publicado) en `base_model_name_or_path`. peft no comprueba que el modelo base sea el mismo: este adaptador
corresponde a aquel cuyo `model.safetensors` tiene el sha256 indicado. `../merged` es el modelo con el adaptador ya
incorporado en los pesos, y no necesita base.
"""
"""The README of an adapter, in place of the unfilled headings that peft writes, which would look like a card."""


def save_adapter(adapted: PeftModel, folder: Path, base: Path, auto: str, digest: str) -> None:
    """Write `adapter_config.json`, `adapter_model.safetensors` and a README: the same bytes for the same adapter and
    place.

    base: the folder of the model under the adapter, named by its absolute path, as peft resolves a relative one from
    the working directory. auto: the class that loads it. digest: of its weights.
    """
    config = adapted.peft_config["default"]
    config.base_model_name_or_path = str(base)
    adapted.save_pretrained(str(folder), save_embedding_layers=False)  # "auto" asks the Hub about the model
    write_text(folder / "README.md", README.format(auto=auto, name=folder.parent.name, digest=digest))
    path = folder / "adapter_config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {**content, "target_modules": sorted(content["target_modules"])})  # peft's is in hash order
