"""A GGUF file holds the model and the tokenizer that it was made from, and other programs read it as we do."""

from __future__ import annotations

import json
import random
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader, TokenType
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from desdecero.pipelines.commands.export import export_gguf, main
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.training.model.build import build_config, build_model

CASES = {
    "llama": ["model.tie_embeddings=false"],
    "tied": [],
    "qwen3": ["model.architecture=qwen3"],
    "gpt2": ["model.architecture=gpt2"],
}


@pytest.fixture(scope="module", params=CASES)
def exported(
    request: pytest.FixtureRequest, prose: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recipe, Path, Path]:
    """(recipe, model folder, GGUF file) of a random model with a trained tokenizer."""
    sizes = ["model.layers=2", "model.hidden_size=64", "model.heads=4", "model.context_length=128"]
    recipe = load_recipe("smoke", [*sizes, "tokenizer.vocab_size=900", "tokenizer.chat={}", *CASES[request.param]])
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = train(recipe.tokenizer, prose)
    torch.manual_seed(0)
    model = build_model(build_config(recipe.model, tokenizer))
    for name, parameter in model.named_parameters():  # norms and biases, too, which begin as ones and zeros
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=float("norm" in name or "ln_" in name), std=0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    export_gguf(recipe, folder, folder / "model.gguf")
    return recipe, folder, folder / "model.gguf"


def test_every_weight_is_in_the_file_to_the_bit(exported: tuple[Recipe, Path, Path]) -> None:
    recipe, folder, file = exported
    model = AutoModelForCausalLM.from_pretrained(folder)
    found = {tensor.name: np.asarray(tensor.data) for tensor in GGUFReader(file).tensors}
    wanted = {name: p.detach().numpy() for name, p in model.named_parameters()}
    assert len(found) == len(wanted)
    ours, theirs = sorted(map(_digest, wanted.values())), sorted(map(_digest, found.values()))
    assert ours == theirs, "the same numbers, in whatever order"
    if recipe.model.architecture == "llama":
        for layer in range(2):
            for part in "qk":
                rows = found[f"blk.{layer}.attn_{part}.weight"].reshape(4, 8, 2, 64)
                halves = np.concatenate([rows[:, :, 0], rows[:, :, 1]], axis=1).reshape(64, 64)
                assert np.array_equal(halves, wanted[f"model.layers.{layer}.self_attn.{part}_proj.weight"])


def _digest(weights: np.ndarray) -> tuple[int, float, float]:
    ordered = np.sort(weights, axis=None).astype(np.float64)
    return weights.size, float(ordered.sum()), float((ordered * np.arange(len(ordered))).sum())


def test_the_tokenizer_in_the_file_is_ours(exported: tuple[Recipe, Path, Path]) -> None:
    _, folder, file = exported
    reader, tokenizer = GGUFReader(file), AutoTokenizer.from_pretrained(folder)

    def field(name: str) -> Any:
        return reader.fields[f"tokenizer.{name}"].contents()

    assert (field("ggml.model"), field("ggml.pre")) == ("gpt2", "llama-bpe")
    assert field("ggml.tokens") == tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    assert field("ggml.merges") == [" ".join(pair) for pair in content["model"]["merges"]]
    special = {i for i, kind in enumerate(field("ggml.token_type")) if kind == TokenType.CONTROL}
    assert special == set(tokenizer.all_special_ids)
    assert field("ggml.add_bos_token") is False and field("ggml.add_eos_token") is False
    assert field("ggml.eos_token_id") == field("ggml.bos_token_id") == tokenizer.eos_token_id
    assert field("ggml.eot_token_id") == tokenizer.convert_tokens_to_ids("<|end|>")
    assert field("chat_template") == tokenizer.chat_template


def test_transformers_reads_the_same_logits_from_the_file(exported: tuple[Recipe, Path, Path]) -> None:
    _, folder, file = exported
    ours = AutoModelForCausalLM.from_pretrained(folder).eval()
    # Its reader leaves out the positions of GPT-2 and the heads' size of Qwen 3, whatever the file says of them.
    config = AutoConfig.from_pretrained(folder)
    theirs = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file.name, config=config, dtype=torch.float32
    ).eval()
    tokens = torch.arange(100)[None] * 7 % 900
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens).logits, ours(tokens).logits, rtol=1e-5, atol=1e-5)


