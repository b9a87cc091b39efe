"""Publication: through the gate or not at all, and what was uploaded loads back the same."""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fakehub import FakeHub
from helpers import forked
from huggingface_hub import ModelCard
from peft import PeftModel
from sealed_run import FIT, make_reports, make_sealed_run, reseal, seal_card
from transformers import AutoModelForCausalLM

from desdecero.pipelines.commands.publish import contents
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.run.run_dir import find_run
from desdecero.pipelines.verification.of_run import verify


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sealed_run(tmp_path_factory.mktemp("publish") / "run", *FIT)[0].path


@pytest.fixture
def run_path(whole_run: Path, tmp_path: Path) -> Path:
    """A copy to alter at will."""
    return Path(shutil.copytree(whole_run, tmp_path / "run"))


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


def python(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A new process, whose environment the Hub's libraries read."""
    command = [sys.executable, *map(str, words)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(command, env={**inherited, **environment}, capture_output=True, text=True, timeout=300)


def publish(run: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    inherited["HF_HOME"] = str(run.parent / "hf_home")  # no token of the person who runs the tests
    return forked(
        "publish", run, *words, cwd=run.parent, environment={**inherited, **environment}, anew=["huggingface_hub"]
    )


def expected(folder: Path, adapter: str | None = None) -> dict[str, bytes]:
    """What is published of a run."""
    run = find_run(str(folder))
    files = contents(run, run.recipe(), adapter)
    return {
        name: file.source if isinstance(file.source, bytes) else file.source.read_bytes()
        for name, file in files.items()
    }


LOAD_BACK = """
import sys, torch
from huggingface_hub import snapshot_download
from transformers import AutoModelForCausalLM, AutoTokenizer
repository, folder = sys.argv[1:]
ours, theirs = (AutoModelForCausalLM.from_pretrained(name).state_dict() for name in (folder, repository))
assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
text = "the law of the boats"
assert AutoTokenizer.from_pretrained(folder)(text) == AutoTokenizer.from_pretrained(repository)(text)
print(snapshot_download(repository))
"""


@pytest.mark.slow
def test_what_is_published_loads_back_with_the_same_weights(run_path: Path, hub: FakeHub, tmp_path: Path):
    home = str(tmp_path / "hf_home")  # no token of the person who runs the tests
    command = ["-m", "desdecero.pipelines.commands.publish", run_path, "--repo-id", "me/name"]
    published = python(*command, HF_HOME=home, **hub.environment())
    assert published.returncode == 0, published.stdout + published.stderr
    assert f"published: {hub.url}/me/name" in published.stdout
    assert hub.files("me/name") == expected(run_path)
    assert hub.repositories["me/name"].private
    assert sum("/commit/" in request for request in hub.requests) == 1

    folder = run_path / "model"
    loaded = python("-c", LOAD_BACK, "me/name", folder, HF_HOME=str(tmp_path / "cache"), **hub.environment())
    assert loaded.returncode == 0, loaded.stderr
    snapshot = Path(loaded.stdout.strip().splitlines()[-1])
    assert {path.name for path in snapshot.iterdir()} == {
        *(path.name for path in folder.iterdir()), "LICENSE", "evidence",
    }  # fmt: skip


def test_publishing_twice_is_no_fault_and_public_is_public(run_path: Path, hub: FakeHub):
    for _ in range(2):
        published = publish(run_path, "--repo-id", "me/name", "--public", **hub.environment())
        assert published.returncode == 0, published.stderr
    assert not hub.repositories["me/name"].private


def test_a_dry_run_lists_every_file_and_opens_no_connection(run_path: Path):
    with socket.socket() as listener:  # bound and never listening: whoever connects is refused
        listener.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        shown = publish(run_path, "--dry-run", "--repo-id", "me/name", HF_ENDPOINT=endpoint, HF_TOKEN="hf_x")
    assert shown.returncode == 0, shown.stderr
    assert "me/name, private" in shown.stdout
    for path in (run_path / "model").iterdir():
        assert f"{sha256_file(path)}  {path.name}" in shown.stdout
    assert "passes: 1.6%, at most 5% (card/licensing.json " in shown.stdout
    assert "warning memorization: what the model knows by heart was not measured" in shown.stdout
    assert "nothing was uploaded" in shown.stdout


def test_the_findings_are_told_in_spanish_too(run_path: Path):
    shown = publish(run_path, "--dry-run", "--repo-id", "me/name", "--language", "es")
    assert shown.returncode == 0, shown.stderr
    assert "me/name, privado" in shown.stdout and "ensayo: no se ha subido nada" in shown.stdout
    assert "pasa      license_unknown: " in shown.stdout and "1.6\u00a0%; máximo, 5\u00a0%" in shown.stdout
    assert "aviso     memorization: " in shown.stdout


def test_a_dry_run_asks_the_hub_nothing(run_path: Path, hub: FakeHub):
    publish(run_path, "--dry-run", "--repo-id", "me/name", **hub.environment())
    assert hub.requests == []


def refusal(run: Path, hub: FakeHub, *words: str) -> str:
    refused = publish(run, *words, **hub.environment())
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert hub.requests == []
    return refused.stdout


def test_an_altered_file_is_refused_by_name(run_path: Path, hub: FakeHub):
    weights = run_path / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    said = refusal(run_path, hub, "--repo-id", "me/name")
    assert "model/model.safetensors: altered since pretrain was sealed" in said


def test_a_file_that_no_stage_wrote_is_refused_by_name(run_path: Path, hub: FakeHub):
    (run_path / "model" / "notes.txt").write_text("private")
    assert "model/notes.txt" in refusal(run_path, hub, "--repo-id", "me/name")


def test_a_run_that_is_not_whole_is_refused(run_path: Path, hub: FakeHub):
    (run_path / "audit" / "done.json").unlink()
    said = refusal(run_path, hub, "--repo-id", "me/name")
    assert "audit (missing)" in said
    assert "has not been audited" in said


def test_a_model_that_has_only_been_trained_is_refused(run_path: Path, hub: FakeHub):
    shutil.rmtree(run_path / "card")
    assert "card (missing)" in refusal(run_path, hub, "--repo-id", "me/name")


def test_a_model_without_licence_is_refused(tmp_path: Path, hub: FakeHub):
    run, _ = make_sealed_run(tmp_path / "run", *FIT, "card.license=null")
    assert "the model has no licence" in refusal(run.path, hub, "--repo-id", "me/name")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no repository is named"),
        (("--repo-id", ""), "is not a repository of the Hub"),
        (("--repo-id", "me/name", "--tag", "v1.lock"), "as in v1"),
        (("--repo-id", "x y"), "is not a repository of the Hub"),
        (("--repo-id", "name"), "whose repository"),
        (("--repo-id", "me/name", "--accept", "bias"), "unrecognized arguments: --accept"),
    ],
)
def test_wrong_words_are_one_sentence(run_path: Path, words: tuple[str, ...], said: str):
    failed = publish(run_path, *words)
    assert failed.returncode == 2, failed.stdout + failed.stderr
    assert said in failed.stderr and failed.stderr.count("\n") == 1


def test_a_card_that_names_another_repository_goes_nowhere_else(tmp_path: Path):
    run, _ = make_sealed_run(tmp_path / "run", *FIT, "publish.repo_id=me/name")
    failed = publish(run.path, "--repo-id", "you/other", "--dry-run")
    assert failed.returncode == 2 and "the card sends its readers to me/name, not to you/other" in failed.stderr


# --- what a model should not be, and waiving it ---------------------------------------------------------------


def waiving(*rules: str, until: str = "2999-01-01", more: str = "") -> str:
    each = [f"{{rule: {rule}, by: Ana Ruiz, reason: a first version{more}, until: {until}}}" for rule in rules]
    return f"policy.waivers=[{', '.join(each)}]"


def test_what_a_model_should_not_be_is_refused_with_the_way_to_fix_it(tmp_path: Path, hub: FakeHub):
    """As it is invented: texts that forbid commerce under a licence that permits it, no contact, and Spanish."""
    run, _ = make_sealed_run(tmp_path / "run")
    said = refusal(run.path, hub, "--repo-id", "me/name")
    assert "REFUSED license_conflict: training tokens whose licence forbids" in said
    assert "fails: 4.5%, at most 0% (card/licensing.json /licenses/*/conflicts" in said
    assert "to fix: deny these licences in corpus.licenses" in said
    assert "refused by license_conflict, bias, card_complete: nothing was uploaded" in said


def test_what_was_waived_is_printed_on_the_uploaded_card_and_verifies(tmp_path: Path, hub: FakeHub):
    run, recipe = make_sealed_run(tmp_path / "run", waiving("license_conflict", "bias", "card_complete"))
    published = publish(run.path, "--repo-id", "me/name", **hub.environment())
    assert published.returncode == 0, published.stdout + published.stderr
    assert "waived  bias" in published.stdout and "waived by Ana Ruiz until 2999-01-01" in published.stdout
    files = hub.files("me/name")
    assert {path.name: path.read_bytes() for path in run.model.iterdir()}.items() <= files.items()
    for name, said in (
        ("README.md", "waived by Ana Ruiz until 2999-01-01: a first version"),
        ("README.es.md", "dispensada por Ana Ruiz hasta el 2999-01-01: a first version"),
    ):
        assert files[name].decode().count(said) == 3
    assert verify(run, recipe) == []


def test_a_waiver_that_expired_since_the_card_was_made_refuses_and_leaves_the_card_true(
    tmp_path: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
):
    """The card says until when; the day on which it was made stands in its sealed verdicts."""
    waived = waiving("license_conflict", "bias", "card_complete", until="2026-01-02")

    class Earlier(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Earlier:
            return cls(2026, 1, 2, tzinfo=tz)

    with monkeypatch.context() as earlier:
        earlier.setattr("desdecero.pipelines.write_card.datetime.datetime", Earlier)
        run, recipe = make_sealed_run(tmp_path / "run", waived)
    gate = json.loads((run.card / "gate.json").read_text())
    assert gate["judged"] == "2026-01-02" and gate["refused"] == []
    assert verify(run, recipe) == []
    said = refusal(run.path, hub, "--repo-id", "me/name")
    assert "a waiver by Ana Ruiz expired on 2026-01-02 and does not count" in said
    assert "refused by license_conflict, bias, card_complete" in said


def sentence(run: Path, **environment: str) -> str:
    """What a fault outside the run is called: one sentence, exit code 2, no traceback."""
    failed = publish(run, "--repo-id", "me/name", **environment)
    assert failed.returncode == 2, failed.stdout + failed.stderr
    assert failed.stderr.startswith("desdecero: ") and failed.stderr.count("\n") == 1, failed.stderr
    return failed.stderr


def test_without_a_token_one_is_asked_for(run_path: Path, hub: FakeHub):
    assert "HF_TOKEN" in sentence(run_path, **{**hub.environment(), "HF_TOKEN": ""})
    assert hub.requests == []


def test_offline_is_said(run_path: Path, hub: FakeHub):
    assert "HF_HUB_OFFLINE is set" in sentence(run_path, **{**hub.environment(), "HF_HUB_OFFLINE": "1"})
    assert hub.requests == []


def test_a_server_that_refuses_is_quoted(run_path: Path, hub: FakeHub):
    said = sentence(run_path, **{**hub.environment(), "HF_TOKEN": "hf_another"})
    assert "does not accept the token for me/name" in said
    assert "this token may not write here" in said


def test_a_private_model_does_not_go_into_a_public_repository(run_path: Path, hub: FakeHub):
    hub.create("me/name", private=False)
    assert "exists and is public, not private" in sentence(run_path, **hub.environment())
    assert hub.files("me/name") == {}


def test_files_that_no_gate_has_seen_are_not_joined(run_path: Path, hub: FakeHub, tmp_path: Path):
    first = publish(run_path, "--repo-id", "me/name", **hub.environment())
    assert first.returncode == 0, first.stderr
    other, _ = make_sealed_run(tmp_path / "other", *FIT, architecture="bert")
    assert "generation_config.json" in sentence(other.path, **hub.environment())


# --- adapters ----------------------------------------------------------------------------------------------------

DATA = {
    "sha256": "ab" * 32, "license": "CC-BY-4.0", "train": 329, "validation": 0, "test": 36,
    "left_out": {"exact": 0, "near": 1},
    "test_in_corpus": 2, "personal_data": {}, "redacted": False,
}  # fmt: skip


def run_with_adapter(folder: Path, *overrides: str, **data: Any) -> Path:
    """A run with the adapter `boats` on data of one's own."""
    reports = make_reports()
    reports["finetune"] |= {"data": {**DATA, **data}}
    return make_sealed_run(folder, *FIT, *overrides, reports=reports, with_adapter=True)[0].path


@pytest.fixture(scope="module")
def whole_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_with_adapter(tmp_path_factory.mktemp("adapter") / "run", "publish.repo_id=me/stamp")


@pytest.fixture
def with_adapter(whole_adapter: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole_adapter, tmp_path / "run"))


OF_ADAPTER = ("--what", "adapter:boats", "--repo-id", "me/boats")
LOAD_ADAPTER = r"""
import re, sys, torch
from pathlib import Path
from huggingface_hub import snapshot_download
from peft import AutoPeftModelForCausalLM
from transformers import AutoModelForCausalLM
merged = AutoModelForCausalLM.from_pretrained(sys.argv[1])
ids = torch.arange(20, 30)[None]
models = [AutoPeftModelForCausalLM.from_pretrained("me/boats")]  # finds me/stamp by itself
card = (Path(snapshot_download("me/boats")) / "README.md").read_text()
for code in re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL):
    given = {}
    exec(code, given)
    models.append(given["model"])
print([(model(ids).logits - merged(ids).logits).abs().max().item() for model in models])
"""


@pytest.mark.slow
def test_a_published_adapter_loads_back_on_its_published_base(with_adapter: Path, hub: FakeHub, tmp_path: Path):
    for words in ((), OF_ADAPTER):
        published = publish(with_adapter, *words, **hub.environment())
        assert published.returncode == 0, published.stdout + published.stderr
    merged = with_adapter / "adapters" / "boats" / "merged"
    loaded = python("-c", LOAD_ADAPTER, merged, HF_HOME=str(tmp_path / "cache"), **hub.environment())
    assert loaded.returncode == 0, loaded.stderr
    differences = json.loads(loaded.stdout.strip().splitlines()[-1])
    assert len(differences) == 3 and max(differences) < 1e-4


def test_an_adapter_is_published_with_its_card_tokenizer_and_merged_model(with_adapter: Path, hub: FakeHub):
    before = {path: path.read_bytes() for path in with_adapter.rglob("*") if path.is_file()}
    published = publish(with_adapter, *OF_ADAPTER, **hub.environment())
    assert published.returncode == 0, published.stdout + published.stderr
    assert hub.repositories["me/boats"].private and sum("/commit/" in request for request in hub.requests) == 1
    files, folder = hub.files("me/boats"), with_adapter / "adapters" / "boats"
    beside = {path.name for path in (folder / "adapter").iterdir()} | {"README.es.md"}
    assert {"adapter_model.safetensors", "tokenizer.json", "desdecero.json"} < beside
    top = {name for name in files if not name.startswith("evidence/")}
    assert top == {"LICENSE"} | beside | {f"merged/{path.name}" for path in (folder / "merged").iterdir()}
    assert {"evidence/pretrain/done.json", "evidence/adapters/boats/report.json"} < set(files)
    for name in ("README.md", "README.es.md", "adapter_config.json"):
        assert files[name] == (folder / "card" / name).read_bytes()
    assert files["merged/model.safetensors"] == (folder / "merged" / "model.safetensors").read_bytes()
    assert not [name for name, content in files.items() if str(with_adapter).encode() in content]

    digest = sha256_file(with_adapter / "model" / "model.safetensors")
    assert json.loads(files["adapter_config.json"])["base_model_name_or_path"] == "me/stamp"
    assert json.loads(files["desdecero.json"]) == {"base_sha256": digest}
    card = files["README.md"].decode()
    about = ModelCard(card).data
    assert (about.base_model, about.library_name, about.model_name) == ("me/stamp", "peft", "stamp-boats")
    assert digest in card and 'PeftModel.from_pretrained(base, "me/boats")' in card and "CC-BY-4.0" in card
    # Nothing but the adapter's card was written anew, it stays so, and publishing twice is no fault.
    (with_adapter / "published.jsonl").unlink()
    now = {path for path, content in before.items() if path.read_bytes() != content}
    assert now and all(path.is_relative_to(folder / "card") for path in now)
    run = find_run(str(with_adapter))
    assert verify(run, run.recipe()) == []
    assert publish(with_adapter, "--what", "adapter:boats", **hub.environment()).returncode == 0
    seal_card(run.recipe(), run, "boats")
    assert (folder / "card" / "README.md").read_text() == card


def test_a_dry_run_of_an_adapter_lists_its_files_and_verdicts_and_writes_nothing(whole_adapter: Path, hub: FakeHub):
    before = {path: path.read_bytes() for path in whole_adapter.rglob("*") if path.is_file()}
    for language, words in (("en", ("passed", "dry run: nothing was uploaded")), ("es", ("pasa", "no se ha subido"))):
        shown = publish(whole_adapter, *OF_ADAPTER, "--dry-run", "--language", language, **hub.environment())
        assert shown.returncode == 0, shown.stdout + shown.stderr
        for rule in ("base_licenses", "personal_data", "beats_base", "license_unknown", "bias", "seals"):
            assert re.search(rf"^{words[0]} +{rule}: ", shown.stdout, flags=re.MULTILINE), shown.stdout
        assert words[1] in shown.stdout and "evaluation: " not in shown.stdout
    merged = whole_adapter / "adapters" / "boats" / "merged" / "config.json"
    assert f"{sha256_file(merged)}  merged/config.json" in shown.stdout and "  README.es.md" in shown.stdout
    assert hub.requests == [] and {path: path.read_bytes() for path in before} == before


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft
def test_an_adapter_of_a_base_that_is_not_published_says_so_and_loads_on_it(tmp_path: Path):
    run = run_with_adapter(tmp_path / "run")
    card = run / "adapters" / "boats" / "card"
    assert json.loads((card / "adapter_config.json").read_text())["base_model_name_or_path"] is None
    assert "Its base is not published" in (card / "README.md").read_text()
    assert "Su modelo base no está publicado" in (card / "README.es.md").read_text()
    assert ModelCard.load(card / "README.md").data.base_model is None
    uploaded = tmp_path / "uploaded"
    for name, content in expected(run, "boats").items():
        (uploaded / name).parent.mkdir(parents=True, exist_ok=True)
        (uploaded / name).write_bytes(content)
    ids, auto = torch.arange(20, 30)[None], AutoModelForCausalLM
    on_base = PeftModel.from_pretrained(auto.from_pretrained(run / "model"), uploaded)
    difference = on_base(ids).logits - auto.from_pretrained(uploaded / "merged")(ids).logits
    assert difference.abs().max() < 1e-4


def test_an_altered_file_of_an_adapter_is_refused_by_name(with_adapter: Path, hub: FakeHub):
    (with_adapter / "adapters" / "boats" / "merged" / "config.json").write_text("{}")
    said = refusal(with_adapter, hub, *OF_ADAPTER)
    assert "adapters/boats/merged/config.json: altered since finetune:boats was sealed" in said


def test_what_an_adapter_should_not_be_is_waived_on_its_own_card_alone(tmp_path: Path, hub: FakeHub):
    own = {"license": None, "personal_data": {"email": 3}}
    said = refusal(run_with_adapter(tmp_path / "run", **own), hub, *OF_ADAPTER)
    assert "refused by license_unknown, personal_data: nothing was uploaded" in said
    waived = waiving("license_unknown", "personal_data", more=", adapter: boats")
    folder = run_with_adapter(tmp_path / "waived", waived, **own)
    published = publish(folder, *OF_ADAPTER, **hub.environment())
    assert published.returncode == 0, published.stdout + published.stderr
    for name, said in (("README.md", "waived by Ana Ruiz"), ("README.es.md", "dispensada por Ana Ruiz")):
        assert hub.files("me/boats")[name].decode().count(said) == 2
    run = find_run(str(folder))
    assert verify(run, run.recipe()) == []
    assert "Ana Ruiz" not in (folder / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--what", "adapter:law"), "no such adapter; those of the recipe are boats"),
        (("--what", "adapter:boats", "--repo-id", "me/stamp"), "is the repository of the model: name another"),
    ],
)
def test_what_is_wrong_with_an_adapter_is_one_sentence(whole_adapter: Path, words: tuple[str, ...], said: str):
    failed = publish(whole_adapter, "--dry-run", *words)
    assert failed.returncode == 2, failed.stdout + failed.stderr
    assert said in failed.stderr and failed.stderr.count("\n") == 1


