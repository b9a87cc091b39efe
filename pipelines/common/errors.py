"""Faults that the person who typed the command can put right.

A `UserError` carries one sentence: what is wrong, where, and how to fix it. The command line prints it and ends with
exit code 2. Anything else that is raised is a fault of this project and keeps its traceback, unless the state of the
machine explains it: no memory, no space, no permission (`explain`).
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor

from desdecero.pipelines.common.memory_limit import address_space, run_watched

EXIT_OK, EXIT_FINDING, EXIT_USER_ERROR, EXIT_INTERRUPTED = 0, 1, 2, 130

KEPT = "then type the same command; what was sealed is kept"
_NO_MEMORY = (
    "std::bad_alloc", "allocate memory", "out of memory", "not enough memory", "failed to map segment",
    "cannot map zero-fill pages", "start new thread", "pthread_create", "Resource temporarily unavailable",
)  # fmt: skip
"""How libraries, the dynamic loader and the system say it, in errors of any type."""
_BY_NUMBER = {
    errno.EROFS: "the file system is read-only{where}: name a folder that can be written",
    errno.EACCES: "no permission to write or read{where}: change its permissions, or name another folder",
    errno.EPERM: "no permission to write or read{where}: change its permissions, or name another folder",
    errno.EEXIST: "something is in the way{where}: move it, or name another folder",
    errno.EMFILE: "too many open files{where}: raise `ulimit -n`",
    errno.ENFILE: "too many open files on this machine{where}: close some programs",
    errno.EFBIG: "the file grew larger than the shell or the file system allows{where}: raise `ulimit -f`",
    errno.EIO: "the disk could not be read or written{where}: check it",
    errno.ESTALE: "a network file system lost the file{where}: mount it again",
    **{
        number: os.strerror(number) + "{where}: name another path"
        for number in (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
    },
}


class UserError(Exception):
    """One sentence for a person: what is wrong, where it is, and how to fix it."""


def explain(error: BaseException) -> str | None:
    """Return the sentence for an error that the machine's state explains, or None where the fault is ours.

    Libraries report a full disk and exhausted memory in their own words (safetensors, pyarrow and torch each differ),
    so the whole chain of causes is searched, by error number first and by the message second.
    """
    for seen in _chain(error):
        if isinstance(seen, UserError):
            return str(seen)
        number = seen.errno if isinstance(seen, OSError) else None
        where = f" ({seen.filename})" if isinstance(seen, OSError) and seen.filename else ""
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(seen):
            return f"the disk is full{where}: free some space, {KEPT}"
        if isinstance(seen, BrokenExecutor) and address_space() is None:
            return f"a worker process was ended by the system, mostly because memory ran out: free some memory, {KEPT}"
        if _is_out_of_memory(seen, number):
            return out_of_memory()
        if number in _BY_NUMBER:
            return _BY_NUMBER[number].format(where=where)
        if number == errno.ENOENT and "temporary directory" in str(seen):
            return "no folder for temporary files can be written: name one in TMPDIR"
        if number == errno.ENOENT and not _has_current_folder():
            return "the current folder was removed: change to another one"
    return None


def printable(text: object) -> str:
    """Text from a file or a file's name, for a terminal: control characters, line ends, halves of pairs and marks that
    turn the direction of writing are written as escapes, so that a name cannot pretend to be another sentence."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _is_out_of_memory(error: BaseException, number: int | None) -> bool:
    if isinstance(error, MemoryError | BrokenExecutor) or number in (errno.ENOMEM, errno.EAGAIN):
        return True  # EAGAIN: no further process or thread
    if address_space() is not None and isinstance(error, SystemError | ImportError):
        return not isinstance(error, ModuleNotFoundError)  # extensions that are half loaded fail in any words
    # What is no Exception is a panic of a library in Rust.
    possible = isinstance(error, OSError | RuntimeError | ImportError) or not isinstance(error, Exception)
    return possible and any(word in str(error) for word in _NO_MEMORY)


def out_of_memory() -> str:
    """The sentence for memory that ran out, with the shell's own limit where there is one."""
    limit = address_space()
    if limit is None:
        return f"memory ran out: close other programs, or take a machine with more of it, {KEPT}"
    return f"memory ran out: this shell allows {limit / 1e9:.1f} GB of it (`ulimit -v`): raise the limit, {KEPT}"


def _has_current_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def guard(main: Callable[[list[str]], int], argv: list[str] | None) -> int:
    """Run `main` on the command's words; turn errors that a person can fix into a sentence and exit code 2.

    Where the shell limits memory, the command runs in a child process: libraries abort without an exception there.
    """
    words = sys.argv[1:] if argv is None else argv
    if argv is None and address_space() is not None and "RANK" not in os.environ:
        code = run_watched(lambda: _guarded(main, words))
        if code is None:
            return _refuse(out_of_memory())
        if code == EXIT_INTERRUPTED:
            _say_interrupted()
        return code
    return _guarded(main, words)


def _guarded(main: Callable[[list[str]], int], words: list[str]) -> int:
    try:
        return _flushed(main, words)
    except KeyboardInterrupt:
        if address_space() is None:  # or the parent says it, which knows whether a person or a library interrupted
            _say_interrupted()
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`… | head`). Python would complain again at exit without this.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except SystemExit:
        raise
    except BaseException as error:  # a panic of a library in Rust is no Exception
        sentence = explain(error)
        if sentence is None:
            raise
        return _refuse(sentence)


def _flushed(main: Callable[[list[str]], int], words: list[str]) -> int:
    """Run `main`, then write what standard output still holds: at Python's exit, a closed pipe would be an error."""
    try:
        code = main(words)
    except SystemExit:  # of argparse, after it printed a command's help
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return code


def _say_interrupted() -> None:
    print("\ninterrupted: type the same command to go on from here", file=sys.stderr)


def _refuse(sentence: str) -> int:
    print(f"desdecero: {printable(sentence)}", file=sys.stderr)
    return EXIT_USER_ERROR
