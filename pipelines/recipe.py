"""The recipe: one YAML file that says what a run makes.

    recipe = load_recipe("quickstart")                                   # shipped with the project
    recipe = load_recipe("my_recipe.yaml", ["model.layers=8"])           # a file, with an override

A recipe is typed, frozen, and refuses unknown keys by their path and line. Every default is written here,
with its reason; `runs/<name>/recipe.yaml` holds the resolved recipe, with every default written out.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from pipelines.errors import UserError
from pipelines.training.architectures import ROTARY, SHAPED, Objective, check_overrides, objective_of
from pipelines.training.lengths import block_length
from pipelines.training.size_dial import parse_size, sized
from pipelines.vocabulary.special_tokens import check_special_tokens


class Section(BaseModel):
    """A part of a recipe: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")


# --- corpus ------------------------------------------------------------------------------------------------


def _absolute_path(path: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get("base", Path.cwd())
    return str((base / Path(path).expanduser()).absolute())


def _path_or_hub_id(name: str, info: ValidationInfo) -> str:
    path = Path(_absolute_path(name, info))
    return str(path) if path.is_dir() or name.startswith((".", "/", "~")) else name


def _number(value: Any) -> Any:
    """YAML takes 1e15 for a word, and people do not."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"[\d.]+[eE][+-]?\d+", value) else value


class _Source(Section):
    """What all sources have. How often each is trained on is said by `tokens.mixture`."""

    name: str = ""
    """As ledger, report and `tokens.mixture` call it; from its path or dataset by default."""
    license: str | None = None
    """SPDX expression of every document that states none itself."""
    terms: str | None = None
    """The terms of use that the text came under, in words or by address: kept with each document."""
    language: str | None = None
    """ISO 639-1 code of every document, where it is known."""
    max_documents: Annotated[int, Field(gt=0)] | None = None
    """Stop reading this source after so many."""


class _OnDisk(_Source):
    path: str
    """Relative to the recipe file; for a shipped recipe, to the current folder."""

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: str, info: ValidationInfo) -> str:
        return path if path.startswith(("https://", "http://")) else _absolute_path(path, info)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {**data, "name": Path(str(data["path"])).name} if data.get("path") and not data.get("name") else data


class _Reservable(_Source):
    respect_reservations: bool = True
    """Drop a document whose publisher reserves it from text and data mining or model training: the header or meta tag
    `tdm-reservation: 1`, `noai` for robots, `train-ai=n` in Content-Usage (see `sources/reservations.py`)."""


class _Records(_Reservable):
    """Which columns of a record (a row, a JSON object) hold what. `a.b` is the key `b` inside `a`."""

    text_field: str = "text"
    """The column that holds the text."""
    text_template: str | None = None
    """Or several columns with words between: `"{title}\\n\\n{body.text}"`."""
    text_form: Literal["text", "html", "wikitext", "latex"] = "text"
    """What the text is written in."""
    id_field: str | None = None
    license_field: str | None = None
    terms_field: str | None = None
    language_field: str | None = None
    """ISO 639 codes, of two or three letters, with or without a script or country."""
    date_field: str | None = None
    url_field: str | None = None


class InstalledDocs(_Source):
    """Docstrings, Markdown, reStructuredText and text files of installed Python distributions, and their code.

    Their licences are those that the distributions state.
    """

    kind: Literal["installed_docs"]
    name: str = "installed_docs"
    content: Literal["docs", "code", "both"] = "docs"
    """`code` reads Python modules whole, in place of their docstrings; `both`, those and the texts."""
    python: Path | None = None
    """Another environment, by its folder (`/path/to/venv`) or its interpreter; this one by default."""
    requirements_of: str | None = None
    """Read this distribution's requirements and theirs, not all that is installed: the same recipe then reads
    the same text whether or not development tools are installed beside it."""
    exclude: tuple[str, ...] = ("desdecero",)
    """Distributions left out, by name."""


class Files(_OnDisk, _Records):
    """A file, a folder or a glob, in the formats of `sources/files.py`: text, web pages, books, articles, tables."""

    kind: Literal["files"]


class HubDataset(_Records):
    """A dataset of the Hugging Face Hub, streamed."""

    kind: Literal["hub"]
    dataset: str
    config: str | None = None
    split: str = "train"
    revision: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {**data, "name": data["dataset"]} if data.get("dataset") and not data.get("name") else data


class Wikipedia(_Source):
    """Articles of one Wikipedia: from a local XML dump, or as plain text from the Hub (`wikimedia/wikipedia`)."""

    kind: Literal["wikipedia"]
    language: str
    """Of the Wikipedia, as its address has it: es, qu, simple."""
    dump: str | None = None
    """A `…-pages-articles.xml` (also .bz2 .gz), relative to the recipe file; from the Hub when there is none."""
    snapshot: str = "20231101"
    """Of the Hub's data set: its newest."""
    license: str | None = "CC-BY-SA-4.0"
    terms: str | None = "https://foundation.wikimedia.org/wiki/Policy:Terms_of_Use"

    @field_validator("dump")
    @classmethod
    def _absolute(cls, dump: str | None, info: ValidationInfo) -> str | None:
        return _absolute_path(dump, info) if dump else dump

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        unnamed = data.get("language") and not data.get("name")
        return {**data, "name": f"wikipedia_{data['language']}"} if unnamed else data


class WebArchive(_OnDisk, _Reservable):
    """Web pages from WARC files or text from WET files, as Common Crawl gives them out."""

    kind: Literal["web_archive"]
    path: str
    """A .warc .warc.gz .warc.wet.gz file, a folder or glob of them, or an https address; or a list of them, such as
    Common Crawl's `wet.paths.gz`."""
    max_files: Annotated[int, Field(gt=0)] | None = None
    """Of a list, read so many."""


Source = Annotated[InstalledDocs | Files | HubDataset | Wikipedia | WebArchive, Field(discriminator="kind")]
SOURCES: dict[str, type[_Source]] = {
    "installed_docs": InstalledDocs, "files": Files, "hub": HubDataset, "wikipedia": Wikipedia,
    "web_archive": WebArchive,
}  # fmt: skip


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

    allowed: tuple[str, ...] = ()
    """ISO 639-1 codes; a document in another language is dropped. None named: none is dropped."""
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.65
    """Probability from which a language counts as known."""
    drop_unsure: bool = True
    """Drop what has no known language: code, tables, several languages in one document."""


class Spelling(Section):
    """Correct the slips of a scanner in Spanish text: only what is sure, and every change on record."""

    clean_text: Annotated[str, AfterValidator(_absolute_path)] | None = None
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


class Quality(Section):
    """A document that fails one of these is dropped, and the reason is kept.

    A limit that is left out is that of the document's language: see `pipelines/corpus/cleaning/profiles.py`.
    """

    min_words: Annotated[int, Field(ge=0)] = 20
    """Gopher (Rae et al. 2021, table A1) asks for 50 words; reference pages and short laws are shorter."""
    max_words: Annotated[int, Field(gt=0)] = 2_000_000
    """Longer than the longest novels (Don Quixote has 380,000, Proust's has 1,300,000); what is longer is data."""
    mean_word_length: tuple[float, float] | None = None
    """Least and most characters in a word, on average."""
    max_symbol_ratio: float | None = None
    """Characters that are neither letters, digits, spaces nor punctuation of prose, over all: tables, ASCII art."""
    min_alphabetic_words: float | None = None
    """Words with at least one letter, over all."""
    min_stop_words: Annotated[int, Field(ge=0)] | None = None
    """Different stop words of the document's language (the, of; de, la): a list of names has none."""
    min_stop_word_share: float | None = None
    """Words that are stop words, over all."""
    max_bullet_lines: float | None = None
    """Lines that open with a bullet, over all."""
    max_ellipsis_lines: float | None = None
    """Lines that end with an ellipsis, over all."""
    min_punctuated_lines: float | None = None
    """Lines that end as a sentence does, over all."""
    max_short_lines: float | None = None
    """Lines of at most 30 characters, over all."""
    max_lines_per_word: float | None = None
    """Line ends over words: lists and columns."""
    max_hashes: float | None = None
    """Signs # over words and signs."""
    max_ellipses: float | None = None
    """Ellipses over words and signs."""
    max_duplicate_lines: float | None = None
    """Characters in lines that stand on the same page before, over all."""
    max_duplicate_line_count: float | None = None
    """Lines that stand on the same page before, over all."""
    page_lines: Annotated[int, Field(gt=0)] | None = None
    """Lines of a page: those that are searched for repetition together."""
    max_duplicate_paragraphs: float | None = None
    """Characters in paragraphs that stand in the document before, over all."""
    max_duplicate_paragraph_count: float | None = None
    """Paragraphs that stand in the document before, over all."""
    max_top_ngrams: Mapping[int, float] | None = None
    """n → characters covered by the commonest n-gram of words, over all."""
    max_duplicate_ngrams: Mapping[int, float] | None = None
    """n → characters in n-grams of words that stand in the document before, over all."""
    lines: LineRules | None = None
    """Rules for single lines, for pages of the web. Left out: no line is removed."""


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
    then of a classifier, then in free text, then unknown. Among equals, the first that was read."""
    paragraphs: RepeatedParagraphs | None = None
    """Left out: paragraphs are not compared."""


class SuiteFile(Section):
    """Texts that a model will be measured on."""

    name: str
    path: Annotated[str, AfterValidator(_absolute_path)]
    """A .txt (an item a line), .jsonl, .jsonl.gz, .csv, .tsv, .parquet, .json or .yaml file, or a folder of them."""
    fields: tuple[str, ...] = ()
    """The keys or columns whose texts are items; all by default."""


class Decontamination(Section):
    """Documents that hold passages of what the model will be measured on."""

    suites: tuple[SuiteFile, ...] = ()
    probes: bool = True
    """The project's own probes of bias, which `audit` uses."""
    words: Annotated[int, Field(ge=5)] = 13
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


class Domain(Section):
    """A slice of the corpus held out of pretraining, on which `finetune` trains an adapter."""

    name: str
    where: Mapping[str, str]
    """`source`, `path` or any metadata key of a document → a glob pattern; all must match."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the slice's documents kept for measuring."""


ExamplePath = Annotated[str, AfterValidator(_absolute_path)]
"""A file, folder or glob, as `files` reads them. Relative to the recipe file; for a shipped recipe, to the current
folder."""


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
    seed: int = 0
    names: ExamplePath | None = None
    """A text file with a pair of first names a line (`Mario,María`), to be swapped too. Without it, a sentence with a
    proper name stays as it is."""


class Licenses(Section):
    """Which licences the corpus may hold. The lists name SPDX expressions, families (`CC-BY-*`: all versions) or what
    licences ask (`non_commercial`, `no_derivatives`, …), judged as `corpus/licensing/policy.py` says: of an OR the
    best part counts, of an AND the worst."""

    use: Literal["research", "commercial"] = "commercial"
    """What the model will be used for, by you or by those to whom its licence permits it: an open licence permits
    commerce. Conflicts with the texts' licences are reported against it and against `card.license`."""
    allowed: tuple[str, ...] = ()
    """Where this is given, every other licence is denied."""
    denied: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    """For a person to look at."""
    if_denied: Literal["drop", "quarantine"] = "drop"
    """A dropped text is not kept anywhere in the run; a quarantined one is put aside in `corpus/dropped`."""
    if_review: Literal["keep", "quarantine"] = "keep"
    """Kept, and listed in the report."""
    if_unknown: Literal["keep", "drop", "quarantine"] = "keep"
    """Kept, and counted in the report: what is unknown is not hidden."""

    @model_validator(mode="after")
    def _in_one_list(self) -> Licenses:
        lists = {"allowed": self.allowed, "denied": self.denied, "review": self.review}
        for name, entries in lists.items():
            for other, others in lists.items():
                if other > name and (both := set(entries) & set(others)):
                    raise ValueError(f"{', '.join(sorted(both))} is both in {name} and in {other}: leave it in one")
        return self


class NamedEntities(Section):
    """Names, addresses and dates, found by Presidio (`desdecero[presidio]`) with a spaCy model that you installed."""

    entities: Annotated[tuple[Literal["person", "address", "date"], ...], Field(min_length=1)] = ("person",)
    spacy_model: str | None = None
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
    planted: Annotated[int, Field(ge=0)] = 200
    """Made-up items of each kind that are planted into the corpus' own text, to measure recall; 0 measures nothing."""


class Corpus(Section):
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    max_bytes: Annotated[int, Field(gt=0)] | None = None
    """Stop reading after this many bytes of raw text."""
    lines: Lines | None = None
    language: Language | None = None
    spelling: Spelling | None = None
    quality: Quality = Quality()
    decontamination: Decontamination | None = None
    deduplication: Deduplication = Deduplication()
    engine: Literal["processes", "ray"] = "processes"
    """What computes: this machine's cores, or the Ray cluster that RAY_ADDRESS names. The result is the same."""
    personal_data: PersonalData = PersonalData()
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Share of documents held out of training to measure on."""
    domain: Domain | None = None
    licenses: Licenses = Licenses()
    blocklist: tuple[ExamplePath, ...] = ()
    """Lists of removed documents to obey, besides `blocklist.jsonl` beside the run (see `desdecero forget`)."""
    relevance: Relevance | None = None
    toxicity: Toxicity | None = None
    counterfactual: Counterfactual | None = None

    @field_validator("sources")
    @classmethod
    def _distinct(cls, sources: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [source.name for source in sources]
        if len(set(names)) < len(names):
            raise ValueError(f"two sources have one name: give each its own `name` (now: {', '.join(names)})")
        return sources


# --- tokenizer and model -----------------------------------------------------------------------------------


class Chat(Section):
    """Tokens that open and close the turns of a conversation, and a `chat_template` for `apply_chat_template`."""

    system: str = "<|system|>"
    user: str = "<|user|>"
    assistant: str = "<|assistant|>"
    end: str = "<|end|>"
    """Of a turn. Not the end of a text: documents are kept apart there, and turns must see each other."""

    @property
    def tokens(self) -> tuple[str, ...]:
        return self.system, self.user, self.assistant, self.end


class Sweep(Section):
    """Vocabulary sizes to choose from, by the held-out bits per byte of small models trained with equal compute."""

    sizes: Annotated[tuple[Annotated[int, Field(ge=300)], ...], Field(min_length=2)]
    flops: Annotated[float, Field(gt=0)] = 3e12
    """To train each of them, the output layer included: about a minute each on two cores (3.4e10 a second on one)."""
    architecture: Literal["llama", "qwen3", "gpt2"] = "llama"
    """The recipe's own, where it is one of these; of other models there are no bits per byte, or no known shape."""
    layers: Annotated[int, Field(ge=1)] = 2
    hidden_size: Annotated[int, Field(ge=8)] = 128
    heads: Annotated[int, Field(ge=1)] = 2
    context_length: Annotated[int, Field(ge=16)] = 128
    batch_size: Annotated[int, Field(ge=1)] = 16

    @field_validator("flops", mode="before")
    @classmethod
    def _power(cls, flops: Any) -> Any:
        return _number(flops)

    @field_validator("sizes")
    @classmethod
    def _ascending(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(sizes)) < len(sizes):
            raise ValueError("a size stands there twice: name it once")
        return tuple(sorted(sizes))


class Tokenizer(Section):
    kind: Literal["bpe", "wordpiece", "unigram"] = "bpe"
    """`bpe` is byte-level: it writes any text and gives it back unchanged. So does `unigram`, which falls back on bytes
    and encodes more slowly. `wordpiece` is BERT's, and lossy."""
    vocab_size: Annotated[int, Field(ge=300)] = 8192
    """Special tokens included. Not used where `sweep` chooses."""
    sweep: Sweep | None = None
    """`[2048, 4096, 8192]`, or a section: the size is chosen by trial. See `vocabulary/sweep.py`."""
    min_frequency: Annotated[int, Field(ge=1)] = 2
    """Of the rarest token when it is made; not of `unigram`, which has probabilities."""
    lowercase: bool = False
    """WordPiece only."""
    max_training_bytes: Annotated[int, Field(gt=0)] = 200_000_000
    """Longer corpora are thinned, each source and language alike: memory stays bounded and merges hardly change."""
    sentinels: Annotated[int, Field(ge=0)] = 0
    """Special tokens that stand for spans cut out of a text, among `vocab_size`; 100 for `t5`, as its authors have."""
    special_tokens: tuple[str, ...] = ()
    """More, among `vocab_size`, for what comes later: tools, marks of a task. Names are letters between signs."""
    chat: Chat | None = None
    """`chat: {}` gives the tokenizer the roles of a conversation. Pretraining does not use them; an adapter may."""
    variety_field: str = "variety"
    """Metadata key that names a document's variety of its language, for the report: `dialect`, `country`, …"""
    compare_with: tuple[Annotated[str, AfterValidator(_path_or_hub_id)], ...] = ()
    """Other tokenizers that the report measures on the same held-out text: folders, or names on the Hub."""

    @field_validator("sweep", mode="before")
    @classmethod
    def _only_sizes(cls, sweep: Any) -> Any:
        return {"sizes": sweep} if isinstance(sweep, list | tuple) else sweep

    @model_validator(mode="after")
    def _special_tokens_stand_apart(self) -> Tokenizer:
        check_special_tokens(self)
        return self

    @property
    def sentinel_tokens(self) -> tuple[str, ...]:
        return tuple(f"<extra_id_{number}>" for number in range(self.sentinels))


SHAPE = ("size", "layers", "hidden_size", "heads", "intermediate_size", "dropout")
"""Keys of `model` that are for the architectures of `SHAPED` alone."""


class Share(Section):
    """What a source gives to training."""

    weight: Annotated[float, Field(gt=0)] | None = None
    """Its proportion of the training tokens; where one source has a weight, all must have one."""
    epochs: Annotated[float, Field(gt=0)] = 1.0
    """Times that its text is trained on, at most; below 1, a part of it."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Training tokens that it gives, at most, repetitions included."""


class Reweight(Section):
    """Train more often on the groups that the corpus has too little of."""

    by: str = "source"
    """source, language, license, or a metadata key of the documents."""
    target: Literal["uniform"] | Mapping[str, Annotated[float, Field(ge=0)]] = "uniform"
    """Share of the training text by group; groups that are not named keep their proportions in what is left."""
    max_epochs: Annotated[float, Field(ge=1)] = 4.0
    """Times that any text is trained on. Up to 4, repetition is about as good as new text (Muennighoff et al. 2023)."""


class Tokens(Section):
    mixture: Mapping[str, Share] = {}
    """Source → its share. Sources that are not named give all that they have, once. Held-out text is never mixed."""
    reweight: Reweight | None = None
    packing: Literal["concatenate", "best_fit"] = "concatenate"
    """`concatenate` cuts the stream of documents every `model.context_length` tokens; `best_fit` cuts no document that
    fits into a sequence, at the price of some padding (Ding et al. 2024). Held-out text is always concatenated, so that
    losses compare. `packing` in the tokens' report says what either way wastes and cuts; docs/tokens.md, which to take.
    """
    block_length: Annotated[int, Field(ge=16)] | None = None
    """Tokens in a block of `best_fit`: follows from the model whatever is given, and is written out here so that the
    tokens' seal knows of it."""

    @model_validator(mode="after")
    def _one(self) -> Tokens:
        if self.mixture and self.reweight:
            raise ValueError("mixture and reweight both say how often a text is trained on: give one of them")
        return self


class Model(Section):
    architecture: str = "llama"
    """`llama`, `qwen3` and `gpt2` go on with a text; `bert` and `modernbert` fill gaps in one; `t5`, an encoder–decoder
    of version 1.1, fills gaps of several words. `qwen3` is `llama` with normalised queries and keys; `modernbert` is
    `bert` with rotary positions, gated units and, in most layers, local attention. Or another model type of
    transformers (`olmo2`, `roberta`, …), whose shape is then in `overrides`."""
    overrides: Mapping[str, Any] = {}
    """Values of transformers' configuration, by its own names (`num_key_value_heads: 2`): they win over all others."""
    size: str | None = None
    """One dial for all that follows, and for vocabulary, batch, learning rates and weight decay: parameters in all
    (`5M`, `1.2B`) or a depth (`d12`). Whatever the recipe gives itself wins; the resolved recipe shows the rest. Its
    rules, with their origin, are in `training/size_dial.py`."""
    layers: Annotated[int, Field(ge=1)] = 4
    """Of `t5`, in the encoder and in the decoder each."""
    hidden_size: Annotated[int, Field(ge=8)] = 256
    heads: Annotated[int, Field(ge=1)] = 4
    intermediate_size: Annotated[int, Field(ge=8)] | None = None
    """Four times the hidden size, or 8/3 of it for gated units: of all but `gpt2` and `bert` (Shazeer 2020, §3)."""
    context_length: Annotated[int, Field(ge=16)] = 256
    """Tokens in a training sequence, and positions that the model knows."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Pretraining sees little repetition, so none by default (Geiping & Goldstein 2022, §4.2)."""
    tie_embeddings: bool = True

    @field_validator("size", mode="before")
    @classmethod
    def _is_a_size(cls, size: Any) -> Any:
        if size is not None:
            parse_size(str(size))
        return size

    @model_validator(mode="after")
    def _is_known(self) -> Model:
        objective_of(self.architecture)
        given = set(SHAPE) & self.model_fields_set
        if self.architecture not in SHAPED and given:
            raise ValueError(f"{self.architecture} has its shape in overrides: give {', '.join(sorted(given))} there")
        if self.overrides:
            check_overrides(self.architecture, self.overrides)
            if self.size:
                raise ValueError("size counts the parameters of an architecture as it is: leave size or overrides out")
        if self.context_length > self.overrides.get("max_position_embeddings", self.context_length):
            raise ValueError(
                f"context_length {self.context_length} is more than overrides.max_position_embeddings "
                f"{self.overrides['max_position_embeddings']}: lower the first, or leave the second out"
            )
        return self

    @model_validator(mode="after")
    def _heads_divide(self) -> Model:
        if self.architecture not in SHAPED or (self.size and not {"hidden_size", "heads"} <= self.model_fields_set):
            return self  # `check_overrides` has looked, or the dial has yet to set them
        if self.hidden_size % self.heads or (self.architecture in ROTARY and self.hidden_size // self.heads % 2):
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be split into {self.heads} heads of an even, whole size: "
                "make hidden_size a multiple of twice the heads"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = write(self)
        return {k: v for k, v in values.items() if self.architecture in SHAPED or k not in SHAPE}

    @property
    def objective(self) -> Objective:
        return objective_of(self.architecture)


# --- pretrain ----------------------------------------------------------------------------------------------


class Budget(Section):
    """How long to train: exactly one of these."""

    minutes: Annotated[float, Field(gt=0)] | None = None
    """Wall clock, turned into a number of steps by a probe on the machine at hand, then fixed in the run."""
    steps: Annotated[int, Field(gt=0)] | None = None
    tokens: Annotated[int, Field(gt=0)] | None = None
    flops: Annotated[float, Field(gt=0)] | None = None
    """Floating-point operations of the model, forward and backward, by the rule in `training/models.py`."""

    @field_validator("flops", mode="before")
    @classmethod
    def _power(cls, flops: Any) -> Any:
        return _number(flops)

    @model_validator(mode="after")
    def _one(self) -> Budget:
        if sum(value is not None for value in (self.minutes, self.steps, self.tokens, self.flops)) != 1:
            raise ValueError("give exactly one of minutes, steps, tokens and flops")
        return self


class Optimizer(Section):
    name: Literal["muon", "adamw", "sgd"] = "muon"
    """`muon` trains the matrices inside the layers, and AdamW the rest (Jordan et al. 2024)."""
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    """Of AdamW or SGD."""
    matrix_learning_rate: Annotated[float, Field(gt=0)] = 0.02
    """Of Muon."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """On matrices only: never on norms, biases and embeddings."""
    betas: tuple[float, float] = (0.9, 0.95)
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Of Muon and SGD."""


class Schedule(Section):
    name: Literal["warmup_stable_decay", "cosine", "linear", "constant"] = "warmup_stable_decay"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Share of the steps."""
    decay: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the steps; of `warmup_stable_decay` only (cosine and linear decay all the way)."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the learning rate that is left at the end."""

    @model_validator(mode="after")
    def _fits(self) -> Schedule:
        if self.name == "warmup_stable_decay" and self.warmup + self.decay > 1:
            raise ValueError("warmup and decay together pass 1, the whole of training: lower one of them")
        return self


class SpanCorruption(Section):
    """What encoder–decoders learn from (Raffel et al. 2020, §3.3.4: these two did best)."""

    density: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    """Share of the tokens that are noise."""
    mean_length: Annotated[float, Field(ge=1)] = 3.0
    """Of a span of noise, in tokens."""


class Goldfish(Section):
    """Which targets are left out: the same ones wherever a passage comes again (see `training/goldfish.py`)."""

    k: Annotated[int, Field(ge=2)] = 4
    """One in so many: with a higher number, more is learnt a step and by heart. As Hans et al. 2024 mostly have it."""
    context: Annotated[int, Field(ge=1)] = 13
    """Tokens before one that decide, as in the models that the same authors published."""


class Stability(Section):
    """What becomes of steps that would harm: see `training/stability.py`."""

    window: Annotated[int, Field(ge=4)] = 128
    """Steps that a step is compared with (OLMo-core's default); from half of them on."""
    deviations: Annotated[float, Field(gt=0)] = 6.0
    """Standard deviations above their mean, of the loss or the gradient norm, at which a step is refused (as there)."""
    skips: Annotated[int, Field(ge=1)] = 3
    """Refused steps in a row after which training goes back to an earlier checkpoint."""
    return_every: Annotated[int, Field(ge=1)] = 200
    """Steps between the checkpoints that it goes back to; PaLM went back some 100 steps (Chowdhery et al. 2022)."""
    roll_backs: Annotated[int, Field(ge=0)] = 3
    """After so many, the next trouble ends the run."""


class EarlyStop(Section):
    """When to end before the budget does: see `training/early_stop.py`.

    The weights with the lowest held-out loss are kept, whether training stopped or not. A schedule that decays does
    most of its good late: half of `warmup_stable_decay`'s steps are its decay, in which the loss falls faster than
    before. A flat stretch ahead of it is no reason to stop, so let `patience` span the flat part, or take
    `schedule: {name: constant}`, and stop for good when text that was held out gets harder.
    """

    patience: Annotated[int, Field(ge=1)]
    """Validations in a row without an improvement, after which training ends; see `validate_every`."""
    min_improvement: Annotated[float, Field(ge=0)] = 0.0
    """Nats per token by which the held-out loss must fall to count as one."""


class Samples(Section):
    """What the model writes while it learns, in `pretrain/samples.jsonl`: to look at, not to measure."""

    prompts: Annotated[tuple[str, ...], Field(min_length=1)]
    """To go on from; for a masked model or an encoder–decoder to fill (write `[MASK]`)."""
    every: Annotated[int, Field(ge=1)] = 1
    """Validations from one sample to the next; see `validate_every`. The finished model's is always there."""
    tokens: Annotated[int, Field(ge=1)] = 40
    """Of an answer, at most."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """0 takes the likeliest token each time; above, tokens are drawn, by the recipe's seed."""


class Energy(Section):
    country: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """Where the machine stands, in three letters (ISO 3166-1): its electricity's emissions are reckoned with."""


class Price(Section):
    amount: Annotated[float, Field(ge=0)]
    """Of an hour of all that trains together."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """In three letters (ISO 4217)."""

    def of(self, seconds: float) -> float:
        """What so many seconds cost."""
        return self.amount * seconds / 3600


class Pretrain(Section):
    budget: Budget
    batch_size: Annotated[int, Field(ge=1)] = 16
    """Sequences in an optimiser step, over all processes."""
    micro_batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Sequences in one forward pass of one process. `auto` tries all that fall to it, then half of them, and so on
    until they fit into memory. The step is the same but for roundings, so a resumed run keeps what was found."""
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    gradient_checkpointing: bool = False
    """Keep only the layers' inputs for the backward pass, and compute the rest again: a third more time for much less
    memory (Chen et al. 2016)."""
    isolate_documents: bool = True
    """Whether a token sees only its own document, where a sequence holds the end of one and the start of the next."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the probability that each target gives to all tokens alike. Metrics stay those of the plain loss."""
    z_loss: Annotated[float, Field(ge=0)] = 0.0
    """Factor of ln² Z, which keeps logits from drifting in long bf16 runs; PaLM used 1e-4 (Chowdhery et al. 2022)."""
    mask_probability: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Masked models only. Wettig et al. 2023: more than BERT's 15% serves small models better."""
    mask_whole_words: bool = False
    """Masked models only: all tokens of a word are hidden together, by the tokenizer's own cut into words. Of BERT's
    published variants, those so trained do better (its authors, 2019); whether small models do is not known."""
    span_corruption: SpanCorruption = SpanCorruption()
    """Encoder–decoders only."""
    goldfish: Goldfish | None = None
    """Models that go on with a text only: leave some tokens out of the loss, so that none is learnt by heart."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` times a matrix product in both and takes bf16 where it is faster."""
    compile: Literal["auto", "always", "never"] = "auto"
    """`auto` compiles where a C++ compiler is found and the budget is long enough to earn the wait back."""
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 1.0
    """Time between checkpoints: what a power cut may cost. 0 writes one at each step."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Checkpoints to resume from: the newest, and one before it in case the newest cannot be read."""
    keep_every_steps: Annotated[int, Field(ge=1)] | None = None
    """Besides, a checkpoint at each multiple of this is written and kept, to study a model on its way (Biderman et
    al. 2023 keep one in 1,000 steps). Each holds the optimisers' states too."""
    stability: Stability = Stability()
    validate_every: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the steps between validations."""
    early_stop: EarlyStop | None = None
    """Off by default: a budget is there to be used, and the loss of a run on fresh data seldom rises."""
    samples: Samples | None = None
    """None by default: `evaluate.prompts` shows the finished model."""
    trackers: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()
    """Who is told what `metrics.jsonl` is told, below `pretrain/trackers/`, each an extra of its name. wandb stays
    offline unless WANDB_MODE says otherwise."""
    energy: Energy | None = None
    """Whether to count energy and emissions, with codecarbon: `pip install desdecero[energy]`."""
    price_per_hour: Price | None = None
    """Told as a cost before training, and in the report. A change trains anew, as in all of this section: enter it
    before you start."""


# --- evidence ----------------------------------------------------------------------------------------------


class Evaluate(Section):
    max_bytes: Annotated[int, Field(gt=0)] = 1_000_000
    """Held-out text that is scored: whole documents, in an order drawn by the seed, up to this size."""
    resamples: Annotated[int, Field(ge=100)] = 2000
    """Bootstrap draws over documents."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    prompts: tuple[str, ...] = ()
    """What the model is asked to go on from (or, where it fills gaps, to fill in: write `[MASK]`)."""
    sample_tokens: Annotated[int, Field(ge=1)] = 60
    """At most; of an encoder–decoder, for each gap."""


class Audit(Section):
    languages: Annotated[tuple[Literal["en", "es"], ...], Field(min_length=1)] = ("en", "es")
    """Of the probes: their language, not the model's. One that the model cannot read is reported as such."""
    margin: Annotated[float, Field(gt=0)] = 0.5
    """A mean gap of at most this many nats of log-probability is called small: a likelihood ratio of 1.65."""
    resamples: Annotated[int, Field(ge=100)] = 2000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95

    @field_validator("languages")
    @classmethod
    def _distinct(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(languages)) < len(languages):
            raise ValueError("a language is named twice: its probes would count double; name it once")
        return languages


class Finetune(Section):
    """A LoRA adapter (Hu et al. 2021) on the corpus' domain slice."""

    rank: Annotated[int, Field(ge=1)] = 16
    alpha: Annotated[float, Field(gt=0)] = 32.0
    steps: Annotated[int, Field(ge=1)] = 100
    batch_size: Annotated[int, Field(ge=1)] = 16
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    max_eval_bytes: Annotated[int, Field(gt=0)] = 300_000
    """Of each held-out text, domain and general."""


class Card(Section):
    license: str | None = None
    """The model's own licence, an SPDX expression. Nothing is assumed: without one, the card says so."""
    authors: tuple[str, ...] = ()
    contact: str | None = None
    intended_use: str = ""
    out_of_scope: str = ""
    limitations: str = ""


class Publish(Section):
    repo_id: str | None = None
    """`owner/name` on the Hub."""
    private: bool = True


def _fills_spans(architecture: str) -> bool:
    try:
        return objective_of(architecture) == "span_corruption"
    except ValueError:  # told by `Model`, with its line
        return False


class Recipe(Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """The run lands in `runs/<name>`."""
    purpose: str
    """What the model is for, in a sentence: it opens the card."""
    languages: tuple[str, ...]
    """ISO 639-1 codes of the languages that the model is meant to write."""
    seed: int = 0
    corpus: Corpus
    tokenizer: Tokenizer = Tokenizer()
    tokens: Tokens = Tokens()
    model: Model = Model()
    pretrain: Pretrain
    evaluate: Evaluate = Evaluate()
    audit: Audit = Audit()
    finetune: Finetune | None = None
    card: Card = Card()
    publish: Publish = Publish()

    @model_validator(mode="before")
    @classmethod
    def _sentinels_of_spans(cls, data: Any) -> Any:
        """Written out in the tokenizer's section, so that its seal knows of them."""
        match data:
            case {"model": {"architecture": str(architecture)}} if _fills_spans(architecture):
                return {**data, "tokenizer": {"sentinels": 100, **(data.get("tokenizer") or {})}}
        return data

    @model_validator(mode="before")
    @classmethod
    def _architecture_of_the_sweep(cls, data: Any) -> Any:
        """Written out in the tokenizer's section, as the sentinels are."""
        match data:
            case {
                "model": {"architecture": ("qwen3" | "gpt2") as own},
                "tokenizer": {"sweep": list() | dict() as sweep},
            }:
                sweep = {"sizes": sweep} if isinstance(sweep, list) else sweep
                return {**data, "tokenizer": {**data["tokenizer"], "sweep": {"architecture": own, **sweep}}}
        return data

    @model_validator(mode="wrap")
    @classmethod
    def _set_what_the_size_says(cls, data: Any, read: ModelWrapValidatorHandler[Recipe]) -> Recipe:
        recipe = read(data)
        return read(_merged(data, sized(recipe))) if recipe.model.size else recipe

    @model_validator(mode="wrap")
    @classmethod
    def _set_the_blocks(cls, data: Any, read: ModelWrapValidatorHandler[Recipe]) -> Recipe:
        recipe = read(data)
        length = block_length(recipe) if recipe.tokens.packing == "best_fit" else None
        if recipe.tokens.block_length == length:
            return recipe
        return read(_merged(data, {"tokens": {"block_length": length}}))

    @model_validator(mode="after")
    def _packed_documents_are_apart(self) -> Recipe:
        if self.tokens.packing == "best_fit" and not self.pretrain.isolate_documents:
            raise ValueError(
                "tokens.packing best_fit needs pretrain.isolate_documents, or tokens would see padding: "
                "set it to true, or packing to concatenate"
            )
        return self

    @model_validator(mode="after")
    def _goldfish_goes_on(self) -> Recipe:
        if self.pretrain.goldfish and self.model.objective != "causal":
            raise ValueError(
                f"pretrain.goldfish is for models that go on with a text, which {self.model.architecture} does not: "
                "leave it out"
            )
        return self

    @model_validator(mode="after")
    def _finetune_has_a_domain(self) -> Recipe:
        if self.finetune and not self.corpus.domain:
            raise ValueError("finetune needs corpus.domain: say which slice of the corpus the adapter learns")
        return self

    @model_validator(mode="after")
    def _prompts_fit_the_model(self) -> Recipe:
        room = self.model.context_length - self.evaluate.sample_tokens
        if self.model.objective == "causal" and self.evaluate.prompts and room < 1:
            raise ValueError(
                f"evaluate.sample_tokens {self.evaluate.sample_tokens} leaves no room for a prompt in "
                f"model.context_length {self.model.context_length}: lower the first"
            )
        if self.model.objective != "causal" and any("[MASK]" not in prompt for prompt in self.evaluate.prompts):
            raise ValueError("a model of this architecture fills gaps: write [MASK] in each of evaluate.prompts")
        return self

    @model_validator(mode="after")
    def _vocabulary_fits_the_model(self) -> Recipe:
        if self.tokenizer.sweep and self.model.size:
            raise ValueError("model.size counts a vocabulary that tokenizer.sweep has yet to choose: give one of them")
        tokens = max(self.tokenizer.sweep.sizes) if self.tokenizer.sweep else self.tokenizer.vocab_size
        if self.model.overrides.get("vocab_size", tokens) < tokens:
            raise ValueError(
                f"model.overrides.vocab_size {self.model.overrides['vocab_size']} is less than the {tokens} tokens of "
                "the tokenizer: raise the first or lower the second"
            )
        return self

    def to_yaml(self) -> str:
        """The resolved recipe: every default written out, in the order of this file."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)


# --- loading -----------------------------------------------------------------------------------------------


def shipped_recipes() -> dict[str, Any]:
    """The recipes that come with the project: name → readable resource."""
    folder = resources.files("pipelines") / "recipes"
    return {item.name.removesuffix(".yaml"): item for item in folder.iterdir() if item.name.endswith(".yaml")}


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by its shipped name or by its path, with `section.key=value` overrides.

    Raises `UserError`, naming file, line and key, for anything that a recipe may not say.
    """
    path, shipped = Path(name_or_path), shipped_recipes()
    if str(name_or_path) in shipped:
        where, base = f"recipe {name_or_path}", Path.cwd()
        text = shipped[str(name_or_path)].read_text(encoding="utf-8")
    elif path.is_file():
        where, base = str(path), path.absolute().parent
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{where}: not UTF-8 text at byte {error.start}; a recipe is a YAML file") from None
    else:
        near = difflib.get_close_matches(str(name_or_path), shipped, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UserError(
            f"no recipe {str(name_or_path)!r}: {hint}name a YAML file, or one of {', '.join(sorted(shipped))}"
        )
    return parse_recipe(text, where, base, overrides)


def parse_recipe(text: str, where: str, base: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Turn YAML into a recipe. `where` names the file in messages; relative paths start at `base`."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        what = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise UserError(f"{where}{line}: not valid YAML: {what}") from None
    if not isinstance(data, dict):
        raise UserError(f"{where}: a recipe is a mapping of sections (name, purpose, corpus, …), and this is none")
    for override in overrides:
        _apply(data, override)
    try:
        return Recipe.model_validate(data, context={"base": base})
    except ValidationError as error:
        raise UserError(_sentence(error, where, tree)) from None


def _apply(data: dict[str, Any], override: str) -> None:
    """Set one `section.key=value`; the value is read as YAML, so `[a, b]`, `3` and `true` mean what they say."""
    path, sign, value = override.partition("=")
    if not sign or not path:
        raise UserError(f"--set {override}: write it as section.key=value")
    *parents, last = path.split(".")
    place: Any = data
    try:
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        place[int(last) if isinstance(place, list) else last] = yaml.safe_load(value)
    except (TypeError, ValueError, IndexError, AttributeError):
        raise UserError(f"--set {override}: no such place in the recipe") from None
    except yaml.YAMLError:
        raise UserError(f"--set {override}: {value!r} is not valid YAML") from None


def _merged(data: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with what `more` adds to it, section by section; in the place of a whole section left empty, too."""
    both = {key: _merged(data.get(key) or {}, value) for key, value in more.items() if isinstance(value, Mapping)}
    return {**data, **{key: value for key, value in more.items() if key not in both}, **both}


def _sentence(error: ValidationError, where: str, tree: yaml.Node | None) -> str:
    """The first fault of a recipe as one sentence, with its line and its path."""
    faults = error.errors(include_url=False)
    # A misspelt key is also a missing one: its own fault says more.
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    kinds = set(SOURCES)  # pydantic puts the union's tag in the path; YAML has no such level
    path = [part for part in fault["loc"] if part not in kinds]
    line = _line_of(tree, path)
    place = f"{where}, line {line}" if line else where
    dotted = ".".join(str(part) for part in path)
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), _keys_beside(path, fault["loc"]), n=1)
        what = "unknown key" + (f"; did you mean {near[0]}?" if near else "; remove it")
    elif fault["type"] == "missing":
        what = "missing: add it"
    else:
        what = fault["msg"].removeprefix("Value error, ")
        if not isinstance(fault["input"], dict | list | BaseModel):
            what += f" (it says {json.dumps(fault['input'], default=str, ensure_ascii=False)})"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{place}: {dotted + ': ' if dotted else ''}{what}{more}"


def _line_of(node: yaml.Node | None, path: Sequence[int | str]) -> int | None:
    """The line, from 1, of the deepest part of `path` that the file holds; None when it holds none of it."""
    line = None
    for key in path:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(key)]
            if not found:
                break
            line, node = found[-1][0].start_mark.line + 1, found[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _keys_beside(path: Sequence[int | str], loc: Sequence[int | str]) -> list[str]:
    """The keys that the section at `path`'s parent knows, for a suggestion."""
    if len(loc) >= 2 and loc[-2] in SOURCES:
        return list(SOURCES[str(loc[-2])].model_fields)
    section: type[BaseModel] = Recipe
    for key in path[:-1]:
        field = section.model_fields.get(str(key))
        choices = [field.annotation, *getattr(field.annotation, "__args__", ())] if field else []
        inner = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
        if not inner:
            return []
        section = inner[0]
    return list(section.model_fields)