def test_llama_cpp_gives_the_same_ids_and_the_same_probabilities(exported: tuple[Recipe, Path, Path]) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    _, folder, file = exported
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.warmup, params.port = str(file), 128, False, 0
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = hard_texts()
    encode = Encoder(tokenizer)
    for text, ids in zip(texts, encode(texts), strict=True):
        read = _ask(server, "tokenize", {"content": text, "add_special": True, "parse_special": False})
        assert read["tokens"] == ids.tolist(), repr(text)

    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "What is <|end|>, <|user|>?\n"}]
    written = _ask(server, "apply-template", {"messages": messages})["prompt"]
    assert written == tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    prompt = [tokenizer.eos_token_id, *encode(["Return the number of values in the list."])[0].tolist()]
    answer = _ask(server, "completion", {"prompt": prompt, "n_predict": 1, "n_probs": 900, "temperature": 0})
    told = {row["id"]: row["logprob"] for row in answer["completion_probabilities"][0]["top_logprobs"]}
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        expected = model(torch.tensor([prompt])).logits[0, -1].log_softmax(0)
    assert len(told) == 900
    torch.testing.assert_close(torch.tensor([told[i] for i in range(900)]), expected, rtol=0, atol=5e-3)


def _ask(server: Any, what: str, wish: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{server.listening_address}/{what}", json.dumps(wish).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def hard_texts() -> list[str]:
    draw = random.Random(0)
    parts = [
        "a", " ", "\n", " \n", "=", "ab", "¡", "ñ", "007", "12345", "'s", "'LL", "🙂", "e\u0301", "日本", "\t", "\r\n",
        "<|user|>", "<|endoftext|>", " the", "values", "Íñigo", "--", "…",
    ]  # fmt: skip
    texts = ["".join(draw.choices(parts, k=draw.randrange(1, 60))) for _ in range(300)]
    return [*texts, *parts, "def f(x):\n    return x ** 2  # dos\n\n\n", "a" * 500, "= " * 100]


def test_what_cannot_be_written_is_told_in_a_sentence(
    tiny_runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for architecture, said in (("bert", "bert cannot be written to GGUF: only llama"), ("llama", "no model yet")):
        assert main([str(tiny_runs[architecture].parent / "run"), str(tmp_path / "x.gguf")]) == 2
        assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_adapter_is_exported_as_the_model_that_it_is_merged_into(
    smoke_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(smoke_run)
    file, merged = tmp_path / "pandas.gguf", run.model_with("pandas")
    assert main([str(run), str(file), "--adapter", "pandas"]) == 0, capsys.readouterr().err
    reader = GGUFReader(file)
    assert reader.fields["general.name"].contents() == "smoke-pandas"
    config, tokens = AutoConfig.from_pretrained(merged), torch.arange(20, 30)[None]
    read = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=file.name, config=config, dtype=torch.float32)
    plain, base = (AutoModelForCausalLM.from_pretrained(folder) for folder in (merged, run.model))
    with torch.no_grad():
        torch.testing.assert_close(read(tokens).logits, plain(tokens).logits, rtol=1e-5, atol=1e-5)
        assert not torch.allclose(plain(tokens).logits, base(tokens).logits, atol=1e-3)

    file.unlink()
    assert main([str(run), str(file), "--adapter", "law"]) == 2
    assert "name one of the recipe's adapters with --adapter: pandas" in capsys.readouterr().err
    (merged / "config.json").write_text("{}")
    assert main([str(run), str(file), "--adapter", "pandas"]) == 2
    assert "adapters/pandas/merged/config.json: altered since finetune:pandas was sealed" in capsys.readouterr().err
    assert not file.exists()


def test_another_tokenizer_than_byte_level_bpe_is_refused(prose: list[str], tmp_path: Path) -> None:
    recipe = load_recipe("smoke", ["tokenizer.kind=unigram", "tokenizer.vocab_size=700"])
    tokenizer = train(recipe.tokenizer, prose)
    build_model(build_config(recipe.model, tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="only byte-level BPE"):
        export_gguf(recipe, tmp_path, tmp_path / "model.gguf")
