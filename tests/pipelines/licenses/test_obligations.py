"""What licences ask, and how that meets what one means to do."""

from __future__ import annotations

import importlib.metadata

import pytest
from license_expression import get_license_index

from desdecero.pipelines.licenses.expressions import is_listed
from desdecero.pipelines.licenses.names import identify
from desdecero.pipelines.licenses.obligations import CATEGORY_ASKS, obligations, row_of, table


def conflicts(expression: str, intended: str | None, use: str) -> set[tuple[str, str]]:
    return {(found.kind, found.certainty) for found in obligations(expression, intended, use).conflicts}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "kinds"),
    [
        ("CC-BY-4.0", {"attribution", "notice", "changes"}),
        ("CC-BY-SA-3.0", {"attribution", "notice", "changes", "share_alike"}),
        # The elements of an unversioned or ported licence are those of its name: neither more nor fewer.
        ("LicenseRef-CC-BY-NC-SA", {"attribution", "notice", "changes", "share_alike", "non_commercial"}),
        ("LicenseRef-CC-BY-NC-SA-2.5-PE", {"attribution", "notice", "changes", "share_alike", "non_commercial"}),
        ("LicenseRef-CC-BY-ND", {"attribution", "notice", "no_derivatives"}),
        ("CC-BY-NC-ND-2.5", {"attribution", "notice", "non_commercial", "no_derivatives"}),
        ("CC0-1.0", set()),
        ("LicenseRef-PE-DL822-art9", {"attribution"}),
        ("Apache-2.0 WITH LLVM-exception", {"notice", "changes"}),
        ("MIT AND CC-BY-SA-4.0", {"attribution", "notice", "changes", "share_alike"}),
        ("GPL-2.0-only OR MIT", {"notice"}),
        ("Apache-2.0+", {"notice", "changes"}),
        ("SSPL-1.0", {"use_limits"}),
        ("LicenseRef-all-rights-reserved", {"no_permission"}),
        # Short licences that ask for changes to be stated, and those that do not.
        *((name, {"notice", "changes"}) for name in ("PSF-2.0", "Python-2.0", "CNRI-Python", "Zlib", "ZPL-2.1", "W3C")),
        *((name, {"notice", "changes", "attribution"}) for name in ("IJG", "FTL", "zlib-acknowledgement")),
        *((name, {"notice"}) for name in ("MIT", "ISC", "PostgreSQL", "Unicode-DFS-2016")),
        ("Unicode-DFS-2015", {"notice", "changes"}),
        ("MPL-1.1", {"notice", "changes", "share_alike", "source"}),
        ("MPL-2.0-no-copyleft-exception", {"notice", "share_alike", "source"}),
        ("OSL-3.0", {"notice", "changes", "share_alike", "source"}),
        ("NLOD-2.0", {"attribution", "changes"}),
        ("LicenseRef-unknown", {"unknown"}),
        ("LicenseRef-nobody-knows", {"unknown"}),
        ("no ( licence", {"unknown"}),
    ],
)
def test_what_is_asked(expression: str, kinds: set[str]) -> None:
    assert obligations(expression).kinds == kinds


