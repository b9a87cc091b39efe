"""Names, addresses and dates, as an option: Presidio with a spaCy model installed on the machine.

A person's name has no recognizable format; it takes a model, and this project ships none and downloads none. Install
`desdecero[presidio]` and a spaCy model of your language, and name it in the recipe. Dates are the exception:
Presidio recognizes them by their format, so that they are found with an empty model (`spacy_model: null`), too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.privacy.matches import Match, Strength
from desdecero.pipelines.recipe import NamedEntities as Section

_PRESIDIO = {"person": "PERSON", "address": "LOCATION", "date": "DATE_TIME"}
_NEED_A_MODEL = {"person", "address"}
_PIECE = 100_000
"""Characters that spaCy reads at a time: it holds about a kilobyte for each (spaCy's own limit is a million)."""


class NamedEntities:
    """Finds the entities that the recipe names. Raises `UserError` if a library or a model is missing."""

    def __init__(self, section: Section):
        missing = sorted(_NEED_A_MODEL & set(section.entities)) if section.spacy_model is None else []
        if missing:
            raise UserError(
                f"corpus.personal_data.named_entities: finding {' and '.join(missing)} needs a spaCy model: "
                "name one that you have installed in spacy_model"
            )
        self._section = section
        self._analyzer = _analyzer(section.language, section.spacy_model)
        self._kinds = {_PRESIDIO[entity]: entity for entity in section.entities}

    def find(self, text: str) -> Iterator[Match]:
        """Find the entities of a text."""
        for start, piece in _pieces(text):
            for result in self._analyzer.analyze(
                piece,
                language=self._section.language,
                entities=sorted(self._kinds),
                score_threshold=self._section.min_score,
            ):
                kind = self._kinds[result.entity_type]
                yield Match(start + result.start, start + result.end, kind, kind, Strength.SHAPE)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Split the text into pieces that end with a line, if one ends in time."""
    start = 0
    while start < len(text):
        end = min(len(text), start + _PIECE)
        if end < len(text) and (line_end := text.rfind("\n", start, end)) > start:
            end = line_end + 1
        yield start, text[start:end]
        start = end


@cache
def _analyzer(language: str, spacy_model: str | None) -> Any:
    """Build Presidio's engine around one spaCy pipeline; loading takes seconds, so once in a process."""
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import DateRecognizer, SpacyRecognizer
    except ImportError:
        raise UserError(
            "corpus.personal_data.named_entities needs Presidio, which is not installed: "
            "pip install 'desdecero[presidio]'"
        ) from None
    if spacy_model is None:
        nlp = spacy.blank(language)
    else:
        try:
            nlp = spacy.load(spacy_model)
        except OSError:
            raise UserError(
                f"corpus.personal_data.named_entities.spacy_model: {spacy_model} is not on this machine: install it "
                f"(python -m spacy download {spacy_model}) or give the folder of a model"
            ) from None
        if "ner" not in nlp.pipe_names:
            raise UserError(
                f"corpus.personal_data.named_entities.spacy_model: {spacy_model} finds no names (it has no `ner` "
                "component): choose a model that does"
            )

    class Loaded(SpacyNlpEngine):
        """A pipeline that is already loaded: Presidio's own loading downloads missing models."""

        def __init__(self) -> None:
            labels = {
                "PER": "PERSON",
                "PERSON": "PERSON",
                "LOC": "LOCATION",
                "GPE": "LOCATION",
                "LOCATION": "LOCATION",
                "DATE": "DATE_TIME",
                "TIME": "DATE_TIME",
            }
            configuration = NerModelConfiguration(
                model_to_presidio_entity_mapping=labels,
                labels_to_ignore=[label for label in nlp.pipe_labels.get("ner", []) if label not in labels],
            )
            super().__init__(
                models=[{"lang_code": language, "model_name": spacy_model or "blank"}],
                ner_model_configuration=configuration,
            )
            self.nlp = {language: nlp}

        def load(self) -> None:
            pass

    registry = RecognizerRegistry(supported_languages=[language])
    registry.add_recognizer(SpacyRecognizer(supported_language=language, supported_entities=sorted(_PRESIDIO.values())))
    registry.add_recognizer(DateRecognizer(supported_language=language))
    return AnalyzerEngine(registry=registry, nlp_engine=Loaded(), supported_languages=[language])
