"""`corpus/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.pipelines.run.reports.base import Count, Part, Share, ShareEstimate, Size

Verdict = Literal["allowed", "review", "unknown", "denied"]


class Documents(Part):
    """Numbers of documents by decision."""

    read: Count
    kept: Count
    dropped: Count
    quarantined: Count
    """Files and records that could not be read; not among `read`."""


class Bytes(Part):
    """Bytes of UTF-8."""

    read: Count
    kept: Count


class DropExample(Part):
    """A dropped document and how it begins."""

    id: str
    excerpt: str


class Dropped(Size):
    """Documents dropped for one reason."""

    examples: list[DropExample]


class StepPassage(Part):
    """Text that came to a step and that left it."""

    step: str
    documents_in: Count
    documents_out: Count
    bytes_in: Count
    bytes_out: Count
    changed: Count
    """Documents that left it with another text."""


class EditExample(Part):
    """A change of a document."""

    id: str
    before: str
    after: str


class EditKind(Part):
    """Changes of one kind."""

    edits: Count
    documents: Count
    examples: list[EditExample]


class Edits(Part):
    """Changes of kept documents."""

    unicode: Count
    """Documents."""
    redacted: dict[str, Count]
    """Kind of personal data → items replaced."""
    kinds: dict[str, EditKind]


class Correction(Part):
    """A correction of spelling."""

    word: str
    replacement: str
    count: Count


class Source(Part):
    """A source of the recipe: what was kept of it, and what was read."""

    name: str
    kind: str
    documents: Count
    bytes: Count
    read: Size
    license: str | None
    """That the recipe states."""
    terms: str | None


class LanguageShare(Part):
    """Text in one language."""

    language: str
    documents: Count
    bytes: Count
    share_bytes: Share


class LicenseShare(Part):
    """Text under one licence."""

    license: str
    documents: Count
    bytes: Count
    share_bytes: Share
    evidence: dict[str, Count]
    """How the licence is known → documents."""


class Largest(Part):
    """A distribution or source."""

    name: str
    documents: Count
    bytes: Count


class DomainSlice(Part):
    """The slice that adapters are trained on."""

    name: str
    where: dict[str, str]


class OtherForm(Part):
    """Documents dropped by the limits of the recipe's form, which another form would keep."""

    form: str
    reason: str
    documents: Count


class Quarantined(Part):
    """A file or record that could not be read."""

    place: str
    reason: str


class RemovedCopy(Part):
    """A document left out as a copy of a removed one."""

    id: str
    copy_of: str
    reason: str


class RemovedCopies(Part):
    """Documents left out as copies of removed ones."""

    documents: Count
    shown: list[RemovedCopy]


class UnreadPlace(Part):
    """A file or record that no reader took."""

    place: str
    reason: str
    bytes: Count


class Unread(Part):
    """Files and records that no reader took."""

    files: Count
    records: Count
    bytes: Count
    share_bytes: Share
    """Of all that was offered, as if all of it were text."""
    largest: list[UnreadPlace]


class Recall(Part):
    """Planted items that were found, with the Wilson interval of their share."""

    planted: Count
    found: Count
    recall: Share
    low: Share
    high: Share


class RecallParts(Recall):
    """And those beside a word that names them, and those alone."""

    named: Recall | None = None
    alone: Recall | None = None


class KindRecall(RecallParts):
    """Recall of one kind of personal data, and of each of its formats."""

    forms: dict[str, RecallParts]


class PersonalData(Part):
    """Detection of personal data, measured on planted items."""

    planted: dict[str, KindRecall]
    """Kind → recall on items planted into this corpus."""
    key: str | None
    """Fingerprint of the key of pseudonyms."""


class MeasuredElsewhere(Part):
    """A figure on a step that was measured on other data."""

    step: str
    what: dict[Literal["en", "es"], str]
    found: Count
    of: Count
    data: dict[Literal["en", "es"], str]
    checked: str
    share: Share
    low: Share
    high: Share


class Ask(Part):
    """Something that a licence asks for."""

    kind: str
    license: str
    origin: str
    """Its section."""


class Conflict(Part):
    """A clash of a licence with the model's use or licence, or with another licence."""

    kind: str
    license: str
    against: str
    certainty: Literal["stated", "unsettled", "unknown"]


class LicenseRow(Part):
    """Text under one licence, and what it asks."""

    license: str
    chosen: str
    """The branch of an OR that is judged."""
    documents: Count
    bytes: Count
    share_bytes: Share
    tokens: Count | None = None
    """Where they are counted already."""
    share_tokens: Share | None = None
    evidence: dict[str, Count]
    basis: str
    verdict: Verdict
    asks: list[Ask]
    conflicts: list[Conflict]
    notes: list[str]


