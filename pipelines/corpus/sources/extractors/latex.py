"""LaTeX sources as prose (pylatexenc): the text between \\begin{document} and the references.

Displayed formulas and notes are left out and counted; figures, tables, listings and citations are left out; inline
formulas stay as typed.
A file that another one includes (\\input) is a separate document.
"""

from __future__ import annotations

import re
from functools import cache

from pylatexenc import latexwalker
from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db

from desdecero.pipelines.corpus.document import Document, Edits
from desdecero.pipelines.corpus.sources.extraction import Unreadable, content, with_text
from desdecero.pipelines.corpus.sources.extractors.scripts import subscript, superscript

_DROPPED = (
    "figure", "table", "tabular", "tabularx", "longtable", "wrapfigure", "equation", "align", "alignat", "gather",
    "multline", "eqnarray", "displaymath", "math", "algorithm", "algorithmic", "lstlisting", "verbatim", "minted",
    "tikzpicture", "thebibliography", "filecontents", "comment", "CJK", "keywords",
)  # fmt: skip
_ENVIRONMENT = re.compile(rf"\\begin\s*\{{({'|'.join(_DROPPED)})(\*?)\}}.*?\\end\s*\{{\1\2\}}", re.DOTALL)
_DISPLAY = re.compile(r"(?<!\\)\$\$.*?(?<!\\)\$\$|\\\[.*?(?<!\\)\\\]", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%.*?(?:\n|\Z)")
_TITLE = re.compile(r"\\title\s*(?:\[[^\]]*\])?\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_FORMULAS = frozenset(("equation", "align", "alignat", "gather", "multline", "eqnarray", "displaymath", "math"))
_NOTE = re.compile(r"\\(?:footnote|footnotetext|thanks)\b")
_SCRIPT = re.compile(r"\\text(super|sub)script\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_NOTHING = (
    "cite", "citep", "citet", "citeauthor", "citeyear", "parencite", "textcite", "autocite", "ref", "eqref", "pageref",
    "autoref", "cref", "Cref", "label", "bibliography", "bibliographystyle", "thanks", "footnote", "footnotetext",
    "vspace", "hspace", "includegraphics", "input", "include", "index", "maketitle", "tableofcontents", "affiliation",
    "email", "author", "date", "title",
)  # fmt: skip
"""Macros that stand for no words of the text."""
_HEADINGS = ("part", "chapter", "section", "subsection", "subsubsection", "paragraph")


@cache
def _converter() -> LatexNodes2Text:
    context = get_default_latex_context_db()
    nothing = [MacroTextSpec(name, simplify_repl="") for name in _NOTHING]
    headings = [MacroTextSpec(name, simplify_repl="\n\n%(3)s\n\n") for name in _HEADINGS]
    context.add_context_category("prose", macros=nothing + headings, prepend=True)
    return LatexNodes2Text(latex_context=context, math_mode="verbatim", strict_latex_spaces=False)


def _to_text(converter: LatexNodes2Text, source: str) -> str:
    """Convert LaTeX to text. Ranges without markup bypass the parser, which reads a character at a time."""
    plain: list[str] = []

    def put_aside(match: re.Match[str]) -> str:
        if len(plain) == _PLACES:
            return match[0]
        plain.append(match[0])
        return chr(_FIRST + len(plain) - 1)

    short = _PLAIN.sub(put_aside, _PLACE.sub("\ufffd", source))
    text = converter.latex_to_text(short, tolerant_parsing=True)
    return _PLACE.sub(lambda match: plain[ord(match[0]) - _FIRST], text)


_PLAIN = re.compile(r"(?<=[ \n])[^\\{}$%&~#^_`'\-\n\[\]]{12,}")
_FIRST, _PLACES = 0xF0000, 0xFFFE  # a plane of Unicode for private use
_PLACE = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + _PLACES - 1)}]")


def extract(document: Document) -> Document | None:
    """Read the prose; None if there is none. Raises `Unreadable` if it cannot be parsed."""
    source = content(document)
    before, begun, body = source.partition("\\begin{document}")
    body = body if begun else source
    body = _COMMENT.sub("", body.partition("\\end{document}")[0])
    edits = Edits()

    def leave_out(match: re.Match[str]) -> str:
        if match.re is _DISPLAY or match[1] in _FORMULAS:
            edits.add("dropped_formula", " ".join(match[0].split())[:100])
        return " "

    for _ in range(5):  # nested environments of one kind
        shorter = _DISPLAY.sub(leave_out, _ENVIRONMENT.sub(leave_out, body))
        if shorter == body:
            break
        body = shorter
    if notes := len(_NOTE.findall(body)):
        edits.add("dropped_note", times=notes)
    title = _TITLE.search(_COMMENT.sub("", before)) or _TITLE.search(body)
    converter = _converter()

    def in_line(match: re.Match[str]) -> str:
        write = superscript if match[1] == "super" else subscript
        before = match.string[max(0, match.start() - 12) : match.start()]
        return write(converter.latex_to_text(match[2], tolerant_parsing=True), before)

    try:
        body = _SCRIPT.sub(in_line, body)
        text = _to_text(converter, body)
        words = converter.latex_to_text(title[1], tolerant_parsing=True) if title else ""
    except latexwalker.LatexWalkerError as error:
        raise Unreadable(f"not LaTeX that can be read: {error}") from None
    text = re.sub(r"[ \t]+(?=\n|[,.;:)])|(?<=\n)[ \t]+", "", text.replace("\u00a0", " "))
    text = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]{2,}", " ", text)).strip()
    return with_text(document, f"{words.strip()}\n\n{text}".strip(), title=" ".join(words.split()), edits=edits)
