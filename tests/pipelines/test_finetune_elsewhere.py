"""Adapters on models that were not trained here, and what the commands know of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_models import PLAIN, save_plain, write_examples
from sealed_run import missing_figures, published
from transformers import AutoTokenizer

from desdecero.eval_suites.models.load import load
from desdecero.pipelines.cli import main
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.finetuning.adaptation import text_ends
from desdecero.pipelines.finetuning.example import Example
from desdecero.pipelines.finetuning.texts import write_shard
from desdecero.pipelines.recipe import Budget, Pretrain
from desdecero.pipelines.run.reports import FinetuneReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.data.collators import NO_PADDING
from desdecero.pipelines.training.model_with_loss import ModelWithLoss

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft

TASKS = {
    "gpt2": ("text", "chat", "classification"), "llama": ("text", "chat", "tokens"), "bert": ("text", "tokens"),
    "roberta": ("classification",), "t5": ("text", "chat"),
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere")
    write_examples(folder)
    return folder


def finetune(place: str | Path, task: str, home: Path, *words: str, run_dir: Path | None = None) -> int:
    settings = [f"finetune.{task}2.steps=3", "pretrain.precision=fp32", *words]
    return main([
        "finetune", str(place), "--adapter", f"{task}2", "--task", task, "--data", str(home / f"{task}.jsonl"),
        *(["--run-dir", str(run_dir)] if run_dir else []), *(part for one in settings for part in ("--set", one)),
    ])  # fmt: skip


@pytest.fixture(scope="module")
def adapted(home: Path) -> Callable[[str], RunDir]:
    """`adapted("bert")` → a run with an adapter of each task, made once; read it only."""
    made: dict[str, RunDir] = {}

    def make(architecture: str) -> RunDir:
        if architecture not in made:
            run = RunDir(home / f"{architecture}_run")
            folder = save_plain(architecture, home / architecture)
            for task in TASKS[architecture]:
                assert finetune(folder, task, home, run_dir=run.path) == 0
            made[architecture] = run
        return made[architecture]

    return make


@pytest.mark.slow
@pytest.mark.parametrize("architecture", list(PLAIN))
def test_adapters_of_each_task_go_into_one_run_which_is_whole(
    adapted: Callable[[str], RunDir], home: Path, architecture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, tasks = adapted(architecture), TASKS[architecture]
    recipe, base = run.recipe(), json.loads(run.base_file.read_text(encoding="utf-8"))
    assert list(recipe.adapters) == sorted(f"{task}2" for task in tasks)
    assert base["sha256"] == sha256_file(home / architecture / "model.safetensors")
    assert base["tokenizer_sha256"] == sha256_file(home / architecture / "tokenizer.json")
    for task in tasks:
        report = run.report(f"finetune:{task}2", recipe)
        assert isinstance(report, FinetuneReport) and report.data is not None
        assert report.base_sha256 == base["sha256"] and report.general is None and report.data.test_in_corpus is None
        for page in ("README.md", "README.es.md"):
            card = (run.adapter(f"{task}2") / "card" / page).read_text(encoding="utf-8")
            assert base["sha256"] in card
        assert not missing_figures(run, f"{task}2")
    capsys.readouterr()
    assert main(["verify", str(run)]) == 0
    assert f"whole: {2 * len(tasks)} stages" in capsys.readouterr().out
    for task in tasks:
        back = published(run, f"adapter:{task}2", home / f"{architecture}_{task}_published")
        assert main(["verify", str(back)]) == 0
        assert f"as it was published: the adapter {task}2" in capsys.readouterr().out
    assert main(["status", str(run)]) == 0 and capsys.readouterr().out.count(" sealed ") == 2 * len(tasks)
    assert main(["adapters", str(run)]) == 0 and len(capsys.readouterr().out.splitlines()) == len(tasks)


@pytest.mark.slow
def test_the_model_answers_in_the_terminal_and_ends_its_turns(
    adapted: Callable[[str], RunDir], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("Hello?\n"))
    assert main(["chat", str(adapted("llama")), "--adapter", "chat2", "--max-tokens", "5"]) == 0
    assert main(["chat", str(adapted("llama"))]) == 2
    assert "no chat template" in capsys.readouterr().err


@pytest.mark.slow
def test_an_altered_file_of_the_base_is_named(
    adapted: Callable[[str], RunDir], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(shutil.copytree(adapted("bert").path, tmp_path / "run"))
    (run.model / "config.json").write_text("{}", encoding="utf-8")
    (run.model / "more.py").write_text("", encoding="utf-8")
    assert main(["verify", str(run)]) == 1
    said = capsys.readouterr().out
    assert "model/config.json: altered since the base was taken" in said and "model/more.py: in a sealed folder" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("publish", "--dry-run"), "was not trained here: publish an adapter on it"),
        (("forget", "--match", "no such words"), "no corpus: --match TEXT searches their examples, none of which"),
        (("forget", "--source", "x"), "no corpus: --match TEXT searches their examples"),
        (("evaluate", "--adapter", "text2"), "it has no stage evaluate"),
        (("app",), "lists them"),
    ],
)
def test_what_needs_a_model_of_ones_own_says_so(
    adapted: Callable[[str], RunDir], words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *more = words
    assert main([command, str(adapted("bert")), *more]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "word", "said"),
    [
        ("text", "finetune.text2.replay=0.5", "comes without the tokens that it was trained on"),
        ("chat", "seed=0", "bert fills gaps and writes no answers"),
        ("text", "finetune.text2.data=corpus", "comes without a corpus"),
    ],
)
def test_what_a_base_without_a_corpus_cannot_give_is_refused_in_a_sentence(
    home: Path, tmp_path: Path, task: str, word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_plain("bert", tmp_path / "bert")
    assert finetune(folder, task, home, word, run_dir=tmp_path / "run") == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "bert", "roberta"])
def test_texts_packed_into_a_row_see_nothing_of_each_other(tmp_path: Path, architecture: str) -> None:
    """The hidden states of each text are those that it has alone, with the tokens that its own tokenizer adds."""
    folder = save_plain(architecture, tmp_path / "model")
    model, tokenizer = load(folder).model, AutoTokenizer.from_pretrained(folder)
    texts = ["Return the smallest item.", "Wrap it."]
    write_shard([Example(text=text) for text in texts], tokenizer, "<u2", tmp_path / "shard.bin")
    row = np.fromfile(tmp_path / "shard.bin", "<u2").astype(np.int64)
    begin, end = text_ends(tokenizer)
    module = ModelWithLoss(
        model, Pretrain(budget=Budget(steps=1)), context_length=48, ends=((begin or end)[0], NO_PADDING)
    )
    packed = torch.from_numpy(row)[None]
    with torch.inference_mode():
        together = module.states(packed, packed)[0]
        place = 0
        for number, text in enumerate(texts):
            ids = [*begin, *tokenizer(text, add_special_tokens=False)["input_ids"], *end]
            assert row[place : place + len(ids)].tolist() == ids
            # Where texts have an end alone, it begins the one after it, as in pretraining.
            first = place - (0 if begin else number)
            last = place + len(ids) - (0 if begin else 1)
            alone = module.states(packed[:, first:last], packed[:, first:last])[0]
            assert torch.allclose(together[first:last], alone, atol=1e-4)
            place += len(ids)
    assert begin if architecture != "gpt2" else not begin


@pytest.mark.slow
def test_a_recipe_names_an_adapter_on_another_model(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_plain("roberta", tmp_path / "other")
    shutil.copy(home / "classification.jsonl", tmp_path / "train.jsonl")
    (tmp_path / "mine.yaml").write_text(
        "name: mine\npurpose: A test.\nlanguages: [es]\ncorpus: {sources: [{kind: files, path: train.jsonl}]}\n"
        "pretrain: {budget: {steps: 100}}\n"
        "finetune: {kinds: {base: other, task: classification, steps: 3, data: {train: train.jsonl}}}\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    assert main(["run", "mine.yaml", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"The adapter kinds is on {tmp_path / 'other'}" in said and "finetune:kinds" not in said
    assert main(["finetune", "mine.yaml", "kinds"]) == 0
    run = RunDir(tmp_path / "runs" / "other")
    assert run.recipe().languages == ("es",) and list(run.recipe().adapters) == ["kinds"]
    assert not (tmp_path / "runs" / "mine").exists()
    assert main(["finetune", "mine.yaml", "kinds"]) == 0  # it is sealed
    assert main(["card", "mine.yaml", "--adapter", "kinds"]) == 2
    assert "name the run of that model" in capsys.readouterr().err
    shutil.rmtree("other")
    assert main(["finetune", "mine.yaml", "kinds"]) == 2
    assert "is no folder of transformers" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_weights_of_4_bits_are_refused_without_cuda(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_plain("gpt2", tmp_path / "gpt2")
    assert finetune(folder, "text", home, "finetune.text2.quantize=4bit", run_dir=tmp_path / "run") == 2
    assert "finetune.text2.quantize: 4bit is for CUDA, and there is no such device here" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("task", ["text", "chat", "tokens"])
def test_nothing_need_be_kept_apart_to_validate_on(home: Path, tmp_path: Path, task: str) -> None:
    architecture = "bert" if task == "tokens" else "gpt2"
    folder, run = save_plain(architecture, tmp_path / architecture), RunDir(tmp_path / "run")
    assert finetune(folder, task, home, f"finetune.{task}2.data.validation=0", run_dir=run.path) == 0
    report = run.report(f"finetune:{task}2", run.recipe())
    assert isinstance(report, FinetuneReport) and report.data is not None and report.data.validation == 0


@pytest.mark.slow
def test_a_text_to_be_forgotten_is_found_in_the_examples_of_adapters(
    adapted: Callable[[str], RunDir], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = json.loads((home / "text.jsonl").read_text(encoding="utf-8").splitlines()[3])
    assert main(["forget", str(adapted("bert")), "--match", row["text"][:60]]) == 0
    said = capsys.readouterr().out
    assert "adapters/text2: 1 of its examples match (text.jsonl, line 4)" in said
