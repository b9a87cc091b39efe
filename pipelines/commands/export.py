"""Write a run's model as one GGUF file, for llama.cpp and programs built on it.

    desdecero export-gguf quickstart quickstart.gguf
    desdecero export-gguf quickstart legal.gguf --adapter legal     the model with this adapter merged into it

The weights stay float32, bit for bit; `llama-quantize` of llama.cpp makes smaller files. Supported are the
architectures of `ARCHITECTURES` with byte-level BPE. Three defaults of llama.cpp differ and are set or converted:

- llama.cpp's name for this pretokenization, `llama-bpe`, stands for Llama 3 as a whole, which begins a text with a BOS
  token: the file says that none is added (`tokenizer.ggml.add_bos_token`), as in `AutoTokenizer`;
- texts are separated by the end-of-text token, so it is the BOS token too;
- for `llama`, llama.cpp rotates adjacent numbers of a head, transformers those half a head apart: the rows of queries
  and keys are reordered (`interleaved`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from desdecero.eval_suites.models.chat import answer_ends
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_OK, UserError, guard
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.pretokenization import NAME
from desdecero.pipelines.run.chain import find_stage
from desdecero.pipelines.run.run_dir import find_run
from desdecero.pipelines.run.stages import stage_name
from desdecero.pipelines.tokenizer.encoding import fast_encoding
from desdecero.pipelines.verification.files import model_faults

ARCHITECTURES = {"llama": "LLAMA", "qwen3": "QWEN3", "gpt2": "GPT2"}
"""Name in transformers → name in the `gguf` package."""
TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
"""GPT-2's matrices that transformers stores transposed."""


def export_gguf(recipe: Recipe, folder: Path, out: Path, name: str | None = None) -> int:
    """Write the model and tokenizer of `folder` to `out` atomically; return the file's size in bytes.

    name: of the model in the file; by default the recipe's. Raises `UserError` for a tokenizer that is not byte-level
    BPE.
    """
    gguf = _library()
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    if fast_encoding(tokenizer) is None:
        has = f"this run has {recipe.tokenizer.kind}" if recipe.base is None else f"{recipe.base.name} has another"
        raise UserError(f"{folder}: only byte-level BPE as it is trained here is written to GGUF, and {has}")
    config = model.config
    architecture = getattr(gguf.MODEL_ARCH, ARCHITECTURES[config.model_type])
    partial = out.with_name(out.name + ".partial")
    writer = gguf.GGUFWriter(partial, gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_name(name or recipe.name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    add_shape(writer, config)
    add_tokenizer(writer, gguf, tokenizer)
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    for name, weights in tensors(model):
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(partial, out)
    return out.stat().st_size


def add_shape(writer: Any, config: Any) -> None:
    """Write sizes and constants under GGUF's keys."""
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(config.n_inner or 4 * config.n_embd)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)


def add_tokenizer(writer: Any, gguf: Any, tokenizer: Any) -> None:
    """Write the tokens in the order of their ids, the merges, and the tokens at the beginning and end of a text."""
    special = set(tokenizer.all_special_ids)
    kinds = [gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for i in range(len(tokenizer))]
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(NAME)
    writer.add_token_list(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))))
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(tokenizer.eos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    if tokenizer.chat_template is not None:  # the recipe's, or that of an adapter of task chat
        writer.add_chat_template(tokenizer.chat_template)
        writer.add_eot_token_id(answer_ends(tokenizer)[0])


def tensors(model: Any) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield names of transformers and weights in llama.cpp's layout; a tied output layer is left out."""
    config = model.config
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        weights = tensor.float().numpy()
        if config.model_type == "gpt2" and name.endswith(TRANSPOSED):
            weights = weights.T
        elif config.model_type == "llama" and name.endswith("q_proj.weight"):
            weights = interleaved(weights, config.num_attention_heads)
        elif config.model_type == "llama" and name.endswith("k_proj.weight"):
            weights = interleaved(weights, config.num_key_value_heads)
        yield name, np.ascontiguousarray(weights)


def interleaved(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Interleave the two halves of each head's rows: first of either half, second of either half, …

    weights: (heads · size, width)
    """
    rows, width = weights.shape
    return weights.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width)


def _library() -> Any:
    try:
        import gguf
    except ImportError:
        raise UserError("GGUF files need the `gguf` package: pip install 'desdecero[gguf]'") from None
    return gguf


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero export-gguf`."""

    def command(words: list[str]) -> int:
        quiet_environment()
        parser = Arguments("export-gguf", __doc__)
        parser.add_run()
        parser.add_argument("out", help="the file to write")
        parser.add_argument("--adapter", metavar="NAME", help="merged into the model")
        args = parser.parse_args(words)
        out = Path(local_path(args.out))
        if out.is_dir() or not out.absolute().parent.is_dir():
            what = "is a folder" if out.is_dir() else "is in a folder that does not exist"
            raise UserError(f"{out} {what}: name a file to write, as in model.gguf")
        run = find_run(args.run)
        recipe = run.recipe()
        if recipe.model.architecture not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            raise UserError(f"{recipe.model.architecture} cannot be written to GGUF: only {known} can")
        folder, name = run.model, recipe.name
        if args.adapter is not None:
            find_stage(recipe, "finetune", args.adapter)  # a name that is none is refused with those that there are
            folder, name = run.model_with(args.adapter), f"{recipe.name}-{args.adapter}"
        if not (folder / "config.json").is_file():
            stage = stage_name("pretrain" if args.adapter is None else "finetune", args.adapter)
            raise UserError(f"{run}: no model yet; make it with `desdecero run {recipe.name} --until {stage}`")
        if faults := model_faults(run, recipe, args.adapter):
            raise UserError(f"{folder} is not as it was sealed ({faults[0]}): see `desdecero verify {run}`")
        size = export_gguf(recipe, folder, out, name)
        print(f"{args.out}: {size / 1e6:.1f} MB, float32")
        return EXIT_OK

    return guard(command, argv)


if __name__ == "__main__":
    sys.exit(main())
