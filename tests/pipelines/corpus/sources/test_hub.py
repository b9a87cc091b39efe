"""A Hub source says at once that it cannot be reached."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from fakehub import FakeHub, File
from pyarrow import parquet

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.sources import read_source, signature
from desdecero.pipelines.recipe import HubDataset

HUB = {"kind": "hub", "dataset": "owner/name"}


def test_offline_it_is_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set: unset it, or give a local copy"):
        next(read_source(HubDataset.model_validate(HUB)))


def test_its_signature_is_its_identity() -> None:
    first = HubDataset.model_validate({**HUB, "revision": "abc"})
    assert signature([first]) == signature([first]) != signature([HubDataset.model_validate(HUB)])


def test_signing_sources_loads_no_library_that_takes_its_time() -> None:
    code = (
        "import sys; from desdecero.pipelines.corpus.sources import signature\n"
        "from desdecero.pipelines.recipe import load_recipe; signature(load_recipe('quickstart').corpus.sources)\n"
        "print({'datasets', 'pyarrow', 'torch', 'numpy', 'ftfy'} & set(sys.modules))"
    )
    finished = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True)
    assert finished.stdout == "set()\n", finished.stderr


READ = """
import sys
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.recipe import Source
from pydantic import TypeAdapter
for document in read_source(TypeAdapter(Source).validate_json(sys.argv[1])):
    print(document.id, document.text, document.license, document.language, document.meta.get("url"))
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"kind": "hub", "dataset": "wikimedia/wikipedia", "max_documents": 2, "text_template": "{title}: {text}"},
            "wikimedia/wikipedia#1 Ana: El niño 0. CC-BY-SA-3.0 AND GFDL-1.1-or-later  https://es.wikipedia.org/wiki/Ana\n"
            "wikimedia/wikipedia#2 Ana: El niño 1. CC-BY-SA-3.0 AND GFDL-1.1-or-later  https://es.wikipedia.org/wiki/Ana\n",
        ),
        (
            {"kind": "wikipedia", "language": "es", "max_documents": 1},
            "7 El niño 0. CC-BY-SA-4.0 es https://es.wikipedia.org/wiki/Ana\n",
        ),
    ],
)
def test_rows_are_streamed_from_the_hub(tmp_path: Path, source: dict[str, object], expected: str) -> None:
    rows = [
        {
            "id": str(7 + number),
            "url": "https://es.wikipedia.org/wiki/Ana",
            "title": "Ana",
            "text": f"El niño {number}.",
        }
        for number in range(5)
    ]
    stream = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), stream)
    about = "license: [cc-by-sa-3.0, gfdl]\nconfigs:\n- config_name: 20231101.es\n  data_files: train.parquet\n"
    card = f"---\n{about}---\n# x\n".encode()
    with FakeHub() as hub:
        hub.create("wikimedia/wikipedia", private=False)
        hub.repositories["wikimedia/wikipedia"].commit(
            {"train.parquet": File(stream.getvalue(), large=True), "README.md": File(card, large=False)}
        )
        environment = {**os.environ, **hub.environment(), "HF_HOME": str(tmp_path)}
        finished = subprocess.run(
            [sys.executable, "-c", READ, json.dumps(source)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert finished.stdout == expected, finished.stderr
