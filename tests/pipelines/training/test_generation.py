"""`generation_config.json`: what plain `generate` does with a model that was trained here."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from small_models import CONTEXT, random_model, reading
from transformers import AutoTokenizer, pipeline
from transformers.utils import logging as transformers_logging

from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines.training.model.build import set_generation


@pytest.fixture(params=["llama", "gpt2", "t5"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    saved(request.param, tmp_path)
    return tmp_path


def saved(architecture: str, folder: Path) -> None:
    model, tokenizer = random_model(architecture), reading(architecture)
    set_generation(model, tokenizer, CONTEXT)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Any:
    """What transformers has to say, which does not reach the root logger by itself."""
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_warning()
    transformers_logging.enable_propagation()
    caplog.set_level(logging.WARNING)
    yield caplog
    transformers_logging.disable_propagation()
    transformers_logging.set_verbosity(level)


def test_plain_generate_draws_within_the_context_and_has_nothing_to_complain_of(
    folder: Path, told: pytest.LogCaptureFixture
) -> None:
    architecture = json.loads((folder / "config.json").read_text())["model_type"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = kind_of(architecture).auto.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        inputs = tokenizer("Return", return_tensors="pt", return_token_type_ids=False)
        texts = []
        for seed in range(6):
            torch.manual_seed(seed)
            texts.append(tuple(model.generate(**inputs)[0].tolist()))
        greedy = [tuple(model.generate(**inputs, do_sample=False, max_new_tokens=4)[0].tolist()) for _ in range(2)]
    assert len(set(texts)) > 1 and greedy[0] == greedy[1]
    assert max(map(len, texts)) <= CONTEXT
    # Random weights also draw padding, of which GPT-2 has something to say.
    assert [message for message in told.messages if "may be padded" not in message] == []
    found = model.generation_config
    assert (found.eos_token_id, found.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert found.max_new_tokens == CONTEXT // 2


def test_the_pipeline_that_the_card_shows_draws_too(tmp_path: Path, told: pytest.LogCaptureFixture) -> None:
    saved("gpt2", tmp_path)
    generate = pipeline("text-generation", model=str(tmp_path))
    texts = set()
    for seed in range(6):
        torch.manual_seed(seed)
        texts.add(generate("Return")[0]["generated_text"])
    assert len(texts) > 1
    assert [message for message in told.messages if "max" in message or "sample" in message] == []


def test_a_masked_model_has_none(tmp_path: Path) -> None:
    saved("bert", tmp_path)
    assert not (tmp_path / "generation_config.json").exists()
