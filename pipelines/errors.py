"""What goes wrong and can be mended by the person who typed the command.

A `UserError` carries one sentence: what is wrong, where, and how to mend it. The command line prints it and
ends with exit code 2. Anything else that is raised is our own fault and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

EXIT_OK, EXIT_FINDING, EXIT_USER_ERROR, EXIT_INTERRUPTED = 0, 1, 2, 130


class UserError(Exception):
    """One sentence for a person: what is wrong, where it is, and how to mend it."""


def explain(error: BaseException) -> str | None:
    """Return the sentence for an error that the machine's state explains, or None where it is our fault.

    Libraries report a full disk in their own words (safetensors, pyarrow and torch each differ), so the whole
    chain of causes is searched, by error number first and by the system's own message second.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UserError):
            return str(seen)
        number = seen.errno if isinstance(seen, OSError) else None
        where = f" ({seen.filename})" if isinstance(seen, OSError) and seen.filename else ""
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(seen):
            return f"the disk is full{where}: free some space, then type the same command; what was sealed is kept"
        if number in (errno.EACCES, errno.EPERM, errno.EROFS):
            return f"no permission to write or read{where}: choose another folder with --run-dir, or mend its rights"
        if number in (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG):
            return f"{os.strerror(number)}{where}: name another path"
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return None


def printable(text: object) -> str:
    """Text from a file or a file's name, for a terminal: control characters, line ends, halves of pairs and marks that
    turn the direction of writing are written as escapes, so that a name cannot pretend to be another sentence."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def guard(main: Callable[[list[str]], int], argv: list[str] | None) -> int:
    """Run `main` on the command's words; turn user errors into a sentence and exit code 2."""
    try:
        return main(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        print("\ninterrupted: type the same command to go on from here", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`… | head`). Python would complain again at exit without this.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            raise
        print(f"desdecero: {printable(sentence)}", file=sys.stderr)
        return EXIT_USER_ERROR
