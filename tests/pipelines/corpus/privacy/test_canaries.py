"""Made-up personal data: the same for the same seed, all different, and of the form that the detectors know."""

from __future__ import annotations

import pytest
from stdnum.es import dni

from desdecero.pipelines.corpus.privacy.canaries import canaries
from desdecero.pipelines.corpus.privacy.detection import Detector
from desdecero.pipelines.recipe import Canaries, PersonalData


def test_a_seed_gives_canaries_and_controls_of_one_form_and_no_text_twice() -> None:
    settings = Canaries(repetitions=(1, 4), each=3, controls=200)
    made = canaries(settings, 0)
    assert made == canaries(settings, 0) != canaries(settings, 1)
    assert {times: len(texts) for times, texts in made.by_repetitions().items()} == {1: 3, 4: 3}
    texts = [canary.text for canary in made.planted] + list(made.controls)
    assert len(set(texts)) == 206 == len(texts)
    for text in texts:
        name, number, address = text.split(" · ")
        assert len(name.split()) == 3 and dni.is_valid(number.removeprefix("DNI "))
        assert address.startswith("e-mail ") and address.endswith("@example.org")


def test_they_are_what_the_detectors_look_for() -> None:
    detector = Detector(PersonalData())
    for canary in canaries(Canaries(), 0).planted:
        assert "national_id" in {match.kind for match in detector.find(canary.text)}


@pytest.mark.parametrize("settings", [{"repetitions": (1, 2)}, {"controls": 500}])
def test_other_settings_keep_the_first_canaries(settings: dict[str, object]) -> None:
    one, other = canaries(Canaries(), 3), canaries(Canaries.model_validate(settings), 3)
    assert one.planted[0].text == other.planted[0].text
