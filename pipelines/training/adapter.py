"""Adapters: what of a model is trained for a task, how its training is described, and how it is saved.

A low-rank change to each matrix (LoRA and its relatives, by peft), all weights, or a new classification head alone. The
loss of texts and conversations is pretraining's, with pretraining's isolation of packed documents:
`model_with_loss.py`; that of labels is in `model_with_labels.py`.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from desdecero.eval_suites.models.adapters import BASE_FILE
from desdecero.eval_suites.models.adapters import load_adapter as put_on
from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_json, write_text
from desdecero.pipelines.recipe import Budget, EarlyStop, Finetune, Optimizer, Pretrain, Recipe, Schedule
from desdecero.pipelines.recipe.finetune import LOW_RANK, RATES
from desdecero.pipelines.training.checkpoints import trained_tensors
from desdecero.pipelines.training.data.batches import TrainingData
from desdecero.pipelines.training.model.build import training_flops_per_token
from desdecero.pipelines.training.model.four_bit import quantize_linear_layers
from desdecero.pipelines.training.model_with_labels import ModelWithLabels
from desdecero.pipelines.training.model_with_loss import ModelWithLoss
from desdecero.pipelines.training.task import TrainingTask

SCHEDULE = Schedule(name="linear", warmup=0.1)
"""Warm-up, as a share of the steps, and then a straight line to 0 (Hu et al. 2021, appendix D, do both)."""
PATIENCE = 3
"""Validations without a lower loss after which `early_stop` ends training: a third of the ten that there are."""
VALIDATION_ROWS = 1000
"""Validation rows that are scored, at most: a difference of 3% in accuracy is then two standard errors."""


HEAD_RATE = RATES["head"]
"""Learning rate of the layer that gives the labels, at least. Its weights are new, and have further to go than those
beside it. A model of this project's optimizer has small features (its last norm scales by 0.3) and large weights: fully
tuned at 0.0005 alone, it had learnt nothing of the spans of 80 clinical cases after 236 steps (span F1 0.00; 0.37 with
this rate, 2026-11-27)."""

PEFT_TASKS = {"classification": "SEQ_CLS", "tokens": "TOKEN_CLS"}
"""Task types of models with labels in peft."""


def settings_of(recipe: Recipe, finetune: Finetune, rows: int) -> Pretrain:
    """Return an adapter's training settings: the model's (precision, compilation, micro-batch, checkpoints, loss
    spikes), with the values of `finetune` and a fixed schedule and optimizer.

    rows: rows of training data in an epoch. Labelled rows have many lengths, each of which would be compiled for, so
    that `auto` does not compile. Gradients of a low-rank change and of a head are not clipped, and their weights do not
    decay: both start at or near zero, and AdamW divides gradients by their size anyway.
    """
    assert finetune.learning_rate != "auto", "it is chosen before the training"
    whole = finetune.method == "full"
    decay = 0.01 if whole else 0.0
    adam = Optimizer(name="adamw", learning_rate=finetune.learning_rate, betas=(0.9, 0.999), weight_decay=decay)
    budget = finetune.budget.model_dump(exclude_none=True)
    if epochs := finetune.budget.epochs:
        budget = {"steps": math.ceil(epochs * rows / finetune.batch_size)}
    return recipe.pretrain.model_copy(
        update={
            "budget": Budget(**budget),
            "batch_size": finetune.batch_size,
            "optimizer": adam,
            "schedule": SCHEDULE,
            "clip_norm": 1.0 if whole else math.inf,
            "compile": "never" if finetune.labels and recipe.pretrain.compile == "auto" else recipe.pretrain.compile,
            "keep_every_steps": None,
            "early_stop": EarlyStop(patience=PATIENCE) if finetune.early_stop else None,
            "samples": None,
            "trackers": (),
            "energy": None,
            "price_per_hour": None,
        }
    )


class AdapterTask(TrainingTask):
    """The training of an adapter on a model, or of the model's own weights."""

    def __init__(
        self,
        recipe: Recipe,
        finetune: Finetune,
        model: PreTrainedModel,
        with_loss: Callable[[PreTrainedModel, Pretrain], ModelWithLoss | ModelWithLabels],
        train_data: TrainingData,
        validation_data: TrainingData | None = None,
        *,
        seed: int,
        new_modules: Sequence[str] = (),
        new_tokens: Sequence[int] = (),
    ):
        """Add the adapter to `model`, which is loaded. The seed draws the adapter's first weights.

        new_modules: names of modules that the base model does not have, which are trained whole. new_tokens: ids whose
        embeddings are trained too.
        """
        length, targets = train_data.length, train_data.target_length
        settings = settings_of(recipe, finetune, train_data.rows)
        # 4 operations for each frozen weight, which gets no gradient, and 6 for each that is trained
        frozen = training_flops_per_token(model, length, targets, each_weight=4.0)
        set_seed(seed)
        total = sum(parameter.numel() for parameter in model.parameters())
        self.adapted: PeftModel | None = None
        self.initial: dict[str, torch.Tensor] = {}
        """First weights of a PiSSA adapter, which took them from the model's."""
        if finetune.quantize:
            quantize_linear_layers(model, new_modules)
        if finetune.method in LOW_RANK:
            architecture = recipe.model.architecture
            task_type = PEFT_TASKS.get(finetune.task) or kind_of(architecture).peft_task
            self.adapted = add_adapter(model, finetune, architecture, task_type, new_modules, new_tokens)
            if finetune.method == "pissa":
                self.initial = {name: tensor.detach().clone() for name, tensor in trained_tensors(model).items()}
        elif finetune.method == "head":
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name.startswith(tuple(f"{module}." for module in new_modules)))
        self.trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        self.trainable_share = self.trainable / total
        super().__init__(
            section="finetune",
            settings=settings,
            seed=seed,
            train_data=train_data,
            validation_data=validation_data,
            validation_sequences=VALIDATION_ROWS,
            module=with_loss(model, settings),
            head=[] if finetune.method == "head" else _output_of_labels(model, new_modules),
            head_rate=max(HEAD_RATE, settings.optimizer.learning_rate),
            flops_per_token=frozen + (2.0 if finetune.method == "full" else 6.0) * self.trainable,
            rate_keys="finetune.learning_rate",
            size_keys="finetune.batch_size",
        )


