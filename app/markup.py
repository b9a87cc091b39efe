"""Build HTML. Text that is inserted into a piece is escaped, unless it is `Markup` itself."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

NOTHING = Markup("")


@dataclass(frozen=True)
class Column:
    """A column of a table; numeric ones are aligned right."""

    title: str
    numeric: bool = False


def element(tag: str, *children: str, css: str = "") -> Markup:
    """Return an element with its children, and a class if `css` is given."""
    opening = Markup('<{} class="{}">').format(tag, css) if css else Markup("<{}>").format(tag)
    return opening + NOTHING.join(children) + Markup("</{}>").format(tag)


def section(title: str, *children: str) -> Markup:
    """Return a section with a heading."""
    return element("section", element("h2", title), *children)


def paragraph(text: str, css: str = "") -> Markup:
    """Return a paragraph."""
    return element("p", text, css=css)


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Markup:
    """Return a table. On a phone each row becomes a block, and each cell shows its column's title (see style.css)."""
    head = [_cell("th", column.title, column) for column in columns]
    body = [
        element("tr", *(_cell("td", cell, column) for cell, column in zip(row, columns, strict=True))) for row in rows
    ]
    whole = element("table", element("thead", element("tr", *head)), element("tbody", *body))
    return element("div", whole, css="dd-table")


def _cell(tag: str, text: str, column: Column) -> Markup:
    css = "dd-number" if column.numeric else ""
    return Markup('<{0} class="{1}" data-title="{2}"><span>{3}</span></{0}>').format(tag, css, column.title, text)


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Return names and values in two columns."""
    rows = (element("div", element("dt", name), element("dd", value)) for name, value in pairs)
    return element("dl", *rows, css="dd-facts")


def tiles(entries: Iterable[tuple[str, str, str]]) -> Markup:
    """Return a few large figures: (value, label, note)."""
    return element(
        "div",
        *(
            element("div", element("strong", value), element("span", label), element("small", note), css="dd-tile")
            for value, label, note in entries
        ),
        css="dd-tiles",
    )


def bars(entries: Iterable[tuple[str, str, float, bool]]) -> Markup:
    """Return horizontal bars: (name, value as text, length between 0 and 1, whether it is highlighted)."""
    rows = (
        Markup('<div class="dd-bar{}"><span>{}</span><i><b style="width:{:.2f}%"></b></i><em>{}</em></div>').format(
            " dd-strong" if strong else "", name, 100 * length, value
        )
        for name, value, length, strong in entries
    )
    return element("div", *rows, css="dd-bars")


def chip(text: str, tone: str) -> Markup:
    """Return a word with a colour: `good`, `bad` or `unsure`."""
    return element("span", text, css=f"dd-chip dd-{tone}")


def mark(text: str, title: str) -> Markup:
    """Return a piece of text that is marked, with what is shown when a pointer rests on it."""
    return Markup('<mark title="{}">{}</mark>').format(title, text)


def details(summary: str, *children: str) -> Markup:
    """Return a section that is collapsed until it is clicked."""
    return element("details", element("summary", summary), *children)


def bullets(items: Iterable[str]) -> Markup:
    """Return a list with bullets."""
    return element("ul", *(element("li", item) for item in items))


def picture(png: bytes, description: str) -> Markup:
    """Return a PNG that is embedded in the page."""
    return Markup('<img class="dd-picture" src="{}" alt="{}">').format(data_uri(png), description)


def data_uri(png: bytes) -> str:
    """Return a PNG as a `data:` address."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
