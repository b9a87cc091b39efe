"""What a training tells on its way and after: samples, speed, energy, cost, trackers. None of it moves a bit."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import forked
from tiny_training import pretrain, report, weights
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir

Tiny = Callable[[str], Path]


def lines(home: Path, name: str) -> list[dict[str, Any]]:
    text = (home / "run" / "pretrain" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_nothing_that_is_told_moves_a_bit_of_the_weights(tiny: Tiny) -> None:
    home = tiny("gpt2")
    with_dropout = ["model.dropout=0.1", "pretrain.budget={steps: 20}"]
    assert pretrain(home, *with_dropout) == 0
    expected = weights(home)
    assert report(home)["energy"] is report(home)["cost"] is None  # nobody asked
    told = ["pretrain.samples={prompts: [Return the], temperature: 1.0, tokens: 8}", "pretrain.energy={country: PER}"]
    told += ["pretrain.trackers=[tensorboard]", "pretrain.price_per_hour={amount: 2.5, currency: EUR}"]
    assert pretrain(home, *with_dropout, *told) == 0
    assert weights(home) == expected


@pytest.mark.slow
def test_samples_of_a_compiled_model_compile_nothing_and_move_no_bit(tiny: Tiny) -> None:
    home = tiny("llama")
    settings = ["pretrain.budget={steps: 20}", "pretrain.compile=always", "pretrain.optimizer.name=adamw"]
    found = []
    for told in ([], ["pretrain.samples={prompts: [Return the, If], tokens: 8}"]):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        assert pretrain(home, *settings, *told) == 0
        found.append((weights(home), torch._dynamo.utils.counters["stats"]["unique_graphs"]))
    assert found[0] == found[1]
    assert found[0][1] > 0
    assert len(lines(home, "samples.jsonl")) == 20


# --- samples -----------------------------------------------------------------------------------------------------


def test_samples_are_the_likeliest_tokens_of_the_model_at_that_step(tiny: Tiny) -> None:
    home = tiny("llama")
    samples = "pretrain.samples={prompts: [Return the value, If], every: 2, tokens: 6}"
    assert pretrain(home, "pretrain.budget={steps: 50}", "pretrain.keep_every_steps=20", samples) == 0
    found = lines(home, "samples.jsonl")
    assert [(line["step"], line["prompt"]) for line in found] == [
        (step, prompt) for step in (10, 20, 30, 40, 50) for prompt in ("Return the value", "If")
    ]
    tokenizer = AutoTokenizer.from_pretrained(home / "run" / "model")
    then = home / "run" / "pretrain" / "checkpoints" / "step-000020"
    for folder, step in ((then, 20), (home / "run" / "model", 50)):
        model = AutoModelForCausalLM.from_pretrained(folder)
        ids = tokenizer("Return the value", add_special_tokens=False)["input_ids"]
        inputs = torch.tensor([[tokenizer.eos_token_id, *ids]])
        for _ in range(6):  # by hand, without a cache
            inputs = torch.cat([inputs, model(input_ids=inputs).logits[:, -1:].argmax(-1)], dim=1)
            if inputs[0, -1] == tokenizer.eos_token_id:
                break
        expected = tokenizer.decode(inputs[0], skip_special_tokens=True)
        assert next(line["text"] for line in found if line["step"] == step) == expected


def test_a_masked_model_fills_the_gaps(tiny: Tiny) -> None:
    home = tiny("bert")
    assert pretrain(home, "pretrain.samples={prompts: ['Return the [MASK] of the [MASK].']}") == 0
    text = lines(home, "samples.jsonl")[-1]["text"]
    assert text.lower().startswith("return the") and "mask" not in text.lower()


@pytest.mark.slow
def test_an_encoder_decoder_fills_the_gaps(tiny: Tiny) -> None:
    home = tiny("llama")
    t5 = ["model.architecture=t5", "pretrain.samples={prompts: ['Return the [MASK] of the list.'], tokens: 5}"]
    recipe = load_recipe(home / "tiny.yaml", t5)
    run_chain(recipe, RunDir(home / "run"), last="pretrain")
    sample = lines(home, "samples.jsonl")[-1]
    tokenizer = AutoTokenizer.from_pretrained(home / "run" / "model")
    model = AutoModelForSeq2SeqLM.from_pretrained(home / "run" / "model")
    ids = [tokenizer.eos_token_id, *tokenizer("Return the<extra_id_0> of the list.")["input_ids"]]
    start = torch.tensor([[model.config.decoder_start_token_id, tokenizer.convert_tokens_to_ids("<extra_id_0>")]])
    first = model(input_ids=torch.tensor([ids]), decoder_input_ids=start).logits[0, -1].argmax()
    answer = "" if int(first) in tokenizer.all_special_ids else tokenizer.decode([int(first)])
    assert sample["text"].startswith(f"Return the{answer}") and sample["text"].endswith(" of the list.")


def test_samples_go_on_where_a_resumed_run_does(tiny: Tiny) -> None:
    home = tiny("llama")
    settings = ["pretrain.budget={steps: 40}", "pretrain.samples={prompts: [The], tokens: 4}"]
    assert pretrain(home, *settings, "pretrain.keep_every_steps=10") == 0
    whole = lines(home, "samples.jsonl")
    unfinished(home, 20)
    assert pretrain(home, *settings, "pretrain.keep_every_steps=10") == 0
    assert report(home)["resumed_at"][0]["step"] == 20
    assert lines(home, "samples.jsonl") == whole


def unfinished(home: Path, step: int) -> None:
    """Make a finished run one that was cut off after the checkpoint of this step, which must have been kept."""
    run = RunDir(home / "run")
    shutil.copytree(run.pretrain, run.unsealed.pretrain)
    for name in ("done.json", "report.json", "loss.png"):
        (run.unsealed.pretrain / name).unlink()
    for checkpoint in run.unsealed.checkpoints.iterdir():
        if int(checkpoint.name.removeprefix("step-")) > step:
            shutil.rmtree(checkpoint)


@pytest.fixture(scope="module")
def of_minutes(tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose budget in minutes was revised, with the checkpoint of every step."""
    home = Path(shutil.copytree(tiny_runs["llama"].parent, tmp_path_factory.mktemp("minutes") / "llama"))
    assert pretrain(home, *MINUTES, "--anyway") == 0
    return home


