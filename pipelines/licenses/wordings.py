"""Data of `names`: wordings, classifiers, addresses, identifiers of the Hub, and phrases of licence texts.

The wordings occur in the metadata of packages and datasets. Those of Creative Commons are read by `creative_commons`.
"""

from __future__ import annotations

import re

WORDINGS: dict[str, list[str]] = {
    "Apache-2.0": [
        "Apache", "Apache 2", "Apache 2.0", "Apache Software", "Apache Software 2.0", "ASL 2.0", "ASL 2", "ASF 2.0",
        "Apache Foundation 2.0", "Apache License, Version 2.0, January 2004", "Apache License 2.0 (Apache-2.0)",
        "Licencia Apache 2.0", "Apache-2.0 License", "Apache 2 License, Version 2.0", "Apache Software License v2",
    ],
    "MIT": [
        "MIT", "Expat", "MIT/Expat", "MIT X11", "MIT/X11", "X11 MIT", "MIT License (MIT)", "OSI Approved MIT",
        "MIT (Expat)", "Expat (MIT/X11)", "MIT Licence", "Licencia MIT", "Licença MIT", "MIT license.", "MIT Expat",
    ],
    "MIT-0": ["MIT 0", "MIT No Attribution"],
    "BSD-2-Clause": [
        "BSD 2 Clause", "2 Clause BSD", "Simplified BSD", "BSD Simplified", "FreeBSD", "BSD two clause", "BSD 2",
        'BSD 2-Clause "Simplified" License', "two clause BSD", "BSD (2 clause)",
    ],
    "BSD-3-Clause": [
        "BSD 3 Clause", "3 Clause BSD", "New BSD", "BSD New", "Modified BSD", "Revised BSD", "BSD three clause",
        "three clause BSD", "BSD 3", "new BSD (3 clause)", "BSD (3 clause)", "BSD License (3-clause)",
        'BSD 3-Clause "New" or "Revised" License', "BSD 3 Clause Revised", "BSD 3-Clause New License",
    ],
    "0BSD": ["BSD 0 clause", "zero clause BSD"],
    "ISC": ["ISC", "ISCL", "ISC License (ISCL)"],
    "MPL-1.1": ["MPL 1.1", "Mozilla Public 1.1"],
    "MPL-2.0": [
        "MPL 2", "MPL 2.0", "MPLv2", "MPLv2.0", "Mozilla Public 2.0", "Mozilla Public License 2.0 (MPL 2.0)",
        "Mozilla Public License, v. 2.0",
    ],
    "EPL-1.0": ["EPL 1.0", "Eclipse Public 1.0"],
    "EPL-2.0": ["EPL 2.0", "EPL 2", "Eclipse Public 2.0", "Eclipse Public License - v 2.0"],
    "EUPL-1.2": [
        "EUPL 1.2", "European Union Public 1.2", "EUPL v1.2", "Licencia Pública de la Unión Europea 1.2",
        "Licença Pública da União Europeia 1.2",
    ],
    "PSF-2.0": [
        "PSF", "PSF 2", "PSFL", "Python Software Foundation", "Python Software Foundation 2", "PSF License 2.0",
        "PSF-2.0 License",
    ],
    "Artistic-2.0": ["Artistic 2.0", "Artistic 2"],
    "Unlicense": ["Unlicense", "The Unlicense (Unlicense)"],
    "Zlib": ["zlib", "zlib/libpng"],
    "BSL-1.0": ["Boost Software 1.0", "Boost Software", "Boost", "Boost Software License 1.0 (BSL-1.0)"],
    "ZPL-2.1": ["ZPL 2.1", "Zope Public 2.1"],
    "WTFPL": ["WTFPL", "Do What The Fuck You Want To Public License"],
    "MIT OR Apache-2.0": ["MIT or Apache 2.0", "MIT/Apache 2.0"],
    "Apache-2.0 OR MIT": ["Apache 2.0 or MIT"],
    "MIT-CMU": ["HPND MIT CMU", "MIT CMU"],
    "HPND": ["HPND", "Historical Permission Notice and Disclaimer"],
    "ODC-By-1.0": ["ODC BY", "ODC BY 1.0", "Open Data Commons Attribution", "Open Data Commons Attribution 1.0",
                   "Open Data Commons Attribution License (ODC-By) v1.0"],
    "ODbL-1.0": [
        "ODbL", "ODbL 1.0", "Open Database", "Open Database 1.0", "Open Data Commons Open Database",
        "Open Database License (ODbL)", "Open Database License (ODbL) v1.0",
        "Open Data Commons Open Database License (ODbL) v1.0",
    ],
    "PDDL-1.0": ["PDDL", "PDDL 1.0", "ODC PDDL", "Open Data Commons Public Domain Dedication and License"],
    "OGL-UK-3.0": ["OGL 3.0", "Open Government Licence 3.0", "UK Open Government Licence 3.0", "OGL v3"],
    "etalab-2.0": ["Licence Ouverte 2.0", "Etalab 2.0", "Licence Ouverte / Open Licence 2.0", "Etalab Open 2.0"],
    "OFL-1.1": ["OFL 1.1", "SIL Open Font 1.1", "SIL OFL 1.1"],
    "LAL-1.3": ["Free Art 1.3", "Licence Art Libre 1.3", "Licencia Arte Libre 1.3"],
    "LicenseRef-Project-Gutenberg": [
        "Project Gutenberg", "Project Gutenberg-tm License", "The Full Project Gutenberg License",
        "Licencia del Proyecto Gutenberg",
    ],
    "LicenseRef-public-domain": [
        "public domain", "dominio público", "domínio público", "obra en dominio público", "PD", "en dominio público",
        "in the public domain", "domaine public", "public domain in the USA", "Public domain in the USA.",
        "de dominio público", "em domínio público", "obra em domínio público", "obra de dominio público",
        "PD-old", "PD-US",
    ],
    "LicenseRef-all-rights-reserved": [
        "all rights reserved", "todos los derechos reservados", "todos os direitos reservados", "proprietary",
        "reservados todos los derechos", "© all rights reserved", "derechos reservados", "propietaria",
    ],
}  # fmt: skip
"""Expression → wordings of its name; case, accents, punctuation and "the", "license", "version" are ignored."""

