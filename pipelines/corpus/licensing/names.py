"""Licences as people write them, turned into SPDX expressions, with how each is known.

`declared`     an SPDX expression, written as such
`free_text`    a known wording ("Apache 2.0 License"), or the text of a licence, pasted or in a licence file
`classifier`   a classifier of the Python package index ("OSI Approved :: MIT License")
`unknown`      none of these names one licence: `LicenseRef-unknown`

A name that leaves the licence open stays unknown: "BSD" is four licences with different duties, and only
the text can tell which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from license_expression import ExpressionError, Licensing, get_spdx_licensing

UNKNOWN = "LicenseRef-unknown"


@dataclass(frozen=True, slots=True)
class License:
    expression: str
    evidence: str


def identify(
    expression: str | None = None,
    free_text: str | None = None,
    classifiers: Iterable[str] = (),
    texts: Iterable[str] = (),
) -> License:
    """The licence of a Python distribution, from the most to the least formal of what it says.

    expression: metadata `License-Expression` (PEP 639)
    free_text: metadata `License`: an SPDX identifier, a wording of one's own, or a whole licence
    classifiers: metadata `Classifier`; those about other things are passed over
    texts: the licence files that it ships, asked only where all else leaves it open
    """
    if expression and (found := spdx(expression)):
        return License(found, "declared")
    if free_text and (found := spdx(free_text) or wording(free_text) or recognise(free_text)):
        return License(found, "free_text")
    if found := _joined(_CLASSIFIERS.get(line.rpartition(" :: ")[2]) for line in classifiers if "License ::" in line):
        return License(found, "classifier")
    if found := _joined(recognise(text) for text in texts):
        return License(found, "free_text")
    return License(UNKNOWN, "unknown")


def normalise(text: str | None) -> License:
    """The licence that a data set states for a document, in one string."""
    if text and (found := spdx(text)):
        return License(found, "declared")
    if text and (found := wording(text) or recognise(text)):
        return License(found, "free_text")
    return License(UNKNOWN, "unknown")


def spdx(text: str) -> str | None:
    """The expression in SPDX's own spelling, or None where it is none. `LicenseRef-…` is one."""
    if len(text) > 500 or "\n" in text.strip():
        return None
    try:
        parsed = _licensing().parse(text.strip())
    except (ExpressionError, AttributeError, TypeError):  # the parser trips over some malformed words
        return None
    if parsed is None:
        return None
    unknown = _licensing().unknown_license_keys(parsed)
    if any(not re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", key) for key in unknown):
        return None
    return str(parsed.render())


def wording(text: str) -> str | None:
    """The licence behind a common way of writing its name."""
    return _WORDINGS.get(_plain(text))


def recognise(text: str) -> str | None:
    """The licence whose text this opens with, by phrases that only that licence has.

    Only the opening counts, as long as a short licence: behind it may stand those of bundled code.
    """
    opening = " ".join(text[: 2 * _OPENING].split()).lower()[:_OPENING]
    for expression, phrases in _TELLTALES:
        if all(phrase in opening for phrase in phrases):
            return expression
    return None


def _joined(found: Iterable[str | None]) -> str | None:
    """Several licences named side by side all hold, as far as anyone can tell."""
    names = sorted({name for name in found if name})
    return " AND ".join(f"({name})" if " " in name and len(names) > 1 else name for name in names) or None


def _plain(text: str) -> str:
    """Case, punctuation and the words "the", "license", "version" make no difference between names."""
    words = re.findall(r"[a-z]+|\d+(?:\.\d+)*\+?", text.lower())
    return " ".join(word for word in words if word not in {"the", "license", "licence", "licensed", "version", "v"})


@cache
def _licensing() -> Licensing:
    return get_spdx_licensing()


_WORDINGS = {
    _plain(name): expression
    for expression, names in {
        "Apache-2.0": ["Apache", "Apache 2", "Apache 2.0", "Apache Software", "Apache Software 2.0", "ASL 2.0",
                       "Apache Foundation 2.0", "Apache License, Version 2.0, January 2004", "ASF 2.0"],
        "MIT": ["MIT", "Expat", "MIT/Expat", "MIT X11", "X11 MIT", "MIT License (MIT)", "OSI Approved MIT",
                "MIT (Expat)"],
        "BSD-2-Clause": ["BSD 2 Clause", "2 Clause BSD", "Simplified BSD", "BSD Simplified", "FreeBSD",
                         "BSD two clause"],
        "BSD-3-Clause": ["BSD 3 Clause", "3 Clause BSD", "New BSD", "BSD New", "Modified BSD", "Revised BSD",
                         "BSD three clause", "three clause BSD", "BSD 3", "new BSD (3 clause)",
                         "BSD (3 clause)", "BSD License (3-clause)"],
        "0BSD": ["BSD 0 clause", "zero clause BSD"],
        "ISC": ["ISC", "ISCL", "ISC License (ISCL)"],
        "MPL-2.0": ["MPL 2", "MPL 2.0", "Mozilla Public 2.0", "Mozilla Public License 2.0 (MPL 2.0)"],
        "PSF-2.0": ["PSF", "PSF 2", "PSFL", "Python Software Foundation", "Python Software Foundation 2"],
        "GPL-2.0-only": ["GPL 2", "GPLv2", "GNU GPL 2", "GNU GPLv2"],
        "GPL-2.0-or-later": ["GPL 2+", "GPLv2+", "GPLv2 or later", "GPL 2 or later", "GNU GPL v2 or later"],
        "GPL-3.0-only": ["GPL 3", "GPL 3.0", "GPLv3", "GNU GPL 3", "GNU GPLv3", "GNU General Public v3",
                         "GNU General Public License v3 (GPLv3)"],
        "GPL-3.0-or-later": ["GPL 3+", "GPLv3+", "GPLv3 or later", "GPL 3 or later", "GNU GPL v3 or later",
                             "GNU General Public License v3 or later (GPLv3+)"],
        "LGPL-2.1-or-later": ["LGPL 2.1+", "LGPLv2.1+", "LGPL 2.1 or later"],
        "LGPL-3.0-only": ["LGPL 3", "LGPLv3", "GNU LGPL 3", "GNU LGPLv3"],
        "LGPL-3.0-or-later": ["LGPL 3+", "LGPLv3+", "LGPL v3 or later"],
        "AGPL-3.0-only": ["AGPL 3", "AGPLv3", "GNU AGPLv3"],
        "AGPL-3.0-or-later": ["AGPL 3+", "AGPLv3+"],
        "Unlicense": ["Unlicense"],
        "Zlib": ["zlib", "zlib/libpng"],
        "BSL-1.0": ["Boost Software 1.0", "Boost Software", "Boost"],
        "ZPL-2.1": ["ZPL 2.1", "Zope Public 2.1"],
        "WTFPL": ["WTFPL"],
        "CC0-1.0": ["CC0", "CC0 1.0", "CC0 1.0 Universal", "Creative Commons Zero"],
        "CC-BY-4.0": ["CC BY 4.0", "Creative Commons Attribution 4.0", "CC BY 4.0 International",
                      "Creative Commons Attribution 4.0 International"],
        "CC-BY-SA-4.0": ["CC BY SA 4.0", "Creative Commons Attribution ShareAlike 4.0",
                         "Creative Commons Attribution-Share Alike 4.0 International"],
        "CC-BY-SA-3.0": ["CC BY SA 3.0", "Creative Commons Attribution ShareAlike 3.0"],
        "CC-BY-NC-4.0": ["CC BY NC 4.0", "Creative Commons Attribution NonCommercial 4.0"],
        "CC-BY-NC-SA-4.0": ["CC BY NC SA 4.0"],
        "MIT OR Apache-2.0": ["MIT or Apache 2.0", "MIT/Apache 2.0", "Apache 2.0 or MIT"],
        "MIT-CMU": ["HPND MIT CMU", "MIT CMU"],
        "HPND": ["HPND", "Historical Permission Notice and Disclaimer"],
        "LicenseRef-public-domain": ["public domain", "dominio público"],
    }.items()
    for name in names
}  # fmt: skip
"""Wordings seen in the metadata of packages and data sets."""

_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "zlib/libpng License": "Zlib",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "Artistic License": "Artistic-2.0",
    "Zope Public License": "ZPL-2.1",
    "Public Domain": "LicenseRef-public-domain",
    # "If the Program does not specify a version number of this License, you may choose any version ever
    # published": section 9 of the GPL and its kin.
    "GNU General Public License (GPL)": "GPL-1.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-2.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
}
"""Classifiers that name one licence. "BSD License", "Other/Proprietary License" and "OSI Approved" name none."""

