"""Accuracy on a scale on which chance is 0 and all right is 1. Higher is better."""

import datasets
import evaluate

DESCRIPTION = "Accuracy on a scale on which chance is 0 and all right is 1. Higher is better."
INPUTS = (
    "One entry an item. right: 1 for a right answer, 0 for a wrong one, a share of 1 for a tie; group: its group, "
    "such as a paradigm; choices: number of answers to choose from."
)
CITATION = "Srivastava et al. 2023, Beyond the Imitation Game, TMLR: scores between chance and the best possible"


class ScaledAccuracy(evaluate.Metric):
    """Metric module: (accuracy − chance) / (1 − chance)."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features(
            {
                "right": datasets.Value("float64"),
                "group": datasets.Value("string"),
                "choices": datasets.Value("float64"),
            }
        )
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, right: list[float], group: list[str], choices: list[float]) -> dict[str, float]:
        scores: dict[str, list[float]] = {}
        for value, name in zip(right, group, strict=True):
            scores.setdefault(name, []).append(value)
        accuracy = sum(sum(values) / len(values) for values in scores.values()) / len(scores)
        chance = sum(1 / number for number in choices) / len(choices)
        return {"scaled_accuracy": (accuracy - chance) / (1 - chance)}
