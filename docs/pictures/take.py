"""Takes the pictures of the READMEs: the page of a run and its card, in English and Spanish.

    python docs/pictures/take.py runs/quickstart

Writes page.en.png, page.es.png, card.en.png and card.es.png beside this file. Needs `playwright` and Chromium.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from desdecero.app.app import serve
from desdecero.pipelines.run.run_dir import find_run

HERE = Path(__file__).parent
SIZE = {"width": 1100, "height": 760}
COLORS = 64
"""As many as text and tables need; a picture then takes some 30 kB."""
WORDS = {
    "en": {"write": "Write", "written": "tokens written.", "card": "Card", "section": "Evaluation"},
    "es": {"write": "Escribir", "written": "tokens escritos.", "card": "Ficha (model card)", "section": "Evaluación"},
}


def take(page: Page, language: str) -> None:
    """Take the page once it has written a text, and the card where it tells how good the model is."""
    words = WORDS[language]
    page.get_by_role("button", name=words["write"], exact=True).click()
    expect(page.get_by_text(words["written"])).to_be_visible(timeout=60_000)
    save(page, f"page.{language}.png")
    page.get_by_role("tab", name=words["card"], exact=True).click()
    page.get_by_role("heading", name=words["section"], exact=True).first.evaluate("heading => heading.scrollIntoView()")
    page.wait_for_timeout(1_000)  # for the last of the scrolling
    save(page, f"card.{language}.png")


def save(page: Page, name: str) -> None:
    """Save what the window shows."""
    page.screenshot(path=HERE / name)
    Image.open(HERE / name).convert("RGB").quantize(COLORS).save(HERE / name, optimize=True)


def main(run: str) -> None:
    """Serve the run on this machine in each language, and take its pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for language in WORDS:
            served = serve(find_run(run), language)
            page = browser.new_page(viewport=SIZE)
            page.goto(served.local_url)
            take(page, language)
            served.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