def test_a_base_whose_texts_forbid_it_refuses_its_adapters(tmp_path: Path, hub: FakeHub):
    """Texts that forbid commerce, under a licence that permits it: of the base, not of the adapter."""
    commercial = "corpus.licenses={use: commercial}"
    folder = run_with_adapter(tmp_path / "run", commercial)
    assert "refused by base_licenses: nothing was uploaded" in refusal(folder, hub, *OF_ADAPTER)
    folder = run_with_adapter(tmp_path / "waived", commercial, waiving("license_conflict"))
    shown = publish(folder, "--dry-run", *OF_ADAPTER)
    assert shown.returncode == 0 and re.search("passed +base_licenses", shown.stdout), shown.stdout


@pytest.mark.slow
def test_the_licences_of_an_adapter_of_the_corpus_are_those_of_its_slice(trained_smoke_run: Path):
    run = find_run(str(trained_smoke_run))
    table = run.sealed_json("card:pandas", run.recipe(), "adapters/pandas/card/licensing.json")
    slice_of = run.report("tokens", run.recipe()).splits["domain_train"]
    assert sum(row["tokens"] for row in table["licenses"]) == slice_of.tokens
    assert sum(row["documents"] for row in table["licenses"]) == slice_of.documents
    shown = publish(run.path, "--what", "adapter:pandas", "--dry-run")
    assert "personal_data: the adapter's texts are of the corpus" in shown.stdout, shown.stdout + shown.stderr


