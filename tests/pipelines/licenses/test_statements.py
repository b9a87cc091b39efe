"""Notices of several statements: no address, and no name, decides against the other words."""

from __future__ import annotations

import pytest

from desdecero.pipelines.corpus.licensing.policy import Policy
from desdecero.pipelines.licenses.names import UNKNOWN, License, identify, normalize
from desdecero.pipelines.recipe import Licenses

BY = "https://creativecommons.org/licenses/by/4.0/"
RESERVED, NON_COMMERCIAL = "LicenseRef-all-rights-reserved", "LicenseRef-non-commercial"
OPEN_ACCESS = (
    "© 2020 The Authors. This article is distributed under the terms of the Creative Commons Attribution "
    f"License ({BY}), which permits unrestricted use, provided the original author and source are credited."
)
OTHERS_MATERIAL = (
    "This article is licensed under a Creative Commons Attribution 4.0 International License. If material is not "
    "included in the article’s Creative Commons licence and your intended use is not permitted by statutory law, "
    f"you will need to obtain permission directly from the copyright holder. {BY}"
)
COMPLIES = (
    f"Distributed under the Creative Commons Attribution License (CC BY) {BY}. No use, distribution or reproduction is "
    "permitted which does not comply with these terms."
)


@pytest.mark.parametrize(
    ("notice", "expression", "evidence"),
    [
        # Something is forbidden beside an address.
        (f"© Revista Andina. Todos los derechos reservados. Mapas: {BY}", f"{RESERVED} AND CC-BY-4.0", "contradictory"),
        (f"Queda prohibida la copia sin autorización; gráficos {BY}", f"{RESERVED} AND CC-BY-4.0", "contradictory"),
        (f"No part of this book may be reproduced. Cover: {BY}", f"{RESERVED} AND CC-BY-4.0", "contradictory"),
        (f"Alle Rechte vorbehalten. Bilder: {BY}", f"{RESERVED} AND CC-BY-4.0", "contradictory"),
        (f"Uso no comercial. {BY}", f"{NON_COMMERCIAL} AND CC-BY-4.0", "contradictory"),
        (f"For personal use only ({BY})", f"{NON_COMMERCIAL} AND CC-BY-4.0", "contradictory"),
        (f"Se prohíbe el uso comercial; {BY}", f"{NON_COMMERCIAL} AND CC-BY-4.0", "contradictory"),
        (f"Sin obras derivadas. {BY}", "LicenseRef-no-derivatives AND CC-BY-4.0", "contradictory"),
        # Another licence is named beside an address.
        (f"CC BY-SA 4.0 <{BY}>", "CC-BY-SA-4.0 AND CC-BY-4.0", "contradictory"),
        (f"CC BY-NC-ND 3.0 | {BY}", "CC-BY-NC-ND-3.0 AND CC-BY-4.0", "contradictory"),
        (f"CC BY 2.5 {BY}", "CC-BY-2.5 AND CC-BY-4.0", "contradictory"),
        (f"{BY} https://creativecommons.org/licenses/by-nd/4.0/", "CC-BY-4.0 AND CC-BY-ND-4.0", "contradictory"),
        (f"AGPL-3.0; the manual: {BY}", "AGPL-3.0-only AND CC-BY-4.0", "free_text"),
        (f"LGPL-2.1+ with docs under {BY}", "LGPL-2.1-or-later AND CC-BY-4.0", "free_text"),
        # What is shared out, in words alone.
        ("Text: CC BY-SA 3.0. Code: ISC.", "CC-BY-SA-3.0 AND ISC", "free_text"),
        ("MIT for the code and CC BY-NC 4.0 for the data", "MIT AND CC-BY-NC-4.0", "free_text"),
        # A choice stays a choice.
        ("Dual licensed under MIT or Apache 2.0", "MIT OR Apache-2.0", "free_text"),
        ("ISC https://opensource.org/licenses/ISC or Zlib https://spdx.org/licenses/Zlib", "ISC OR Zlib", "free_text"),
        ("GPL-2 | GPL-3", "GPL-2.0-only OR GPL-3.0-only", "free_text"),
        # Two names of one licence are one, the more exact.
        (OPEN_ACCESS, "CC-BY-4.0", "free_text"),
        (OTHERS_MATERIAL, "CC-BY-4.0", "free_text"),
        (COMPLIES, "CC-BY-4.0", "free_text"),
        ("CC BY-NC (https://creativecommons.org/licenses/by-nc/3.0/)", "CC-BY-NC-3.0", "free_text"),
        ("CC BY 3.0 España https://creativecommons.org/licenses/by/3.0/es/", "LicenseRef-CC-BY-3.0-ES", "free_text"),
        ("GPLv3 or later, https://www.gnu.org/licenses/gpl-3.0.html", "GPL-3.0-or-later", "free_text"),
        ("Public domain https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0", "free_text"),
        (f"Salvo que se indique lo contrario, los textos están bajo {BY}", "CC-BY-4.0", "free_text"),
        (f"Except where otherwise noted, licensed under {BY}", "CC-BY-4.0", "free_text"),
        (f"Written at MIT, printed in Lima. {BY}", "CC-BY-4.0", "free_text"),
        ("https://creativecommons.org/licenses/by-nc/4.0/ for non-commercial use", "CC-BY-NC-4.0", "free_text"),
        # What is denied, narrowed, or of the pictures alone is not known of the text.
        (f"Not licensed under {BY}", UNKNOWN, "unknown"),
        (f"Ya no está bajo {BY}", UNKNOWN, "unknown"),
        (f"Only the metadata are {BY}", UNKNOWN, "unknown"),
        (f"Foto de portada: {BY}", UNKNOWN, "unknown"),
        (f"BSD; docs {BY}", UNKNOWN, "unknown"),
        (f"Custom licence, see also {BY}", UNKNOWN, "unknown"),
        (f"Elastic License 2.0; the guide: {BY}", UNKNOWN, "unknown"),
        # But what forbids something stays, whatever else is not understood.
        ("Editado por la Universidad bajo CC BY-NC 4.0", f"CC-BY-NC-4.0 AND {UNKNOWN}", "contradictory"),
        (
            "You may not alter it. https://creativecommons.org/licenses/by-nc-nd/4.0/",
            f"CC-BY-NC-ND-4.0 AND {UNKNOWN}",
            "contradictory",
        ),
        (f"© Ann. All rights reserved except for teaching. {BY}", f"{RESERVED} AND {UNKNOWN}", "contradictory"),
        # Line ends, dashes, case, owners, exceptions and other scripts change nothing.
        (f"ALL RIGHTS\nRESERVED — charts {BY}", f"{RESERVED} AND CC-BY-4.0", "contradictory"),
        (f"Все права защищены. {BY}", f"{RESERVED} AND CC-BY-4.0", "contradictory"),
        (f"版权所有，图片 {BY}", f"{RESERVED} AND CC-BY-4.0", "contradictory"),
        (f"by-nc-sa {BY}", "LicenseRef-CC-BY-NC-SA AND CC-BY-4.0", "contradictory"),
        ("ISC License\n\nCopyright (c) 2020 A. Nobody and friends", "ISC", "free_text"),
        ("Los textos están bajo CC BY 4.0, salvo las fotografías", "CC-BY-4.0", "free_text"),
        # What is forbidden is known without a licence beside it.
        ("© 2019 Diario del Sur. Prohibida su reproducción.", RESERVED, "free_text"),
    ],
)  # fmt: skip
def test_a_notice_is_read_as_a_whole(notice: str, expression: str, evidence: str) -> None:
    assert normalize(notice) == License(expression, evidence)