MINUTES = ["pretrain.budget={minutes: 0.2}", "pretrain.schedule={name: cosine}", "pretrain.keep_every_steps=1"]


@pytest.mark.slow
def test_a_run_that_was_cut_off_before_its_budget_was_revised_ends_with_the_same_bits(
    of_minutes: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(of_minutes, tmp_path / "home"))
    expected, plan = weights(home), json.loads((home / "run" / "pretrain" / "plan.json").read_text())
    assert [revision["step"] > 5 for revision in plan["revisions"]] == [True] * len(plan["revisions"]) != []
    unfinished(home, 5)
    assert pretrain(home, *MINUTES) == 0
    assert (report(home)["resumed_at"][0]["step"], report(home)["steps"]) == (5, plan["steps"])
    assert weights(home) == expected


@pytest.mark.slow
def test_a_run_that_was_cut_off_after_a_revision_repeats_to_the_bit_what_was_decided(
    of_minutes: Path, tmp_path: Path
) -> None:
    """Between the first revision and the second; where the machine was so slow that none followed, before the end."""
    home = Path(shutil.copytree(of_minutes, tmp_path / "home"))
    run = RunDir(home / "run")
    plan = json.loads(run.plan.read_text())
    first, *later = plan["revisions"]
    until, revise_at = (later[0]["step"], later[0]["step"]) if later else (first["steps"], None)
    expected = sha256_file(run.checkpoints / f"step-{until:06d}" / "model.safetensors")
    unfinished(home, first["step"] // 2)
    then = {**plan, "revisions": [first], "steps": first["steps"], "revise_at": revise_at}
    run.unsealed.plan.write_text(json.dumps(then))
    assert pretrain(home, *MINUTES) == 0
    revisions = json.loads(run.plan.read_text())["revisions"]
    assert [revision["step"] for revision in revisions[:2]] == [first["step"], *([until] if later else [])]
    assert revisions[0] == first
    assert sha256_file(run.checkpoints / f"step-{until:06d}" / "model.safetensors") == expected


@pytest.mark.parametrize(
    ("architecture", "samples", "sentence"),
    [
        ("bert", "{prompts: [No gap]}", "needs [MASK] in it"),
        ("llama", f"{{prompts: [{'word ' * 30}]}}", "shorten the prompt or lower pretrain.samples.tokens"),
        ("llama", "{prompts: [a], tokens: 32}", "shorten the prompt or lower pretrain.samples.tokens"),
    ],
)
def test_prompts_that_cannot_be_answered_are_refused(
    tiny: Tiny, capsys: pytest.CaptureFixture[str], architecture: str, samples: str, sentence: str
) -> None:
    assert pretrain(tiny(architecture), f"pretrain.samples={samples}") == 2
    assert sentence in capsys.readouterr().err


# --- speed, cost, energy -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A training that costs a Euro a second and writes for TensorBoard, to be read only; and what it printed."""
    home = Path(shutil.copytree(tiny_runs["llama"].parent, tmp_path_factory.mktemp("told") / "llama"))
    with redirect_stdout(io.StringIO()) as printed:
        asked = ["pretrain.price_per_hour={amount: 3600, currency: EUR}", "pretrain.trackers=[tensorboard]"]
        assert pretrain(home, *asked) == 0
    return home, printed.getvalue()


def test_speed_and_mfu_are_those_of_the_steps(told: tuple[Path, str]) -> None:
    home, _ = told
    found, plan = report(home), json.loads((home / "run" / "pretrain" / "plan.json").read_text())
    assert found["flops_per_second"] == pytest.approx(found["flops"] / found["seconds"])
    assert found["mfu"] == pytest.approx(found["flops_per_second"] / found["peak_flops_per_second"])
    assert 0 < found["mfu"] < 1 and 0 < plan["mfu"] < 1
    last = [line for line in lines(home, "metrics.jsonl") if "loss" in line][-1]
    # Rounded to four places; and the peak may have been found higher since that line.
    assert last["mfu"] >= 0.98 * last["flops_per_second"] / found["peak_flops_per_second"] - 5e-5
    assert found["machine_slowdown"] >= 1 and isinstance(found["machine_busy"], bool)


def test_the_cost_is_told_before_and_after(told: tuple[Path, str]) -> None:
    home, printed = told
    assert "EUR at 3600 an hour" in printed
    cost = report(home)["cost"]
    assert cost["amount"] == pytest.approx(cost["seconds"])  # a Euro a second
    assert cost["seconds"] == pytest.approx(report(home)["seconds"] + report(home)["setup_seconds"])
    assert json.loads((home / "run" / "pretrain" / "plan.json").read_text())["cost"] > 0


def test_energy_is_counted_without_a_network_and_adds_up_over_a_resume(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *words: asked.append(words) or [])  # type: ignore[func-returns-value]
    home = tiny("llama")
    settings = ["pretrain.budget={steps: 40}", "pretrain.keep_every_steps=20", "pretrain.energy={country: ESP}"]
    assert pretrain(home, *settings) == 0
    first = report(home)["energy"]
    assert 0 < first["kwh"] == pytest.approx(first["cpu_kwh"] + first["gpu_kwh"] + first["memory_kwh"])
    assert first["kg_co2e"] == pytest.approx(first["kwh"] * first["kg_co2e_per_kwh"], rel=1e-6)
    assert (first["country"], first["memory_method"]) == ("ESP", "estimated")
    assert first["cpu_method"] in ("measured", "estimated")
    state = json.loads((home / "run" / "pretrain" / "checkpoints" / "step-000020" / "state.json").read_text())
    unfinished(home, 20)
    assert pretrain(home, *settings) == 0
    assert report(home)["energy"]["kwh"] > state["energy"]["kwh"] > 0
    assert asked == []


def test_a_country_that_nobody_knows_is_refused(tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain(tiny("llama"), "pretrain.energy={country: XXQ}") == 2
    assert "does not know XXQ" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("library", "setting", "extra"),
    [
        ("codecarbon", "pretrain.energy={country: ESP}", "desdecero[energy]"),
        ("wandb", "pretrain.trackers=[wandb]", "desdecero[wandb]"),
    ],
)
def test_what_is_not_installed_is_asked_for_in_one_sentence(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], library: str, setting: str,
    extra: str,
) -> None:  # fmt: skip
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == library else find(name, *more))
    assert pretrain(tiny("llama"), setting) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("desdecero: ") and extra in sentence


