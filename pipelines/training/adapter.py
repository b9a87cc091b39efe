"""A LoRA adapter (Hu et al. 2021) on a model: added, trained step by step, and saved for peft.

The loss is pretraining's, with pretraining's isolation of packed documents: see `objective.py`.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_json, write_text
from desdecero.pipelines.recipe import Finetune, Recipe, Schedule
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.devices.processes import from_first
from desdecero.pipelines.training.model.optimizers import learning_rate_factor, set_learning_rate
from desdecero.pipelines.training.objective import Objective

SCHEDULE = Schedule(name="linear", warmup=0.1)
"""Shares of the steps: a rise, and then a straight line to 0 (Hu et al. 2021, appendix D, do both)."""


def add_adapter(model: PreTrainedModel, wanted: Finetune, recipe: Recipe) -> PeftModel:
    """The model with LoRA matrices, all that is left to train, beside every linear layer but the output's."""
    config = LoraConfig(
        r=wanted.rank,
        lora_alpha=wanted.alpha,  # type: ignore[arg-type]  # annotated int, used as a factor
        target_modules="all-linear",
        task_type=kind_of(recipe.model.architecture).peft_task,
        fan_in_fan_out=recipe.model.architecture == "gpt2",  # whose layers keep their matrices transposed
    )
    with warnings.catch_warnings():  # peft asks transformers for it by the old name
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        return get_peft_model(model, config)


class AdapterTraining:
    """An adapter, its data and the devices: what one step needs. Each process takes its own share of a batch."""

    def __init__(
        self, model: PreTrainedModel, wanted: Finetune, batches: Batches, recipe: Recipe, accelerator: Accelerator,
        sentinels: Sequence[int] = (),
    ):  # fmt: skip
        """`model`: one that `add_adapter` was given. Its frozen weights stay as they are."""
        self.wanted, self.batches, self.seed, self.accelerator = wanted, batches, recipe.seed, accelerator
        if self.wanted.batch_size % accelerator.num_processes:
            raise UserError(
                f"finetune.batch_size {self.wanted.batch_size} cannot be shared by {accelerator.num_processes} "
                "processes: make it a multiple of them"
            )
        self.share = self.wanted.batch_size // accelerator.num_processes
        self.bare = Objective(model, recipe.pretrain, False, sentinels, recipe.model.context_length)
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=self.wanted.learning_rate, weight_decay=0.0)
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
        self.objective, self.optimizer = accelerator.prepare(self.bare, optimizer)
        self.schedule = learning_rate_factor(SCHEDULE, self.wanted.steps)
        self.objective.train()

    def step(self, step: int) -> dict[str, Any]:
        """One optimiser step, counted from 0; returns its line of metrics, the same in all processes."""
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        inputs, targets = self.batches.batch(step)
        count = max(1, int((targets != IGNORED).sum()))
        mine = slice(rank * self.share, (rank + 1) * self.share)
        torch.manual_seed(hash((self.seed, step, rank)))  # dropout, if any
        loss, measured = self.objective(*(part[mine].to(self.accelerator.device) for part in (inputs, targets)))
        # Gradients of several processes are averaged; the factor turns that into a sum over all targets.
        self.accelerator.backward(loss * (processes / count))
        set_learning_rate([self.optimizer], self.schedule(step))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        mean = float(self.accelerator.reduce(measured.detach())) / count
        if not math.isfinite(mean):
            from_first(self.accelerator, lambda: _not_finite(step))
        rate = self.optimizer.param_groups[0]["lr"]
        return {"step": step + 1, "tokens": (step + 1) * inputs.numel(), "loss": mean, "learning_rate": rate}


def _not_finite(step: int) -> None:
    raise UserError(f"the adapter's loss is not finite at step {step + 1}: lower finetune.learning_rate")


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
"""Beside the adapter, in place of the unfilled headings that peft writes, which would look like a card."""


def save_adapter(adapted: PeftModel, folder: Path, base: Path, auto: str, digest: str) -> None:
    """`adapter_config.json`, `adapter_model.safetensors` and a README: the same bytes for the same adapter and place.

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
