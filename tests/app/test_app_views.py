"""Reports as pieces of the page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from markupsafe import escape
from sealed_run import make_reports, make_sealed_run, of_one_document
from whole_reports import without_bytes

from desdecero.app import audit_views, training_views, views
from desdecero.model_cards.words import LANGUAGES, Language, say
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.reports import EvaluationReport
from desdecero.pipelines.run.run_dir import RunDir

ROOT = Path(__file__).parents[2]
VIEWS = [views.data, audit_views.audit, views.card, training_views.quality, training_views.before_curve]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stage_that_is_not_sealed_says_how_to_make_it(new_run: RunDir, view: object, language: Language) -> None:
    shown = view(new_run, new_run.recipe(), language)
    assert re.search(r"desdecero \w+ /", shown)
    assert {"en": "not made yet", "es": "todavía no existe"}[language] in shown


@pytest.mark.parametrize("view", [*VIEWS, training_views.after_curve])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sealed_stage_is_up_to_date_until_the_recipe_changes(
    causal_run: RunDir, view: object, language: Language
) -> None:
    stale = escape(say(language, "page.stale"))
    assert stale not in view(causal_run, causal_run.recipe(), language)


def test_a_changed_recipe_is_told(causal_run: RunDir) -> None:
    other = load_recipe(causal_run.recipe_file, ["audit.margin=0.1"])
    assert "not up to date" in audit_views.audit(causal_run, other, "en")
    assert "not up to date" not in views.data(causal_run, other, "en")


def test_text_from_the_corpus_cannot_become_markup(causal_run: RunDir) -> None:
    shown = views.data(causal_run, causal_run.recipe(), "en")
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(&#39;shown, never run&#39;)&lt;/script&gt; &amp; so on" in shown


def test_figures_carry_their_intervals_and_baselines(causal_run: RunDir) -> None:
    shown = training_views.quality(causal_run, causal_run.recipe(), "en")
    for figure in ("1.824", "1.790 to 1.858", "34.2%", "3.02", "1.71", "245 documents"):
        assert figure in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_of_one_document_have_no_interval(tmp_path: Path, language: Language) -> None:
    run, recipe = make_sealed_run(tmp_path / "run", reports=of_one_document(make_reports()))
    no_interval = say(language, "number.no_interval")
    assert training_views.quality(run, recipe, language).count(no_interval) == 4
    assert training_views.after_curve(run, recipe, language).count(no_interval) == 6


def test_an_encoder_decoder_is_shown_by_the_spans_that_it_fills(span_run: RunDir) -> None:
    for language, words in {"en": "span-token accuracy", "es": "exactitud en los tokens de los tramos"}.items():
        shown = training_views.quality(span_run, span_run.recipe(), language)
        for figure in (words, "28.7", "4.8", "0.02"):
            assert figure in shown


def test_a_sample_tells_the_machines_words_from_the_persons(causal_run: RunDir, masked_run: RunDir) -> None:
    causal = training_views.quality(causal_run, causal_run.recipe(), "en")
    assert '<span class="dd-human">Return the number of</span><span> elements in the array.' in causal
    masked = training_views.quality(masked_run, masked_run.recipe(), "en")
    assert '<span class="dd-human">The default [MASK] is None.</span><span> → the default value is none.' in masked


def test_numbers_follow_the_language(causal_run: RunDir) -> None:
    recipe = causal_run.recipe()
    assert "12,345" in views.data(causal_run, recipe, "en")
    assert "12\u00a0345" in views.data(causal_run, recipe, "es")


def test_licences_have_the_share_that_the_weights_read(causal_run: RunDir) -> None:
    recipe = causal_run.recipe()
    for language, shown in (
        ("en", ["share of tokens read", "59%", "1,043"]),
        ("es", ["tokens leídos", "59\u00a0%", "1043"]),
    ):
        page = views.data(causal_run, recipe, language)
        assert [words for words in shown if words not in page] == []
        assert say(language, "page.none_read") in page and say(language, "term.share_of_tokens") not in page
    alone = views._licenses(causal_run.report("corpus", recipe), causal_run.report("tokens", recipe), None, "en")
    assert "share of training tokens" in alone and "61%" in alone


def test_the_curve_has_all_measured_points_and_a_running_mean(causal_run: RunDir) -> None:
    curves = training_views.curve_points(causal_run, "es").groupby("curve")["loss"]
    assert dict(curves.count()) == {"entrenamiento, cada paso": 200, "entrenamiento, suavizado": 200, "validación": 10}
    spread = curves.std()
    assert spread["entrenamiento, suavizado"] < spread["entrenamiento, cada paso"] + 0.5


def test_an_audit_is_shown_with_tables_pictures_and_sentences(causal_run: RunDir) -> None:
    for language, verdict in {"en": "found, but within the margin", "es": "lo hay, pero dentro del margen"}.items():
        shown = audit_views.audit(causal_run, causal_run.recipe(), language)
        assert verdict in shown and "dd-altered" not in shown and "data:image/png" in shown
        assert shown.count("<details") >= 3 and "La tía" not in shown.split("<details")[0]


def test_the_card_is_shown_without_metadata_and_with_its_picture(causal_run: RunDir) -> None:
    shown = views.card(causal_run, causal_run.recipe(), "en")
    assert shown.startswith("\n\n\n# The card in English")
    assert "](data:image/png;base64," in shown
    assert 'print("a > b")' in shown
    assert "README" not in shown and "library_name" not in shown


def test_the_space_asks_for_what_the_project_is_tested_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    lines = (ROOT / "app" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert set(wanted) <= set(project)


@pytest.mark.parametrize(
    ("language", "why"),
    [
        ("en", "Bits per byte, perplexity per word: not measured"),
        ("es", "Bits por byte, perplejidad por palabra: no se"),
    ],
)
def test_the_page_shows_perplexity_where_bits_per_byte_were_not_measured(language: Language, why: str) -> None:
    report = EvaluationReport.model_validate(without_bytes(make_reports()["evaluate"]))
    shown = training_views._quality(report, language)
    assert "corpus.test" not in shown
    assert "corpus.test" in training_views._quality(report.model_copy(update={"chose": ["early_stop"]}), language)
    assert why in shown and escape(say(language, "page.perplexity_explained")) in shown