_OPENING = 2000
"""Characters: the MIT licence has 1,100, that of BSD with three clauses 1,500."""

_BSD = "redistribution and use in source and binary forms"
_TELLTALES: list[tuple[str, tuple[str, ...]]] = [
    ("Apache-2.0", ("apache license", "version 2.0, january 2004")),
    ("Apache-2.0", ("licensed under the apache license, version 2.0",)),
    ("MPL-2.0", ("mozilla public license version 2.0",)),
    ("AGPL-3.0-only", ("gnu affero general public license version 3",)),
    ("LGPL-3.0-only", ("gnu lesser general public license version 3",)),
    ("LGPL-2.1-only", ("gnu lesser general public license version 2.1",)),
    ("GPL-3.0-only", ("gnu general public license version 3",)),
    ("GPL-2.0-only", ("gnu general public license version 2",)),
    ("BSD-4-Clause", (_BSD, "all advertising materials mentioning")),
    ("BSD-3-Clause", (_BSD, "neither the name")),
    ("BSD-3-Clause", (_BSD, "names of its contributors may not be used")),
    ("BSD-3-Clause", (_BSD, "may not be used to endorse or promote products")),
    ("BSD-3-Clause", ("bsd 3-clause license",)),
    ("BSD-3-Clause", ("modified bsd license", "3-clause bsd")),
    ("BSD-2-Clause", (_BSD, "this list of conditions")),
    ("MIT", ("permission is hereby granted, free of charge, to any person obtaining a copy", "the above copyright")),
    (
        "ISC",
        ("permission to use, copy, modify, and/or distribute this software for any purpose", "the above copyright"),
    ),
    ("ISC", ("permission to use, copy, modify, and distribute this software for any purpose", "the above copyright")),
    ("0BSD", ("permission to use, copy, modify, and/or distribute this software for any purpose",)),
    ("PSF-2.0", ("python software foundation license version 2",)),
    ("BSL-1.0", ("boost software license - version 1.0",)),
    ("Zlib", ("this software is provided 'as-is', without any express or implied warranty", "altered source versions")),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    ("CC0-1.0", ("cc0 1.0 universal",)),
]
"""Phrases of licence texts, the more particular licence first."""
