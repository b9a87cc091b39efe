"""Options of commands with which a model writes: how it draws tokens, and how many."""

from __future__ import annotations

import argparse

from desdecero.pipelines.common.errors import UserError

LONGEST_ANSWER = 256
"""Tokens of an answer by default, at most; half of a context that is shorter than twice that."""


def add_writing_options(parser: argparse.ArgumentParser, temperature: float, written: str) -> None:
    """Add the options. temperature: the default; written: what is written, for the help."""
    parser.add_argument(
        "--temperature", type=float, default=temperature, metavar="T",
        help=f"of writing: 0 takes the likeliest token each time (default: {temperature:g})",
    )  # fmt: skip
    parser.add_argument(
        "--max-tokens", type=int, metavar="N",
        help=f"tokens of {written}, at most (default: {LONGEST_ANSWER}, or half of the context)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the numbers that are drawn (default: 0)")


def check_writing_options(arguments: argparse.Namespace) -> None:
    """Raise `UserError` for numbers that cannot be drawn with."""
    if not 0 <= arguments.temperature <= 10:
        raise UserError(f"--temperature {arguments.temperature}: give a number from 0 to 10")
    if not 0 <= arguments.seed < 2**53:
        raise UserError(f"--seed {arguments.seed}: give a number from 0 to 2^53")


def answer_length(arguments: argparse.Namespace, context_length: int) -> int:
    """Return the tokens of an answer, at most. Raises `UserError` for more than a context of so many tokens holds."""
    longest: int = min(LONGEST_ANSWER, context_length // 2) if arguments.max_tokens is None else arguments.max_tokens
    if not 0 < longest < context_length:
        raise UserError(f"--max-tokens {longest}: give a number from 1 to {context_length - 1}")
    return longest
