"""Licences of the texts that an adapter was trained on: of data of one's own as the recipe says, or as the corpus says.

summary.report(holdings_of_adapter(report, run), recipe.corpus.licenses, recipe.card.license)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from pyarrow import parquet

from desdecero.pipelines.corpus.licensing.summary import Holding
from desdecero.pipelines.run.run_dir import RunDir

UNKNOWN = "LicenseRef-unknown"


def holdings_of_adapter(report: Mapping[str, Any], run: RunDir) -> dict[str, Holding]:
    """Return the texts that an adapter was trained on, by licence expression.

    report: that of its training. Data of one's own are under one licence, declared or unknown; their bytes are not
    counted, and the tokens are those trained on. Without such data, the texts are the corpus' domain slice, whose
    licences stand in the ledger of the tokens. Memory: a row group of the ledger.
    """
    if data := report.get("data"):
        documents = report["documents"]
        evidence = {"declared" if data["license"] else "unknown": documents}
        return {data["license"] or UNKNOWN: Holding(documents, 0, evidence, report["tokens"])}
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    evidence_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
    columns = ["license", "license_evidence", "split", "bytes_after", "tokens"]
    for batch in parquet.ParquetFile(run.token_ledger).iter_batches(columns=columns):
        for row in batch.to_pylist():
            if row["split"] == "domain_train":
                sums[row["license"]].update(documents=1, bytes=row["bytes_after"], tokens=row["tokens"])
                evidence_of[row["license"]][row["license_evidence"]] += 1
    return {
        name: Holding(total["documents"], total["bytes"], dict(evidence_of[name]), total["tokens"])
        for name, total in sums.items()
    }
