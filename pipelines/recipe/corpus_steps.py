"""The steps that process each document of the corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from desdecero.pipelines.recipe.base import ExamplePath, LocalPath, Proportion, Section, Seed, not_remote
from desdecero.pipelines.recipe.identifiers import LanguageCode


class Lines(Section):
    """Removes boilerplate lines and rejoins words split at line ends."""

    boilerplate: bool = True
    """Remove page numbers, menus, cookie notices and buttons."""
    repeated: bool = True
    """Remove running heads and feet of pages except the first, and lines that repeat the previous one."""
    join_hyphens: bool = False
    """Join words that were split at a line end (conserva-⏎ción): for scanned and printed text."""
    across_documents: Annotated[float, Field(gt=0, le=1)] | None = None
    """Remove lines that occur in at least this share of the documents. This also removes the fixed formulas of laws and
    letters."""


class Language(Section):
    """Identifies the language of each document, and compares it with the declared one."""

    allowed: tuple[LanguageCode, ...] = ()
    """ISO 639 codes. Documents in other languages are dropped; with an empty list, none are."""
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.65
    """Lowest probability at which a language counts as known."""
    drop_unsure: bool = True
    """Drop documents without a known language: code, tables, several languages in one document."""


class Spelling(Section):
    """Corrects scanning errors in Spanish text. Only certain corrections are made, and each is recorded."""

    clean_text: ExamplePath | None = None
    """A file, folder or glob of text without errors on the same subject: its words count as correct."""
    text_field: str = "text"
    """Column or key that holds the text, in .jsonl, .csv and .parquet files."""


class LineRules(Section):
    """Removes lines that break one of these rules; the limits are those of C4 (Raffel et al. 2020, §2.2)."""

    end_punctuation: bool = True
    """Require a line to end like a sentence, or with a quotation mark."""
    min_words: Annotated[int, Field(ge=0)] = 3
    """Minimum number of words in a line."""
    max_word_length: Annotated[int, Field(ge=0)] = 1000
    """Maximum number of characters in a word of the line; 0 for no limit."""
    citations: bool = True
    """Remove marks such as [12] and [edit] from lines."""
    notices: bool = True
    """Remove lines about JavaScript, cookies, privacy policies and terms of use."""
    lorem_ipsum: bool = True
    """Drop documents with filler text."""
    curly_bracket: bool = True
    """Drop documents with a `{`, as code."""
    min_sentences: Annotated[int, Field(ge=0)] = 5
    """Minimum number of sentences in a document after lines were removed."""


TextForm = Literal["prose", "verse", "drama", "lists", "mixed"]


class Quality(Section):
    """Drops documents that exceed one of these limits, and records which. Limits that are not given depend on the
    text's form and language (docs/corpus.md)."""

    form: TextForm = "prose"
    """Form of the documents: `verse` has short lines and refrains, `drama` names and short replies, `lists` (recipes,
    glossaries, catalogues) few sentences. `mixed`, for folders of several forms, keeps a document that any of the four
    would keep."""
    min_words: Annotated[int, Field(ge=0)] = 20
    """Minimum number of words in a document. Gopher (Rae et al. 2021, table A1) requires 50; reference pages and short
    laws are shorter."""
    max_words: Annotated[int, Field(gt=0)] = 2_000_000
    """Maximum number of words in a document. The longest novels are shorter (Don Quixote has 380,000, Proust's
    1,300,000); longer files are data."""
    mean_word_length: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None = None
    """Minimum and maximum of the mean word length, in characters."""
    max_symbol_ratio: Proportion | None = None
    """Share of the characters that are not letters, digits, spaces or punctuation of prose, as in tables and ASCII
    art."""
    min_alphabetic_words: Proportion | None = None
    """Share of the words that have at least one letter."""
    min_stop_words: Annotated[int, Field(ge=0)] | None = None
    """Number of different stop words of the document's language (the, of; de, la); a list of names has none."""
    min_stop_word_share: Proportion | None = None
    """Share of the words that are stop words."""
    max_bullet_lines: Proportion | None = None
    """Share of the lines that begin with a bullet."""
    max_ellipsis_lines: Proportion | None = None
    """Share of the lines that end with an ellipsis."""
    min_punctuated_lines: Proportion | None = None
    """Share of the lines that end like a sentence."""
    min_ended_lines: Proportion | None = None
    """Share of the lines that end with any punctuation mark: lines of verse often do without being sentences, lines of
    menus do not."""
    max_short_lines: Proportion | None = None
    """Share of the lines with at most 30 characters."""
    max_lines_per_word: Annotated[float, Field(ge=0)] | None = None
    """Line ends per word; high in lists and columns."""
    max_hashes: Proportion | None = None
    """Number signs (#) per word or sign."""
    max_ellipses: Proportion | None = None
    """Ellipses per word or sign."""
    max_duplicate_lines: Proportion | None = None
    """Share of the characters in lines that repeat an earlier line of the same page."""
    max_duplicate_line_count: Proportion | None = None
    """Share of the lines that repeat an earlier line of the same page."""
    page_lines: Annotated[int, Field(gt=0)] | None = None
    """Number of lines in a page, within which repetitions are counted."""
    max_duplicate_paragraphs: Proportion | None = None
    """Share of the characters in paragraphs that repeat an earlier one of the document."""
    max_duplicate_paragraph_count: Proportion | None = None
    """Share of the paragraphs that repeat an earlier one of the document."""
    max_top_ngrams: Mapping[Annotated[int, Field(ge=1, le=100)], Proportion] | None = None
    """n → share of the characters that the most common n-gram of words covers."""
    max_duplicate_ngrams: Mapping[Annotated[int, Field(ge=1, le=100)], Proportion] | None = None
    """n → share of the characters in n-grams of words that repeat an earlier one of the document."""
    lines: LineRules | None = None
    """Rules for single lines, for web pages. Without it, no line is removed here."""

    @model_validator(mode="after")
    def _check_ranges(self) -> Quality:
        if self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} is above max_words {self.max_words}: nothing would be kept")
        if self.mean_word_length and self.mean_word_length[0] > self.mean_word_length[1]:
            raise ValueError("mean_word_length gives the maximum first: write [minimum, maximum]")
        return self


