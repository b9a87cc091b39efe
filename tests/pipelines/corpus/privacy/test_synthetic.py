"""What is made up is well-formed, by rules written apart from those that check it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from stdnum import iban, luhn
from stdnum.ar import cbu, cuit
from stdnum.br import cnpj, cpf
from stdnum.cl import rut
from stdnum.co import nit
from stdnum.do import cedula
from stdnum.ec import ci, ruc
from stdnum.es import ccc, cif, dni, nie
from stdnum.mx import curp, rfc
from stdnum.pe import ruc as pe_ruc
from stdnum.us import ssn
from stdnum.ve import rif

from desdecero.pipelines.corpus.privacy.bank_accounts import FORMS as ACCOUNTS
from desdecero.pipelines.corpus.privacy.national_ids import FORMS
from desdecero.pipelines.corpus.privacy.synthetic import GENERATORS

CHECKS: dict[str, Callable[[str], bool]] = {
    "es_dni": dni.is_valid, "es_nie": nie.is_valid, "es_cif": cif.is_valid, "ar_cuit": cuit.is_valid,
    "cl_rut": rut.is_valid, "mx_curp": curp.is_valid, "mx_rfc": lambda number: rfc.is_valid(number, True),
    "br_cpf": cpf.is_valid, "br_cnpj": cnpj.is_valid, "pe_ruc": pe_ruc.is_valid, "co_nit": nit.is_valid,
    "ec_ci": ci.is_valid, "ec_ruc": ruc.is_valid, "ve_rif": rif.is_valid, "do_cedula": cedula.is_valid,
    "us_ssn": ssn.is_valid, "credit_card": luhn.is_valid, "iban": iban.is_valid, "ar_cbu": cbu.is_valid,
    "es_ccc": ccc.is_valid,
}  # fmt: skip


@pytest.mark.parametrize("form", CHECKS)
def test_check_digits_hold_by_an_independent_library(form: str) -> None:
    chance = Random(form)
    numbers = [GENERATORS[form].make(chance)[0] for _ in range(300)]
    assert all(map(CHECKS[form], numbers))
    assert len(set(numbers)) > 290


def test_every_form_that_is_looked_for_is_planted_too() -> None:
    unplanted = {form.name for form in (*FORMS, *ACCOUNTS)} - GENERATORS.keys()
    assert unplanted == {"uy_rut", "ve_ci_bare"}


@pytest.mark.parametrize("form", GENERATORS)
def test_writings_say_the_same_in_different_ways(form: str) -> None:
    writings = GENERATORS[form].make(Random(1))
    assert writings and all(writing.strip() == writing and writing for writing in writings)
    assert writings == GENERATORS[form].make(Random(1))
