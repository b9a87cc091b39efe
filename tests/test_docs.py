"""Links and mentions of pages lead somewhere, and docs/README.md lists every page."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from helpers import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Those that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def faulty(page: Path) -> list[str]:
    """Links of a page that lead nowhere."""
    found = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert faulty(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A `heading` here\n")
    (tmp_path / "page.md").write_text("[a](there.md#a-heading-here) [b](there.md#b) [c](gone.md) [d](#d)\n# D\n")
    assert faulty(tmp_path / "page.md") == ["there.md#b", "gone.md"]


def test_every_page_is_listed() -> None:
    listed = {(ROOT / "docs" / target).resolve() for target in LINK.findall((ROOT / "docs/README.md").read_text())}
    assert len(PAGES) > 15
    assert [page for page in PAGES if page.name != "README.md" and page not in listed] == []


def test_pages_that_files_mention_exist() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    mentions = {
        (name, mention)
        for name in listed
        # A changelog tells of pages that are gone.
        if name.endswith((".py", ".yaml", ".md", ".jinja", "Makefile")) and name != "CHANGELOG.md"
        for mention in re.findall(r"\bdocs/[\w/]+\.md\b", (ROOT / name).read_text(encoding="utf-8"))
    }
    assert len(mentions) > 30
    assert sorted(mention for mention in mentions if not (ROOT / mention[1]).is_file()) == []