def add_adapter(
    model: PreTrainedModel,
    finetune: Finetune,
    architecture: str,
    task_type: str | None,
    new_modules: Sequence[str] = (),
    new_tokens: Sequence[int] = (),
) -> PeftModel:
    """Add low-rank matrices to every linear layer but the output's; they, the new modules and the embeddings of the new
    tokens are the only parameters left to train."""
    transposed = architecture == "gpt2"  # its layers keep their matrices so; those of 4 bits do not, and peft finds out
    config = LoraConfig(
        r=finetune.rank,
        lora_alpha=finetune.alpha,  # type: ignore[arg-type]  # annotated int, used as a factor
        target_modules="all-linear",
        exclude_modules=list(new_modules) or None,
        modules_to_save=sorted({_saved_with(module) for module in new_modules}) or None,
        trainable_token_indices=_embeddings_of(model, new_tokens) or None,
        task_type=task_type,
        fan_in_fan_out=transposed,
        use_rslora=finetune.method == "rslora",
        use_dora=finetune.method == "dora",
        init_lora_weights="pissa" if finetune.method == "pissa" else True,
    )
    with _warnings_of_peft_ignored():
        adapted = get_peft_model(model, config)
    vars(adapted.peft_config["default"])["fan_in_fan_out"] = transposed  # of the weights on which it will be loaded
    return adapted


def _output_of_labels(model: Any, new_modules: Sequence[str]) -> list[torch.nn.Parameter]:
    """Return the trained parameters of the last layer of a new head: that with an output for each label."""
    heads = tuple(_saved_with(module) for module in new_modules)
    return [
        parameter
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and name.startswith(heads)
        and module.out_features == model.config.num_labels
        for parameter in module.parameters()
        if parameter.requires_grad
    ]


def _saved_with(module: str) -> str:
    """Return the module that peft saves whole for one inside it: it adds heads of these names itself, and RoBERTa's has
    two layers."""
    first = module.partition(".")[0]
    return first if first in ("classifier", "score") else module


def _embeddings_of(model: Any, tokens: Sequence[int]) -> dict[str, list[int]]:
    """Return the layers that embed tokens, in and out, with the tokens; tied layers are one, which peft knows."""
    if not tokens:
        return {}
    tied = model.config.tie_word_embeddings
    layers = [model.get_input_embeddings(), *([] if tied else [model.get_output_embeddings()])]
    return {name: list(tokens) for name, module in model.named_modules() if any(module is one for one in layers)}


def load_adapter(model: PreTrainedModel, base: Path, folder: Path) -> PeftModel:
    """Load a saved adapter onto the model of the folder `base`; raises `UserError` where it belongs to another."""
    try:
        return put_on(model, base, folder)
    except ValueError as error:
        raise UserError(str(error)) from None


@contextmanager
def _warnings_of_peft_ignored() -> Iterator[None]:
    """Ignore warnings of peft: it asks transformers for gradient checkpointing by its old name, and tells which way
    round it found the matrices of a layer."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to", UserWarning)
        yield


# --- what is written -------------------------------------------------------------------------------------------

README = """\
# LoRA adapter

