"""Addresses of remote storage are refused by name, wherever a recipe or a command takes a local path."""

from __future__ import annotations

from pathlib import Path

import pytest

from desdecero.pipelines.cli import main
from desdecero.pipelines.common.errors import EXIT_USER_ERROR, UserError
from desdecero.pipelines.common.local_paths import local_path, remote
from desdecero.pipelines.recipe import load_recipe

ADDRESSES = [
    "s3://corpora/prose", "S3://corpora/prose", "s3:/corpora/prose", "s3a://corpora/prose", "gs://corpora/prose",
    "hf://datasets/maria/coplas/train.parquet", "https://example.org/prose.txt", "http://example.org", "ftp://host/a",
    "az://container/prose", "abfss://container@account.dfs.core.windows.net/prose", "hdfs://node:9000/prose",
    "file:///srv/prose", "oss://bucket/prose", "sftp://host/prose", "maria@server:prose", "  gs://corpora/prose",
]  # fmt: skip
LOCAL = [
    "prose",
    "/srv/prose",
    "./s3:/prose",
    "~/prose",
    "a:b",
    "c:/prose",
    "prose/2020:01/a.txt",
    "data:/x",
    "año ñ/*",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(UserError) as refused:
        local_path(address)
    assert address.strip() in str(refused.value)
    assert any(word in str(refused.value) for word in ("copy", "download", "write the path"))


@pytest.mark.parametrize("path", LOCAL)
def test_a_local_path_passes(path: str) -> None:
    assert remote(path) is None


def test_each_storage_has_its_command() -> None:
    told = {
        address: remote(address) or "" for address in ("s3://b/x", "gs://b/x", "https://h/x", "hf://datasets/o/n/x")
    }
    assert "aws s3 sync s3://b/x" in told["s3://b/x"]
    assert "gcloud storage" in told["gs://b/x"]
    assert "curl -LO https://h/x" in told["https://h/x"]
    assert "`dataset: o/n`" in told["hf://datasets/o/n/x"]
    assert "write the path alone, /srv/a" in (remote("file:///srv/a") or "")


PLACES = [
    "corpus.sources=[{kind: files, path: ADDRESS}]",
    "corpus.sources=[{kind: wikipedia, language: es, dump: ADDRESS}]",
    "corpus.sources=[{kind: web_archive, path: ADDRESS}]",
    "corpus.sources=[{kind: web_archive, path: a.warc, site_rules: ADDRESS}]",
    "corpus.sources=[{kind: installed_docs, python: ADDRESS}]",
    "corpus.sources=[{kind: hub, dataset: ADDRESS}]",
    "corpus.blocklist=[ADDRESS]",
    "corpus.spelling={clean_text: ADDRESS}",
    "corpus.relevance={wanted: ADDRESS, unwanted: b}",
    "corpus.toxicity={labelled: ADDRESS}",
    "corpus.toxicity={lexicon: {es: ADDRESS}}",
    "corpus.counterfactual={names: ADDRESS}",
    "corpus.decontamination={suites: [{name: a, path: ADDRESS}]}",
    "corpus.personal_data.named_entities={spacy_model: ADDRESS}",
    "tokenizer.compare_with=[ADDRESS]",
]


@pytest.mark.parametrize("place", PLACES)
def test_every_path_of_a_recipe_is_local(place: str) -> None:
    words = [place.replace("ADDRESS", "s3://corpora/prose"), "corpus.domain=", "finetune="]
    with pytest.raises(UserError, match="s3://corpora/prose is remote storage"):
        load_recipe("smoke", words)


def test_web_archives_may_have_a_web_address() -> None:
    words = [
        "corpus.sources=[{kind: web_archive, path: 'https://example.org/a.warc.gz'}]",
        "corpus.domain=",
        "finetune=",
    ]
    source = load_recipe("smoke", words).corpus.sources[0]
    assert source.kind == "web_archive" and source.path == "https://example.org/a.warc.gz"


@pytest.mark.parametrize("words", [
    ["run", "smoke", "--run-dir", "s3://bucket/run"], ["run", "smoke", "--run-dir", "gs://bucket/run", "--dry-run"],
    ["run", "s3://bucket/recipe.yaml"], ["tokens", "smoke", "--run-dir", "hf://models/a/b"],
    ["status", "s3://bucket/run"], ["verify", "https://example.org/run"], ["forget", "gs://b/run", "--document", "a"],
    ["publish", "s3://bucket/run", "--dry-run"], ["app", "s3://bucket/run"], ["corpus", "inspect", "az://c/run"],
    ["export-gguf", "s3://bucket/run", "a.gguf"],
])  # fmt: skip
def test_every_command_refuses_and_makes_no_folder(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == EXIT_USER_ERROR
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("desdecero: ") and "://" in sentence
    assert not list(tmp_path.iterdir())
