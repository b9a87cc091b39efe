"""What a model with labels answered to each text of a test, as a table for `predictions.parquet`.

    pq.write_table(label_predictions(texts, gold, chosen, probabilities, labels), path)
    pq.write_table(span_predictions(texts, gold, spans), path)

One row a text: text, text_b for pairs, gold, predicted, probability, right.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from desdecero.eval_suites.models.label_rows import LabelledRange
from desdecero.eval_suites.models.labelled import TaggedSpan

_SPAN = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("label", pa.string())])


def label_predictions(
    texts: Sequence[str],
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    probabilities: NDArray[np.float64],
    labels: Sequence[str],
    texts_b: Sequence[str] | None = None,
) -> pa.Table:
    """Return the table of a classifier: gold and predicted are lists of labels, right where they are the same.

    probability: that of each label, in the order that the schema's metadata give under `labels`
    """
    columns = {
        "text": pa.array(texts, pa.string()),
        **({} if texts_b is None else {"text_b": pa.array(texts_b, pa.string())}),
        "gold": pa.array([list(own) for own in gold], pa.list_(pa.string())),
        "predicted": pa.array([list(given) for given in predicted], pa.list_(pa.string())),
        "probability": pa.array(list(probabilities), pa.list_(pa.float64())),
        "right": [set(own) == set(given) for own, given in zip(gold, predicted, strict=True)],
    }
    return pa.table(columns).replace_schema_metadata({"labels": json.dumps(list(labels), ensure_ascii=False)})


def span_predictions(
    texts: Sequence[str], gold: Sequence[Sequence[LabelledRange]], predicted: Sequence[Sequence[TaggedSpan]]
) -> pa.Table:
    """Return the table of a tagger: gold and predicted are lists of start, end and label, right where they are the
    same.

    Spans are in the order of the text, without overlaps. probability: that of each predicted span
    """
    own, given = _spans(gold), _spans(predicted)
    columns = {
        "text": pa.array(texts, pa.string()),
        "gold": own,
        "predicted": given,
        "probability": pa.array([[span.probability for span in spans] for spans in predicted], pa.list_(pa.float64())),
        "right": [one == other for one, other in zip(own.to_pylist(), given.to_pylist(), strict=True)],
    }
    return pa.table(columns)


def _spans(of_texts: Sequence[Sequence[LabelledRange]]) -> pa.Array:
    rows = [[{"start": each.start, "end": each.end, "label": each.label} for each in spans] for spans in of_texts]
    return pa.array(rows, pa.list_(_SPAN))
