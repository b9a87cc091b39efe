"""A Hub source says at once that it cannot be reached."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pipelines.corpus.sources import read_source, signature
from pipelines.errors import UserError
from pipelines.recipe import HubDataset

HUB = {"kind": "hub", "dataset": "owner/name"}


def test_offline_it_is_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set: unset it, or give a local copy"):
        next(read_source(HubDataset.model_validate(HUB)))


def test_its_signature_is_its_identity() -> None:
    first = HubDataset.model_validate({**HUB, "revision": "abc"})
    assert signature([first]) == signature([first]) != signature([HubDataset.model_validate(HUB)])


def test_signing_sources_loads_no_library_that_takes_its_time() -> None:
    code = (
        "import sys; from pipelines.corpus.sources import signature\n"
        "from pipelines.recipe import load_recipe; signature(load_recipe('quickstart').corpus.sources)\n"
        "print({'datasets', 'pyarrow', 'torch', 'numpy', 'ftfy'} & set(sys.modules))"
    )
    finished = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True)
    assert finished.stdout == "set()\n", finished.stderr