class RepeatedParagraphs(Section):
    """Removes paragraphs that occur word for word in many documents from all but the first."""

    max_documents: Annotated[int, Field(ge=1)] = 3
    """Maximum number of documents with the same paragraph."""
    min_words: Annotated[int, Field(ge=1)] = 10
    """Paragraphs with fewer words (headings, answers in a dialogue) are not compared."""
    min_words_left: Annotated[int, Field(ge=0)] = 20
    """Minimum number of words in a document after a paragraph was removed; shorter ones are dropped."""


class Deduplication(Section):
    """Keeps one of several documents with nearly the same text, over all sources."""

    similarity: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Lowest Jaccard similarity of word 5-grams at which one of two documents is dropped (Lee et al. 2022 use 0.8)."""
    keep: Literal["first", "longest", "best_license"] = "first"
    """The document that is kept: the first that was read; the longest in bytes; or the one with the best evidence for
    its licence: declared, then a classifier, then free text, then a contradictory notice, then unknown. Among equals,
    the first that was read."""
    paragraphs: RepeatedParagraphs | None = None
    """Also compares paragraphs. Without it, only whole documents are compared."""


class SuiteFile(Section):
    """Texts on which a model will be evaluated."""

    name: str
    """Name of the suite in the report."""
    path: LocalPath
    """A .txt (an item a line), .jsonl, .jsonl.gz, .csv, .tsv, .parquet, .json or .yaml file, or a folder of them."""
    fields: tuple[str, ...] = ()
    """Keys or columns that hold items. Default: all."""


class Decontamination(Section):
    """Finds documents that contain passages of the texts on which the model will be evaluated."""

    suites: tuple[SuiteFile, ...] = ()
    """Test sets to look for."""
    probes: bool = True
    """Look for the project's own bias probes, which `audit` uses."""
    words: Annotated[int, Field(ge=5, le=1000)] = 13
    """Number of consecutive words that make a match (Brown et al. 2020, appendix C)."""
    shortest: Annotated[int, Field(ge=4)] = 8
    """Items with fewer words than that match as a whole, if they have at least this many."""
    action: Literal["drop", "remove"] = "drop"
    """`drop` the document, or `remove` the sentences that match."""

    @model_validator(mode="after")
    def _check_shortest(self) -> Decontamination:
        if self.shortest > self.words:
            raise ValueError(f"shortest {self.shortest} is above words {self.words}: lower shortest")
        return self


class Relevance(Section):
    """Keeps documents that resemble wanted examples, by a classifier trained on wanted and unwanted ones."""

    wanted: ExamplePath
    """Examples of text to keep: a file, folder or glob."""
    unwanted: ExamplePath
    """Examples of text to drop: a file, folder or glob."""
    text_field: str = "text"
    """Column or key that holds the text, in .jsonl, .csv and .parquet files."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Lowest probability of being wanted at which a document is kept, under equal prior probabilities."""
    keep_recall: Annotated[float, Field(gt=0.5, le=1)] | None = None
    """In place of `threshold`: choose the highest one that keeps this share of the wanted examples. 0.95 if neither is
    given."""

    @model_validator(mode="after")
    def _check_threshold(self) -> Relevance:
        if self.threshold is not None and self.keep_recall is not None:
            raise ValueError("give threshold or keep_recall, not both: each determines the other")
        return self