# --- trackers ----------------------------------------------------------------------------------------------------


def test_tensorboard_reads_what_metrics_hold(told: tuple[Path, str]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    home, _ = told
    events = EventAccumulator(str(home / "run" / "pretrain" / "trackers" / "tiny"))
    events.Reload()
    for name in ("loss", "validation_loss", "tokens_per_second"):
        told = {event.step: event.value for event in events.Scalars(name)}
        assert told == pytest.approx(
            {line["step"]: line[name] for line in lines(home, "metrics.jsonl") if name in line}
        )


@pytest.mark.slow
def test_trackio_keeps_the_same_numbers_in_the_run(tiny: Tiny) -> None:
    home = tiny("llama")
    words = ["pretrain", home / "tiny.yaml", "--run-dir", home / "run", "--set", "pretrain.trackers=[trackio]"]
    finished = forked(*words, cwd=home)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (database,) = (home / "run" / "pretrain" / "trackers" / "trackio").glob("*.db")
    with sqlite3.connect(database) as connection:
        kept = [(step, json.loads(told)) for step, told in connection.execute("SELECT step, metrics FROM metrics")]
    losses = {step: told["loss"] for step, told in kept if "loss" in told}
    assert losses == pytest.approx(
        {line["step"]: line["loss"] for line in lines(home, "metrics.jsonl") if "loss" in line}
    )
