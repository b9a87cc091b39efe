"""Mean score of the items, over groups of which each weighs alike. Higher is better."""

import datasets
import evaluate

DESCRIPTION = "Mean score of the items, over groups of which each weighs alike. Higher is better."
INPUTS = (
    "One entry an item. right: 1 for a right answer, 0 for a wrong one, a share of 1 for a tie; group: its group, "
    "such as a paradigm, the same for all where there are none."
)
CITATION = "Warstadt et al. 2020, BLiMP: The Benchmark of Linguistic Minimal Pairs for English, TACL 8, 377–392"


class Accuracy(evaluate.Metric):
    """Metric module: mean over groups of the mean of `right`."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"right": datasets.Value("float64"), "group": datasets.Value("string")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, right: list[float], group: list[str]) -> dict[str, float]:
        scores: dict[str, list[float]] = {}
        for value, name in zip(right, group, strict=True):
            scores.setdefault(name, []).append(value)
        return {"accuracy": sum(sum(values) / len(values) for values in scores.values()) / len(scores)}
