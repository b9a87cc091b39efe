"""A model that was not trained here, as the base of adapters: a folder of transformers, or a repository of the Hub.

    run = open_base("models/gpt2-es", None, [])                      # runs/gpt2-es: made once, compared afterwards
    run = open_base("owner/name@REVISION", "runs/other", ["languages=[es]"])

Writes

    base.json      name, revision as a commit, sha256 of the weights, of the tokenizer and of every file of model/
    model/         its configuration, weights and tokenizer, byte for byte
    recipe.yaml    the section `base`, which the seals of adapters cover

Weights are taken as safetensors in one file alone: pickled ones can run code, and by the digest of one file everybody
can tell whether a base is the same.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from desdecero.eval_suites.models.kinds import has_language_head, objective_by_heads, objective_of_classes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import replace_folder, sha256_file, write_json, write_text
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.recipe import Base, Recipe, parse_recipe
from desdecero.pipelines.recipe.identifiers import LONGEST_NAME, language_code
from desdecero.pipelines.run.run_dir import RunDir

WEIGHTS, TOKENIZER, CARD = "model.safetensors", "tokenizer.json", "README.md"
NEEDED = ("config.json", WEIGHTS, TOKENIZER)
FILES = (
    *NEEDED, "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja",
)  # fmt: skip
"""What is copied of a model: all that transformers reads of it. A repository may hold much more."""
SHARDED = f"{WEIGHTS}.index.json"
REPOSITORY = re.compile(r"(?P<name>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w./-]+))?")
LONGEST_CONTEXT = 1024
"""Tokens that adapters are trained on at a time, where the base reads more: attention's cost grows with the square.
`--set model.context_length=…` at the first adapter sets another number."""


def is_base(place: str) -> bool:
    """Return whether a place names a folder of transformers, or has the form of a repository's name."""
    path = Path(place)
    return (path / "config.json").is_file() or (not path.exists() and REPOSITORY.fullmatch(place) is not None)


def open_base(place: str, run_dir: str | None, overrides: Sequence[str]) -> RunDir:
    """Return the run of the adapters on a base, `runs/<name of the base>` by default; it is made where it is not there.

    overrides: `section.key=value` of the recipe, for a run that is made. Raises `UserError` for a base that cannot be
    taken, and where the run has another one.
    """
    name, revision = _split(place)
    title = _run_name(name)
    run = RunDir(local_path(run_dir)) if run_dir else run_of_base(place)
    if not run.recipe_file.is_file():
        with run.lock():
            _make(run, title, *_fetched(name, revision), overrides)
        return run
    known = run.recipe().base
    if known is None:
        raise UserError(f"{run} is a run with a model of its own: name another folder for {place} with --run-dir")
    if known.revision is not None and known.name == name and revision in (None, known.revision):
        return run
    folder, _, commit = _fetched(name, revision)
    found = sha256_file(folder / WEIGHTS), sha256_file(folder / TOKENIZER)
    for what, one, other in zip((WEIGHTS, TOKENIZER), (known.sha256, known.tokenizer_sha256), found, strict=True):
        if one != other:
            raise UserError(
                f"{run} has another base: its {what} has the sha256 {one[:16]}…, and that of {place}"
                f"{f' at {commit[:12]}' if commit else ''} has {other[:16]}…: name another folder with --run-dir"
            )
    return run


def run_of_base(place: str) -> RunDir:
    """Return the run of the adapters on a base, which need not be there yet."""
    return RunDir(Path("runs") / _run_name(_split(place)[0]))


def base_faults(run: RunDir, recipe: Recipe) -> Iterator[str]:
    """Yield a sentence for each file of the base that is not as it was taken; none for a model trained here."""
    if recipe.base is None:
        return
    try:
        same = json.loads(run.base_file.read_text(encoding="utf-8")) == recipe.base.model_dump(mode="json")
    except (OSError, ValueError):
        same = False
    if not same:
        yield "base.json: not what the recipe's section base says"
    for name, digest in recipe.base.files.items():
        file = run.model / name
        if not file.is_file():
            yield f"model/{name}: of the base, and missing"
        elif sha256_file(file) != digest:
            yield f"model/{name}: altered since the base was taken"


