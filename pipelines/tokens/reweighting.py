"""Reweighting: how often each group's text is trained on, so that the groups reach the shares in the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from desdecero.pipelines.common.errors import UserError


def reweight(
    sizes: Mapping[str, int], target: Literal["uniform"] | Mapping[str, float], max_epochs: float
) -> dict[str, float]:
    """Return the epochs of each group: how often its text is trained on, from 0 to `max_epochs`.

    sizes: bytes or tokens (or documents) by group. target: the share of each group in the training text; groups that
    it does not name divide the remaining share in proportion to their sizes.

    No text is left out unless its target is 0: the group with the most text for its share is read once, and the others
    more often, up to `max_epochs`. A group that would have to be read more often is read `max_epochs` times and stays
    below its share; `reached` computes the resulting shares.

    Raises `UserError` for unknown groups, and for shares that leave nothing to the others or exceed 1.
    """
    held = {group: size for group, size in sizes.items() if size > 0}
    shares = _shares(held, target)
    total = max(held[group] / share for group, share in shares.items() if share > 0)
    return {group: min(max_epochs, shares.get(group, 0.0) * total / size) for group, size in held.items()}


def reached(sizes: Mapping[str, int], epochs: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each group in the training text under these epochs."""
    given = {group: sizes[group] * times for group, times in epochs.items()}
    return {group: amount / sum(given.values()) for group, amount in given.items()}


def _shares(sizes: Mapping[str, int], target: Literal["uniform"] | Mapping[str, float]) -> dict[str, float]:
    if not sizes:
        raise UserError("tokens.reweight: there is no training text: check corpus.sources")
    if isinstance(target, str):
        return dict.fromkeys(sizes, 1 / len(sizes))
    if unknown := sorted(set(target) - set(sizes)):
        raise UserError(
            f"tokens.reweight.target: there is no text of group {unknown[0]!r}: the groups are "
            f"{', '.join(sorted(map(repr, sizes)))}"
        )
    named = sum(target.values())
    others = {group: size for group, size in sizes.items() if group not in target}
    if named > 1 + 1e-9 or (others and named > 1 - 1e-9) or (not others and abs(named - 1) > 1e-9):
        left = f", and leave nothing to {', '.join(sorted(others))}" if others and named <= 1 + 1e-9 else ""
        raise UserError(
            f"tokens.reweight.target: the shares add up to {named:g}{left}: make them add up to "
            f"{'less than 1' if others else '1'}"
        )
    rest = sum(others.values())
    return {**target, **{group: (1 - named) * size / rest for group, size in others.items()}}