HUB: dict[str, str] = {
    "afl-3.0": "AFL-3.0", "agpl-3.0": "AGPL-3.0-only", "apple-ascl": "AML", "c-uda": "C-UDA-1.0",
    "lgpl-lr": "LGPLLR", "odbl": "ODbL-1.0", "odc-by": "ODC-By-1.0", "openmdw": "LicenseRef-openmdw-1.0",
    "openrail++": "LicenseRef-openrail-plus-plus", "pddl": "PDDL-1.0",
    **{name: f"LicenseRef-{name}" for name in (
        "apple-amlr", "bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m",
        "creativeml-openrail-m", "deepfloyd-if-license", "fair-noncommercial-research-license", "gemma",
        "grok2-community", "h-research", "intel-research", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3",
        "llama4", "openmdw-1.0", "openrail",
    )},
}  # fmt: skip
"""Identifiers of the Hugging Face Hub that SPDX does not read (huggingface.co/docs/hub/repositories-licenses); `cc`,
`bsd`, `other` and `unknown` name no licence."""

ANY_VERSION = {
    "gpl": "GPL-1.0-or-later", "gnu gpl": "GPL-1.0-or-later", "gnu general public": "GPL-1.0-or-later",
    "lgpl": "LGPL-2.0-or-later", "gnu lgpl": "LGPL-2.0-or-later", "gnu lesser general public": "LGPL-2.0-or-later",
    "gfdl": "GFDL-1.1-or-later", "gnu fdl": "GFDL-1.1-or-later", "gnu free documentation": "GFDL-1.1-or-later",
}  # fmt: skip
"""GNU licences without a version: if none is given, any may be chosen (section 9 of the GPL 2, 10 of the GFDL)."""

