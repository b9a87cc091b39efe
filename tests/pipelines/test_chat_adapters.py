"""Adapters of conversations: what is learned, which weights change for it, and where an answer ends."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader
from safetensors.torch import load_file
from tiny_adapters import ANSWERS, conversations, jsonl, overrides, settings, words_for
from transformers import AutoTokenizer

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.load import load
from desdecero.pipelines.cli import main
from desdecero.pipelines.evaluation.models import find_model
from desdecero.pipelines.finetuning.chat import ChatAdaptation
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokenizer.chat import role_tokens
from desdecero.pipelines.training.checkpoints import trained_tensors

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft

LEARNED = {"task": "chat", "rank": 8, "steps": 80, "batch_size": 4, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def data(tried: Path) -> Path:
    return jsonl(tried / "conversations.jsonl", conversations())


@pytest.fixture(scope="module", params=["llama", "untied", "roles", "t5"])
def learned(request: pytest.FixtureRequest, tried: Path, data: Path) -> tuple[RunDir, Path]:
    """A run, and the folder of its adapter that answers `ANSWERS`."""
    home = tried / str(request.param)
    slower = {"steps": 160, "learning_rate": 0.01} if home.name == "t5" else {}
    assert main(["finetune", *words_for(home, "helper", {**LEARNED, **slower, "data": {"train": str(data)}})]) == 0
    return RunDir(home / "run"), home / "run" / "adapters" / "helper"


def asked(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def test_it_answers_and_stops_here_and_in_plain_transformers(learned: tuple[RunDir, Path]) -> None:
    _, folder = learned
    model = load(folder / "merged")
    tokenizer: Any = model.tokenizer
    for question, said in ANSWERS.items():
        (answer,) = model.reply([asked(question)], Decoding(14))
        assert tokenizer.decode(answer.written[0]) == said
        ids: Any = tokenizer.apply_chat_template(asked(question), add_generation_prompt=True, return_tensors="pt")
        found = model.model.generate(**ids, do_sample=False, max_new_tokens=14)[0].tolist()
        written = found[1:] if model.model.config.is_encoder_decoder else found[ids["input_ids"].shape[1] :]
        assert tokenizer.decode(written) == f"{said}<|end|>"


def test_the_adapter_by_its_own_folder_answers_as_the_merged_model(learned: tuple[RunDir, Path]) -> None:
    _, folder = learned
    merged, named = load(folder / "merged"), find_model(str(folder)).load()
    inputs = torch.tensor([[0, *role_tokens(merged.tokenizer), 20, 30, 40]])  # type: ignore[arg-type]
    labels = {"labels": inputs} if merged.model.config.is_encoder_decoder else {}
    with torch.no_grad():
        one, other = (model.model(input_ids=inputs, **labels).logits for model in (merged, named))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


def test_of_the_embeddings_only_those_of_roles_are_trained_in_and_out(learned: tuple[RunDir, Path]) -> None:
    run, folder = learned
    base, merged = load_file(run.model / "model.safetensors"), load_file(folder / "merged" / "model.safetensors")
    roles = role_tokens(AutoTokenizer.from_pretrained(folder / "merged"))
    layers = [name for name in ("model.embed_tokens.weight", "lm_head.weight", "shared.weight") if name in merged]
    assert len(layers) == (2 if "untied" in str(folder) else 1)
    for name in layers:
        known = [token for token in range(len(base[name])) if token not in roles]
        assert torch.equal(merged[name][known], base[name][known])
        fresh = untrained(run, folder)
        seen = [token for token in roles if token != roles[0]]  # no conversation has a system message
        assert not any(torch.equal(merged[name][token], fresh[name][token]) for token in seen)


def untrained(run: RunDir, folder: Path) -> dict[str, torch.Tensor]:
    """The weights that training begins with."""
    recipe = run.with_added_adapters(load_recipe(run.path.parent / "tiny.yaml", settings(run.path.parent.name)))
    model = ChatAdaptation(recipe, run, folder, recipe.adapters["helper"]).new_base(recipe.seed)
    return {name: tensor.detach() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("base", ["llama", "t5"])
def test_the_loss_is_on_answers_and_their_end_alone(tried: Path, data: Path, base: str) -> None:
    home = tried / base
    words = overrides(home, "heard", {"task": "chat", "data": {"train": str(data)}})
    recipe, run = load_recipe(home / "tiny.yaml", words), RunDir(home / "run")
    adaptation = ChatAdaptation(recipe, run, run.adapter("heard"), recipe.adapters["heard"])
    adaptation.data = adaptation.read()
    task = adaptation.task(adaptation.settings, recipe.seed)
    texts = set()
    for step in range(4):
        for row in task.train_data.batch(step)[1].tolist():
            said = adaptation.tokenizer.decode([token for token in row if token != IGNORED])
            texts |= set(said.split("<|end|>"))
            assert said.endswith("<|end|>")
    assert texts == {"", *ANSWERS.values()}
    names = {name for name in trained_tensors(task.model) if "lora_" not in name}
    assert names and all("token_adapter" in name for name in names)


def test_the_command_converses_with_it(
    learned: tuple[RunDir, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = learned
    monkeypatch.setattr("sys.stdin", StringIO("Colour of the sky?\n/reset\nColour of snow?\n"))
    capsys.readouterr()
    assert main(["chat", str(run.path), "--adapter", "helper", "--temperature", "0", "--max-tokens", "14"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert (said[0], said[2]) == ("Blue.", "White.")


def test_a_gguf_of_it_has_the_chat_template(learned: tuple[RunDir, Path], tmp_path: Path) -> None:
    run, folder = learned
    if "t5" in str(folder):
        pytest.skip("llama.cpp's files are of causal models here")
    assert main(["export-gguf", str(run.path), str(tmp_path / "a.gguf"), "--adapter", "helper"]) == 0
    fields, tokenizer = GGUFReader(tmp_path / "a.gguf").fields, AutoTokenizer.from_pretrained(folder / "merged")
    assert fields["tokenizer.chat_template"].contents() == tokenizer.chat_template
    assert fields["tokenizer.ggml.eot_token_id"].contents() == tokenizer.convert_tokens_to_ids("<|end|>")
    assert len(fields["tokenizer.ggml.tokens"].contents()) == len(tokenizer)