Load it onto its base model, wherever both folders lie:

```python
from peft import PeftModel
from transformers import AutoTokenizer, {auto}

tokenizer = AutoTokenizer.from_pretrained("RUN/adapters/{name}/adapter")
base = {auto}.from_pretrained("RUN/model"{options})
{resize}model = PeftModel.from_pretrained(base, "RUN/adapters/{name}/adapter")
```

`adapter_config.json` names the folder in which the base lay when the adapter was made; write the new place, or the
repository of the published model, into `base_model_name_or_path` where that has moved. peft does not check that it is
the same base: this adapter belongs to the one whose `model.safetensors` has the sha256 `{digest}`,
and `desdecero` refuses any other, by the same digest in `desdecero.json`.
`../merged` is the model with the adapter in its weights, and needs no base{of_merged}.

---

Cárguelo sobre su modelo base con las líneas de arriba, estén donde estén ambas carpetas. `adapter_config.json` guarda
la carpeta en la que estaba el modelo base al crear el adaptador; si se ha movido, escriba la nueva ruta, o el
repositorio del modelo publicado, en `base_model_name_or_path`. peft no comprueba que el modelo base sea el mismo: este
adaptador corresponde a aquel cuyo `model.safetensors` tiene el sha256 indicado, y `desdecero` rechaza cualquier otro,
pues `desdecero.json` guarda el mismo resumen. `../merged` es el modelo con el adaptador ya incorporado en los pesos, y
no necesita base{of_merged_es}.
"""
"""The README of an adapter, in place of the unfilled headings that peft writes, which would look like a card."""
RESIZE = "base.resize_token_embeddings({rows})  # the adapter brings the new rows\n"
OF_LABELS = "; the names of the labels are in its `config.json`"
OF_LABELS_ES = "; los nombres de las etiquetas están en su `config.json`"


def save_adapter(
    adapted: PeftModel,
    folder: Path,
    base: Path,
    auto: str,
    digest: str,
    tokenizer: PreTrainedTokenizerBase,
    initial: Mapping[str, torch.Tensor] | None = None,
    *,
    num_labels: int | None = None,
    resized_to: int | None = None,
) -> None:
    """Write what peft loads, `adapter_config.json` and `adapter_model.safetensors`, with the tokenizer, the base's
    digest and a README: the same bytes for the same adapter and place.

    base: the folder of the model under the adapter, named by its absolute path, as peft resolves a relative one from
    the working directory. auto: the class that loads it. digest: of its weights. initial: the first weights of a PiSSA
    adapter. num_labels: outputs of a new head, which is saved with the adapter. resized_to: rows that the base's
    embeddings have to grow to first.
    """
    config = adapted.peft_config["default"]
    config.base_model_name_or_path = str(base)
    if initial:
        _save_beside_the_first_weights(adapted, initial, folder)
    else:
        adapted.save_pretrained(str(folder), save_embedding_layers=False)  # "auto" asks the Hub about the model
    tokenizer.save_pretrained(folder)
    write_json(folder / BASE_FILE, {"base_sha256": digest})
    readme = README.format(
        auto=auto,
        name=folder.parent.name,
        digest=digest,
        options="" if num_labels is None else f", num_labels={num_labels}",
        resize="" if resized_to is None else RESIZE.format(rows=resized_to),
        of_merged="" if num_labels is None else OF_LABELS,
        of_merged_es="" if num_labels is None else OF_LABELS_ES,
    )
    write_text(folder / "README.md", readme)
    path = folder / "adapter_config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {**content, "target_modules": sorted(content["target_modules"])})  # peft's is in hash order


def _save_beside_the_first_weights(adapted: PeftModel, initial: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Write a PiSSA adapter as a LoRA adapter of twice the rank: what it became, minus what it began with.

    PiSSA took its first weights from the model's, so that alone it belongs to a model that is nowhere saved. peft's own
    conversion (`path_initial_model_for_weight_conversion`) fails where a module is trained whole beside it.
    """
    adapted.save_pretrained(str(folder), save_embedding_layers=False)
    file, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    tensors = load_file(file)
    for name, first in initial.items():
        saved, first = f"base_model.model.{name.replace('.default.', '.')}", first.cpu()
        if "lora_A" in name:
            tensors[saved] = torch.cat([tensors[saved], first])
        elif "lora_B" in name:
            tensors[saved] = torch.cat([tensors[saved], -first], dim=1)
    save_file(tensors, file, {"format": "pt"})
    content = json.loads(config.read_text(encoding="utf-8"))
    doubled = {key: 2 * content[key] for key in ("r", "lora_alpha")}  # their ratio is the scale
    write_json(config, content | doubled | {"init_lora_weights": True})
