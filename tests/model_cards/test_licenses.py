"""How the Hub spells licences."""

from __future__ import annotations

import pytest

from desdecero.model_cards.licenses import hub_metadata


def linked(license: str) -> dict[str, str]:
    return {"license_link": f"https://spdx.org/licenses/{license}.html"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Apache-2.0", {"license": "apache-2.0", **linked("Apache-2.0")}),
        ("GPL-3.0-only", {"license": "gpl-3.0", **linked("GPL-3.0-only")}),
        ("LGPL-2.1-or-later", {"license": "lgpl-2.1", **linked("LGPL-2.1-or-later")}),
        ("GFDL-1.3-or-later", {"license": "gfdl", **linked("GFDL-1.3-or-later")}),
        ("LicenseRef-openrail", {"license": "openrail"}),
        ("LicenseRef-Our-Terms", {"license": "other", "license_name": "licenseref-our-terms"}),
        (
            "CC-BY-SA-2.0",
            {"license": "other", "license_name": "cc-by-sa-2.0", **linked("CC-BY-SA-2.0")},
        ),
        ("(MIT OR ISC) AND CC-BY-4.0", {"license": "other", "license_name": "mit-or-isc-and-cc-by-4.0"}),
        ("MIT AND CC-BY-4.0", {"license": "other", "license_name": "mit-and-cc-by-4.0"}),
    ],
)
def test_the_hub_gets_its_own_spelling(expression: str, expected: dict[str, str]):
    assert hub_metadata(expression) == expected