@pytest.mark.parametrize(
    "notice",
    [f"CC BY-NC 2.0 {BY}", f"Sin fines de lucro. {BY}", f"Not for commercial use: {BY}", f"CC BY-NC-SA; {BY}"],
)
def test_what_a_recipe_denies_does_not_pass_behind_an_address(notice: str) -> None:
    policy = Policy(Licenses(denied=("non_commercial",)))
    assert policy.verdict(normalize(notice).expression) == "denied"


def test_a_long_notice_that_mentions_a_licence_keeps_what_it_forbids() -> None:
    filler = "The publisher and the printer thank the readers of the first edition for their letters. " * 14
    notice = f"All rights reserved. {filler} Figures are under Creative Commons Attribution 4.0 International."
    assert normalize(notice) == License(f"CC-BY-4.0 AND {RESERVED}", "contradictory")
    assert normalize(filler + " Not under Creative Commons Attribution 4.0.").expression == UNKNOWN


def test_the_metadata_of_a_package_are_read_the_same_way() -> None:
    assert identify(free_text=f"GPLv2, with the guide under {BY}").expression == "GPL-2.0-only AND CC-BY-4.0"
    # What the field forbids is no licence, where a classifier names one.
    classifiers = ["License :: OSI Approved :: MIT License"]
    assert identify(None, "Copyright Ann. All rights reserved.", classifiers) == License("MIT", "classifier")


def test_a_licence_text_may_reserve_rights_and_forbid() -> None:
    header = (
        "Copyright 2021 Ann. All rights reserved. Licensed under the Apache License, Version 2.0; you may "
        "not use this file except in compliance with the License. http://www.apache.org/licenses/LICENSE-2.0"
    )  # fmt: skip
    assert normalize(header) == License("Apache-2.0", "free_text")
