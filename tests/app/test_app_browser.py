"""The page in a real browser: every tab in both languages, and not one request that leaves the machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
GRADIO = [  # it sums up its queue with what pandas will not have for long
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    *GRADIO,
]

TABS = {
    "English": ["Try it", "Adapters", "Training", "Data and licences", "Bias audit", "Card"],
    "Español": [
        "Probar",
        "Adaptadores",
        "Entrenamiento",
        "Datos y licencias",
        "Auditoría de sesgos",
        "Ficha (model card)",
    ],
}
SHOWN = {  # on every tab but the first
    "English": ["Write", "How good it is", "Licences", "bias found", "The card in English"],
    "Español": ["Escribir", "Qué tal es", "Licencias", "hay sesgo", "La ficha en español"],
}
LOCAL = {"127.0.0.1", "localhost", "::1", ""}

expect.set_options(timeout=90_000)  # a machine that is busy with other tests is slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=["desktop", "phone"])
def tab(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A browser's tab that fails its test for a request that leaves the machine, or an error on the console."""
    size = {"desktop": {"width": 1200, "height": 850}, "phone": {"width": 390, "height": 844}}[request.param]
    faults: list[str] = []
    page = browser.new_page(viewport=size)
    page.on("request", lambda sent: faults.append(sent.url) if urlsplit(sent.url).hostname not in (*LOCAL, None) else 0)
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    page.close()
    assert not faults


@pytest.fixture(scope="module", autouse=True)
def server_stays_at_home() -> Iterator[None]:
    """The server runs in this process: it must not connect to another machine either."""
    left: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in LOCAL:
            left.append(str(arguments[1]))

    sys.addaudithook(watch)
    yield
    watching = False
    assert not left


def test_every_tab_in_both_languages(tab: Page, causal_page: str) -> None:
    tab.goto(causal_page)
    for language, names in TABS.items():
        tab.get_by_label(language).check()
        for name, words in zip(names[1:], SHOWN[language], strict=True):
            tab.get_by_role("tab", name=name, exact=True).click()
            expect(
                tab.get_by_role("tabpanel").get_by_text(words, exact=True).locator("visible=true").first
            ).to_be_visible()
            assert fits(tab), f"{name} is wider than the screen"
    assert tab.evaluate("document.documentElement.lang") == "es"


def test_text_is_written_and_the_reader_told_what_was_left_out(tab: Page, causal_page: str) -> None:
    tab.goto(causal_page)
    tab.get_by_label("Beginning of the text").fill("<b>bold</b> " + "Return the number of elements. " * 1200)
    tab.get_by_role("button", name="Write", exact=True).click()
    expect(tab.get_by_text("tokens written.")).to_be_visible()
    expect(tab.get_by_text("The text was too long for this model, which reads 4,096 tokens at a time")).to_be_visible()
    expect(tab.locator(".dd-human")).to_contain_text("<b>bold</b>")
    assert tab.locator(".dd-machine").inner_text()


def test_stop_stops(tab: Page, causal_page: str) -> None:
    tab.goto(causal_page)
    tab.get_by_role("button", name="Settings").click()
    length = tab.get_by_label("Length").first
    for _ in range(20):  # a page that is still waking up puts its own number back
        length.fill("2048")
        length.press("Tab")
        tab.wait_for_timeout(200)
        if length.input_value() == "2048":
            break
    tab.get_by_role("button", name="Write", exact=True).click()
    tab.locator(".dd-machine").wait_for(state="attached")
    tab.get_by_role("button", name="Stop", exact=True).click()
    expect(tab.locator(".dd-answer .pending, .dd-answer .generating")).to_have_count(0)
    tab.wait_for_timeout(1000)  # what was under way when it was pressed is still shown
    written = tab.locator(".dd-machine").inner_text()
    tab.wait_for_timeout(1000)
    assert tab.locator(".dd-machine").inner_text() == written
    assert tab.get_by_text("tokens written.").all_inner_texts() == []


def test_the_prompt_and_the_answer_survive_a_change_of_language(tab: Page, causal_page: str) -> None:
    tab.goto(causal_page)
    tab.get_by_role("button", name="This function computes").click()
    tab.get_by_role("button", name="Write", exact=True).click()
    expect(tab.get_by_text("tokens written.")).to_be_visible()
    tab.get_by_label("Español").check()
    expect(tab.get_by_role("button", name="Escribir", exact=True)).to_be_visible()
    expect(tab.get_by_label("Comienzo del texto")).to_have_value("This function computes")
    expect(tab.locator(".dd-machine")).to_be_visible()


