"""Whatever a reader or a library raises belongs to the record or the file that it was reading, and to no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Quarantined

Item = TypeVar("Item")


def reason_of(error: Exception) -> str:
    """What a quarantine says of an error: the system's or the library's first words, else its kind."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    words = " ".join(str(said).split())
    known = isinstance(error, (ValueError, OSError, EOFError)) and not isinstance(error, UnicodeError)
    return (words if known else f"{type(error).__name__}: {words}")[:500]


def contained(
    items: Iterable[Item], place: Callable[[Item | None], str], size: Callable[[], int] = int
) -> Iterator[Item | Quarantined]:
    """The items, and where reading raises, a quarantine behind the last of them.

    Raises `UserError` as it is, and for memory that is used up.
    place, size: where reading was, told the last item, and the bytes of what is read here; asked when it raises.
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
            f"{place(last)}: reading it takes more memory than there is ({error}): free some, or split it"
        ) from error
    except Exception as error:
        yield Quarantined(place(last), reason_of(error), 0 if last is not None else size())
