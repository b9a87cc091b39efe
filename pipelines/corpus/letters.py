"""The pattern of a run of letters, which several steps of the corpus use as their word."""

from __future__ import annotations

import re

LETTERS = re.compile(r"[^\W\d_]+")
"""Letters of any script: `\\w` without digits and the underscore."""
