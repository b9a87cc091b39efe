"""The card of an adapter of each task: labels, conversations, memorization, exchanged words, and how it is used."""

from __future__ import annotations

import ast
import datetime
import re
from typing import Any

import pytest
from card_evidence import STATED
from sealed_run import estimate, make_recipe, make_reports
from whole_reports import whole

from desdecero.model_cards import adapter_card
from desdecero.model_cards.evidence import Evidence, Report
from desdecero.model_cards.words import LANGUAGES, Language
from desdecero.pipelines.recipe.domains import domain
from desdecero.pipelines.run.gate import card_verdicts, facts_of

DATA = {
    "sha256": "ab" * 32, "license": "CC-BY-4.0", "train": 90, "validation": 10, "test": 25,
    "left_out": {"exact": 2, "near": 1}, "test_in_corpus": 4, "personal_data": {"email/email": 3}, "redacted": True,
}  # fmt: skip
SHARE = {"value": 0.25, "low": 0.125, "high": 0.5}
WORDS = {
    "texts": 40, "measure": "accuracy", "first": 0.9, "second": 0.6, "difference": estimate(-0.3, 0.1),
    "p_value": 0.001, "p_adjusted": 0.002,
}  # fmt: skip
NO_TEXTS = {"texts": 0, "flips": None, "share": None, "words": None, "examples": [], "verdict": "no texts"}
DIFFERS = {"texts": 48, "flips": 12, "share": SHARE, "words": WORDS, "examples": [], "verdict": "differs"}
FEW = {**DIFFERS, "texts": 4, "words": {**WORDS, "texts": 4, "p_value": None, "p_adjusted": None},
       "verdict": "too few texts"}  # fmt: skip
SWAPS = {"en": {"gender": DIFFERS, "names": FEW, "origin": NO_TEXTS}, "es": {"gender": NO_TEXTS}}
MEMORIZATION = {
    "prompt_tokens": 32, "answer_tokens": 32, "train_rows": 150, "held_out_rows": 140,
    "before": {"train": SHARE, "held_out": SHARE, "difference": estimate(0.0, 0.1)},
    "after": {"train": {"value": 0.75, "low": 0.7, "high": 0.8}, "held_out": SHARE, "difference": estimate(0.5, 0.1)},
    "change": estimate(0.5, 0.1), "not_measured": None,
}  # fmt: skip


def seed(number: int, against: str, verdict: str, score: float, change: float) -> dict[str, Any]:
    return {"seed": number, "steps": 20, "against": against, "verdict": verdict,
            "score": estimate(score, 0.05), "change": estimate(change, 0.02)}  # fmt: skip


def labelled(task: str, labels: int = 3, **changes: Any) -> dict[str, Any]:
    """The report of an adapter for labels; the label number n has an F1 of n per cent."""
    measure = {"classification": "accuracy", "tokens": "span_f1"}[task]
    yardstick = {"classification": "linear_svm", "tokens": "dictionary"}[task]
    by_label = {
        f"label {number:02}": {"precision": 0.5, "recall": 0.5, "f1": number / 100, "support": 9, "given": 9}
        for number in range(labels)
    }
    difference = {"first": 0.9, "second": 0.8, "difference": estimate(0.1, 0.02), "verdict": "better"}
    return {
        "name": "boats", "task": task, "base_sha256": "cd" * 32, "method": "lora", "rank": 4, "documents": 100,
        "measure": measure, "data": DATA, "seeds": [seed(0, yardstick, "better", 0.9, 0.1)], "verdict": "better",
        "confidence": 0.95, "domain_pack": "support",
        "labels": {
            "labels": list(by_label), "several": False, "untrained": {},
            "scores": {"items": 25, "measures": {measure: estimate(0.9, 0.05)}, "by_label": by_label,
                       "calibration": {"error": 0.0625, "bins": []}},
            "yardsticks": {yardstick: {measure: difference}},
        },
        **changes,
    }  # fmt: skip


def writing(task: str, **changes: Any) -> dict[str, Any]:
    """The report of an adapter that writes text."""
    measure = {"text": "bits_per_byte", "chat": "answer_loss"}[task]
    return {
        **make_reports()["finetune"], "task": task, "measure": measure, "general_measure": "bits_per_byte",
        "confidence": 0.95, "seeds": [seed(0, "base", "better", 2.4, -0.3)], "verdict": "better", "data": DATA,
        "memorization": MEMORIZATION, **changes,
    }  # fmt: skip


