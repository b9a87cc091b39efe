"""Numbers, dates and names in sentences, by hand."""

from __future__ import annotations

import pytest

from desdecero.eval_suites.true_or_false.values import Lookup, values_in


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("On 3 May 1912 the house of Anna Berg had 1,204 books.", ["3 May 1912", "Anna Berg", "1,204"]),
        ("Nació el 12 de marzo de 1987 en Lima, hija de Óscar de la Torre.",
         ["12 de marzo de 1987", "Lima", "Óscar de la Torre"]),
        ("It was March 12, 1987, or 2019-04-05; see 12/03/98.", ["March 12, 1987", "2019-04-05", "12/03/98"]),
        ("Anna opens. Berg too: I am 7 and we are 7.", []),  # begin sentences; one digit
        ("in version 3.11 of x86_64 and utf-8", ["3.11"]),
        ("he paid 12.50 in 1987.", ["12.50", "1987"]),
        ("en Setiembre de 1990 y los McDonald", ["Setiembre de 1990", "McDonald"]),
        ("", []),
    ],
)  # fmt: skip
def test_values_are_found_in_the_order_of_the_text(text: str, values: list[str]) -> None:
    found = values_in(text)
    assert [value.text for value in found] == values
    assert [text[value.start : value.end] for value in found] == values


def test_each_value_has_its_kind() -> None:
    found = values_in("On 3 May 1912 the house of Anna Berg had 1,204 books.")
    assert [value.kind for value in found] == ["date", "name", "number"]


def test_values_are_looked_up_as_whole_words() -> None:
    lookup = Lookup(frozenset({"Anna Berg", "12.5", "1987", "Anna"}))
    assert lookup("Anna Berg's 12.5%") == {"Anna Berg", "12.5", "Anna"}
    assert lookup("Annabel, 112.5 and 19870") == set()
    assert Lookup(frozenset())("Anna") == set()
