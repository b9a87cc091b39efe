"""What `verify` finds in a folder that came back from the Hub: one sentence for each fault, with the file's name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sealed_run import make_reports, make_sealed_run, published, reseal, reseal_all

from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.cli import main
from desdecero.pipelines.common.files import hash_json, sha256_file
from desdecero.pipelines.publishing.withdrawal import notice, with_notice
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.verification.of_publication import open_publication, verify_publication

KINDS = ["model", "adapter:boats", "dataset"]
DATA = {
    "sha256": "ab" * 32, "license": "CC-BY-4.0", "train": 329, "validation": 0, "test": 36,
    "left_out": {"exact": 0, "near": 1}, "test_in_corpus": 2, "personal_data": {}, "redacted": False,
}  # fmt: skip
"""What the adapter was trained on."""
REPORT, WEIGHTS = "evidence/audit/report.json", "model.safetensors"


def corpus_files(out: RunDir) -> None:
    """What a corpus stage writes beside its report."""
    out.documents.mkdir(parents=True)
    table = pa.table({"id": ["a", "b"], "text": ["the law", "a boat"]})
    pq.write_table(table, out.documents / "train-00000.parquet")
    pq.write_table(table.drop_columns(["text"]), out.ledger)
    for name in ("README.md", "README.es.md", "ATTRIBUTION.md"):
        (out.corpus / name).write_text(f"# {name}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed run with an adapter, two key pairs, and what would be published of it."""
    home = tmp_path_factory.mktemp("home")
    reports = make_reports()
    reports["finetune"] |= {"data": DATA}
    run, _ = make_sealed_run(home / "run", reports=reports, with_adapter=True, corpus_files=corpus_files)
    for name in ("team", "other"):
        assert main(["keygen", str(home / name)]) == 0
    assert main(["sign", str(run), "--key", str(home / "team.key")]) == 0
    for what in KINDS:
        published(run, what, home / what.partition(":")[0])
    return home


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Bring a publication back: `folder("model")`."""
    return lambda what: Path(shutil.copytree(home / what.partition(":")[0], tmp_path / "back"))


@pytest.fixture
def model(folder: Callable[[str], Path]) -> Path:
    return folder("model")


def faults(folder: Path) -> list[str]:
    run = open_publication(folder)
    return verify_publication(run, run.recipe()).faults


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def change(path: Path, changed: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    changed(content)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def flip(path: Path) -> None:
    """Change one bit."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("what", KINDS)
def test_a_publication_that_was_withdrawn_says_so_and_an_altered_card_is_still_named(
    folder: Callable[[str], Path], what: str
) -> None:
    back = folder(what)
    for reason in ("it repeats letters", "and once more!"):
        for language in LANGUAGES:
            page = back / file_in(language, "README.md")
            noticed = with_notice(page.read_text(encoding="utf-8"), notice(language, "2026-11-28", reason))
            page.write_text(noticed, encoding="utf-8")
    english, spanish = sorted(faults(back), key=lambda fault: ".es." in fault)
    assert english.startswith("README.md: Withdrawn on 2026-11-28: and once more! ") and "letters." in english
    assert spanish.startswith("README.es.md: Retirado el 2026-11-28: and once more! ")
    edit(back / "README.md", "\n# ", "\n# Not ")
    (altered,) = [fault for fault in faults(back) if fault.startswith("README.md: ")]
    assert "Withdrawn" not in altered


