"""Count the tokens that the weights read under each licence again, from the sealed table and the ledger."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from desdecero.pipelines.common.errors import UserError, printable
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.exposure_summary import summary


def exposure_faults(run: RunDir, recipe: Recipe) -> list[str]:
    """Return a sentence where the report of pretraining does not say what the table and the ledger make.

    Of a run with tokens and pretraining, whose files are as they were sealed.
    """
    place = run.place(run.exposure)
    try:
        told = run.report("pretrain", recipe).exposure
        counted = summary(pq.read_table(pa.BufferReader(run.sealed_bytes("pretrain", recipe, place))), run)
    except (pa.ArrowException, ValueError, KeyError, ZeroDivisionError) as error:
        return [f"{place}: cannot be read as tokens of documents ({printable(str(error).splitlines()[0])})"]
    except UserError as error:
        return [printable(str(error))]
    if counted != told:
        return [f"pretrain/report.json: tokens by licence and documents read are not those of {place} and the ledger"]
    return []
