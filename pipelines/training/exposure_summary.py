"""Tokens that the weights read, under each licence: from the table of documents and the ledger of the tokens.

    summary(table, run)                          # the section `exposure` of `pretrain/report.json`

This module loads no torch: `verify` counts with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from desdecero.pipelines.recipe.tokens import CANARY
from desdecero.pipelines.run.reports.pretrain import Exposure
from desdecero.pipelines.run.reports.tokens import LicenseTokens
from desdecero.pipelines.run.run_dir import RunDir

if TYPE_CHECKING:
    import pyarrow as pa


def summary(table: pa.Table, run: RunDir) -> Exposure:
    """Count the documents that were read and those that never were, and the tokens read under each licence.

    Canaries stand in the table and are not counted: nobody wrote them.
    """
    import pyarrow.compute as pc

    ledger = training_rows(run, ["source", "license"]).append_column("tokens", table["tokens"])
    ours = ledger.filter(pc.field("source") != CANARY)
    sums = ours.group_by("license", use_threads=False).aggregate([("tokens", "sum")]).to_pylist()
    total, read = sum(row["tokens_sum"] for row in sums), int(np.count_nonzero(ours["tokens"].to_numpy()))
    return Exposure(
        documents=len(ours),
        read=read,
        never_read=len(ours) - read,
        tokens=total,
        licenses=[
            LicenseTokens(license=row["license"], tokens=row["tokens_sum"], share_tokens=row["tokens_sum"] / total)
            for row in sorted(sums, key=lambda row: (-row["tokens_sum"], row["license"]))
            if row["tokens_sum"]
        ],
    )


def training_rows(run: RunDir, columns: list[str]) -> pa.Table:
    """Read columns of the rows of training documents and canaries."""
    import pyarrow.parquet as pq

    return pq.read_table(run.token_ledger, columns=columns, filters=[("split", "=", "train")])
