"""A part of the examples is cut off, to measure on or to choose settings on.

What is cut is a group of examples whose texts are the same or nearly so: none of them is left in training when another
is measured on. Groups are drawn by a hash of the seed and of what they hold, so that the order of files and records
makes no difference.

Every label has its share in both parts (stratification; for several labels at once, as in Sechidis, Tsoumakas &
Vlahavas 2011, from the rarest label on): one that two groups or more hold stands in both. Where groups hold several
labels, training keeps every label, and what is cut off has as many of them as that allows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from desdecero.pipelines.corpus.splits import draw
from desdecero.pipelines.finetuning.example import Example
from desdecero.pipelines.finetuning.overlap import components, folded

_NO_LABEL = ""
"""Stands for the label of a group that has none: a text of its own, or one without spans."""


@dataclass(frozen=True)
class _Group:
    members: tuple[int, ...]
    drawn: float
    labels: tuple[str, ...]


def cut(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Return (what stays, what is cut off), each in the order of the draw."""
    groups = _groups(examples, seed)
    taken = _taken(groups, share)
    parts: tuple[list[Example], list[Example]] = ([], [])
    for number, group in enumerate(groups):
        parts[number in taken].extend(examples[member] for member in group.members)
    return parts


def ordered(examples: Sequence[Example], seed: int) -> list[Example]:
    """Return the examples in an order that the seed and their content decide."""
    return sorted(examples, key=lambda example: (draw(seed, folded(example.content)), _identity(example)))


def _identity(example: Example) -> tuple[str, ...]:
    """Return what tells examples with the same draw apart, down to those that are equal but for their place."""
    return example.content, repr((example.messages, example.labels, example.spans)), example.place


def _groups(examples: Sequence[Example], seed: int) -> list[_Group]:
    members: dict[int, list[int]] = defaultdict(list)
    for number, group in enumerate(components([example.content for example in examples])):
        members[int(group)].append(number)
    found = []
    for own in members.values():
        own.sort(key=lambda number: _identity(examples[number]))
        labels = {label for number in own for label in examples[number].kinds}
        drawn = draw(seed, folded(examples[own[0]].content))
        found.append(_Group(tuple(own), drawn, tuple(sorted(labels)) or (_NO_LABEL,)))
    return sorted(found, key=lambda group: (group.drawn, _identity(examples[group.members[0]])))


def _taken(groups: Sequence[_Group], share: float) -> set[int]:
    """Return the numbers of the groups that are cut off."""
    holders: dict[str, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        for label in group.labels:
            holders[label].append(number)
    left = Counter({label: len(own) for label, own in holders.items()})
    taken: set[int] = set()
    for label in sorted(holders, key=lambda label: (len(holders[label]), label)):
        own = holders[label]
        wanted = min(max(round(share * len(own)), 1), len(own) - 1) if share else 0
        wanted -= len(own) - left[label]
        for number in own:
            if wanted <= 0:
                break
            if number not in taken and all(left[each] > 1 for each in groups[number].labels):
                taken.add(number)
                left.subtract(groups[number].labels)
                wanted -= 1
    return taken
