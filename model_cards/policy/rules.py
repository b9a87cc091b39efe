"""The rules as `rules.yaml` declares them. Imports no library but yaml: machines that only train read recipes, too."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

from desdecero.model_cards.policy.types import Rule

NEVER_WAIVED = ("seals",)
BY_LICENSE = ("license_denied", "license_conflict", "license_unknown")
"""Rules whose waivers may name licences."""


@functools.cache
def rules() -> Mapping[str, Rule]:
    """Read the rules, by name, in the order in which they are told."""
    text = (resources.files("desdecero.model_cards.policy") / "rules.yaml").read_text(encoding="utf-8")
    return {
        name: Rule(name=name, **{"adapter": {}, **{key: _frozen(value) for key, value in rule.items()}})
        for name, rule in yaml.safe_load(text).items()
    }


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