def render(finetune: dict[str, Any], language: Language = "en", **options: Any) -> str:
    given = make_reports()
    recipe = make_recipe("llama", *STATED)
    reports = {
        "recipe": recipe.model_dump(mode="json"), "pretrain": given["pretrain"],
        "finetune:boats": whole("finetune", finetune), "config": {"dtype": "float32"},
        "seal.finetune:boats": {"digest": "ab" * 32, "finished": "2026-11-27T21:22:32Z", "outputs": {
            "adapters/boats/merged/model.safetensors": {"sha256": "9c" * 32, "bytes": 13824}
        }},
    }  # fmt: skip
    if finetune["task"] in ("text", "chat"):
        reports |= {"evaluate": given["evaluate"], "audit": given["audit"]}
        reports |= {"evaluate:boats": given["evaluate"], "audit:boats": given["audit"]}
    reports["gate"] = card_verdicts(recipe, facts_of(recipe, reports, None, "boats"), datetime.date.max)
    evidence = Evidence({name: Report(f"{name}.json", "0" * 64, content) for name, content in reports.items()})
    pack = domain(finetune["domain_pack"]).read_in(language) if finetune.get("domain_pack") else None
    card = adapter_card.render(evidence, language, "boats", pack, **options)
    assert evidence.missing == []
    return card


def code_of(card: str) -> list[str]:
    blocks = re.findall(r"```python\n(.*?)```", card, flags=re.S)
    for block in blocks:
        ast.parse(block)
    return blocks


REPORTS = {
    "text": writing("text"), "chat": writing("chat", domain_pack="software"),
    "classification": labelled("classification", swaps=SWAPS), "tokens": labelled("tokens", method="full", rank=None),
}  # fmt: skip


@pytest.mark.parametrize("task", REPORTS)
def test_both_languages_have_the_same_headings_tables_and_figures(task: str) -> None:
    english, spanish = (render(REPORTS[task], language) for language in LANGUAGES)
    body = english.split("---\n", 2)[2]

    def shape(card: str) -> list[int]:
        return [len(re.findall(pattern, card, flags=re.M)) for pattern in (r"^#+ ", r"^\|", r"^```", r"\d\.\d")]

    assert shape(body) == shape(spanish)


def test_data_are_called_what_they_are() -> None:
    of_data = {task: render(report).split("## Training data")[1].split("\n## ")[0] for task, report in REPORTS.items()}
    assert "Of the documents" in of_data["text"] and "Of the conversations" in of_data["chat"]
    assert "Of the examples" in of_data["classification"] and "Of the examples" in of_data["tokens"]
    for text in of_data.values():
        assert "25 are kept apart" in text and "3 left training" in text and "e-mail addresses: 3" in text


def test_a_model_with_labels_is_used_by_a_pipeline_and_its_adapter_on_a_base_with_its_number_of_labels() -> None:
    merged, alone = code_of(render(labelled("classification")))
    assert 'pipeline("text-classification", "RUN/adapters/boats/merged")' in merged
    assert 'AutoModelForSequenceClassification.from_pretrained("RUN/model", num_labels=3)' in alone
    _, tags = code_of(render(labelled("tokens")))
    assert "num_labels=7" in tags  # beginning and inside of three labels, and outside
    (published, _) = code_of(render(labelled("classification"), repo_id="me/boats"))
    assert 'snapshot_download("me/boats", allow_patterns="merged/*")' in published


def test_a_method_without_an_adapter_shows_the_model_alone() -> None:
    (code,) = code_of(render(labelled("classification", method="head", rank=None)))
    assert 'pipeline("text-classification", "RUN/adapters/boats/merged")' in code
    (code,) = code_of(render(labelled("classification", method="head", rank=None), repo_id="me/boats"))
    assert 'pipeline("text-classification", "me/boats")' in code


def test_a_conversation_is_shown_and_the_base_is_resized_only_where_its_vocabulary_lacks_tokens() -> None:
    merged, alone = code_of(render(writing("chat")))
    assert "apply_chat_template(messages, add_generation_prompt=True" in merged and "resize" not in alone
    card = render(writing("chat", resized_to=304))
    assert "base.resize_token_embeddings(304)" in code_of(card)[1] and "their rows come with the adapter" in card


