"""What stands in the place of personal data: tags, pseudonyms under a key, surrogates of the same form."""

from __future__ import annotations

import re

import pytest
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.es import dni
from stdnum.mx import curp

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.privacy.detection import Detector
from desdecero.pipelines.corpus.privacy.redaction import Redact
from desdecero.pipelines.corpus.privacy.replacement import key_fingerprint
from desdecero.pipelines.recipe import PersonalData

KEY = "0123456789abcdef0123456789abcdef"
PSEUDONYM, SURROGATE = PersonalData(replacement="pseudonym"), PersonalData(replacement="surrogate")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESDECERO_PSEUDONYM_KEY", KEY)


def replaced(section: PersonalData, text: str) -> str:
    return Redact(section).redact(text)[0]


@pytest.mark.usefixtures("key")
def test_a_value_has_one_pseudonym_however_it_is_written() -> None:
    tags = re.findall(r"<[^>]+>", replaced(PSEUDONYM, "12345678Z, 12.345.678-Z, 12345678 Z; 87654321X"))
    assert tags[0] == tags[1] == tags[2] != tags[3]
    assert all(re.fullmatch(r"<national_id-[0-9a-f]{6}>", tag) for tag in tags)
    one, other, third = re.findall(r"<[^>]+>", replaced(PSEUDONYM, "ana@sur.es Ana@Sur.es luis@sur.es"))
    assert one == other != third
    assert len(set(re.findall(r"<[^>]+>", replaced(PSEUDONYM, "tel. 612 345 678; +34 612345678")))) == 1


def test_another_key_gives_other_pseudonyms(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, fingerprints = [], []
    for value in (KEY, KEY, KEY[::-1]):
        monkeypatch.setenv("DESDECERO_PSEUDONYM_KEY", value)
        texts.append(replaced(PSEUDONYM, "ana@sur.es"))
        fingerprints.append(key_fingerprint(PSEUDONYM))
    assert texts[0] == texts[1] != texts[2]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
    assert key_fingerprint(PersonalData()) is None


@pytest.mark.parametrize(("value", "said"), [(None, "is not set"), ("short", "has 5 bytes")])
def test_a_key_that_is_missing_or_short_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str | None, said: str
) -> None:
    monkeypatch.delenv("DESDECERO_PSEUDONYM_KEY", raising=False)
    if value:
        monkeypatch.setenv("DESDECERO_PSEUDONYM_KEY", value)
    for section in (PSEUDONYM, SURROGATE):
        with pytest.raises(UserError, match=said):
            Redact(section)


def test_the_key_stands_nowhere_in_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESDECERO_PSEUDONYM_KEY", KEY)
    assert KEY not in PSEUDONYM.model_dump_json()


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    "value",
    [
        "12.345.678-Z", "X1234567L", "20-12345678-6", "12.345.678-5", "HEGG560427MVZRRL04", "GODE561231GR8",
        "111.444.777-35", "16.727.230/0001-97", "20100047218", "1.234.567-2", "4111 1111 1111 1111",
        "ES91 2100 0418 4502 0005 1332", "+34 612 345 678", "(011) 4321-1234", "(212) 664-7665",
        "AKIA2OGYBAH6STMQ4ZLX", "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    ],
)  # fmt: skip
def test_a_surrogate_has_the_form_of_the_original_and_is_found_like_it(value: str) -> None:
    surrogate = replaced(SURROGATE, value)
    assert surrogate != value
    assert re.sub("[a-z]", "a", re.sub("[A-Z]", "A", re.sub(r"\d", "0", surrogate)))[:3] == re.sub(
        "[a-z]", "a", re.sub("[A-Z]", "A", re.sub(r"\d", "0", value))
    )[:3]  # fmt: skip
    assert re.sub(r"\w", "", surrogate) == re.sub(r"\w", "", value)
    assert len(surrogate) == len(value)
    before, after = (Detector(PersonalData()).find(text) for text in (value, surrogate))
    assert [match.kind for match in before] == [match.kind for match in after]
    assert replaced(SURROGATE, f"uno {value} dos {value}") == f"uno {surrogate} dos {surrogate}"


@pytest.mark.usefixtures("key")
def test_surrogates_hold_their_check_digits() -> None:
    assert dni.is_valid(replaced(SURROGATE, "12345678Z"))
    assert cpf.is_valid(replaced(SURROGATE, "11144477735"))
    assert curp.is_valid(replaced(SURROGATE, "HEGG560427MVZRRL04"))
    assert luhn.is_valid(replaced(SURROGATE, "4111111111111111"))
    assert iban.is_valid(replaced(SURROGATE, "ES9121000418450200051332"))


@pytest.mark.usefixtures("key")
def test_surrogates_come_from_ranges_set_aside_where_there_are_any() -> None:
    assert re.fullmatch(r"[a-z]+@example\.org", replaced(SURROGATE, "ana@correo.es"))
    assert re.fullmatch(r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+", replaced(SURROGATE, "81.2.69.142"))
    assert re.fullmatch(r"2001:db8:.*", replaced(SURROGATE, "2a02:9130:80:1::17"))
    assert re.fullmatch(r"\(212\) 555-01\d\d", replaced(SURROGATE, "(212) 664-7665"))
    assert re.fullmatch(r"9\d\d-\d\d-\d{4}", replaced(SURROGATE, "536-90-4399"))


@pytest.mark.usefixtures("key")
def test_a_private_key_stays_a_block_and_loses_every_letter() -> None:
    body = "MHcCAQEEIBkg4LVWM9nuwNSk3yByxZpYRTBnVJk5OkMSFfVkjf9NoAoGCCqGSM49"
    surrogate = replaced(SURROGATE, f"-----BEGIN EC PRIVATE KEY-----\n{body}\n-----END EC PRIVATE KEY-----")
    head, middle, tail = surrogate.split("\n")
    assert head == "-----BEGIN EC PRIVATE KEY-----" and tail == "-----END EC PRIVATE KEY-----"
    assert len(middle) == len(body) and sum(a == b for a, b in zip(middle, body, strict=True)) < 20


def test_examples_show_where_and_not_what() -> None:
    text = "Escriba a ana@sur.es o al 612 345 678."
    draft = Draft(Document("1", text, "s", "", "", "es", {}), text, "es")
    Redact(PersonalData())(draft)
    assert draft.text == "Escriba a <email> o al <phone>."
    assert draft.edits == {"email": 1, "phone": 1}
    assert [(change.kind, change.before, change.after) for change in draft.changes] == [
        ("email", "Escriba a ██████████ o al <phone>.", "Escriba a <email> o al <phone>."),
        ("phone", "Escriba a <email> o al ███████████.", "Escriba a <email> o al <phone>."),
    ]