# --- where it comes from ---------------------------------------------------------------------------------------


def _split(place: str) -> tuple[str, str | None]:
    """Return (absolute folder, None), or (repository, revision or None)."""
    match = REPOSITORY.fullmatch(place)
    if match is None or Path(place).is_dir():
        return str(Path(place).absolute()), None
    return match["name"], match["revision"]


def _run_name(name: str) -> str:
    """Return the last part of a name, as the name of a run: other characters than those allowed become `-`."""
    title = re.sub(r"[^\w.-]+", "-", Path(name).name).lstrip("._-")
    return title[:LONGEST_NAME] or "base"


def _fetched(name: str, revision: str | None) -> tuple[Path, str, str | None]:
    """Return (folder with the files, name, commit), downloaded from the Hub unless it is a folder or in the cache."""
    if Path(name).is_dir():
        _check_files(Path(name), name)
        return Path(name), name, None
    from huggingface_hub import constants, snapshot_download

    # The first call brings what can be judged in a moment, the second one the weights.
    wanted = [file for file in (*FILES, CARD, SHARDED) if file != WEIGHTS]
    with _explained(name, revision, constants.HF_HUB_OFFLINE):
        offline: dict[str, Any] = {"local_files_only": constants.HF_HUB_OFFLINE}
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=wanted, **offline))
        commit = folder.name
        _check_config(folder, name)
        if not (folder / SHARDED).is_file():
            snapshot_download(name, revision=commit, allow_patterns=[WEIGHTS], **offline)
    _check_files(folder, name)
    return folder, name, commit


@contextmanager
def _explained(name: str, revision: str | None, offline: bool) -> Iterator[None]:
    """Turn the errors of the Hub's library into a `UserError`."""
    from httpx import HTTPError
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    at = f" at {revision}" if revision else ""
    try:
        yield
    except LocalEntryNotFoundError:
        what = "HF_HUB_OFFLINE is set: unset it" if offline else "the Hub cannot be reached: check the network"
        raise UserError(
            f"{name} is no folder here, and as a model of the Hub it is not on this machine{at}; {what}, or name a "
            "folder of transformers"
        ) from None
    except RepositoryNotFoundError:
        raise UserError(
            f"{name}: there is no run and no folder of this name, and no model on the Hub that you may read: check the "
            "name, and your login for a private model"
        ) from None
    except (HfHubHTTPError, HTTPError, OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise UserError(f"{name}{at} cannot be read from the Hub ({reason}): check its name and revision") from None


# --- what can be a base ----------------------------------------------------------------------------------------


def _check_files(folder: Path, name: str) -> None:
    """Refuse a model without the files that are needed, with how to get them."""
    if not (folder / WEIGHTS).is_file():
        if (folder / SHARDED).is_file():
            fault, how = "its weights are in several files", 'save_pretrained(FOLDER, max_shard_size="1TB") writes one'
        else:
            fault = f"it has no {WEIGHTS}; pickled weights (pytorch_model.bin) are not read, because they can run code"
            how = "save_pretrained(FOLDER) of transformers writes it, once you trust them"
        raise UserError(f"{name}: {fault}: {how}; then name that folder")
    if not (folder / TOKENIZER).is_file():
        raise UserError(
            f"{name} has no {TOKENIZER}: write it with AutoTokenizer.from_pretrained(…).save_pretrained(…) of "
            "transformers"
        )
    _check_config(folder, name)


def _check_config(folder: Path, name: str) -> Any:
    """Return the configuration of a language model; refuse others."""
    from transformers import AutoConfig

    try:
        config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{name}: its configuration cannot be read by transformers ({str(error).strip().splitlines()[0]}): code "
            "that comes with a model is not run here; take another base"
        ) from None
    classes, own = config.architectures or [], objective_by_heads(config.model_type)
    if own is None or not hasattr(config, "vocab_size"):
        raise UserError(f"{name}: transformers has no language model of text of type {config.model_type}")
    if objective_of_classes(config.model_type, classes) != own:
        raise UserError(
            f"{name} was saved as {classes[0]}, which is not how a {config.model_type} is read here ({own}): take "
            "another base"
        )
    return config


