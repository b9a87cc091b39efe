"""What is saved of an adapter loads with peft from anywhere, on its own base and on no other."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from small_models import ARCHITECTURES, random_model, reading
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from desdecero.eval_suites.models.adapters import BASE_FILE, base_of, load_adapter, weights_sha256
from desdecero.eval_suites.models.load import kind_of, load
from desdecero.pipelines.cli import main
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.evaluation.models import find_model
from desdecero.pipelines.recipe import Finetune, parse_recipe
from desdecero.pipelines.training import adapter as training
from desdecero.pipelines.training.adapter import add_adapter, save_adapter

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft

RECIPE = """
name: adapted
purpose: To test adapters.
languages: [en]
corpus: {{sources: [{{kind: files, path: texts, license: CC0-1.0}}]}}
model: {{architecture: {architecture}, context_length: 16, layers: 2, hidden_size: 32, heads: 2}}
pretrain: {{budget: {{steps: 1}}}}
"""
AUTO = {
    "CAUSAL_LM": peft.AutoPeftModelForCausalLM,
    "SEQ_2_SEQ_LM": peft.AutoPeftModelForSeq2SeqLM,
    None: peft.AutoPeftModel,
}
"""Task type of peft → the class that finds the base by itself; it has none for filling gaps."""


@dataclass
class Saved:
    """A run's `model/` and `adapters/mine/`, as far as a model that nobody trained goes."""

    run: Path
    architecture: str

    @property
    def adapter(self) -> Path:
        return self.run / "adapters" / "mine" / "adapter"

    @property
    def merged(self) -> Path:
        return self.adapter.with_name("merged")