@pytest.mark.parametrize(
    ("expression", "intended", "use", "expected"),
    [
        ("MIT", "Apache-2.0", "commercial", set()),
        ("CC-BY-4.0", "Apache-2.0", "commercial", set()),
        ("CC0-1.0", None, "commercial", set()),
        # Non-commercial text: the use is excluded by the licence's own words; the model's licence is another matter.
        ("CC-BY-NC-4.0", "Apache-2.0", "commercial", {("non_commercial", "stated")}),
        ("CC-BY-NC-4.0", "Apache-2.0", "research", {("non_commercial", "unsettled")}),
        ("CC-BY-NC-4.0", "CC-BY-NC-4.0", "research", set()),
        ("CC-BY-NC-4.0", "CC-BY-NC-4.0 OR Apache-2.0", "research", {("non_commercial", "unsettled")}),
        # Share-alike: under the same licence, or one that it names.
        ("CC-BY-SA-4.0", "Apache-2.0", "commercial", {("share_alike", "unsettled")}),
        ("CC-BY-SA-4.0", None, "commercial", {("share_alike", "unsettled")}),
        ("CC-BY-SA-4.0", "CC-BY-SA-4.0", "commercial", set()),
        ("CC-BY-SA-3.0", "CC-BY-SA-4.0", "commercial", set()),
        ("CC-BY-SA-4.0", "CC-BY-SA-3.0", "commercial", {("share_alike", "unsettled")}),
        ("CC-BY-SA-4.0", "GPL-3.0-only", "commercial", set()),
        ("GPL-3.0-only", "CC-BY-SA-4.0", "commercial", {("share_alike", "unsettled")}),
        ("GPL-2.0-only", "GPL-3.0-only", "commercial", {("share_alike", "unsettled")}),
        ("GPL-2.0-or-later", "GPL-3.0-only", "commercial", set()),
        ("GFDL-1.3-or-later", "Apache-2.0", "commercial", {("share_alike", "unsettled")}),
        # Of a choice, the branch without a conflict.
        ("CC-BY-SA-4.0 OR GFDL-1.3-or-later", "CC-BY-SA-4.0", "commercial", set()),
        ("CC-BY-NC-4.0 OR CC-BY-4.0", "Apache-2.0", "commercial", set()),
        ("CC-BY-ND-4.0", "Apache-2.0", "commercial", {("no_derivatives", "unsettled")}),
        ("LicenseRef-openrail", "Apache-2.0", "commercial", {("use_limits", "unsettled")}),
        ("LicenseRef-openrail", "LicenseRef-openrail", "commercial", set()),
        ("LicenseRef-all-rights-reserved", "Apache-2.0", "research", {("no_permission", "stated")}),
        ("LicenseRef-unknown", "Apache-2.0", "research", {("unknown", "unknown")}),
    ],
)
def test_conflicts_with_the_intended_licence_and_use(
    expression: str, intended: str | None, use: str, expected: set[tuple[str, str]]
) -> None:
    assert conflicts(expression, intended, use) == expected


def test_each_thing_asked_has_its_origin() -> None:
    assert {ask.kind: ask.origin for ask in obligations("CC-BY-NC-SA-4.0").asks} == {
        "attribution": "§3(a)(1)(A)", "changes": "§3(a)(1)(B)", "notice": "§3(a)(1)(C)",
        "non_commercial": "§2(a)(1)", "share_alike": "§3(b)(1)",
    }  # fmt: skip
    assert "Source-available" in obligations("SSPL-1.0").asks[0].origin
    for license, row in table().items():
        assert all(row.asks.values()), license


def test_the_choice_is_said_and_the_weakest_basis_counts() -> None:
    found = obligations("MPL-2.0 AND (GPL-3.0-only OR MIT)")
    assert found.chosen == "MPL-2.0 AND MIT"
    assert found.basis == "text"
    assert obligations("MIT AND SSPL-1.0").basis == "category"
    assert obligations("MIT AND LicenseRef-unknown").basis == "unknown"


def by_name_or_category(license: str) -> set[str]:
    """What a licence asks by the elements of its name (Creative Commons) or by its category in ScanCode's index."""
    if license.startswith("CC-BY"):
        elements = {"NC": "non_commercial", "ND": "no_derivatives", "SA": "share_alike"}
        return {elements[part] for part in license.split("-") if part in elements}
    entries = (
        entry
        for entry in get_license_index()
        if license in (entry.get("spdx_license_key"), *entry.get("other_spdx_license_keys", ()))
    )
    return set(CATEGORY_ASKS.get(next(entries)["category"], ()))


def test_the_table_names_real_licences_and_agrees_with_their_categories_about_the_restrictive_ones() -> None:
    """Two readings of the same licences, made apart: the table's and that of ScanCode's categories."""
    restrictive = {"share_alike", "non_commercial", "no_derivatives"}
    for license in table():
        if license.startswith("LicenseRef-"):
            continue
        assert is_listed(license), license
        ours, theirs = set(row_of(license).asks) & restrictive, by_name_or_category(license) & restrictive
        # These two let adaptations be passed on only under themselves, and stand among the permissive ones there.
        if license not in ("OFL-1.0", "OFL-1.1", "MS-PL"):
            assert ours == theirs, f"{license}: {ours} here, {theirs} there"


def test_every_licence_of_an_installed_package_is_in_the_table() -> None:
    for distribution in importlib.metadata.distributions():
        stated = distribution.metadata.get("License-Expression") or distribution.metadata.get("License")
        found = obligations(identify(stated, stated).expression)
        if "unknown" not in found.kinds:
            assert found.basis in ("text", "recalled"), (distribution.metadata["Name"], found)


def test_an_expression_of_many_choices_is_answered_at_once() -> None:
    many = " AND ".join(f"(MIT OR GPL-{n % 3 + 1}.0-only)" for n in range(24))
    assert obligations(many).kinds == {"notice"}
