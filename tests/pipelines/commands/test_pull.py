"""From the run to the Hub and back: the same bytes, the same logits, and the evidence; or nothing at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from fakehub import FakeHub, Fault
from helpers import DESDECERO, forked
from sealed_run import FIT, make_recipe, make_reports, make_sealed_run
from transformers import AutoModelForCausalLM, AutoTokenizer

from desdecero.pipelines.cli import main
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.publishing.files import license_text
from desdecero.pipelines.publishing.record import copies_on_hub, publications
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.stages import stages

TOKEN = "hf_secretToken"
DATA = {
    "sha256": "ab" * 32, "license": "CC-BY-4.0", "train": 329, "validation": 0, "test": 36,
    "left_out": {"exact": 0, "near": 1}, "test_in_corpus": 2, "personal_data": {}, "redacted": False,
}  # fmt: skip
"""What the adapter was trained on."""


def make_run(folder: Path, *more: str, licenses: tuple[str, ...] = ()) -> Path:
    """A sealed run whose corpus has documents and a datasheet, with an adapter.

    licenses: of the corpus, in place of the made-up report's
    """
    reports = make_reports()
    reports["finetune"] |= {"data": DATA}
    if licenses:
        (row, *_) = reports["corpus"]["licenses"]
        reports["corpus"]["licenses"] = [row | {"license": name} for name in licenses]
        (row, *_) = reports["tokens"]["licenses"]
        reports["tokens"]["licenses"] = [row | {"license": name} for name in licenses]
        read = reports["pretrain"]["exposure"]
        read["licenses"] = [row for row in read["licenses"] if row["license"] in licenses]
    return make_sealed_run(
        folder, *FIT, "publish.repo_id=me/stamp", *more, reports=reports, with_adapter=True, corpus_files=corpus_files
    )[0].path


def corpus_files(out: RunDir) -> None:
    """What a corpus stage writes beside its report."""
    out.documents.mkdir(parents=True)
    table = pa.table({"id": ["a", "b"], "text": ["the law of zarzuelas", "a zarzuela"], "source": ["x", "x"]})
    pq.write_table(table, out.documents / "train-00000.parquet")
    pq.write_table(table.drop_columns(["text"]), out.ledger)
    for name in ("README.md", "README.es.md", "ATTRIBUTION.md"):
        (out.corpus / name).write_text(f"# {name}\n", encoding="utf-8")
    (out.corpus / "overview.png").write_bytes(b"a picture")


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("pull") / "run")


@pytest.fixture
def run_path(whole_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole_run, tmp_path / "run"))


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub(token=TOKEN) as hub:
        yield hub


def environment(hub: FakeHub, folder: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return {**inherited, "HF_HOME": str(folder / "hf_home"), **hub.environment(), **more}


def command(hub: FakeHub, folder: Path, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return forked(*words, cwd=folder, environment=environment(hub, folder, **more), anew=["huggingface_hub"])


def done(hub: FakeHub, folder: Path, *words: str | Path, **more: str) -> str:
    ended = command(hub, folder, *words, **more)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def told(hub: FakeHub, folder: Path, *words: str | Path, **more: str) -> str:
    """A fault is one sentence, with exit code 1 or 2."""
    ended = command(hub, folder, *words, **more)
    assert ended.returncode in (1, 2), ended.stdout + ended.stderr
    assert ended.stderr.count("\n") == 1 and ended.stderr.startswith("desdecero: "), ended.stderr
    return ended.stderr


def no_token_below(folder: Path) -> bool:
    return not any(TOKEN.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("xet", [pytest.param("0", marks=pytest.mark.slow), "1"])
def test_a_model_comes_back_with_the_same_logits_and_its_evidence(
    run_path: Path, hub: FakeHub, tmp_path: Path, xet: str
):
    more = {"HF_HUB_DISABLE_XET": "1" if xet == "0" else "0"}
    said = done(hub, tmp_path, "publish", "run", "--tag", "v1", **more)
    head = hub.repositories["me/stamp"].head
    assert f"published: {hub.url}/me/stamp (commit {head})" in said and "tag v1" in said and TOKEN not in said
    assert hub.commits("me/stamp") == 1
    assert any("/v1/xorbs/" in one for one in hub.requests) == (xet == "1")
    said = done(hub, tmp_path, "pull", "me/stamp@v1", "back", **more)
    assert head in said and no_token_below(tmp_path)

    back, run = tmp_path / "back", find_run(str(run_path))
    for path in run.model.iterdir():
        assert (back / path.name).read_bytes() == path.read_bytes()
    tokenizer = AutoTokenizer.from_pretrained(back)
    ids = tokenizer("the law of the boats", return_tensors="pt").input_ids
    ours, theirs = (AutoModelForCausalLM.from_pretrained(folder)(ids).logits for folder in (run.model, back))
    assert torch.equal(ours, theirs)

    said = done(hub, tmp_path, "verify", "back")
    assert "as it was published: the model, every file as it was sealed" in said and "whole" not in said

    # The evidence is the run directory without texts, and each file is as its seal has it.
    there = RunDir(back / "evidence")
    sealed = {place: output for name in stages(run.recipe()) if ":" not in name
              for place, output in there.seal(name, there.recipe()).outputs.items()}  # type: ignore[union-attr]  # fmt: skip
    listed = json.loads((back / "evidence" / "published.json").read_text())
    assert listed["what"] == "model"
    files = {path.relative_to(back).as_posix() for path in back.rglob("*") if path.is_file()}
    assert files == listed["files"].keys() | {"evidence/published.json"}
    for name, place in listed["files"].items():
        if place in sealed:
            assert sha256_file(back / name) == sealed[place]["sha256"]
    assert {"card/evidence.json", "corpus/report.json", "model/model.safetensors", "model/README.md"} < sealed.keys()
    assert {"evidence/card/evidence.json", "evidence/audit/done.json", "ATTRIBUTION.md", "LICENSE"} < files
    assert not [name for name in files if "documents/" in name or "ledger" in name or "tokens-" in name]
    assert "https://spdx.org/licenses/Apache-2.0.html" in (back / "LICENSE").read_text()

    (line,) = [one for one in publications(run) if one.tag]
    assert (line.repository, line.what, line.commit, line.tag) == ("me/stamp", "model", head, "v1")
    assert line.corpus == run.seal("corpus", run.recipe()).digest  # type: ignore[union-attr]
    assert len(publications(run)) == 2  # before the tag and with it


def test_a_licence_file_is_published_as_it_is(tmp_path: Path):
    (tmp_path / "terms.txt").write_text("Do as you like.", encoding="utf-8")
    recipe = make_recipe("llama", f"card.license_file={tmp_path / 'terms.txt'}")
    assert license_text(recipe) == b"Do as you like."
    (tmp_path / "terms.txt").unlink()
    with pytest.raises(UserError, match=r"card\.license_file: there is no"):
        license_text(recipe)


def test_an_adapter_comes_back_and_its_merged_model_is_the_same(run_path: Path, hub: FakeHub, tmp_path: Path):
    done(hub, tmp_path, "publish", "run", "--what", "adapter:boats", "--repo-id", "me/boats")
    done(hub, tmp_path, "pull", "me/boats", "back")
    ids = torch.arange(20, 30)[None]
    folders = (run_path / "adapters" / "boats" / "merged", tmp_path / "back" / "merged")
    ours, theirs = (AutoModelForCausalLM.from_pretrained(folder)(ids).logits for folder in folders)
    assert torch.equal(ours, theirs)
    assert "as it was published: the adapter boats" in done(hub, tmp_path, "verify", "back")
    assert RunDir(tmp_path / "back" / "evidence").seal("finetune:boats", find_run(str(run_path)).recipe())


def test_a_data_set_has_its_texts_only_if_all_licences_let_them_pass(run_path: Path, hub: FakeHub, tmp_path: Path):
    said = done(hub, tmp_path, "publish", "run", "--what", "dataset", "--repo-id", "me/corpus")
    assert "the ledger without texts" in said and "LicenseRef-unknown" in said
    files = hub.files("me/corpus")
    assert not [name for name in files if name.startswith("data/")] and not [
        c for c in files.values() if b"zarzuela" in c
    ]
    assert "ledger.parquet" in files and b"The texts are not here" in files["README.md"]
    assert files["README.es.md"].decode().endswith("# README.es.md\n")

    make_run(tmp_path / "free", licenses=("CC-BY-4.0", "GPL-3.0-only OR MIT"))
    said = done(hub, tmp_path, "publish", "free", "--what", "dataset", "--repo-id", "me/free")
    assert "with the texts" in said
    done(hub, tmp_path, "pull", "me/free", "back", "--what", "dataset")
    original = tmp_path / "free" / "corpus" / "documents" / "train-00000.parquet"
    assert (tmp_path / "back" / "data" / original.name).read_bytes() == original.read_bytes()
    assert "as it was published: the data set" in done(hub, tmp_path, "verify", "back")
    assert "split: train" in (tmp_path / "back" / "README.md").read_text()


def test_a_corpus_that_was_altered_is_not_published(run_path: Path, hub: FakeHub, tmp_path: Path):
    (run_path / "corpus" / "ATTRIBUTION.md").write_text("nobody")
    ended = command(hub, tmp_path, "publish", "run", "--what", "dataset", "--repo-id", "me/corpus")
    assert ended.returncode == 1 and "corpus/ATTRIBUTION.md: altered" in ended.stdout and hub.requests == []


def test_a_withdrawal_is_told_on_the_cards_and_forget_names_the_commits(run_path: Path, hub: FakeHub, tmp_path: Path):
    assert "no publication of model" in told(hub, tmp_path, "publish", "run", "--withdraw", "x")
    done(hub, tmp_path, "publish", "run", "--public")
    first = hub.repositories["me/stamp"].head
    said = done(hub, tmp_path, "publish", "run", "--withdraw", "it repeats\nletters")
    assert "withdrawn: " in said and hub.repositories["me/stamp"].private
    files = hub.files("me/stamp")
    for name, words in (("README.md", "Withdrawn on "), ("README.es.md", "Retirado el ")):
        card = files[name].decode()
        assert card.startswith("---\n") == (name == "README.md") and card.index(words) < card.index("\n# ")
        assert "it repeats letters." in card
    done(hub, tmp_path, "publish", "run", "--withdraw", "it repeats letters")
    assert hub.commits("me/stamp") == 2
    run = find_run(str(run_path))
    (told_of,) = copies_on_hub(run, run.recipe())
    assert f"me/stamp at {first[:12]} (model, " in told_of
    assert "made from these documents, withdrawn since: private" in told_of


def test_a_difference_is_listed_and_nothing_is_written(run_path: Path, hub: FakeHub, tmp_path: Path):
    said = done(hub, tmp_path, "publish", "run", "--dry-run", "--diff")
    assert "new        README.md" in said and "as it is   in 0 files" in said
    done(hub, tmp_path, "publish", "run")
    asked = len(hub.requests)
    said = done(hub, tmp_path, "publish", "run", "--dry-run", "--diff")
    assert "new        " not in said and "changed    " not in said
    assert all(one.startswith("GET") for one in hub.requests[asked:])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--diff"], "--diff belongs to --dry-run"),
        (["--tag", "a b"], "write letters, digits"),
        (["--tag", "main"], "write letters, digits"),
        (["--what", "models"], "write model, adapter:NAME or dataset"),
        (["--what", "dataset", "--repo-id", "me/stamp"], "is the repository of the model"),
        (["--what", "dataset"], "name the repository of the data set"),
        (["--withdraw", " "], "needs the reason"),
        (["--repo-id", "name"], "whose repository"),
    ],
)
def test_wrong_words_are_one_sentence(whole_run: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert main(["publish", str(whole_run), *words]) == 2
    errors = capsys.readouterr().err
    assert said in errors and errors.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["me/name@"], "name a tag, branch or commit after @"),
        (["name"], "whose repository"),
        (["me/name", "s3://bucket/x"], "is remote storage"),
        (["me/name"], "HF_HUB_OFFLINE is set"),
    ],
)
def test_what_cannot_be_pulled_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert main(["pull", *words]) == 2
    errors = capsys.readouterr().err
    assert said in errors and errors.count("\n") == 1


def test_a_folder_that_exists_is_refused_before_the_hub_is_asked(hub: FakeHub, tmp_path: Path):
    (tmp_path / "back").mkdir()
    assert "back exists: name another folder" in told(hub, tmp_path, "pull", "me/stamp", "back")
    assert hub.requests == []


def test_a_token_with_other_letters_is_told(run_path: Path, hub: FakeHub, tmp_path: Path):
    said = told(hub, tmp_path, "publish", "run", HF_TOKEN="hf_ñandú")
    assert "holds a character that no token has" in said and "and" not in said.partition("hf_")[2]


# --- interruptions ------------------------------------------------------------------------------------------------


def start(hub: FakeHub, folder: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [DESDECERO, *words], cwd=folder, env=environment(hub, folder, **more), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for(hub: FakeHub, request: str) -> None:
    end = time.monotonic() + 60
    while not any(request in one for one in hub.requests):
        assert time.monotonic() < end, hub.requests
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "request_of", "xet"),
    [
        (("publish", "run"), "PUT /lfs/", "1"),
        (("publish", "run"), "xet-write-token", "0"),
        (("publish", "run"), "/v1/xorbs/", "0"),
        (("publish", "run"), "/commit/", "1"),
        (("pull", "me/stamp", "back"), "/resolve/", "1"),
    ],
)
def test_ctrl_c_ends_what_hangs_within_seconds(
    run_path: Path, hub: FakeHub, tmp_path: Path, words: tuple[str, ...], request_of: str, xet: str
):
    if words[0] == "pull":
        done(hub, tmp_path, "publish", "run")
    hub.fail(request_of, Fault(seconds=3600), times=99)
    process = start(hub, tmp_path, *words, HF_HUB_DISABLE_XET=xet)
    wait_for(hub, request_of)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 5 and process.returncode == 130
    assert errors.strip() == "interrupted: run the same command again to continue"
    hub._faults.clear()
    done(hub, tmp_path, *words)
    assert hub.commits("me/stamp") == 1 and (words[0] == "publish" or (tmp_path / "back" / "config.json").is_file())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_of", "fault"),
    [
        ("xet-write-token", Fault(500)),
        ("xet-write-token", Fault(429, headers={"Retry-After": "0"})),
        ("/v1/xorbs/", Fault(500)),
        ("/v1/xorbs/", Fault(reset=True)),
        ("/shards", Fault(503)),
    ],
)
def test_a_passing_fault_of_xet_leaves_one_publication(
    run_path: Path, hub: FakeHub, tmp_path: Path, request_of: str, fault: Fault
):
    hub.fail(request_of, fault)
    said = done(hub, tmp_path, "publish", "run", HF_HUB_DISABLE_XET="0")
    assert hub.commits("me/stamp") == 1 and "published: " in said and TOKEN not in said


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_xet_is_told_and_nothing_is_published(run_path: Path, hub: FakeHub, tmp_path: Path, status: int):
    hub.fail("xet-write-token", Fault(status), times=99)
    ended = command(hub, tmp_path, "publish", "run", HF_HUB_DISABLE_XET="0")
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1 and TOKEN not in ended.stdout + ended.stderr
    assert hub.commits("me/stamp") == 0


@pytest.mark.slow
@pytest.mark.parametrize("request_of", ["/preupload/", "/commit/"])
def test_a_killed_publication_is_finished_by_the_next(run_path: Path, hub: FakeHub, tmp_path: Path, request_of: str):
    hub.fail(request_of, Fault(seconds=2))
    process = start(hub, tmp_path, "publish", "run")
    wait_for(hub, request_of)
    process.kill()
    process.communicate(timeout=60)
    time.sleep(2.5)  # a commit that the Hub has received is done all the same
    assert hub.commits("me/stamp") == (request_of == "/commit/")
    done(hub, tmp_path, "publish", "run")
    assert hub.commits("me/stamp") == 1 and len(publications(find_run(str(run_path)))) == 1