def saved(architecture: str, run: Path) -> Saved:
    """An adapter of random weights, which is saved as `finetune` saves one."""
    made = Saved(run, architecture)
    recipe = parse_recipe(RECIPE.format(architecture=architecture), "adapted.yaml", run)
    # T5's attention is not scaled: in `random_model`'s usual spread, rounding alone moves a logit by 0.03.
    calm = {"overrides": {"initializer_factor": 1.0}} if architecture == "t5" else {}
    model, tokenizer = random_model(architecture, **calm), reading(architecture)
    model.save_pretrained(run / "model")
    tokenizer.save_pretrained(run / "model")
    adapted = add_adapter(model, Finetune(rank=4, alpha=8), architecture, kind_of(architecture).peft_task)
    torch.manual_seed(1)
    for name, parameter in adapted.named_parameters():  # as if it had learnt something
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    digest = sha256_file(run / "model" / "model.safetensors")
    save_adapter(adapted, made.adapter, run / "model", kind_of(architecture).auto.__name__, digest, tokenizer)
    merged: Any = adapted.merge_and_unload()
    merged.save_pretrained(made.merged)
    (run / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return saved("llama", tmp_path_factory.mktemp("llama") / "run")


def logits(model: PreTrainedModel | peft.PeftModel) -> torch.Tensor:
    inputs = {"input_ids": torch.arange(20, 32)[None]}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = inputs["input_ids"]
    with torch.no_grad():
        found: torch.Tensor = model.eval()(**inputs).logits
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_adapter_on_base_and_merged_model_give_the_same_logits_from_any_folder_and_after_a_move(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = saved(architecture, tmp_path / "here" / "run")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    auto, itself = kind_of(architecture).auto, AUTO[kind_of(architecture).peft_task]
    merged = logits(auto.from_pretrained(made.merged))
    assert not torch.allclose(merged, logits(auto.from_pretrained(made.run / "model")), atol=0.01)
    assert (logits(itself.from_pretrained(str(made.adapter))) - merged).abs().max() < 1e-4

    moved = Saved(Path(shutil.move(made.run, tmp_path / "moved")), architecture)
    (code,) = re.findall(r"```python\n(.*?)```", (moved.adapter / "README.md").read_text("utf-8"), flags=re.DOTALL)
    given: dict[str, Any] = {}
    exec(code.replace("RUN/adapters/mine", str(moved.adapter.parent)).replace("RUN", str(moved.run)), given)
    assert (logits(given["model"]) - merged).abs().max() < 1e-4
    assert (logits(auto.from_pretrained(moved.merged)) - merged).abs().max() == 0
    text = "Return the value of the list."
    assert (
        given["tokenizer"](text)["input_ids"] == AutoTokenizer.from_pretrained(moved.run / "model")(text)["input_ids"]
    )


@pytest.mark.parametrize("architecture", ["gpt2", "qwen3", "modernbert"])
def test_a_new_head_is_saved_with_the_adapter(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Saved(tmp_path / "run", architecture)
    random_model(architecture).save_pretrained(made.run / "model")
    auto = AutoModelForSequenceClassification
    model, loaded = auto.from_pretrained(made.run / "model", num_labels=3, output_loading_info=True)
    new = sorted({key.rpartition(".")[0] for key in loaded["missing_keys"]})
    adapted = add_adapter(model, Finetune(rank=4, alpha=8), architecture, "SEQ_CLS", new)
    torch.manual_seed(1)
    for _, parameter in adapted.named_parameters():  # as if it had learnt something
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    digest = sha256_file(made.run / "model" / "model.safetensors")
    save_adapter(adapted, made.adapter, made.run / "model", auto.__name__, digest, reading(architecture))
    expected = logits(adapted)
    merged: Any = adapted.merge_and_unload()
    merged.save_pretrained(made.merged)
    monkeypatch.chdir(made.adapter)
    on_base = load_adapter(auto.from_pretrained(made.run / "model", num_labels=3), made.run / "model", made.adapter)
    for found in (on_base, auto.from_pretrained(made.merged)):
        assert logits(found).shape == (1, 3) and (logits(found) - expected).abs().max() < 1e-4


def test_the_base_is_known_by_the_digest_of_its_weights(llama: Saved) -> None:
    digest = sha256_file(llama.run / "model" / "model.safetensors")
    assert json.loads((llama.adapter / BASE_FILE).read_text()) == {"base_sha256": digest}
    assert base_of(llama.adapter) == weights_sha256(llama.run / "model") == digest
    assert digest in (llama.adapter / "README.md").read_text(encoding="utf-8")


def test_a_base_of_the_same_shape_with_other_weights_is_refused(llama: Saved, tmp_path: Path) -> None:
    other = tmp_path / "other"
    random_model("llama", seed=5).save_pretrained(other)
    model = kind_of("llama").auto.from_pretrained(other)
    peft.PeftModel.from_pretrained(model, llama.adapter)  # peft itself does not mind
    words = f"{re.escape(str(llama.adapter))} belongs to another base: .* and that of {re.escape(str(other))} has"
    with pytest.raises(ValueError, match=words):
        load(other, tokenizer_at=llama.run / "model", adapter=llama.adapter)
    with pytest.raises(UserError, match=words):
        training.load_adapter(model, other, llama.adapter)


def test_an_adapter_that_was_made_elsewhere_is_loaded_as_it_is(llama: Saved, tmp_path: Path) -> None:
    foreign = Path(shutil.copytree(llama.adapter, tmp_path / "adapter"))
    (foreign / BASE_FILE).unlink()
    model = kind_of("llama").auto.from_pretrained(llama.run / "model")
    assert isinstance(load_adapter(model, llama.run / "model", foreign), peft.PeftModel)


@pytest.mark.parametrize("content", ["{", "[]", '{"base_sha256": 3}'])
def test_a_digest_that_cannot_be_read_is_no_digest(llama: Saved, tmp_path: Path, content: str) -> None:
    damaged = Path(shutil.copytree(llama.adapter, tmp_path / "adapter"))
    (damaged / BASE_FILE).write_text(content)
    with pytest.raises(ValueError, match=r"desdecero\.json does not say the base_sha256"):
        base_of(damaged)


def test_weights_in_several_files_are_not_known_to_be_the_base(llama: Saved, tmp_path: Path) -> None:
    base = Path(shutil.copytree(llama.run / "model", tmp_path / "model"))
    (base / "model.safetensors").rename(base / "weights.safetensors")
    model = kind_of("llama").auto.from_pretrained(llama.run / "model")
    with pytest.raises(ValueError, match=r"has no model\.safetensors of one piece"):
        load_adapter(model, base, llama.adapter)


def test_an_adapter_by_its_name_is_put_on_its_own_base_or_refused(
    llama: Saved, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy of the run finds its base beside it once the first run's was trained anew; and then that changes too."""
    first = Saved(Path(shutil.copytree(llama.run, tmp_path / "first")), "llama")
    config = json.loads((first.adapter / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(first.run / "model")
    (first.adapter / "adapter_config.json").write_text(json.dumps(config))
    copy = Saved(Path(shutil.copytree(first.run, tmp_path / "copy")), "llama")
    assert find_model(str(copy.adapter)).path == first.run / "model"
    random_model("llama", seed=5).save_pretrained(first.run / "model")
    found = find_model(str(copy.adapter.parent))
    assert found.path == copy.run / "model" and found.adapter == copy.adapter
    assert torch.allclose(logits(found.load().model), logits(load(copy.merged, copy.adapter).model), atol=1e-4)
    random_model("llama", seed=6).save_pretrained(copy.run / "model")
    assert (
        main(["score", str(copy.adapter), "--recipe", str(copy.run / "recipe.yaml"), "--out", str(tmp_path / "out")])
        == 2
    )
    said = capsys.readouterr().err
    assert "belongs to another base" in said and said.count("\n") == 1


def test_the_readme_tells_how_to_load_a_base_with_a_new_head_or_new_tokens(tmp_path: Path) -> None:
    tokenizer: Any = reading("bert")
    random_model("bert").save_pretrained(tmp_path / "model")
    labelled = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "model", num_labels=5)
    adapted = add_adapter(labelled, Finetune(rank=2), "bert", "SEQ_CLS", ["bert.pooler.dense", "classifier"])
    folder = tmp_path / "adapters" / "mine" / "adapter"
    auto = "AutoModelForSequenceClassification"
    save_adapter(adapted, folder, tmp_path / "model", auto, "ab" * 32, tokenizer, num_labels=5)
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), flags=re.S)
    given: dict[str, Any] = {}
    exec(code.replace("RUN/", f"{tmp_path}/"), given)
    asked = {"input_ids": torch.arange(20, 30)[None]}
    adapted.eval()
    assert torch.allclose(given["model"](**asked).logits, adapted(**asked).logits, atol=1e-5)
    save_adapter(adapted, folder, tmp_path / "model", auto, "ab" * 32, tokenizer, resized_to=304)
    assert "base.resize_token_embeddings(304)" in (folder / "README.md").read_text(encoding="utf-8")
