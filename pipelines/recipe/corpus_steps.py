"""What a document goes through on its way into the corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from desdecero.pipelines.recipe.base import ExamplePath, LocalPath, Proportion, Section, Seed, not_remote
from desdecero.pipelines.recipe.identifiers import LanguageCode


class Lines(Section):
    """Lines that are no part of the text go; what is joined is joined."""

    boilerplate: bool = True
    """Page numbers, menus, cookie notices and buttons."""
    repeated: bool = True
    """Running heads and feet of pages, but for the first of each, and lines that echo the one before."""
    join_hyphens: bool = False
    """Join words that a line end has cut (conserva-⏎ción): for scanned and printed text."""
    across_documents: Annotated[float, Field(gt=0, le=1)] | None = None
    """Remove lines that stand in at least this share of the documents. The formulas of laws and letters do too."""


class Language(Section):
    """Language identification: a document's declared language is checked, not trusted."""

    allowed: tuple[LanguageCode, ...] = ()
    """ISO 639 codes; a document in another language is dropped. None named: none is dropped."""
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.65
    """Probability from which a language counts as known."""
    drop_unsure: bool = True
    """Drop what has no known language: code, tables, several languages in one document."""


class Spelling(Section):
    """Correct the slips of a scanner in Spanish text: only what is sure, and every change on record."""

    clean_text: ExamplePath | None = None
    """A file, folder or glob of text without slips, of the same subject: its words count as correct."""
    text_field: str = "text"
    """The column or key that holds the text, in .jsonl .csv .parquet."""


class LineRules(Section):
    """A line that fails one of these is removed; limits of C4 (Raffel et al. 2020, §2.2)."""

    end_punctuation: bool = True
    """A line must end as a sentence does, or with a quotation mark."""
    min_words: Annotated[int, Field(ge=0)] = 3
    max_word_length: Annotated[int, Field(ge=0)] = 1000
    """Characters; 0 for no limit."""
    citations: bool = True
    """Marks such as [12] and [edit] are taken out of lines."""
    notices: bool = True
    """Lines that speak of JavaScript, cookies, privacy policies and terms of use go."""
    lorem_ipsum: bool = True
    """A document with filler text is dropped."""
    curly_bracket: bool = True
    """A document with a { is dropped as code."""
    min_sentences: Annotated[int, Field(ge=0)] = 5
    """Of a document, in the lines that are left."""


Form = Literal["prose", "verse", "drama", "lists", "mixed"]


class Quality(Section):
    """A document that fails one of these is dropped, and the reason is kept.

    A limit that is left out is that of the form and of the document's language: see
    `pipelines/corpus/cleaning/profiles.py`.
    """

    form: Form = "prose"
    """What the documents are: `verse` has short lines and refrains, `drama` names and short replies, `lists` (recipes,
    glossaries, catalogues) few sentences. `mixed`, for folders of several forms, keeps what any of the four would."""
    min_words: Annotated[int, Field(ge=0)] = 20
    """Gopher (Rae et al. 2021, table A1) asks for 50 words; reference pages and short laws are shorter."""
    max_words: Annotated[int, Field(gt=0)] = 2_000_000
    """Longer than the longest novels (Don Quixote has 380,000, Proust's has 1,300,000); what is longer is data."""
    mean_word_length: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None = None
    """Least and most characters in a word, on average."""
    max_symbol_ratio: Proportion | None = None
    """Characters that are neither letters, digits, spaces nor punctuation of prose, over all: tables, ASCII art."""
    min_alphabetic_words: Proportion | None = None
    """Words with at least one letter, over all."""
    min_stop_words: Annotated[int, Field(ge=0)] | None = None
    """Different stop words of the document's language (the, of; de, la): a list of names has none."""
    min_stop_word_share: Proportion | None = None
    """Words that are stop words, over all."""
    max_bullet_lines: Proportion | None = None
    """Lines that open with a bullet, over all."""
    max_ellipsis_lines: Proportion | None = None
    """Lines that end with an ellipsis, over all."""
    min_punctuated_lines: Proportion | None = None
    """Lines that end as a sentence does, over all."""
    min_ended_lines: Proportion | None = None
    """Lines that end with any sign of punctuation, over all: verse has them without being sentences, menus do not."""
    max_short_lines: Proportion | None = None
    """Lines of at most 30 characters, over all."""
    max_lines_per_word: Annotated[float, Field(ge=0)] | None = None
    """Line ends over words: lists and columns."""
    max_hashes: Proportion | None = None
    """Signs # over words and signs."""
    max_ellipses: Proportion | None = None
    """Ellipses over words and signs."""
    max_duplicate_lines: Proportion | None = None
    """Characters in lines that stand on the same page before, over all."""
    max_duplicate_line_count: Proportion | None = None
    """Lines that stand on the same page before, over all."""
    page_lines: Annotated[int, Field(gt=0)] | None = None
    """Lines of a page: those that are searched for repetition together."""
    max_duplicate_paragraphs: Proportion | None = None
    """Characters in paragraphs that stand in the document before, over all."""
    max_duplicate_paragraph_count: Proportion | None = None
    """Paragraphs that stand in the document before, over all."""
    max_top_ngrams: Mapping[Annotated[int, Field(ge=1, le=100)], Proportion] | None = None
    """n → characters covered by the commonest n-gram of words, over all."""
    max_duplicate_ngrams: Mapping[Annotated[int, Field(ge=1, le=100)], Proportion] | None = None
    """n → characters in n-grams of words that stand in the document before, over all."""
    lines: LineRules | None = None
    """Rules for single lines, for pages of the web. Left out: no line is removed."""

    @model_validator(mode="after")
    def _least_is_below_most(self) -> Quality:
        if self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} is above max_words {self.max_words}: nothing would be kept")
        if self.mean_word_length and self.mean_word_length[0] > self.mean_word_length[1]:
            raise ValueError("mean_word_length names the most before the least: write [least, most]")
        return self


