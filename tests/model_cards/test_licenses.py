"""How the Hub spells licences."""

from __future__ import annotations

import pytest

from model_cards.licenses import hub_metadata


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("GPL-3.0-only", {"license": "gpl-3.0"}),
        ("MIT AND CC-BY-4.0", {"license": "other", "license_name": "mit-and-cc-by-4.0"}),
    ],
)
def test_the_hub_gets_its_own_spelling(expression: str, expected: dict[str, str]):
    assert hub_metadata(expression) == expected