class Toxicity(Section):
    """Flags or drops toxic and biased text. It drops nothing before its errors are measured on labelled examples."""

    labelled: ExamplePath | None = None
    """Labelled sentences or posts, one per record. Without them, sentences with insults are counted."""
    text_field: str = "text"
    """Column or key that holds the text."""
    label_field: str = "label"
    """Column or key that holds the label: true/false, 1/0, "toxic"/"neutral", …"""
    language_field: str = "language"
    """Column or key with the ISO 639-1 code. Each language has its own classifier; if no record gives a language, there
    is one for all text."""
    fold_field: str | None = None
    """Column or key (template, thread, author) by which examples are grouped, so that a group is never split between
    training and test. Without it, copies of a template fall on both sides, and the measured errors are too small."""
    lexicon: Mapping[str, ExamplePath] = {}
    """Language → a text file with one insult per line, in place of the small shipped list. A match is one feature of
    the classifier and drops nothing by itself: quotation, reclaimed use and medicine use these words too."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Lowest probability at which a sentence counts as toxic. Default: the lowest that keeps errors below half of
    `max_false_positive_rate`."""
    max_false_positive_rate: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    """Highest error rate on neutral test sentences in each language, and on those that mention a group (women,
    migrants, Roma, …)."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of toxic sentences at which a document is dropped or flagged."""
    action: Literal["drop", "flag"] = "flag"
    """`flag` marks the document in the ledger; `drop` removes it."""

    @model_validator(mode="after")
    def _check_labelled(self) -> Toxicity:
        if self.action == "drop" and self.labelled is None:
            raise ValueError(
                "action drop needs `labelled` examples to measure the errors of the filter: give them, or use flag"
            )
        return self


class Counterfactual(Section):
    """Exchanges words for men and women in a share of the documents, in every Spanish or English sentence in which the
    result is certain to be correct (Zmigrod et al. 2019). The corpus does not grow."""

    languages: Annotated[tuple[Literal["es", "en"], ...], Field(min_length=1)] = ("es", "en")
    """Languages whose sentences are changed."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the documents, drawn by a hash of the seed and the id. At 0.5, both genders become equally common in the
    sentences that can be changed."""
    seed: Seed = 0
    """Seed of the draw."""
    names: ExamplePath | None = None
    """A text file with one pair of first names per line (`Mario,María`) to exchange too. Without it, sentences with
    proper names stay unchanged."""


class NamedEntities(Section):
    """Finds names, addresses and dates with Presidio (`desdecero[presidio]`) and a spaCy model that you installed."""

    entities: Annotated[tuple[Literal["person", "address", "date"], ...], Field(min_length=1)] = ("person",)
    """Kinds of data to find."""
    spacy_model: Annotated[str, AfterValidator(not_remote)] | None = None
    """Name of a model (`es_core_news_md`) or its folder. Without one, only dates are found."""
    language: str = "es"
    """ISO 639-1 code of the model's language."""
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Lowest score of Presidio at which a result is used; names found by spaCy have 0.85."""


class PersonalData(Section):
    """Finds personal data, passwords and keys, and replaces them."""

    kinds: tuple[
        Literal["email", "phone", "ip", "url_credentials", "secret", "credit_card", "bank_account", "national_id"], ...
    ] = ("email", "phone", "ip", "url_credentials", "secret", "credit_card", "bank_account", "national_id")
    """Kinds of data to find."""
    countries: tuple[
        Literal["es", "ar", "br", "cl", "co", "do", "ec", "mx", "pe", "us", "uy", "ve"], ...
    ] = ("es", "ar", "br", "cl", "co", "do", "ec", "mx", "pe", "us", "uy", "ve")  # fmt: skip
    """ISO 3166-1 codes of the countries whose identity numbers, accounts and telephone formats are recognised. With
    fewer countries, fewer ordinary numbers are mistaken for personal data."""
    named_entities: NamedEntities | None = None
    """Also finds names, addresses and dates."""
    replacement: Literal["tag", "pseudonym", "surrogate"] = "tag"
    """`tag`: `<email>`. `pseudonym`: `<email-3f2a91>`, the same for the same value in the whole corpus. `surrogate`: a
    synthetic value of the same format, again the same for the same value. The last two need a key."""
    key_env: str = "DESDECERO_PSEUDONYM_KEY"
    """Name of the environment variable that holds the key. Never write the key itself here: the recipe is part of the
    run, and anyone with the key can recover the values by brute force."""
    planted: Annotated[int, Field(ge=0, le=100_000)] = 200
    """Number of synthetic items of each kind that are inserted into the corpus' text to measure recall: at least this
    many, and at least 30 of each format next to a word that names it and 30 alone. 0 measures nothing."""
