"""Licences: the formal, the messy, and those of every package that is installed here."""

from __future__ import annotations

import importlib.metadata

import pytest
from license_expression import get_spdx_licensing

from pipelines.corpus.licensing.names import UNKNOWN, License, identify, normalise
from pipelines.corpus.sources.installed_docs import _facts

MIT_TEXT = (
    "Copyright (c) Ann\n\nPermission is hereby granted, free of charge, to any person obtaining\na copy of this "
    "software. The above copyright notice shall be included in all copies."
)
BSD_TEXT = "Redistribution and use in source and binary forms are permitted. * Neither the name of Ann"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("MIT", License("MIT", "declared")),
        ("mit or apache-2.0", License("MIT OR Apache-2.0", "declared")),
        ("GPL-3.0", License("GPL-3.0-only", "declared")),
        ("LicenseRef-PE-DL822-art9", License("LicenseRef-PE-DL822-art9", "declared")),
        ("Apache 2.0 License", License("Apache-2.0", "free_text")),
        ("The Apache License, Version 2.0", License("Apache-2.0", "free_text")),
        ("BSD 3-Clause License", License("BSD-3-Clause", "free_text")),
        ("new BSD (3 clause)", License("BSD-3-Clause", "free_text")),
        ("CC BY-SA 4.0", License("CC-BY-SA-4.0", "free_text")),
        (MIT_TEXT, License("MIT", "free_text")),
        (BSD_TEXT, License("BSD-3-Clause", "free_text")),
        (BSD_TEXT + " x" * 3000 + "GNU GENERAL PUBLIC LICENSE Version 3", License("BSD-3-Clause", "free_text")),
        ("BSD", License(UNKNOWN, "unknown")),
        ("see the file", License(UNKNOWN, "unknown")),
        ("MIT AND (", License(UNKNOWN, "unknown")),
        ("Licence ¿cuál?", License(UNKNOWN, "unknown")),
        ("", License(UNKNOWN, "unknown")),
        (None, License(UNKNOWN, "unknown")),
    ],
)
def test_what_people_write_becomes_spdx_or_stays_unknown(stated: str | None, expected: License) -> None:
    assert normalise(stated) == expected


def test_the_more_formal_statement_counts() -> None:
    classifiers = ["Programming Language :: Python", "License :: OSI Approved :: MIT License"]
    assert identify("Apache-2.0", "BSD 3-Clause", classifiers) == License("Apache-2.0", "declared")
    assert identify(None, "BSD 3-Clause", classifiers) == License("BSD-3-Clause", "free_text")
    assert identify(None, "BSD", classifiers) == License("MIT", "classifier")
    assert identify(None, "BSD", [], [BSD_TEXT]) == License("BSD-3-Clause", "free_text")
    assert identify(None, None, ["License :: OSI Approved :: BSD License"]) == License(UNKNOWN, "unknown")


def test_two_classifiers_hold_together() -> None:
    both = ["License :: OSI Approved :: MIT License", "License :: OSI Approved :: Apache Software License"]
    assert identify(classifiers=both).expression == "Apache-2.0 AND MIT"


def test_every_package_installed_here_gets_a_valid_expression_and_hardly_one_is_unknown() -> None:
    spdx = get_spdx_licensing()
    found = {d.metadata["Name"]: _facts(d)[0] for d in importlib.metadata.distributions()}
    for name, known in found.items():
        foreign = [key for key in spdx.unknown_license_keys(known.expression) if not key.startswith("LicenseRef-")]
        assert foreign == [], f"{name}: {known}"
    unknown = [name for name, known in found.items() if known.evidence == "unknown"]
    assert len(unknown) <= len(found) / 20, unknown
