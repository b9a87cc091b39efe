"""The card: what it says is what the reports hold, in both languages and for both kinds of model."""

from __future__ import annotations

import re
from typing import Any

import pytest
from card_evidence import make_evidence
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt
from sealed_run import estimate, make_recipe, make_reports
from whole_reports import held_out_suite, without_bytes

from desdecero.model_cards.card import render
from desdecero.model_cards.evidence import Evidence, Report
from desdecero.model_cards.formats import filters
from desdecero.model_cards.words import LANGUAGES, Language

NUMBER = re.compile(r"[+−]?\d+(?:[,\u00a0]\d{3})*(?:\.\d+)?(?:e-?\d+)?")


def writings(value: Any, language: Language) -> set[str]:
    """Every number that a filter may have made of a value; of a string, the numbers in it."""
    if isinstance(value, str):
        return set(NUMBER.findall(value))
    written = {f"{value}"}
    if not isinstance(value, bool):
        names = ("grouped", "size", "figure", "percent", "duration", "power", "probability")
        written |= {filters(language)[name](value) for name in names}
        written |= {filters(language)["figure"](value, 3)}
        for places in range(7):  # an interval's width decides on these
            written |= {
                f"{scale * value:{sign}.{places}f}".replace("-", "−") for scale in (1, 100) for sign in ("", "+")
            }
    return {number for text in written for number in NUMBER.findall(text)}


def prose(card: str) -> str:
    """A card without its front matter, code blocks, links and emphasis."""
    body = re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.S)
    return re.sub(r"(?ms)^(`{3,}).*?^\1$", "", body)


PAIRS = held_out_suite({"pair_accuracy": estimate(0.6173, 0.05)}, {"chance": {"pair_accuracy": 0.5}}, 412, {})


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("en", "| grammatical sentence preferred (higher is better) | 62% (57% to 67%) | 50% |"),
        (
            "es",
            "| prefiere la oración gramatical (mejor cuanto mayor) | 62\u00a0% (57\u00a0% a 67\u00a0%) | 50\u00a0% |",
        ),
    ],
)
def test_another_suite_has_a_table_without_being_known_to_the_card(language: Language, row: str):
    reports = make_reports()
    suites = [{**PAIRS, "name": "word_pairs", "kind": "pairs", "unit": "pairs"}]
    evidence = make_evidence()
    evidence._reports["evaluate"] = Report("evaluate.json", "", {**reports["evaluate"], "suites": suites})
    card = render(evidence, language)
    assert "### Word pairs" in card and "412 pairs" in card and row in card
    assert not evidence.missing


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_every_number_in_a_card_stands_in_a_report(architecture: str, language: Language):
    evidence = make_evidence(architecture)
    card = render(evidence, language)
    known = {"256"}  # of the name SHA-256
    for quote in evidence.quotes:
        known |= writings(quote["value"], language)
    found = NUMBER.findall(prose(card).replace("SHA-256", "SHA 256"))
    assert len(found) > 150
    assert [number for number in found if number not in known] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_reports_a_card_says_no_number_at_all(language: Language):
    """What no report holds is missing: nothing is written in the template, and nothing is guessed."""
    evidence = make_evidence(
        without=("corpus", "tokenizer", "tokens", "evaluate", "audit", "finetune", "seal.pretrain")
    )
    text = prose(render(evidence, language))
    section = text.split("## Eval")[1].split("## Int" if language == "en" else "## Uso")[0]
    assert NUMBER.findall(section) == []
    word = {"en": "**missing**", "es": "**falta**"}[language]
    assert section.count(word) > 5
    assert "corpus:/documents/kept" in evidence.missing
    assert "evaluate:/text/measures/bits_per_byte" in evidence.missing


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_a_whole_run_has_nothing_missing(architecture: str):
    evidence = make_evidence(architecture)
    for language in LANGUAGES:
        card = render(evidence, language)
        assert "missing**" not in card
        assert "falta**" not in card
    assert evidence.missing == []


@pytest.mark.parametrize(
    ("language", "why"), [("en", "because a model that fills gaps"), ("es", "porque un modelo que llena huecos")]
)
def test_what_cannot_be_measured_of_an_encoder_decoder_is_said(language: Language, why: str):
    card = render(make_evidence("t5"), language)
    assert why in card
    assert "AutoModelForSeq2SeqLM" in card and "The<extra_id_0> shall<extra_id_1>." in card


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_bits_per_byte_the_card_shows_perplexity_and_says_why(language: Language):
    evidence = make_evidence(changes={"evaluate": without_bytes(make_reports()["evaluate"])})
    card = render(evidence, language)
    why = {
        "en": "Bits per byte, perplexity per word: not measured",
        "es": "Bits por byte, perplejidad por palabra: no se midió",
    }
    assert why[language] in card
    assert re.search(r"25\s?%", card) and evidence.missing == []
    section = card.split("## Evalua")[1].split("\n## ")[0]
    assert "xz" not in section
    assert "xz," not in card and "xz," in render(make_evidence(), language)
    if language == "en":
        assert [result.metric_type for result in ModelCard(card).data.eval_results] == ["perplexity", "token_accuracy"]


@pytest.mark.parametrize(("language", "said"), [("en", "early stopping"), ("es", "parada temprana")])
def test_what_the_measured_text_chose_is_said_on_the_card_and_what_it_did_not_is_not(language: Language, said: str):
    evaluation = make_reports()["evaluate"]
    chosen = make_evidence(changes={"evaluate": {**evaluation, "chose": ["early_stop"]}})
    assert said in render(chosen, language).split("## Evalua")[1].split("\n## ")[0]
    assert said not in render(make_evidence(), language)
    tested = make_evidence(changes={"evaluate": {**evaluation, "split": "test"}})
    assert ModelCard(render(tested, "en")).data.eval_results[0].dataset_split == "test"


