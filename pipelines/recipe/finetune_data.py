"""The examples of a fine-tuning task: where they are, and which of them are kept apart to measure on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from desdecero.pipelines.recipe.base import LocalPath, Section
from desdecero.pipelines.recipe.identifiers import LicenseExpression


class HubSplits(Section):
    """The splits of a dataset of the Hub."""

    name: str
    """Name of the dataset, `owner/name`."""
    config: str | None = None
    """Configuration of the dataset."""
    revision: str | None = None
    """Branch, tag or commit. Default: the main branch."""
    train: str = "train"
    """Split to train on."""
    test: str | None = "test"
    """Split to measure on. `null`: one is cut from `train`, as for files."""


class FinetuneData(Section):
    """The examples to fine-tune on."""

    train: LocalPath | None = None
    """Examples to train on: a JSONL (.gz), CSV, TSV or Parquet file, or a folder of them; for plain text also .txt and
    .md files, for spans also a folder of brat's .txt and .ann files."""
    test: LocalPath | None = None
    """Examples to measure on, in the same form. Default: a share of `train` is cut off, `test_share`."""
    validation: Annotated[float, Field(ge=0, lt=1)] | LocalPath = 0.1
    """Examples to choose settings on: a share of the training examples, or their file."""
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the examples that is cut off to measure on, drawn by the seed, where there is no test file."""
    hub: HubSplits | None = None
    """In place of `train` and `test`: a dataset of the Hub, as `{name: owner/name, config: …, train: …, test: …}`."""
    text: str = "text"
    """Column of the text."""
    text_b: str | None = None
    """Column of a second text, where pairs of texts are classified."""
    label: str = "label"
    """Column of the label. Several labels of one text are a list."""
    fields: Mapping[str, str] = {}
    """Names of other columns where they are not those that the task expects: `{prompt: pregunta}`."""
    license: LicenseExpression | None = None
    """Licence of the examples, as an SPDX expression."""
    personal_data: Literal["keep", "redact"] = "keep"
    """`redact` replaces the personal data that the detectors find by the name of its kind, `<email>`."""

    @model_validator(mode="after")
    def _check_where(self) -> FinetuneData:
        if (self.train is None) == (self.hub is None):
            raise ValueError("give train or hub, one of the two: where are the examples?")
        if self.hub is not None and self.test is not None:
            raise ValueError("test belongs to train: name the split of the Hub's dataset in hub.test")
        return self