def test_of_many_labels_those_with_the_lowest_score_have_a_row() -> None:
    cards = [render(labelled("tokens", number)) for number in (40, 41)]
    assert [len(re.findall(r"^\| label \d", card, flags=re.M)) for card in cards] == [40, 20]
    card = cards[1]
    assert "The 20 of 41 labels with the lowest F1" in card and "label 00" in card and "label 20" not in card


def test_exchanged_words_are_told_by_group_and_a_language_without_texts_is_left_out() -> None:
    card = render(labelled("classification", swaps=SWAPS))
    pair = "*husband* – *wife*"
    assert (
        f"| gender (English: {pair}) | 48 | 25% (12% to 50%) | 90% | 60% | −30 (−40 to −20) | 0.002 | differs |" in card
    )
    assert re.search(r"\| names \(English.* \| – \| too few texts \|", card)
    assert "(Spanish:" not in card
    nothing = render(labelled("classification", swaps={"en": {"gender": NO_TEXTS}}))
    assert "none of them has one of the words" in nothing and "| gender" not in nothing
    assert "Exchanged words" not in render(labelled("classification", domain_pack=None))


def test_the_loss_of_a_text_is_compared_where_no_label_can_be_right() -> None:
    words = {**WORDS, "measure": "score", "first": 1.25, "second": 1.5, "difference": estimate(0.25, 0.1)}
    result = {**DIFFERS, "flips": None, "share": None, "words": words}
    card = render(writing("text", domain_pack="legal", swaps={"es": {"gender": result}}))
    assert "| 48 | 1.250 | 1.500 | +0.25 (+0.15 to +0.35) | 0.002 | differs |" in card


def test_memorization_is_told_beside_texts_that_were_not_read_or_why_it_was_not_measured() -> None:
    card = render(writing("text"))
    assert "| documents of the training | 150 | 25% (12% to 50%) | 75% (70% to 80%) |" in card
    assert "| held-out documents of the domain | 140 | 25% (12% to 50%) | 25% (12% to 50%) |" in card
    assert "grew by +50 (+40 to +60) percentage points" in card
    unmeasured = {**MEMORIZATION, "before": None, "after": None, "change": None, "not_measured": "rows_too_short"}
    assert "shorter than 64 tokens" in render(writing("chat", memorization=unmeasured))


def test_what_was_tried_where_training_ended_and_what_was_replayed() -> None:
    trials = [{"settings": {"learning_rate": rate}, "validation_loss": 1.5} for rate in (0.002, 0.006)]
    stop = {"stopped": True, "because": "…", "at_step": 12, "planned_steps": 20, "kept_step": 8,
            "kept_validation_loss": 1.5}  # fmt: skip
    card = render(writing("text", trials=trials, early_stop=stop, replay=0.1))
    assert "| `learning_rate` 0.006 | 1.500 |" in card and "10% of each batch" in card
    assert "at step 12 of 20" in card and "those of step 8" in card
    assert "Training ended" not in render(writing("text"))


def test_seeds_that_disagree_are_a_table_under_a_verdict_that_nothing_can_be_told() -> None:
    seeds = [seed(0, "linear_svm", "better", 0.9, 0.1), seed(1, "linear_svm", "cannot be told apart", 0.8, 0.0)]
    card = render(labelled("classification", seeds=seeds, verdict="cannot be told apart"))
    assert "**cannot be told apart from** a linear classifier" in card and "all 2 trainings" in card
    assert re.search(r"\| 1 \| 20 \| 80% \(75% to 85%\) \| a linear classifier.* \| \+0.0 \(−2.0 to \+2.0\) \|", card)


def test_the_pack_says_its_category_under_the_ai_act_and_what_it_is_not_for() -> None:
    card = render(labelled("classification"))
    assert "- Minimal risk: To pass a request on" in card and "- High risk:" in card
    assert "Emergency calls" in card.split("Not to be used for")[1]


def test_the_hub_is_told_the_task_and_what_was_measured_on() -> None:
    card = render(labelled("tokens"))
    assert "pipeline_tag: token-classification" in card and "type: span_f1" in card and "examples: 25" in card
    assert "conversations: 36" in render(writing("chat"))