# --- the run ---------------------------------------------------------------------------------------------------


def _make(run: RunDir, title: str, folder: Path, name: str, commit: str | None, overrides: Sequence[str]) -> None:
    """Copy the files of a base into a run, hash them, and write its recipe last."""
    config, built = _check_config(folder, name), run.unsealed.path / run.model.name
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir(parents=True)
    for file in (folder / one for one in FILES):
        if file.is_file():
            shutil.copyfile(file, built / file.name)  # of the Hub's cache, the file itself and no link
    files = {file.name: sha256_file(file) for file in sorted(built.iterdir())}
    base = Base(
        name=name,
        revision=commit,
        sha256=files[WEIGHTS],
        tokenizer_sha256=files[TOKENIZER],
        files=files,
        writes=has_language_head(config.model_type, config.architectures or ()),
    )
    sections = {
        "name": title,
        "purpose": f"Adapters on {name}.",
        "languages": _languages(folder),
        "base": base.model_dump(mode="json"),
        "model": {"architecture": config.model_type, "context_length": _context_length(config, built)},
        "tokenizer": {"sentinels": _sentinels(built)},
        "publish": {"repo_id": name if commit else None},
    }
    of_run = [one for one in overrides if not one.startswith("finetune")]
    recipe = parse_recipe(yaml.safe_dump(sections), name, Path.cwd(), of_run)
    replace_folder(built, run.model)
    if not any(run.unsealed.path.iterdir()):
        run.unsealed.path.rmdir()
    write_json(run.base_file, base.model_dump(mode="json"))
    write_text(run.recipe_file, recipe.to_yaml())
    print(
        f"{'base':<10} {name}{f' at {commit}' if commit else ''}: {recipe.model.architecture}, "
        f"{recipe.model.context_length} tokens, {', '.join(recipe.languages)} (--set languages=[…] says otherwise)",
        flush=True,
    )


def _languages(folder: Path) -> list[str]:
    """Return the languages that the base's card names; English where it names none that is known."""
    named = _metadata(folder).get("language") or []
    found = []
    for language in [named] if isinstance(named, str) else named:
        try:
            found.append(language_code(str(language)))
        except ValueError:  # `multilingual`, `code`
            continue
    return list(dict.fromkeys(found)) or ["en"]


def _metadata(folder: Path) -> Mapping[str, Any]:
    """Return what the head of a model card says for the Hub; {} where there is none that can be read."""
    try:
        _, head, _ = (folder / CARD).read_text(encoding="utf-8").split("---\n", 2)
        content = yaml.safe_load(head)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _context_length(config: Any, folder: Path) -> int:
    """Return the tokens that the base reads at once, `LONGEST_CONTEXT` at most. No weights are loaded for it."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from desdecero.eval_suites.models.frames import longest_input

    auto: Any = AutoModel
    with torch.device("meta"):
        model = auto.from_config(config)
    return min(LONGEST_CONTEXT, longest_input(model, AutoTokenizer.from_pretrained(folder, local_files_only=True)))


def _sentinels(folder: Path) -> int:
    """Return the number of an encoder–decoder's tokens for spans, `<extra_id_0>` and on."""
    from tokenizers import Tokenizer

    tokens, count = Tokenizer.from_file(str(folder / TOKENIZER)).get_vocab(), 0
    while f"<extra_id_{count}>" in tokens:
        count += 1
    return count