class RepeatedParagraphs(Section):
    """Paragraphs that stand word for word in many documents are removed from all of them but the first."""

    max_documents: Annotated[int, Field(ge=1)] = 3
    """Documents that may hold the same paragraph."""
    min_words: Annotated[int, Field(ge=1)] = 10
    """Shorter paragraphs (headings, answers in a dialogue) are not looked at."""
    min_words_left: Annotated[int, Field(ge=0)] = 20
    """A document that lost a paragraph and keeps fewer words is dropped."""


class Deduplication(Section):
    """Of documents that say the same, over all sources, one stays."""

    similarity: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Jaccard similarity of word 5-grams from which one of two documents is dropped (Lee et al. 2022 use 0.8)."""
    keep: Literal["first", "longest", "best_license"] = "first"
    """Which one stays: the first that was read; the longest in bytes; or the one whose licence is best known: declared,
    then of a classifier, then in free text, then by a notice that contradicts itself, then unknown. Among equals, the
    first that was read."""
    paragraphs: RepeatedParagraphs | None = None
    """Left out: paragraphs are not compared."""


class SuiteFile(Section):
    """Texts that a model will be measured on."""

    name: str
    path: LocalPath
    """A .txt (an item a line), .jsonl, .jsonl.gz, .csv, .tsv, .parquet, .json or .yaml file, or a folder of them."""
    fields: tuple[str, ...] = ()
    """The keys or columns whose texts are items; all by default."""


class Decontamination(Section):
    """Documents that hold passages of what the model will be measured on."""

    suites: tuple[SuiteFile, ...] = ()
    probes: bool = True
    """The project's own probes of bias, which `audit` uses."""
    words: Annotated[int, Field(ge=5, le=1000)] = 13
    """Words of a passage that make a match (Brown et al. 2020, appendix C)."""
    shortest: Annotated[int, Field(ge=4)] = 8
    """Items of fewer words than a passage match whole, from this many words on."""
    action: Literal["drop", "remove"] = "drop"
    """`drop` the document, or `remove` the sentences that match."""

    @model_validator(mode="after")
    def _shortest_fits(self) -> Decontamination:
        if self.shortest > self.words:
            raise ValueError(f"shortest {self.shortest} is above words {self.words}: lower the first")
        return self


class Relevance(Section):
    """Keep documents that resemble the wanted examples; a classifier learns what sets them apart from the others."""

    wanted: ExamplePath
    unwanted: ExamplePath
    text_field: str = "text"
    """The column or key that holds the text, in .jsonl .csv .parquet."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Keep what is wanted with at least this probability (were both kinds equally common)."""
    keep_recall: Annotated[float, Field(gt=0.5, le=1)] | None = None
    """Or: the highest threshold that keeps this share of the wanted examples. 0.95 where neither is given."""

    @model_validator(mode="after")
    def _one_threshold(self) -> Relevance:
        if self.threshold is not None and self.keep_recall is not None:
            raise ValueError("give threshold or keep_recall, not both: each fixes the other")
        return self


