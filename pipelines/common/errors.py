"""Errors that the user can fix, and the exit codes of the commands.

A `UserError` carries one sentence: what is wrong, where, and how to fix it. The command line prints it and ends with
exit code 2. Any other exception is a bug of this project and keeps its traceback, unless the state of the machine
explains it: no memory, no space, no permission (`explain`).
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor

from desdecero.pipelines.common.memory_limit import address_space, run_watched

EXIT_OK, EXIT_FINDING, EXIT_USER_ERROR, EXIT_INTERRUPTED = 0, 1, 2, 130

KEPT = "then run the same command again; what was sealed is kept"
_NO_MEMORY = (
    "std::bad_alloc", "allocate memory", "out of memory", "not enough memory", "failed to map segment",
    "cannot map zero-fill pages", "start new thread", "pthread_create", "Resource temporarily unavailable",
)  # fmt: skip
"""Phrases by which libraries, the dynamic loader and the system report exhausted memory, in errors of any type."""
_BY_NUMBER = {
    errno.EROFS: "the file system is read-only{where}: name a folder that can be written",
    errno.EACCES: "no permission to write or read{where}: change its permissions, or name another folder",
    errno.EPERM: "no permission to write or read{where}: change its permissions, or name another folder",
    errno.EEXIST: "a file or folder with that name exists{where}: move it, or name another folder",
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
    """Error of the user: one sentence that says what is wrong, where, and how to fix it."""


def explain(error: BaseException) -> str | None:
    """Return the sentence for an error that the machine's state explains, or None for a bug of this project.

    Libraries word a full disk and exhausted memory differently (safetensors, pyarrow and torch each differ), so the
    whole chain of causes is searched, by error number first and by the message second.
    """
    for seen in _chain(error):
        if isinstance(seen, UserError):
            return str(seen)
        number = seen.errno if isinstance(seen, OSError) else None
        where = f" ({seen.filename})" if isinstance(seen, OSError) and seen.filename else ""
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(seen):
            return f"the disk is full{where}: free some space, {KEPT}"
        if isinstance(seen, BrokenExecutor) and address_space() is None:
            return f"the system ended a worker process, most likely because memory ran out: free some memory, {KEPT}"
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
    """Escape what is not printable in a text or file name before it goes to a terminal.

    Control characters, line ends, lone surrogates and bidirectional marks are escaped, so that a name cannot imitate
    another message.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def shown(words: str) -> str:
    """Escape like `printable` a sentence with values in it; the no-break spaces of its numbers stay."""
    return "\u00a0".join(map(printable, words.split("\u00a0")))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, then its cause, the cause of that, and so on."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _is_out_of_memory(error: BaseException, number: int | None) -> bool:
    if isinstance(error, MemoryError | BrokenExecutor) or number in (errno.ENOMEM, errno.EAGAIN):
        return True  # EAGAIN: no further process or thread
    if address_space() is not None and isinstance(error, SystemError | ImportError):
        return not isinstance(error, ModuleNotFoundError)  # extensions that are half loaded fail in any words
    # A BaseException that is not an Exception is a panic of a library in Rust.
    possible = isinstance(error, OSError | RuntimeError | ImportError) or not isinstance(error, Exception)
    return possible and any(word in str(error) for word in _NO_MEMORY)


def out_of_memory() -> str:
    """Return the sentence for exhausted memory, with the shell's limit where there is one."""
    limit = address_space()
    if limit is None:
        return f"memory ran out: close other programs, or use a machine with more memory, {KEPT}"
    return f"memory ran out: this shell allows {limit / 1e9:.1f} GB (`ulimit -v`): raise the limit, {KEPT}"


def _has_current_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def guard(main: Callable[[list[str]], int], argv: list[str] | None) -> int:
    """Run `main` on the command's arguments; report errors that the user can fix in a sentence, with exit code 2.

    Where the shell limits memory, the command runs in a child process: libraries abort without an exception there.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if argv is None and address_space() is not None and "RANK" not in os.environ:
        code = run_watched(lambda: _guarded(main, arguments))
        if code is None:
            return _print_error(out_of_memory())
        if code == EXIT_INTERRUPTED:
            print_interrupted()
        return code
    return _guarded(main, arguments)


def _guarded(main: Callable[[list[str]], int], arguments: list[str]) -> int:
    try:
        return _flushed(main, arguments)
    except KeyboardInterrupt:
        if address_space() is None:  # else the parent prints it: it knows whether a person or a library interrupted
            print_interrupted()
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has closed it (`… | head`); without this, Python reports an error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except SystemExit:
        raise
    except BaseException as error:  # a panic of a library in Rust is not an Exception
        sentence = explain(error)
        if sentence is None:
            raise
        return _print_error(sentence)


def _flushed(main: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Run `main`, then write what standard output still holds: at Python's exit, a closed pipe would be an error."""
    try:
        code = main(arguments)
    except SystemExit:  # of argparse, after it printed a command's help
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return code


def print_interrupted() -> None:
    """Say that Ctrl-C ended the command."""
    print("\ninterrupted: run the same command again to continue", file=sys.stderr)


def _print_error(sentence: str) -> int:
    print(f"desdecero: {printable(sentence)}", file=sys.stderr)
    return EXIT_USER_ERROR
