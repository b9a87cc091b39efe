"""Containment of errors: one that a reader or a library raises affects only the record or the file being read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Quarantined

Item = TypeVar("Item")


def reason_of(error: Exception) -> str:
    """Return an error's text for a quarantine: the system's or the library's first words, else its type."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    words = " ".join(str(text).split())
    known = isinstance(error, (ValueError, OSError, EOFError)) and not isinstance(error, UnicodeError)
    return (words if known else f"{type(error).__name__}: {words}")[:500]


def contained(
    items: Iterable[Item], place: Callable[[Item | None], str], size: Callable[[], int] = int
) -> Iterator[Item | Quarantined]:
    """Yield the items, and if reading raises, a quarantine after the last of them.

    `UserError` is raised unchanged, and also when memory is exhausted.
    place, size: return where reading stopped, given the last item, and the bytes being read; called only on an error.
    """
    last: Item | None = None
    try:
        for item in items:
            last = item
            yield item
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(
            f"{place(last)}: reading it needs more memory than available ({error}): free some, or split it"
        ) from error
    except Exception as error:  # noqa: BLE001  any error belongs to what was being read
        yield Quarantined(place(last), reason_of(error), 0 if last is not None else size())