class Toxicity(Section):
    """Flag or drop toxic and biased text. It drops nothing before its errors are measured on the labelled examples."""

    labelled: ExamplePath | None = None
    """Examples, one a record: sentences or posts with a label. Without them, sentences with insults are counted."""
    text_field: str = "text"
    label_field: str = "label"
    """true/false, 1/0, "toxic"/"neutral", …: whether the text is what must go."""
    language_field: str = "language"
    """ISO 639-1. Each language has its own classifier; where no record names one, there is one for all text."""
    fold_field: str | None = None
    """Examples that share this field (template, thread, author) are held out together: otherwise they are not held out
    at all, and the measured errors are too small."""
    lexicon: Mapping[str, ExamplePath] = {}
    """Language → a text file with an insult a line, in place of the small shipped list. A hit is one sign among others
    for the classifier, and drops nothing by itself: quotation, reclaimed use and medicine use these words too."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability from which a sentence is toxic; by default, the lowest one that keeps half of the bound
    below."""
    max_false_positive_rate: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    """Of held-out neutral sentences in each language, and of those that mention a group (women, migrants, Roma, …)."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Of a document's sentences that must be toxic before it is dropped."""
    action: Literal["drop", "flag"] = "flag"

    @model_validator(mode="after")
    def _measured_before_dropping(self) -> Toxicity:
        if self.action == "drop" and self.labelled is None:
            raise ValueError("action drop needs `labelled` examples to measure the filter on: give them, or flag")
        return self


class Counterfactual(Section):
    """In a share of the documents, men become women and women men, in every sentence where that is sure to be right
    Spanish or English (Zmigrod et al. 2019). The corpus does not grow."""

    languages: Annotated[tuple[Literal["es", "en"], ...], Field(min_length=1)] = ("es", "en")
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of the documents, drawn by a hash of the seed and the id. At 0.5, both genders are in the end equally common in
    the sentences that can be swapped."""
    seed: Seed = 0
    names: ExamplePath | None = None
    """A text file with a pair of first names a line (`Mario,María`), to be swapped too. Without it, a sentence with a
    proper name stays as it is."""


class NamedEntities(Section):
    """Names, addresses and dates, found by Presidio (`desdecero[presidio]`) with a spaCy model that you installed."""

    entities: Annotated[tuple[Literal["person", "address", "date"], ...], Field(min_length=1)] = ("person",)
    spacy_model: Annotated[str, AfterValidator(not_remote)] | None = None
    """A model's name (`es_core_news_md`) or its folder. Only dates are found without one."""
    language: str = "es"
    """ISO 639-1, of the model."""
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Presidio's own score, below which a finding is left alone; spaCy's names have 0.85."""


class PersonalData(Section):
    """What identifies a person or opens a door, and what stands in its place."""

    kinds: tuple[
        Literal["email", "phone", "ip", "url_credentials", "secret", "credit_card", "bank_account", "national_id"], ...
    ] = ("email", "phone", "ip", "url_credentials", "secret", "credit_card", "bank_account", "national_id")
    countries: tuple[
        Literal["es", "ar", "br", "cl", "co", "do", "ec", "mx", "pe", "us", "uy", "ve"], ...
    ] = ("es", "ar", "br", "cl", "co", "do", "ec", "mx", "pe", "us", "uy", "ve")  # fmt: skip
    """ISO 3166-1. Whose identity numbers, accounts and ways of writing telephones are known; fewer countries, fewer
    numbers that look like one by chance."""
    named_entities: NamedEntities | None = None
    replacement: Literal["tag", "pseudonym", "surrogate"] = "tag"
    """`tag`: `<email>`. `pseudonym`: `<email-3f2a91>`, the same for the same value in the whole corpus. `surrogate`:
    a made-up value of the same form, again the same for the same value. The last two need a key."""
    key_env: str = "DESDECERO_PSEUDONYM_KEY"
    """The environment variable that holds the key: never the key itself, because the recipe is part of the run, and
    who has the key can find out the values by trying all telephones."""
    planted: Annotated[int, Field(ge=0, le=100_000)] = 200
    """Made-up items of each kind that are planted into the corpus' own text, to measure recall: at least so many, and
    at least 30 of each form beside a word that names it and 30 alone. 0 measures nothing."""
