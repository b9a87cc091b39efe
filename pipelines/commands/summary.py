"""What a finished run prints: where the model is, what it writes, how good it is, what was found, what to type next."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import Any

from desdecero.eval_suites.bias_findings import told
from desdecero.pipelines.corpus.unread import told as told_unread
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir, shortest
from desdecero.pipelines.run.seals import reading

WIDTH = 100
MEASURES = {
    "causal": ("bits_per_byte", "bits per byte"),
    "masked": ("masked_accuracy", "masked-token accuracy"),
    "span_corruption": ("span_accuracy", "cut-out token accuracy"),
}


def summary(recipe: Recipe, run: RunDir) -> str:
    training, evaluation = run.report("pretrain", recipe), run.report("evaluate", recipe)
    corpus, audit = run.report("corpus", recipe), run.report("audit", recipe)
    folders = (run.corpus, run.pretrain, run.evaluation, run.audit)
    with reading(" or ".join(str(folder / "report.json") for folder in folders)):
        return _summary(shortest(run), corpus, training, evaluation, audit)


def _summary(
    name: str, corpus: dict[str, Any], training: dict[str, Any], evaluation: dict[str, Any], audit: dict[str, Any]
) -> str:
    parts = [
        f"model      {name}/model  (AutoModel…from_pretrained loads it)",
        _samples(evaluation),
        _quality(evaluation),
        *_cautions(training),
        _findings(audit),
        *_left_out(corpus, name),
        "next\n"
        f"  desdecero app {name}                  try it in the browser\n"
        f"  desdecero publish {name} --dry-run    what would go to the Hub, and whether it may\n"
        f"  less {name}/card/README.md            the model card",
    ]
    return "\n\n".join(parts)


def _samples(evaluation: dict[str, Any]) -> str:
    shown = [
        textwrap.indent(_sample(sample).strip(), "  │ ", lambda line: True) for sample in evaluation["samples"][:3]
    ]
    beginnings = "; the beginnings are of held-out documents" if evaluation["prompts_from"] == "held_out" else ""
    return f"samples    (▸ is where the model takes over{beginnings})\n" + "\n  ·\n".join(shown)


def _sample(sample: dict[str, Any]) -> str:
    """A prompt and what the model made of it: its continuation, or the text with the gaps filled."""
    prompt, text = sample["prompt"], sample["text"]
    return f"{prompt}▸{text.removeprefix(prompt)}" if text.startswith(prompt) else f"{prompt}\n▸ {text}"


def _quality(evaluation: dict[str, Any]) -> str:
    key, unit = MEASURES[evaluation["objective"]]
    value, yardsticks = evaluation[key], evaluation["yardsticks"]
    line = (
        f"quality    {value['value']:.3f} {unit} on held-out text "
        f"({evaluation['confidence']:.0%} interval {value['low']:.3f}–{value['high']:.3f})"
    )
    beside = [f"{name} {found[key]:.3f}" for name, found in yardsticks.items() if key in found]
    return f"{line}\n           on the same bytes: {', '.join(beside)}"


def _cautions(training: dict[str, Any]) -> list[str]:
    """What to know before the figures of training are believed; nothing where there is nothing."""
    said = []
    if training["few_steps"]:
        said.append(
            f"{training['steps']:,} steps are few: this model has hardly begun to learn. Give pretrain.budget more, or "
            "take a smaller model."
        )
    if training["machine_busy"]:
        said.append(
            "the machine was busy with other work while the model trained: a product of matrices took "
            f"{training['machine_slowdown']:.1f} times its best time in the median. Speed and MFU are too low for it."
        )
    lines = [textwrap.fill(line, WIDTH, initial_indent="  - ", subsequent_indent="    ") for line in said]
    return ["caution\n" + "\n".join(lines)] if lines else []


def _findings(audit: dict[str, Any]) -> str:
    """What was found, in full; what was not, counted by its verdict."""
    lines = []
    for language, found in audit["languages"].items():
        competence, verdicts = found["competence"], Counter(group["verdict"] for group in found["groups"].values())
        if not competence["competent"]:
            lines.append(
                f"{language}: no claim about bias: the model is not competent in this language. It prefers a sentence "
                f"to its shuffled words in {competence['value']:.0%} of cases; a claim needs "
                f"{competence['threshold']:.0%} and more, at the lower end of the interval."
            )
            continue
        lines.append(f"{language}: {told(dict(verdicts.most_common()))}")
        lines += [
            finding["sentence_en"]
            for finding in audit["findings"]
            if finding["language"] == language and finding["verdict"] == "bias found"
        ]
    return "findings\n" + "\n".join(
        textwrap.fill(line, WIDTH, initial_indent="  - ", subsequent_indent="    ") for line in lines
    )


def _left_out(corpus: dict[str, Any], name: str) -> list[str]:
    """What no reader took, where there is any."""
    if not (words := told_unread(corpus["unread"], name)):
        return []
    return ["left out\n" + textwrap.fill(words, WIDTH, initial_indent="  - ", subsequent_indent="    ")]
