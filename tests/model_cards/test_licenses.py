"""How the Hub spells licences."""

from __future__ import annotations

import pytest

from desdecero.model_cards.licenses import hub_metadata


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("GPL-3.0-only", {"license": "gpl-3.0"}),
        ("LGPL-2.1-or-later", {"license": "lgpl-2.1"}),
        ("GFDL-1.3-or-later", {"license": "gfdl"}),
        ("LicenseRef-openrail", {"license": "openrail"}),
        ("LicenseRef-Our-Terms", {"license": "other", "license_name": "licenseref-our-terms"}),
        (
            "CC-BY-SA-2.0",
            {
                "license": "other",
                "license_name": "cc-by-sa-2.0",
                "license_link": "https://spdx.org/licenses/CC-BY-SA-2.0.html",
            },
        ),
        ("(MIT OR ISC) AND CC-BY-4.0", {"license": "other", "license_name": "mit-or-isc-and-cc-by-4.0"}),
        ("MIT AND CC-BY-4.0", {"license": "other", "license_name": "mit-and-cc-by-4.0"}),
    ],
)
def test_the_hub_gets_its_own_spelling(expression: str, expected: dict[str, str]):
    assert hub_metadata(expression) == expected