def test_gaps_are_filled_in_and_a_text_without_one_gets_a_sentence(tab: Page, masked_page: str) -> None:
    tab.goto(masked_page)
    tab.get_by_role("button", name="Fill in", exact=True).click()
    expect(tab.locator(".dd-answer .dd-bar")).to_have_count(5)
    tab.get_by_label("Text with [MASK]").fill("Nothing is missing.")
    tab.get_by_role("button", name="Fill in", exact=True).click()
    expect(tab.get_by_text("The text has no [MASK]: write it where a word is missing.")).to_be_visible()


def test_a_classifiers_labels_and_a_taggers_spans_are_shown_as_they_are(tab: Page, adapted_page: str) -> None:
    tab.goto(adapted_page)
    open_adapter(tab, "support")
    expect(shown(tab.get_by_text("By accuracy, it is better than a linear classifier"))).to_be_visible()
    ask(tab, "Text", "Where is my card?", "Classify")
    expect(shown(tab.locator(".dd-answer .dd-bar"))).to_have_count(3)
    expect(shown(tab.locator(".dd-answer .dd-strong"))).to_have_count(1)
    expect(shown(tab.locator(".dd-answer")).first).to_contain_text("<b>fees</b>")
    expect(shown(tab.get_by_text("Refusing a request, a complaint or a refund"))).to_be_visible()
    open_adapter(tab, "pairs")
    shown(tab.get_by_label("Second text")).fill("Yes.")
    ask(tab, "Text", "Where is it?", "Classify")
    expect(shown(tab.locator(".dd-answer .dd-strong"))).to_have_count(1)
    open_adapter(tab, "health")
    ask(tab, "Text", "<i>Aspirin</i> on Monday, and a pill at noon.", "Mark")
    expect(shown(tab.locator("mark.dd-span")).first).to_be_visible()
    expect(shown(tab.locator(".dd-answer .dd-written i"))).to_have_count(0)  # what was typed is text
    tab.get_by_label("Español").check()
    expect(shown(tab.get_by_text("No debe usarse para"))).to_be_visible()
    assert fits(tab)


def test_a_conversation_goes_on_and_a_prompt_is_answered_beside_the_base(tab: Page, adapted_page: str) -> None:
    tab.goto(adapted_page)
    open_adapter(tab, "helper")
    shown(tab.get_by_role("button", name="Settings")).click()
    shown(tab.get_by_label("Length").first).fill("8")
    for number, message in enumerate(("What is <b>len</b>?", "And abs?"), start=1):
        ask(tab, "Your message", message, "Send")
        expect(shown(tab.get_by_text("8 tokens written."))).to_be_visible()
        expect(tab.get_by_test_id("bot")).to_have_count(number)
        expect(tab.get_by_test_id("user").last).to_contain_text(message)
    ask(tab, "Both models get it", "Return the", "Write")
    expect(shown(tab.locator(".dd-beside .dd-machine"))).to_have_count(2)
    expect(shown(tab.locator(".dd-beside").get_by_text("8 tokens written."))).to_have_count(2)
    shown(tab.get_by_role("button", name="New conversation")).click()
    expect(tab.get_by_test_id("bot")).to_have_count(0)
    assert fits(tab)


def open_adapter(tab: Page, name: str) -> None:
    tab.get_by_role("tab", name="Adapters", exact=True).click()
    tab.get_by_role("tab", name=name, exact=True).click()


def ask(tab: Page, label: str, text: str, button: str) -> None:
    box = shown(tab.get_by_label(label, exact=label in ("Text", "Your message")))
    box.fill(text)
    box.press("Tab")  # gradio sends what a box held when it was left
    shown(tab.get_by_role("button", name=button, exact=True)).click()


def shown(found: Locator) -> Locator:
    """What is not in a tab that is hidden."""
    return found.locator("visible=true")


def test_a_run_without_stages_says_what_to_type(tab: Page, new_page: str) -> None:
    tab.goto(new_page)
    for name, command in zip(TABS["English"][1:], ["finetune", "evaluate", "corpus", "audit", "card"], strict=True):
        tab.get_by_role("tab", name=name, exact=True).click()
        expect(
            tab.get_by_role("tabpanel").get_by_text(f"desdecero {command} ").locator("visible=true").first
        ).to_be_visible()


def fits(tab: Page) -> bool:
    """Nothing makes the page scroll sideways."""
    return tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
