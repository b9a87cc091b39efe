"""The whole chain: one command makes every stage, does nothing the second time, and survives being killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import ROOT, desdecero, forked, start_forked

from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages

EXPECTED_FILES = [
    "recipe.yaml",
    "corpus/documents/train-00000.parquet",
    "corpus/documents/validation-00000.parquet",
    "corpus/documents/domain_train-00000.parquet",
    "corpus/documents/domain_validation-00000.parquet",
    "corpus/documents/test-00000.parquet",
    "corpus/ledger.parquet",
    "corpus/report.json",
    "corpus/done.json",
    "corpus/overview.png",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/report.json",
    "tokenizer/done.json",
    "tokens/train-00000.bin",
    "tokens/validation-00000.bin",
    "tokens/index.parquet",
    "tokens/report.json",
    "tokens/done.json",
    "pretrain/metrics.jsonl",
    "pretrain/loss.png",
    "pretrain/plan.json",
    "pretrain/report.json",
    "pretrain/done.json",
    "model/config.json",
    "model/model.safetensors",
    "model/tokenizer.json",
    "model/README.md",
    "model/README.es.md",
    "model/loss.png",
    "evaluation/report.json",
    "evaluation/done.json",
    "evaluation/samples.jsonl",
    "evaluation/documents.parquet",
    "audit/report.json",
    "audit/done.json",
    "audit/pairs.jsonl",
    "audit/pairs.png",
    "audit/summary.es.md",
    "adapters/pandas/adapter/adapter_model.safetensors",
    "adapters/pandas/merged/model.safetensors",
    "adapters/pandas/report.json",
    "adapters/pandas/done.json",
    "adapters/pandas/evaluation/report.json",
    "adapters/pandas/audit/report.json",
    "adapters/pandas/card/README.md",
    "adapters/pandas/card/README.es.md",
    "card/README.md",
    "card/README.es.md",
    "card/evidence.json",
    "card/report.json",
    "card/done.json",
]


def test_one_command_writes_every_stage(trained_smoke_run: Path) -> None:
    written = {path.relative_to(trained_smoke_run).as_posix() for path in trained_smoke_run.rglob("*")}
    assert set(EXPECTED_FILES) <= written
    assert not [name for name in written if "unsealed" in name or name.endswith(".partial")]


def test_the_end_says_where_the_model_is_and_what_to_type_next(trained_smoke_run: Path) -> None:
    output = (trained_smoke_run.parent / "output.txt").read_text()
    for said in ("model      run/model", "▸", "bits per byte", "xz", "findings", "desdecero app", "--dry-run"):
        assert said in output, output


def test_verify_finds_it_whole(trained_smoke_run: Path) -> None:
    finished = forked("verify", trained_smoke_run, cwd=trained_smoke_run.parent)
    assert finished.returncode == 0, finished.stdout
    assert finished.stdout.startswith(f"whole: {len(stages(load_recipe('smoke')))} stages")


def test_verify_names_an_altered_file(smoke_run: Path) -> None:
    shard = smoke_run / "tokens" / "train-00000.bin"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    finished = desdecero("verify", smoke_run, cwd=smoke_run.parent)
    assert finished.returncode == 1
    assert "tokens/train-00000.bin: altered since tokens was sealed" in finished.stdout


def test_second_run_does_nothing_and_loads_nothing_heavy(smoke_run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in smoke_run.rglob("*") if path.is_file()}
    code = (
        "import sys; from desdecero.pipelines.cli import main; "
        f"assert main(['run', 'smoke', '--run-dir', {str(smoke_run)!r}]) == 0; "
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("sealed, nothing to do") == len(stages(load_recipe("smoke")))
    after = {path: path.stat().st_mtime_ns for path in smoke_run.rglob("*") if path.is_file()}
    assert {path for path in after if before.get(path) != after[path]} <= {smoke_run / ".lock"}


def test_status_shows_every_stage(smoke_run: Path) -> None:
    (smoke_run / "audit" / "done.json").unlink()
    finished = desdecero("status", smoke_run, cwd=smoke_run.parent)
    lines = dict(line.split(maxsplit=1) for line in finished.stdout.splitlines()[2:])
    assert list(lines) == list(stages(load_recipe("smoke")))
    assert lines["corpus"].startswith("sealed")
    assert lines["audit"].startswith("missing")


def test_changed_section_reruns_its_stage_and_those_after_it(smoke_run: Path) -> None:
    words = ["run", "smoke", "--run-dir", smoke_run, "--set", "card.contact=team@example.org"]
    finished = forked(*words, cwd=smoke_run.parent)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("nothing to do") == len(stages(load_recipe("smoke"))) - 2  # the adapter has one too
    assert "card       building (the recipe's card changed)" in finished.stdout
    assert "team@example.org" in (smoke_run / "model" / "README.md").read_text()


@pytest.mark.slow
def test_model_loads_where_there_is_only_transformers(trained_smoke_run: Path) -> None:
    """In a process that can import none of our packages and nothing else of the stack."""
    code = f"""
