"""What the page asks of adapters, without a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from adapted_run import TASKS
from markupsafe import escape

from desdecero.app.adapter_answers import beside_base, classify, converse, mark
from desdecero.app.adapter_views import MOST_LABELS, about, labels_html, limits_of_use
from desdecero.app.checks import BadRequest, check_queued_call
from desdecero.app.labelling import GivenLabel, GivenLabels
from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.load import load
from desdecero.model_cards.words import LANGUAGES, Language, say
from desdecero.pipelines.recipe.domains import domain
from desdecero.pipelines.run.run_dir import RunDir

HOW = (8, 0.9, 1.0, 3)  # length, temperature, top-p, seed


def last(answers: Iterator[Any]) -> Any:
    *_, answer = answers
    return answer


def test_base_and_adapter_write_with_the_same_settings_and_seed(adapted_run: RunDir) -> None:
    recipe, decoding = adapted_run.recipe(), Decoding(8, 0.9, top_p=1.0)
    before, after = last(beside_base(adapted_run, recipe, "legal")("en", "The law", *HOW))
    for html, folder in ((before, adapted_run.model), (after, adapted_run.model_with("legal"))):
        *_, expected = load(folder).stream("The law", decoding, 3)
        assert escape(expected.text) in html
    assert before != after


def test_a_conversation_is_answered_with_what_was_said_before(adapted_run: RunDir) -> None:
    send = converse(adapted_run, adapted_run.recipe(), "helper")
    turns, left, notes = last(send("en", [], "a < b?", *HOW))
    assert [turn["role"] for turn in turns] == ["user", "assistant"] and turns[0]["content"] == "a &lt; b?"
    assert "8 tokens written." in notes and left != "a < b?"
    as_sent = [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in turns]
    stopped = [*as_sent, {"role": "user", "content": [{"type": "text", "text": "Never answered"}]}]
    more, _, _ = last(send("en", stopped, "And?", *HOW))
    model = load(adapted_run.model_with("helper"))
    *_, first = model.stream_reply([{"role": "user", "content": "a < b?"}], Decoding(8, 0.9), 3)
    said = [{"role": "user", "content": "a < b?"}, {"role": "assistant", "content": first.text}]
    *_, second = model.stream_reply([*said, {"role": "user", "content": "And?"}], Decoding(8, 0.9), 3)
    assert more[1]["content"] == str(escape(first.text)) and more[-1]["content"] == str(escape(second.text))


def test_what_cannot_be_answered_gets_a_sentence_and_the_message_stays(adapted_run: RunDir) -> None:
    recipe = adapted_run.recipe()
    turns, message, notice = last(converse(adapted_run, recipe, "helper")("es", [], "  ", *HOW))
    assert (turns, message) == ([], "  ") and say("es", "refusal.refused_no_text") in notice
    assert say("en", "refusal.refused_no_text") in classify(adapted_run, recipe, "support")("en", "")
    assert say("en", "refusal.refused_text") in mark(adapted_run, recipe, "health")("en", "\ud800")


@pytest.mark.parametrize("adapter", TASKS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_altered_adapter_is_neither_loaded_nor_told_of(
    adapted_run: RunDir, adapter: str, language: Language, tmp_path: Path
) -> None:
    run = RunDir(shutil.copytree(adapted_run.path, tmp_path / "run"))
    recipe, asked = run.recipe(), ASKED[TASKS[adapter]]
    assert "dd-altered" not in asked(run, adapter, language)
    weights, report = run.model_with(adapter) / "model.safetensors", run.adapter(adapter) / "report.json"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    changed = report.read_text(encoding="utf-8").replace('"better"', '"worse."')
    report.write_text(changed, encoding="utf-8")
    other = RunDir(run.path.rename(tmp_path / "other"))  # nothing of it is loaded
    assert "model.safetensors" in asked(other, adapter, language) and "dd-altered" in asked(other, adapter, language)
    assert "dd-altered" in about(other, recipe, adapter, language)


ASKED: dict[str, Callable[[RunDir, str, Language], str]] = {
    "classification": lambda run, name, language: classify(run, run.recipe(), name)(language, "Where?"),
    "tokens": lambda run, name, language: mark(run, run.recipe(), name)(language, "Where?"),
    "chat": lambda run, name, language: last(converse(run, run.recipe(), name)(language, [], "Where?", *HOW))[2],
    "text": lambda run, name, language: last(beside_base(run, run.recipe(), name)(language, "Where?", *HOW))[1],
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_limits_of_use_are_those_of_the_pack(adapted_run: RunDir, language: Language) -> None:
    shown, pack = limits_of_use(adapted_run.recipe(), "health", language), domain("health")
    for text in (pack.note, *pack.not_for, *(use.about for use in pack.eu_ai_act)):
        assert escape(text.read_in(language)) in shown
    assert limits_of_use(adapted_run.recipe(), "pairs", language) == ""


def test_of_many_labels_the_likeliest_are_shown_and_every_one_that_is_given() -> None:
    labels = [GivenLabel(f"label{n}", 0.9 - n / 100, n in (0, 20)) for n in range(30)]
    html = labels_html(GivenLabels(labels, several=True), "en")
    assert html.count("dd-bar ") + html.count('dd-bar"') == MOST_LABELS + 1 and "label20" in html
    assert "And 19 labels that are less likely." in html and say("en", "page.several_labels") in html


def test_a_conversation_that_strangers_send_may_hold_texts_alone(adapted_blocks: list[gr.Blocks]) -> None:
    (blocks,) = adapted_blocks
    number, function = next((n, fn) for n, fn in blocks.fns.items() if len(fn.inputs) == 7 and len(fn.outputs) == 3)

    def send(turns: Any) -> list[Any]:
        content = {"session_hash": "s", "fn_index": number, "data": ["en", turns, "Hi", *HOW]}
        return check_queued_call(blocks, content)["data"][1]

    part = {"type": "text", "text": "Hi"}
    good = [{"role": "user", "content": [part], "metadata": None, "options": None}]
    assert function.fn is not None and send(good) == good
    bad: list[Any] = [
        "Hi", [good], good * 201, [{"role": "system", "content": [part]}], [{"role": "user", "content": "Hi"}],
        [{"role": "user", "content": [{"file": {"path": "/etc/passwd"}}]}],
        [{"role": "user", "content": [{**part, "component": "html", "value": "x"}]}],
        [{"role": "user", "content": [{"type": "component", "text": "Hi"}]}],
        [{"role": "user", "content": [part], "metadata": {"title": "x"}}],
        [{"role": "user", "content": [{"type": "text", "text": "a" * 50_001}]}],
    ]  # fmt: skip
    for turns in bad:
        with pytest.raises(BadRequest):
            send(turns)
