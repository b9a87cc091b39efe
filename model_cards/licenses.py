"""Translate a model's licence from SPDX to the identifiers of the Hub."""

from __future__ import annotations

import re
from typing import Any

# The identifiers that the Hub knows and SPDX shares, in lower case (huggingface.co/docs/hub/repositories-licenses).
HUB_IDS = frozenset((
    "afl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0",
    "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0",
    "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "ecl-2.0",
    "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "isc", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl",
    "ncsa", "ofl-1.1", "osl-3.0", "postgresql", "unlicense", "wtfpl", "zlib",
))  # fmt: skip
OTHER_NAMES = {
    **{f"{name.upper()}-{tail}": name for name in ("agpl-3.0", "gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0")
       for tail in ("only", "or-later")},
    **{f"GFDL-{version}-{tail}": "gfdl" for version in ("1.1", "1.2", "1.3") for tail in ("only", "or-later")},
    "GPL-1.0-or-later": "gpl", "LGPL-2.0-or-later": "lgpl", "ODC-By-1.0": "odc-by", "ODbL-1.0": "odbl",
    "PDDL-1.0": "pddl", "C-UDA-1.0": "c-uda", "LGPLLR": "lgpl-lr", "AML": "apple-ascl",
    "LicenseRef-openrail-plus-plus": "openrail++",
    **{f"LicenseRef-{name}": name for name in (
        "apple-amlr", "bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m",
        "creativeml-openrail-m", "deepfloyd-if-license", "fair-noncommercial-research-license", "gemma",
        "grok2-community", "h-research", "intel-research", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3",
        "llama4", "openmdw-1.0", "openrail",
    )},
}  # fmt: skip
"""SPDX expression → identifier of the Hub, if they differ in more than case."""


def hub_metadata(expression: str) -> dict[str, Any]:
    """Return the front matter for a model's licence: the Hub's identifier, or `other` with the licence's name.

    A licence of SPDX's list has its address there. The name has only the characters that the Hub accepts: lower-case
    letters, digits, `-` and `.`.
    """
    name = re.sub(r"[^a-z0-9.]+", "-", expression.lower().replace("+", "-or-later")).strip("-")
    single = re.fullmatch(r"(?!LicenseRef-)[A-Za-z0-9.-]+", expression)
    link: dict[str, Any] = {"license_link": f"https://spdx.org/licenses/{expression}.html"} if single else {}
    if known := expression.lower() if expression.lower() in HUB_IDS else OTHER_NAMES.get(expression):
        return {"license": known, **link}
    return {"license": "other", "license_name": name, **link}
