"""Licences: the formal, the messy, and those of every package that is installed here."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

import pytest
from license_expression import get_spdx_licensing

from desdecero.pipelines.corpus.sources.installed_docs import _facts
from desdecero.pipelines.licenses.names import UNKNOWN, License, identify, normalize
from desdecero.pipelines.licenses.obligations import obligations
from desdecero.pipelines.licenses.wordings import CLASSIFIERS, TELLTALES, WORDINGS

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
    assert normalize(stated) == expected


@pytest.mark.parametrize(
    ("stated", "expression"),
    [
        # The Hugging Face Hub's identifiers.
        ("openrail", "LicenseRef-openrail"),
        ("openrail++", "LicenseRef-openrail-plus-plus"),
        ("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"),
        ("odc-by", "ODC-By-1.0"),
        ("llama3.1", "LicenseRef-llama3.1"),
        ("gpl", "GPL-1.0-or-later"),
        ("cc", UNKNOWN),
        ("bsd", UNKNOWN),
        ("other", UNKNOWN),
        ("unknown", UNKNOWN),
        # Creative Commons: by address, by name, in three languages, with and without version and country.
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
        ("http://creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/deed.es", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by-nc-nd/2.5/pe/", "LicenseRef-CC-BY-NC-ND-2.5-PE"),
        ("https://creativecommons.org/licenses/by/3.0/igo/", "CC-BY-3.0-IGO"),
        ("https://creativecommons.org/licenses/by-nc/", "LicenseRef-CC-BY-NC"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
        ("Licencia Creative Commons Atribución-CompartirIgual 4.0", "CC-BY-SA-4.0"),
        ("Creative Commons Reconocimiento-NoComercial-SinObraDerivada 3.0 España", "LicenseRef-CC-BY-NC-ND-3.0-ES"),
        ("Reconocimiento-NoComercial 4.0 Internacional (CC BY-NC 4.0)", "CC-BY-NC-4.0"),
        ("Licença Creative Commons Atribuição-NãoComercial-CompartilhaIgual 4.0 Internacional", "CC-BY-NC-SA-4.0"),
        ("Creative Commons Atribuição-SemDerivações 3.0 Brasil", "LicenseRef-CC-BY-ND-3.0-BR"),
        ("Creative Commons Attribution-NonCommercial-NoDerivatives 4.0 International", "CC-BY-NC-ND-4.0"),
        ("Este obra está bajo una licencia de Creative Commons Reconocimiento 4.0 Internacional", "CC-BY-4.0"),
        ("CC BY-NC", "LicenseRef-CC-BY-NC"),
        ("CC BY 4", "CC-BY-4.0"),
        ("cc0", "CC0-1.0"),
        ("Creative Commons", UNKNOWN),
        ("CC BY-SA 5.0", UNKNOWN),
        ("CC BY-ND-SA 4.0", UNKNOWN),
        ("not CC BY 4.0", UNKNOWN),
        ("no CC BY 4.0", UNKNOWN),
        ("CC BY 3.0 and not CC BY 4.0", UNKNOWN),
        ("by", UNKNOWN),
        # Public domain, Project Gutenberg, statutes, and the opposite.
        ("Dominio público", "LicenseRef-public-domain"),
        ("Obra em domínio público", "LicenseRef-public-domain"),
        ("Public domain in the USA.", "LicenseRef-public-domain"),
        ("no es dominio público", UNKNOWN),
        ("Project Gutenberg License", "LicenseRef-Project-Gutenberg"),
        ("https://www.gutenberg.org/license", "LicenseRef-Project-Gutenberg"),
        ("LicenseRef-PE-DL822-art9", "LicenseRef-PE-DL822-art9"),
        ("Todos los derechos reservados", "LicenseRef-all-rights-reserved"),
        ("http://rightsstatements.org/vocab/InC/1.0/", "LicenseRef-all-rights-reserved"),
        # GNU: with and without "or later", by name, abbreviation and address.
        ("GNU General Public License v3.0", "GPL-3.0-only"),
        ("GNU General Public License, version 2 or any later version", "GPL-2.0-or-later"),
        ("GPL (>= 2)", "GPL-2.0-or-later"),
        ("GNU LGPL v2.1+", "LGPL-2.1-or-later"),
        ("GNU LGPL", "LGPL-2.0-or-later"),
        ("GNU Affero General Public License v3", "AGPL-3.0-only"),
        ("Licencia Pública General de GNU v3", "GPL-3.0-only"),
        ("GNU Free Documentation License 1.3", "GFDL-1.3-only"),
        ("https://www.gnu.org/licenses/lgpl-2.1.en.html", "LGPL-2.1-only"),
        ("GPL 9", UNKNOWN),
        # Several, and other addresses.
        ("MIT and Apache 2.0", "MIT AND Apache-2.0"),
        ("Apache 2.0 / MIT", "Apache-2.0 OR MIT"),
        ("CC BY-SA 3.0 y GFDL 1.3", "CC-BY-SA-3.0 AND GFDL-1.3-only"),
        ("MIT, BSD", UNKNOWN),
        ("MIT and BSD-3-Clause or GPLv2", UNKNOWN),
        ("public domain, Python, 2-Clause BSD, GPL 3 (see COPYING.txt)", UNKNOWN),
        ("http://opensource.org/licenses/mit-license.php", "MIT"),
        ("https://spdx.org/licenses/BSD-3-Clause.html", "BSD-3-Clause"),
        ("http://www.opensource.org/licenses/bsd-license.php", UNKNOWN),
        ("Open Data Commons Open Database License (ODbL) v1.0", "ODbL-1.0"),
        ("CC-BY-SA-3.0+", "CC-BY-SA-3.0+"),
        ("Expat (MIT/X11)", "MIT"),
        ("Dual License", UNKNOWN),
        ("BSD license (see license.txt for details), Copyright (c) 2000-2025, ReportLab Inc.", UNKNOWN),
    ],
)
def test_names_of_packages_data_sets_and_libraries_become_spdx(stated: str, expression: str) -> None:
    assert normalize(stated).expression == expression


@pytest.mark.parametrize(
    ("file", "expression"),
    [
        ("Apache-2.0", "Apache-2.0"),
        ("CC0-1.0", "CC0-1.0"),
        ("GFDL-1.3", "GFDL-1.3-only"),
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("LGPL-3", "LGPL-3.0-only"),
        ("MPL-2.0", "MPL-2.0"),
    ],
)
def test_texts_of_licences_are_recognised(file: str, expression: str) -> None:
    path = Path("/usr/share/common-licenses") / file
    if not path.is_file():
        pytest.skip("no folder of licence texts, which Debian has")
    assert normalize(path.read_text(encoding="utf-8")) == License(expression, "free_text")


def test_the_gutenberg_licence_is_recognised() -> None:
    if not (folder := os.environ.get("DESDECERO_DATA")):
        pytest.skip("DESDECERO_DATA is not set")
    text = (Path(folder) / "corpora/quijote/LICENSE.LICENSE").read_text(encoding="utf-8")
    assert normalize(text).expression == "LicenseRef-Project-Gutenberg"


def test_a_version_in_the_licence_file_outranks_none_in_the_metadata() -> None:
    text = "GNU LESSER GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007"
    assert identify(None, "LGPL", [], [text]) == License("LGPL-3.0-only", "free_text")
    assert identify(None, "LGPL") == License("LGPL-2.0-or-later", "free_text")


def test_what_is_recognised_has_its_row_in_the_table() -> None:
    """A licence that is given a name here must be one whose terms are written down."""
    for expression in {*WORDINGS, *CLASSIFIERS.values(), *(name for name, _ in TELLTALES)}:
        assert "unknown" not in obligations(expression).kinds, expression


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
    found = {d.metadata["Name"]: _facts(d, License(UNKNOWN, "unknown"))[0] for d in importlib.metadata.distributions()}
    for name, known in found.items():
        foreign = [key for key in spdx.unknown_license_keys(known.expression) if not key.startswith("LicenseRef-")]
        assert foreign == [], f"{name}: {known}"
    unknown = [name for name, known in found.items() if known.evidence == "unknown"]
    assert len(unknown) <= len(found) / 20, unknown
