"""An adapter's steps: packed documents see nothing of each other, and every step counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from small_models import random_model, reading

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe, parse_recipe
from desdecero.pipelines.training.adapter import AdapterTraining, add_adapter
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import build_collator

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


def training(architecture: str, folder: Path, batch: int = 2, accelerator: Any = None) -> AdapterTraining:
    sentinels = 8 if architecture == "t5" else 0
    text = RECIPE.format(architecture=architecture, batch=batch, sentinels=sentinels)
    recipe: Recipe = parse_recipe(text, "adapted.yaml", folder)
    assert recipe.finetune
    model, tokenizer = random_model(architecture), reading(architecture)
    tokens = np.random.default_rng(0).integers(20, 300, 2000).astype("<u2")
    tokens.tofile(folder / "domain.bin")
    collator = build_collator(recipe, tokenizer)
    batches = Batches([folder / "domain.bin"], "<u2", collator, batch, 0, len(tokenizer))
    adapted = add_adapter(model, recipe.finetune, recipe)
    for name, parameter in adapted.named_parameters():  # an adapter that has learnt something
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    ids: Any = tokenizer.convert_tokens_to_ids(list(recipe.tokenizer.sentinel_tokens))
    return AdapterTraining(model, batches, recipe, accelerator or Accelerator(cpu=True), ids)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert", "t5"])
def test_another_first_document_moves_nothing_of_the_second(architecture: str, tmp_path: Path) -> None:
    made = training(architecture, tmp_path)
    made.bare.eval()
    end = made.bare.model.config.eos_token_id
    (first, second, other) = (torch.randint(20, 300, (1, 8)) for _ in range(3))
    first[0, 0] = second[0, 0] = other[0, 0] = end
    targets = torch.cat([torch.randint(20, 300, (1, 8)) for _ in range(2)], dim=1)
    if architecture == "t5":  # a gap in each document, and three targets for each
        one, two = made.bare.sentinels[:2].tolist()
        first[0, 4] = other[0, 4] = one
        second[0, 4] = two
        targets = torch.tensor([[one, 50, 60, two, 70, 80]])
    with torch.no_grad():
        seen = [made.bare.states(torch.cat([before, second], dim=1), targets) for before in (first, other)]
    later = slice(3 if architecture == "t5" else 8, None)
    torch.testing.assert_close(seen[0][:, later], seen[1][:, later], atol=1e-5, rtol=0)
    assert not torch.allclose(seen[0][:, 1:3], seen[1][:, 1:3], atol=1e-2)


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_the_first_step_moves_the_adapter_and_nothing_else(architecture: str, tmp_path: Path) -> None:
    made = training(architecture, tmp_path)
    before = {name: parameter.clone() for name, parameter in made.bare.model.named_parameters()}
    assert made.step(0)["learning_rate"] > 0
    moved = {name for name, parameter in made.bare.model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {name for name in before if "lora_" in name}


def test_a_batch_that_processes_cannot_share_is_refused(tmp_path: Path) -> None:
    class ThreeProcesses:  # stands for accelerate's object on a machine that no test has
        num_processes = 3

    with pytest.raises(UserError, match=r"finetune\.batch_size 4 cannot be shared by 3 processes"):
        training("llama", tmp_path, batch=4, accelerator=ThreeProcesses())
