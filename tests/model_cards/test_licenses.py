"""Licences: what their expressions ask, and how the Hub spells them."""

from __future__ import annotations

import pytest

from model_cards.licenses import asks, hub_metadata


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", set()),
        ("CC-BY-4.0", set()),
        ("CC0-1.0", set()),
        ("Apache-2.0 WITH LLVM-exception", set()),
        ("CC-BY-SA-4.0", {"share_alike"}),
        ("GPL-3.0-or-later", {"share_alike"}),
        ("MPL-2.0", {"share_alike"}),
        ("CC-BY-NC-4.0", {"non_commercial"}),
        ("CC-BY-NC-ND-4.0", {"non_commercial", "no_derivatives"}),
        ("CC-BY-NC-SA-4.0 AND MIT", {"non_commercial", "share_alike"}),
        ("GPL-2.0-only OR MIT", set()),
        ("(GPL-2.0-only OR MIT) AND CC-BY-SA-4.0", {"share_alike"}),
        ("LicenseRef-unknown", {"unknown"}),
        ("LicenseRef-our-own AND MIT", {"unknown"}),
        ("no ( licence", {"unknown"}),
        ("", {"unknown"}),
    ],
)
def test_what_a_licence_asks_beyond_a_notice(expression: str, expected: set[str]):
    assert asks(expression) == expected


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