# --- a real run that should not be published ---------------------------------------------------------------------

UNFIT_RECIPE = """\
name: unfit
purpose: To see that the gate refuses what nobody should publish.
languages: [en]
corpus:
  sources: [{kind: files, path: texts.jsonl, id_field: id, license_field: rights}]
  quality: {min_words: 5}
  validation: 0.1
tokenizer: {kind: bpe, vocab_size: 400}
model: {architecture: llama, layers: 1, hidden_size: 16, heads: 2, context_length: 32}
pretrain:
  budget: {steps: 60}
  batch_size: 2
  optimizer: {learning_rate: 0.000001, matrix_learning_rate: 0.000001}
evaluate: {max_bytes: 20000, sample_tokens: 5}
audit: {languages: [en]}
card: {license: Apache-2.0}
"""
RIGHTS = ("GPL-3.0-only", "AGPL-3.0-only", "CC BY-NC 4.0", "CC BY-ND 4.0", "see the colophon", "")


@pytest.mark.slow
def test_a_model_that_learnt_nothing_from_whatever_there_was_is_refused(prose: list[str], tmp_path: Path, hub: FakeHub):
    texts = [{"id": str(n), "text": text, "rights": RIGHTS[n % len(RIGHTS)]} for n, text in enumerate(prose)]
    lines = [json.dumps(text) for text in texts]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "unfit.yaml").write_text(UNFIT_RECIPE, encoding="utf-8")
    ran = forked("run", "unfit.yaml", "--run-dir", "run", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = refusal(tmp_path / "run", hub, "--repo-id", "me/name")
    for rule, part in {
        "license_conflict": "CC-BY-NC-4.0",
        "license_unknown": "LicenseRef-unknown",
        "evaluation": "predict text better",
        "bias": "not competent",
        "card_complete": "card.intended_use, card.out_of_scope, card.limitations, card.authors, card.contact",
    }.items():
        (line,) = [line for line in said.splitlines() if line.startswith(f"REFUSED {rule}: ")]
        assert part in line


def test_a_method_without_an_adapter_is_published_as_a_model(with_adapter: Path):
    """Its weights are in the repository's root, where `from_pretrained` looks, and its card stands beside them."""
    folder = with_adapter / "adapters" / "boats"
    shutil.rmtree(folder / "adapter")
    (folder / "card" / "adapter_config.json").unlink()
    run = find_run(str(with_adapter))
    for seal in (folder / "done.json", folder / "card" / "done.json"):
        content = json.loads(seal.read_text())
        content["outputs"] = {name: one for name, one in content["outputs"].items() if (run.path / name).is_file()}
        seal.write_text(json.dumps(content))
    for stage in ("finetune:boats", "card:boats"):
        reseal(run, stage)
    files = contents(run, run.recipe(), "boats")
    assert files["model.safetensors"].source == folder / "merged" / "model.safetensors"
    assert files["README.md"].source == folder / "card" / "README.md"
    assert not [name for name in files if not name.startswith("evidence/") and ("/" in name or "adapter" in name)]