class VerdictRow(Part):
    """Text under licences of one verdict."""

    verdict: Verdict
    documents: Count
    bytes: Count
    share_bytes: Share
    tokens: Count | None = None
    """Where they are counted already."""
    share_tokens: Share | None = None
    licenses: list[str]


class AskRow(Part):
    """Text under licences that ask the same."""

    kind: str
    documents: Count
    bytes: Count
    share_bytes: Share
    tokens: Count | None = None
    """Where they are counted already."""
    share_tokens: Share | None = None
    licenses: list[str]


class ConflictRow(Part):
    """Text under licences with the same conflict."""

    kind: str
    against: str
    certainty: Literal["stated", "unsettled", "unknown"]
    documents: Count
    bytes: Count
    share_bytes: Share
    tokens: Count | None = None
    """Where they are counted already."""
    share_tokens: Share | None = None
    licenses: list[str]


class BasisRow(Part):
    """Text whose licences are known on one basis."""

    basis: str
    documents: Count
    bytes: Count
    share_bytes: Share
    tokens: Count | None = None
    """Where they are counted already."""
    share_tokens: Share | None = None
    licenses: list[str]


class Licensing(Part):
    """Obligations of the text's licences, and conflicts with the model's use and licence."""

    use: Literal["research", "commercial"]
    intended: str | None
    licenses: list[LicenseRow]
    verdicts: list[VerdictRow]
    asks: list[AskRow]
    conflicts: list[ConflictRow]
    evidence: dict[str, Count]
    basis: list[BasisRow]


class Attribution(Part):
    """The file that names works and authors."""

    file: str
    works: Count
    documents: Count
    required: dict[str, Count]
    """Why a work is named → works."""
    without: dict[Literal["title", "author", "source"], Count]


class RelevanceRates(Part):
    """Rates of a filter for relevance on examples that it did not learn from."""

    kept_of_wanted: ShareEstimate
    kept_of_unwanted: ShareEstimate
    wanted_of_kept: ShareEstimate | None
    """None where it keeps nothing."""


class RelevanceReport(Part):
    """The filter that learned from wanted and unwanted examples."""

    examples: dict[Literal["wanted", "unwanted"], Count]
    folds: Count
    """Of cross-validation."""
    read_characters: Count
    """Of each document."""
    threshold: float
    held_out: RelevanceRates
    words: dict[Literal["for", "against"], list[str]]
    """Features that speak most for a wanted document and against it."""


class ToxicityRates(Part):
    """Rates of a filter for toxicity on examples that it did not learn from."""

    found_of_toxic: ShareEstimate
    flagged_of_neutral: ShareEstimate
    toxic_of_flagged: ShareEstimate | None
    """None where it flags nothing."""
    flagged_of_neutral_by_group: dict[str, ShareEstimate | None]
    """Of neutral sentences that name a group of people; none where no sentence names it."""


class ToxicityLanguage(Part):
    """The filter of one language, which learned from toxic and neutral sentences."""

    examples: dict[Literal["toxic", "neutral"], Count]
    threshold: float
    held_out: ToxicityRates
    may_drop: bool
    faults: list[str]
    """Why it may not drop anything."""
    words: dict[Literal["for", "against"], list[str]]
    """Features that speak most for toxicity and against it."""


class ToxicityReport(Part):
    """The filters for toxicity, and what is done with what they find."""

    action: str
    share: float
    """Of toxic sentences from which on a document is taken for toxic."""
    folds: Count
    """Of cross-validation."""
    read_characters: Count
    """Of each document."""
    max_false_positive_rate: float
    languages: dict[str, ToxicityLanguage]
    insults_listed: dict[str, Count]
    """Language → forms in the recipe's list of insults."""


class Relation(Part):
    """Held-out documents that are related to training documents."""

    documents: Count
    of: Count
    training_documents: Count


class CorpusReport(Part):
    """Text that was read and kept, and the reasons for the rest.

    Bytes of dropped documents are as read, of kept ones as kept.
    """

    documents: Documents
    bytes: Bytes
    splits: dict[str, Size]
    drops: dict[str, Dropped]
    """Reason → documents; most text first."""
    steps: list[StepPassage]
    edits: Edits
    corrections: list[Correction]
    sources: list[Source]
    languages: list[LanguageShare]
    licenses: list[LicenseShare]
    largest: list[Largest]
    """Distributions or sources with the most text."""
    domain: DomainSlice | None
    form: str
    other_forms: list[OtherForm]
    quarantined: list[Quarantined]
    """The first ones."""
    removed_copies: RemovedCopies
    unread: Unread
    personal_data: PersonalData
    measured_elsewhere: list[MeasuredElsewhere]
    licensing: Licensing
    attribution: Attribution
    filters: dict[str, RelevanceReport | ToxicityReport]
    """`relevance` and `toxicity`, where the recipe has them."""
    related: dict[str, Relation]
    """Held-out split → its relation to training."""