def test_a_model_without_licence_says_so():
    evidence = make_evidence("llama", "card.license=null")
    assert "Licence of the model: **missing**." in render(evidence, "en")
    assert "Licencia del modelo: **falta**." in render(evidence, "es")
    assert evidence.missing == ["recipe:/card/license"]


@pytest.mark.parametrize(
    ("architecture", "task", "metric", "value"),
    [
        ("llama", "text-generation", "bits_per_byte", 2.4641),
        ("bert", "fill-mask", "masked_accuracy", 0.2134),
        ("t5", "text2text-generation", "span_accuracy", 0.1834),
    ],
)
def test_the_hub_reads_its_metadata_back(architecture: str, task: str, metric: str, value: float):
    data = ModelCard(render(make_evidence(architecture), "en")).data
    assert data.library_name == "transformers"
    assert data.pipeline_tag == task
    assert data.license == "apache-2.0"
    assert data.language == ["en", "es"]
    assert data.datasets == ["someone/some-data", "wikimedia/wikipedia"]
    assert data.license_link == "https://spdx.org/licenses/Apache-2.0.html"
    assert data.co2_eq_emissions["emissions"] == 2.217  # grams: the report has kilograms
    assert data.model_name == "stamp"
    assert data.eval_results[0].metric_type == metric
    assert data.eval_results[0].metric_value == value


HOSTILE = "x\n---\nlicense: mit\n# Evaluation\n```\n<script>| a | b\n\n- **perfect** [here](http://evil.example)"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_users_write_cannot_break_the_card(language: Language):
    evidence = make_evidence()
    fields = ("purpose", "card.intended_use", "card.limitations", "card.contact")
    hostile = make_evidence("llama", *(f"{field}={quoted(HOSTILE)}" for field in fields))
    plain, broken = render(evidence, language), render(hostile, language)
    assert headings(broken) == headings(plain)
    assert "<script>" not in MarkdownIt("commonmark").render(broken)
    if language == "en":
        assert ModelCard(broken).data.to_dict() == ModelCard(plain).data.to_dict()


def quoted(text: str) -> str:
    return '"' + text.replace("\n", "\\n") + '"'


def headings(card: str) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(prose(card))
    return [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]


def test_few_steps_a_busy_machine_and_borrowed_beginnings_are_said():
    evidence = make_evidence()
    english, spanish = (render(evidence, language) for language in LANGUAGES)
    assert "few; the model has hardly begun to learn" in english and "apenas ha empezado a aprender" in spanish
    assert "the machine was busy with other work" in english and "la máquina estaba ocupada" in spanish
    assert "first words of held-out documents" not in english

    reports = make_reports("llama")
    reports["evaluate"]["prompts_from"] = "held_out"
    reports["pretrain"] |= {"few_steps": False, "machine_busy": False}
    contents = {"recipe": make_recipe("llama").model_dump(mode="json"), **reports}
    calm = Evidence({name: Report(f"{name}.json", "", content) for name, content in contents.items()})
    english, spanish = (render(calm, language) for language in LANGUAGES)
    assert "hardly begun" not in english and "ocupada" not in spanish
    assert "first words of held-out documents" in english and "primeras palabras de documentos reservados" in spanish


def test_both_languages_have_the_same_tables_and_sections():
    evidence = make_evidence()
    english, spanish = (render(evidence, language) for language in LANGUAGES)
    assert len(headings(english)) == len(headings(spanish))
    rows = [[line.count("|") for line in card.splitlines() if line.startswith("|")] for card in (english, spanish)]
    assert rows[0] == rows[1]


def test_every_table_is_a_table():
    """A blank line too few or too many turns a table into text: count what a Markdown reader sees."""
    card = render(make_evidence(), "en")
    html = MarkdownIt("commonmark").enable("table").render(prose(card))
    assert html.count("<table>") == len(re.findall(r"(?m)^\|(?::?-+:?\|)+$", card))
    assert "|---" not in html


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("en", "| telephones (Argentina) | at least 88.5% (57 of 59) | at least 27.6% (23 of 59) |"),
        ("es", "| teléfonos (Argentina) | al menos 88.5\u00a0% (57 de 59) | al menos 27.6\u00a0% (23 de 59) |"),
    ],
)
def test_recall_is_told_for_each_form_beside_its_name_and_alone(language: Language, row: str):
    assert row in render(make_evidence(), language)


def test_without_a_finetune_section_there_is_no_adapter():
    evidence = make_evidence("llama", "finetune=null", without=("finetune", "seal.finetune"))
    assert "Adapter" not in render(evidence, "en")
    assert "Adaptador" not in render(evidence, "es")
    assert evidence.missing == []


def test_the_card_claims_no_more_than_is_known():
    evidence = make_evidence()
    for language in LANGUAGES:
        card = render(evidence, language).lower()
        for claim in ("compliant", "pii removed", "conforme", "anonymous", "anónim", "state-of-the-art", "unbiased"):
            assert claim not in card


def test_licences_that_ask_more_are_named_with_their_share_of_tokens():
    card = render(make_evidence(), "en")
    assert "- **no commercial use**: 4.5% of the tokens read in training (CC-BY-NC-SA-4.0)" in card
    assert "- **share-alike or copyleft**: 4.5% of the tokens read in training (CC-BY-NC-SA-4.0)" in card
    assert "nothing can be said**: 1.6% of the tokens read in training (LicenseRef-unknown)" in card
    assert "- No commercial use, against commercial use: 4.5% of the tokens read in training" in card
    assert "- Share-alike or copyleft, against Apache-2.0: 4.5% of the tokens read in training" in card
