"""Bits that a model needs for a byte of UTF-8 text: comparable between tokenizers. Lower is better."""

import math

import datasets
import evaluate

DESCRIPTION = "Bits that a model needs for a byte of UTF-8 text: comparable between tokenizers. Lower is better."
INPUTS = "One entry a document. nll: sum of −ln p over the tokens asked for, in nats; bytes: UTF-8 bytes of the text."
CITATION = "Gao et al. 2020, The Pile: An 800GB Dataset of Diverse Text for Language Modeling, arXiv:2101.00027, §3.1"


class BitsPerByte(evaluate.Metric):
    """Metric module: Σ nll / ln 2 / Σ bytes over documents."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"nll": datasets.Value("float64"), "bytes": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, nll: list[float], bytes: list[float]) -> dict[str, float]:  # noqa: A002  a key of the input
        return {"bits_per_byte": sum(nll) / math.log(2) / sum(bytes)}