@pytest.mark.parametrize("what", KINDS)
def test_what_was_published_is_as_it_was_and_never_whole(
    folder: Callable[[str], Path], home: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    back = folder(what)
    (back / ".gitattributes").write_text("*.safetensors filter=lfs\n")
    assert main(["verify", str(back), "--key", str(home / "team.pub")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("as it was published: ") and "whole" not in said and "\nsigned by " in said
    assert "not covered by the signature: " in said and "evidence/published.json" in said
    assert main(["verify", str(back / "evidence"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["published"] == what and not found["whole"] and found["faults"] == []
    assert "corpus/documents/train-00000.parquet" in found["not_published"]
    counted = ["evidence/pretrain/report.json#/exposure"] if what != "dataset" else []
    assert found["not_made_again"] == [*counted, *(["adapter_config.json"] if what == "adapter:boats" else [])]
    assert main(["verify", str(back), "--language", "es"]) == 0
    assert capsys.readouterr().out.startswith("tal como se publicó: ")


def test_an_adapter_on_the_domain_of_the_corpus_is_as_it_was_but_for_what_the_ledger_counts(
    trained_smoke_run: Path, tmp_path: Path
) -> None:
    run = RunDir(trained_smoke_run)
    (name,) = run.recipe().adapters
    of = open_publication(published(run, f"adapter:{name}", tmp_path / "back"))
    found, folder = verify_publication(of, of.recipe()), f"evidence/adapters/{name}/card"
    assert found.faults == []
    counted = "evidence/pretrain/report.json#/exposure"
    assert sorted(found.not_made_again) == ["adapter_config.json", f"{folder}/licensing.json", counted]
    assert faults(published(run, "model", tmp_path / "model")) == []


@pytest.mark.parametrize(
    ("what", "name", "writer"),
    [
        ("model", WEIGHTS, "pretrain"),
        ("model", "tokenizer.json", "pretrain"),
        ("model", "README.es.md", "card"),
        ("model", "ATTRIBUTION.md", "corpus"),
        ("model", REPORT, "audit"),
        ("model", "evidence/card/README.md", "card"),
        ("model", "evidence/card/licensing.json", "card"),
        ("adapter", "adapter_model.safetensors", "finetune:boats"),
        ("adapter", "merged/model.safetensors", "finetune:boats"),
        ("adapter", "README.md", "card:boats"),
        ("adapter", "evidence/adapters/boats/card/README.md", "card:boats"),
        ("dataset", "ledger.parquet", "corpus"),
    ],
)
def test_one_bit_of_a_sealed_file_is_named(folder: Callable[[str], Path], what: str, name: str, writer: str) -> None:
    back = folder(what)
    flip(back / name)
    found = faults(back)
    assert found[0] == f"{name}: altered since {writer} was sealed"
    assert all("evidence/card/evidence.json: quotes" in other for other in found[1:])


@pytest.mark.parametrize(
    ("what", "name", "said"),
    [
        ("model", "evidence/recipe.yaml", "evidence/recipe.yaml: not as it was written"),
        ("model", "LICENSE", "LICENSE: not what is published for the recipe's card.license"),
        ("adapter", "LICENSE", "LICENSE: not what is published for the recipe's card.license"),
        ("dataset", "README.md", "README.md: not the card that is published of the sealed corpus"),
        ("dataset", "README.es.md", "README.es.md: not the card that is published of the sealed corpus"),
    ],
)
def test_what_no_stage_sealed_is_compared_with_what_publish_writes(
    folder: Callable[[str], Path], what: str, name: str, said: str
) -> None:
    back = folder(what)
    (back / name).write_bytes((back / name).read_bytes() + b"\n")
    assert faults(back) == [said]


def test_a_licence_text_of_ones_own_is_told_to_be_in_no_seal(tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_text("Do as you like.")
    run, _ = make_sealed_run(tmp_path / "run", "finetune=null", f"card.license_file={tmp_path / 'terms.txt'}")
    back = published(run, "model", tmp_path / "back")
    found = verify_publication(of := open_publication(back), of.recipe())
    assert (found.faults, found.not_sealed) == ([], ["LICENSE"])


@pytest.mark.parametrize("name", [WEIGHTS, REPORT, "LICENSE", "evidence/card/done.json", "evidence/pretrain/done.json"])
def test_a_missing_file_is_named(model: Path, name: str) -> None:
    (model / name).unlink()
    assert f"{name}: published, and missing" in faults(model)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "evidence/notes.txt", "evidence/corpus/documents/train.parquet"])
def test_a_foreign_file_is_named_although_the_list_names_it(model: Path, name: str) -> None:
    (model / name).parent.mkdir(parents=True, exist_ok=True)
    (model / name).write_text("?")
    assert faults(model) == [f"{name}: not published with the others: remove it"]
    for place in (None, name):
        change(model / "evidence/published.json", lambda listed, to=place: listed["files"].update({name: to}))
        assert faults(model) == [f"evidence/published.json: altered: names {name}, which is not published of this run"]


def test_a_file_that_the_list_no_longer_names_is_missed(model: Path) -> None:
    change(model / "evidence/published.json", lambda listed: listed["files"].pop(WEIGHTS))
    (model / WEIGHTS).unlink()
    assert faults(model) == [
        f"evidence/published.json: altered: does not name {WEIGHTS}, which is published of this run"
    ]


@pytest.mark.parametrize("name", [WEIGHTS, REPORT, "evidence/recipe.yaml", "evidence"])
def test_a_link_is_named(model: Path, tmp_path: Path, name: str) -> None:
    os.rename(model / name, tmp_path / "elsewhere")
    (model / name).symlink_to(tmp_path / "elsewhere")
    assert faults(model)[0] == f"{name}: is a symbolic link: put the file itself there"


@pytest.mark.parametrize(
    ("altered", "said"),
    [
        (lambda listed: listed["files"].update({"../x": None}), "(files.../x.[key])"),
        (lambda listed: listed["files"].update({"x": "/etc/passwd"}), "(files.x)"),
        (lambda listed: listed.update(files=[]), "(files)"),
        (lambda listed: listed.update(what="adapter:"), "names adapter:, which nobody can publish of this run"),
        (lambda listed: listed.update(what="adapter:none"), "names adapter:none, which nobody can publish"),
        (lambda listed: listed.update(what="all\x1b[2J"), "names all\\x1b[2J, which nobody can publish"),
        (lambda listed: listed.clear(), "(what)"),
    ],
)
def test_a_list_that_publish_did_not_write_is_one_sentence(
    model: Path, altered: Callable[[Any], None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(model / "evidence/published.json", altered)
    assert main(["verify", str(model), "--json"]) == 1
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert fault.startswith("evidence/published.json: ") and said in fault


def test_a_list_in_another_form_is_named(model: Path) -> None:
    path = model / "evidence/published.json"
    path.write_bytes(path.read_bytes() + b" ")
    assert faults(model) == ["evidence/published.json: not as it was written"]


@pytest.mark.parametrize("name", ["published.json", "recipe.yaml"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b"[]"])
def test_a_folder_that_cannot_be_read_is_one_sentence(
    model: Path, name: str, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = model / "evidence" / name
    path.unlink() if content is None else path.write_bytes(content)
    assert main(["verify", str(model), "--json"]) == 1
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert name in fault and "Traceback" not in fault


# --- seals that were made to fit ---------------------------------------------------------------------------------


def test_a_false_figure_hashed_into_its_own_seal_is_named(model: Path) -> None:
    edit(model / REPORT, "0.2713", "0.0713")
    path = model / "evidence/audit/done.json"
    change(path, lambda seal: seal["outputs"]["audit/report.json"].update(sha256=sha256_file(model / REPORT)))
    change(path, lambda seal: seal.update(seal=hash_json({key: seal[key] for key in seal if key != "seal"})))
    assert "evidence/audit/done.json: the seal was altered: its digest is not that of its outputs" in faults(model)


def test_a_false_figure_in_a_seal_made_anew_does_not_fit_the_card(home: Path, tmp_path: Path) -> None:
    run = RunDir(shutil.copytree(home / "run", tmp_path / "run"))
    edit(run.audit / "report.json", "0.2713", "0.0713")
    reseal(run, "audit", finished="2001-01-01T00:00:00Z")
    found = faults(published(run, "model", tmp_path / "back"))
    assert any(fault.startswith("evidence/audit/done.json: altered since card was sealed") for fault in found)


def test_a_card_that_was_edited_and_sealed_again_is_named(home: Path, tmp_path: Path) -> None:
    run = RunDir(shutil.copytree(home / "run", tmp_path / "run"))
    for place in (run.card, run.model):
        edit(place / "README.md", "2.46", "1.46")
    reseal(run, "card")
    assert faults(published(run, "model", tmp_path / "back")) == [
        f"{name}: not what the card stage makes of the sealed reports"
        for name in ("evidence/card/README.md", "README.md")
    ]


def test_weights_that_were_exchanged_with_every_seal_need_the_key(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever makes all seals anew leaves a consistent publication: the signature tells, with the right key alone."""
    run = RunDir(shutil.copytree(home / "run", tmp_path / "run"))
    shutil.rmtree(run.adapter("boats"))
    flip(run.model / WEIGHTS)
    reseal_all(run, run.recipe())
    assert main(["verify", str(published(run, "model", tmp_path / "signed")), "--key", str(home / "team.pub")]) == 1
    said = capsys.readouterr().out
    assert "evidence/pretrain/done.json: another seal than the one that was signed (other content in model/" in said
    run.attestation.unlink()
    back = published(run, "model", tmp_path / "unsigned")
    assert faults(back) == []
    assert main(["verify", str(back), "--key", str(home / "team.pub")]) == 1
    assert "run.dsse.json: not here, so nobody signed this run" in capsys.readouterr().out


def test_another_key_and_a_forged_statement_are_named(
    model: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(model), "--key", str(home / "other.pub")]) == 1
    place = "evidence/attestations/run.dsse.json"
    assert f"{place}: signed with another key than" in capsys.readouterr().out
    signature = json.loads((model / place).read_text())["signatures"][0]
    edit(model / place, signature["sig"], f"AAAA{signature['sig'][4:]}")
    assert main(["verify", str(model), "--key", str(home / "team.pub")]) == 1
    assert f"{place}: altered since it was signed" in capsys.readouterr().out