ADDRESSES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern, re.IGNORECASE), expression)
    for pattern, expression in [
        (r"spdx\.org/licenses/([A-Za-z0-9.+-]+?)(?:\.html|\.json)?(?=$|[\s)>\"'])", r"\1"),
        (
            r"(?:opensource\.org/licen[cs]es?|choosealicense\.com/licenses)/([A-Za-z0-9.-]+?)(?:-license)?(?:\.php)?/?(?=$|[\s)>\"'])",
            r"\1",
        ),
        (r"apache\.org/licenses/LICENSE-2\.0", "Apache-2.0"),
        (r"gnu\.org/(?:licenses|copyleft)/(?:old-licenses/)?(a|l)?gpl-?v?(\d\.\d)", r"\1GPL-\2-only"),
        (r"gnu\.org/(?:licenses|copyleft)/(?:old-licenses/)?fdl-?v?(\d\.\d)", r"GFDL-\1-only"),
        (r"mozilla\.org/(?:[a-z-]+/)?MPL/2\.0", "MPL-2.0"),
        (r"opendatacommons\.org/licenses/by\b", "ODC-By-1.0"),
        (r"opendatacommons\.org/licenses/odbl\b", "ODbL-1.0"),
        (r"opendatacommons\.org/licenses/pddl\b", "PDDL-1.0"),
        (r"gutenberg\.org/(?:policy/)?license", "LicenseRef-Project-Gutenberg"),
        (r"nationalarchives\.gov\.uk/doc/open-government-licence/version/([123])", r"OGL-UK-\1.0"),
        (r"etalab\.gouv\.fr/(?:[a-z/-]*)licence-ouverte", "etalab-2.0"),
        (r"artlibre\.org/licence/lal", "LAL-1.3"),
        (r"unlicense\.org", "Unlicense"),
        (r"boost\.org/LICENSE_1_0", "BSL-1.0"),
        (r"rightsstatements\.org/(?:vocab|page)/InC", "LicenseRef-all-rights-reserved"),
    ]
]
"""Addresses of licences → their expression. Those of Creative Commons are read by `creative_commons`."""

CLASSIFIERS = {
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
    # published": section 9 of the GPL and the corresponding sections of the others.
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

OPENING = 2000
"""Characters: the MIT licence has 1,100, that of BSD with three clauses 1,500."""

_BSD = "redistribution and use in source and binary forms"
TELLTALES: list[tuple[str, tuple[str, ...]]] = [
    ("Apache-2.0", ("apache license", "version 2.0, january 2004")),
    ("Apache-2.0", ("licensed under the apache license, version 2.0", "except in compliance with the license")),
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
    ("GFDL-1.3-only", ("gnu free documentation license version 1.3",)),
    ("GFDL-1.2-only", ("gnu free documentation license version 1.2",)),
    ("EPL-2.0", ("eclipse public license - v 2.0",)),
    ("EUPL-1.2", ("european union public licence v. 1.2",)),
    ("ODbL-1.0", ("odc open database license (odbl)",)),
    ("ODC-By-1.0", ("odc attribution license (odc-by)",)),
    ("CDLA-Permissive-2.0", ("community data license agreement - permissive - version 2.0",)),
    ("CDLA-Sharing-1.0", ("community data license agreement - sharing - version 1.0",)),
    ("LicenseRef-Project-Gutenberg", ("full project gutenberg", "license", "please read this before you distribute")),
    ("LicenseRef-Project-Gutenberg", ("this ebook is for the use of anyone anywhere", "project gutenberg license")),
    ("LicenseRef-bigscience-bloom-rail-1.0", ("bigscience rail license v1.0",)),
    ("LicenseRef-creativeml-openrail-m", ("creativeml open rail-m",)),
]
"""Phrases of licence texts, the more specific licence first."""

MENTIONS: list[tuple[str, str]] = [
    ("Apache-2.0", "licensed under the apache license, version 2.0"),
    ("BSD-3-Clause", "bsd 3-clause license"),
    ("BSD-3-Clause", "modified bsd license"),
]
"""Phrases that name a licence in a text other than the licence's."""
