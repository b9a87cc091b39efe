"""Read the docstrings of typed classes and of their fields, for pages that are generated from them."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap


def docstring(cls: type) -> str:
    """Return the docstring of the class itself, on one line; "" without one."""
    return " ".join((cls.__doc__ or "").split()) if "__doc__" in vars(cls) else ""


def field_docstring(cls: type, name: str) -> str:
    """Return the string below a field, in the class or in the nearest class of desdecero that it inherits from; "" if
    there is none."""
    for owner in cls.__mro__:
        if owner.__module__.startswith("desdecero.") and (text := _strings_below_fields(owner).get(name)):
            return text
    return ""


@functools.cache
def _strings_below_fields(cls: type) -> dict[str, str]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(tree, ast.ClassDef)
    strings = {}
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                strings[name] = " ".join(text.split())
    return strings