import sys
for name in ("desdecero", "datasets", "accelerate", "peft", "evaluate", "gradio"):
    sys.modules[name] = None  # Python's own way to say: there is no such module
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained({str(trained_smoke_run / "model")!r})
tokenizer = AutoTokenizer.from_pretrained({str(trained_smoke_run / "model")!r})
output = model.generate(**tokenizer("Return the", return_tensors="pt"), max_new_tokens=5, do_sample=False)
assert output.shape[1] > 5
print(type(model).__name__)
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=trained_smoke_run)
    assert finished.stdout.strip() == "LlamaForCausalLM", finished.stderr


@pytest.mark.slow
@pytest.mark.parametrize("stage", list(stages(load_recipe("smoke"))))
def test_stage_killed_in_the_middle_is_made_whole_by_the_same_command(smoke_run: Path, stage: str) -> None:
    """`--from` makes the stage start anew; it is killed once it has begun to write; the plain command goes on."""
    recipe = load_recipe("smoke")
    words = ["run", "smoke", "--run-dir", str(smoke_run), "--until", stage]
    mark = smoke_run / "unsealed" / f"{stage}.fingerprint"
    said = smoke_run.parent / "said.txt"
    process = start_forked("desdecero.pipelines.cli", [*words, "--from", stage], smoke_run.parent, said, said)
    deadline = time.monotonic() + 300
    while not mark.is_file():
        assert process.is_alive() and time.monotonic() < deadline, said.read_text()
        time.sleep(0.005)
    time.sleep(0.1)
    process.kill()
    process.join()
    run = RunDir(smoke_run)
    assert run.state(stages(recipe)[stage], recipe).name == "sealed"  # what was sealed before is still there
    (run.folder(stage, recipe) / "done.json").unlink()  # … and now it is not: the stage must be made again
    finished = forked(*words, cwd=smoke_run.parent)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert run.state(stages(recipe)[stage], recipe).name == "sealed"
    assert not (smoke_run / "unsealed" / stage).exists()


@pytest.mark.slow
def test_the_same_recipe_gives_the_same_bytes(trained_smoke_run: Path, tmp_path: Path) -> None:
    again = forked("run", "smoke", "--run-dir", tmp_path / "run", "--until", "pretrain", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    recipe = load_recipe("smoke")
    for stage in ("corpus", "tokenizer", "tokens"):
        first, second = RunDir(trained_smoke_run).seal(stage, recipe), RunDir(tmp_path / "run").seal(stage, recipe)
        assert first and second and first.outputs == second.outputs
    weights = "model/model.safetensors"
    assert (trained_smoke_run / weights).read_bytes() == (tmp_path / "run" / weights).read_bytes()


@pytest.mark.slow
def test_stage_starts_as_a_script(smoke_run: Path) -> None:
    script = [sys.executable, ROOT / "pipelines" / "pack_tokens.py", "smoke", "--run-dir", smoke_run]
    finished = subprocess.run(script, capture_output=True, text=True, cwd=smoke_run.parent)
    assert finished.returncode == 0, finished.stderr
    assert "tokens     sealed" in finished.stdout


def test_stages_named_out_of_order_are_refused(tmp_path: Path) -> None:
    finished = desdecero("run", "smoke", "--from", "card", "--until", "corpus", cwd=tmp_path)
    assert finished.returncode == 2
    assert "--from card comes after --until corpus" in finished.stderr
