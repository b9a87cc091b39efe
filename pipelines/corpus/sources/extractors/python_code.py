"""Python modules: their docstrings. Metadata of Python distributions: the long description."""

from __future__ import annotations

import ast
import email.parser
import re
import warnings
from collections.abc import Iterator

from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.sources.extraction import Unreadable, with_text


def extract(document: Document) -> Document | None:
    """Read the docstrings or the description; None if there is none. Raises `Unreadable` for invalid code."""
    if document.form == "metadata":
        return with_text(document, _description(document.text))
    try:
        return with_text(document, docstrings(document.text, _module_name(document.meta["path"])))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # Templates and code of other Python versions; MemoryError is how the parser reports too deep a nesting.
        raise Unreadable(f"not Python that this version reads: {error}") from None


def docstrings(code: str, module: str) -> str:
    """Return the docstrings of a module, its classes and their functions, in order, each below its qualified name.

    The module's stands below its full name, and theirs below their names within it: `DiGraph.add_edge`.

    Private ones (`_name`) are left out with all that they hold, and so are functions inside functions:
    they are notes to the author, not documentation. Raises `SyntaxError` for code that cannot be parsed.
    """
    if '"""' not in code and "'''" not in code and not code.lstrip().startswith(("'", '"', "r'", 'r"')):
        return ""  # one-line docstrings in single quotes are too rare to justify parsing 7% of all code
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in old code are irrelevant here
        tree = ast.parse(code)
    return "\n\n".join(f"{name}\n\n{text}" for name, text in _documented(tree, "", module))


_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _documented(node: _Documented, prefix: str, name: str) -> Iterator[tuple[str, str]]:
    if (text := ast.get_docstring(node)) and text.strip():
        yield prefix + name, text.strip("\n")
    inner = "" if isinstance(node, ast.Module) else f"{prefix}{name}."
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in _definitions(node.body):
            if not child.name.startswith("_") or (child.name.startswith("__") and child.name.endswith("__")):
                yield from _documented(child, inner, child.name)


def _definitions(body: list[ast.stmt]) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield definitions in a body, and in the branches of `if` and `try` (optional imports, versions)."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif isinstance(node, ast.If):
            yield from _definitions(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from _definitions(node.body + [n for h in node.handlers for n in h.body] + node.orelse)


def _description(metadata: str) -> str:
    """Return the long description of a distribution: the body of its METADATA file, or the old `Description` field."""
    message = email.parser.Parser().parsestr(metadata)
    text = str(message.get_payload()) or "\n".join(
        line.removeprefix(" " * 7).removeprefix("|") for line in (message["Description"] or "").splitlines()
    )
    return "" if text.strip() == "UNKNOWN" else _BADGES.sub("", text)


_BADGES = re.compile(
    r"^[ \t]*(?:\[?!\[[^\]\n]*\]\([^)\n]*\)(?:\]\([^)\n]*\))?[ \t]*)+$"  # Markdown: [![build](image)](link)
    r"|^\.\. (?:\|[^|\n]+\| )?image::.*(?:\n[ \t]+\S.*)*"  # reStructuredText: .. image:: and its options
    r"|^(?:\|[^|\n]+\|_{0,2}[ \t]*)+$"  # |build| |coverage|
    r"|^\.\. _[^:\n]+: \S+$"  # .. _link: address
    r"|^[ \t]*(?:</?(?:p|div|a|img|picture|source|br|h\d|center|span|sub)\b[^>\n]*>[ \t]*)+$",  # lines of HTML tags
    re.MULTILINE,
)
"""Lines of a project's page that hold pictures and addresses, and no words."""


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
