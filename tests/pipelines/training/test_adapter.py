"""An adapter's steps: packed documents see nothing of each other, and every step counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from plain_models import PLAIN, save_plain
from small_models import random_model, reading
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.utils import logging

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Finetune, Pretrain, Recipe, parse_recipe
from desdecero.pipelines.training.adapter import AdapterTask, _output_of_labels, add_adapter
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import build_collator
from desdecero.pipelines.training.model_with_loss import ModelWithLoss
from desdecero.pipelines.training.replica import Replica

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft

RECIPE = """
name: adapted
purpose: To test adapters.
languages: [en]
corpus: {{sources: [{{kind: files, path: texts, license: CC0-1.0}}], domain: {{name: slice, where: {{source: texts}}}}}}
tokenizer: {{sentinels: {sentinels}}}
model: {{architecture: {architecture}, context_length: 16, layers: 2, hidden_size: 32, heads: 2}}
pretrain: {{budget: {{steps: 1}}}}
finetune: {{rank: 4, steps: 10, batch_size: {batch}}}
"""


def adapter(architecture: str, folder: Path, batch: int = 2) -> AdapterTask:
    sentinels = 8 if architecture == "t5" else 0
    text = RECIPE.format(architecture=architecture, batch=batch, sentinels=sentinels)
    recipe: Recipe = parse_recipe(text, "adapted.yaml", folder)
    model, tokenizer = random_model(architecture), reading(architecture)
    tokens = np.random.default_rng(0).integers(20, 300, 2000).astype("<u2")
    tokens.tofile(folder / "domain.bin")
    collator = build_collator(recipe, tokenizer)
    batches = Batches([folder / "domain.bin"], "<u2", collator, batch, 0, len(tokenizer))
    (wanted,) = recipe.adapters.values()

    def with_loss(model: PreTrainedModel, settings: Pretrain) -> ModelWithLoss:
        sentinels = tokenizer.convert_tokens_to_ids(list(recipe.tokenizer.sentinel_tokens))
        return ModelWithLoss(model, settings, sentinels=sentinels, context_length=16)

    task = AdapterTask(recipe, wanted, model, with_loss, batches, seed=0)
    assert task.adapted is not None
    for name, parameter in task.adapted.named_parameters():  # an adapter that has learnt something
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return task


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert", "t5"])
def test_another_first_document_moves_nothing_of_the_second(architecture: str, tmp_path: Path) -> None:
    made = adapter(architecture, tmp_path)
    made.module.eval()
    end = made.model.config.eos_token_id
    (first, second, other) = (torch.randint(20, 300, (1, 8)) for _ in range(3))
    first[0, 0] = second[0, 0] = other[0, 0] = end
    targets = torch.cat([torch.randint(20, 300, (1, 8)) for _ in range(2)], dim=1)
    if architecture == "t5":  # a gap in each document, and three targets for each
        one, two = made.module.sentinels[:2].tolist()
        first[0, 4] = other[0, 4] = one
        second[0, 4] = two
        targets = torch.tensor([[one, 50, 60, two, 70, 80]])
    with torch.no_grad():
        seen = [made.module.states(torch.cat([before, second], dim=1), targets) for before in (first, other)]
    later = slice(3 if architecture == "t5" else 8, None)
    torch.testing.assert_close(seen[0][:, later], seen[1][:, later], atol=1e-5, rtol=0)
    assert not torch.allclose(seen[0][:, 1:3], seen[1][:, 1:3], atol=1e-2)


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_the_first_step_moves_the_adapter_and_nothing_else(architecture: str, tmp_path: Path) -> None:
    made = adapter(architecture, tmp_path)
    before = {name: parameter.clone() for name, parameter in made.model.named_parameters()}
    replica = Replica(made, Accelerator(cpu=True), "fp32", compiled=False)
    replica.step(0, replica.new_optimizers())
    moved = {name for name, parameter in made.model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {name for name in before if "lora_" in name}


def test_a_batch_that_processes_cannot_share_is_refused(tmp_path: Path) -> None:
    class ThreeProcesses:  # stands for accelerate's object on a machine that no test has
        num_processes = 3

    with pytest.raises(UserError, match=r"finetune\.batch_size 4 cannot be shared by 3 processes"):
        Replica(adapter("llama", tmp_path, batch=4), ThreeProcesses(), "fp32", compiled=False)  # type: ignore[arg-type]


def test_operations_are_counted_less_for_frozen_weights(tmp_path: Path) -> None:
    """Counted by torch itself, in the products of one step: forward, and backward without gradients of frozen weights.

    The first layer's inputs need none either, nor do attention's masked halves count: so ours is somewhat above.
    """
    made = adapter("llama", tmp_path)
    with FlopCounterMode(display=False) as counted:
        made.module(*made.train_data.batch(0))[0].backward()
    assert made.flops_per_token * made.tokens_per_step == pytest.approx(counted.get_total_flops(), rel=0.1)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("architecture", list(PLAIN))
def test_the_layer_that_gives_the_labels_is_found_below_any_head(
    architecture: str, method: str, tmp_path: Path
) -> None:
    folder, auto = save_plain(architecture, tmp_path / "model"), AutoModelForSequenceClassification
    logging.set_verbosity(logging.CRITICAL)  # it warns of the head's weights, which are not there
    model, loaded = auto.from_pretrained(folder, num_labels=7, output_loading_info=True)
    logging.set_verbosity(logging.WARNING)
    new = sorted({key.rpartition(".")[0] for key in loaded["missing_keys"]})
    if method == "lora":
        add_adapter(model, Finetune(rank=2), architecture, "SEQ_CLS", new)
    shapes = sorted(tuple(parameter.shape) for parameter in _output_of_labels(model, new))
    width = model.config.hidden_size
    assert shapes in ([(7,), (7, width)], [(7, width)])
