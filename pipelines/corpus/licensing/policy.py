"""Licences that a corpus may hold, by the recipe's `corpus.licenses`.

An entry of a list is an SPDX expression (`MIT`, `GPL-2.0-only WITH Classpath-exception-2.0`), a licence in all its
versions and ports (`CC-BY-NC-*`, which is not `CC-BY-NC-SA-*`), a version and those after it (`GPL-2.0-or-later`,
`CC-BY-SA-3.0+`), or, for denied and review, a kind of condition (`non_commercial`, `no_derivatives`,
`share_alike`, `use_limits`, `no_permission`). A document's expression is judged as follows:

- An expression, or a part of one, that is in a list unchanged, is judged by that list.
- `AND`: the worst of its parts; `OR`: the best, because one may choose. So is `GPL-2.0-or-later`: a choice of versions.
- A licence is looked up by its name; failing that, among the families; failing that, by its conditions. Within each,
  denied comes before review, and review before allowed.
- `licence WITH exception`: by that very pair, and failing that, by the licence. An exception only permits more.
- An unlisted licence: allowed if there is no list of allowed licences, denied if there is one.
- An unknown licence: `unknown`; so is an unlisted `LicenseRef-…` whose terms are not recorded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal, get_args

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.licenses.expressions import (
    REMEMBERED,
    UNKNOWN,
    UNSAID,
    canonical,
    is_and,
    is_or,
    parse,
    spdx_licensing,
    versions_from,
    without_exception,
)
from desdecero.pipelines.licenses.names import normalize
from desdecero.pipelines.licenses.obligations import ObligationKind, row_of
from desdecero.pipelines.recipe import Licenses

Verdict = Literal["allowed", "review", "unknown", "denied"]
VERDICTS: tuple[Verdict, ...] = ("allowed", "review", "unknown", "denied")
"""Verdicts in order, the best first."""
Action = Literal["keep", "drop", "quarantine"]

KINDS = tuple(kind for kind in get_args(ObligationKind) if kind != "unknown")
"""Conditions that a list may deny or put to review; `unknown` has a separate rule."""


class Policy:
    """Judges expressions. Raises `UserError` if a list contains an invalid SPDX expression."""

    def __init__(self, licenses: Licenses):
        self.licenses = licenses
        self._exact: dict[str, Verdict] = {}
        self._families: list[tuple[re.Pattern[str], Verdict]] = []
        self._kinds: list[tuple[str, Verdict]] = []
        self.verdict = lru_cache(maxsize=REMEMBERED)(self._verdict)
        """Returns the verdict on an expression."""
        lists: dict[Verdict, tuple[str, ...]] = {
            "denied": licenses.denied,
            "review": licenses.review,
            "allowed": licenses.allowed,
        }
        for verdict, entries in lists.items():
            for entry in entries:
                self._add(entry, verdict)

    def _add(self, entry: str, verdict: Verdict) -> None:
        if entry in KINDS:
            if verdict == "allowed":
                raise UserError(
                    f"corpus.licenses.allowed: {entry} is a condition of licences, and allows none: name licences"
                )
            self._kinds.append((entry, verdict))
            return
        if entry.endswith("-*"):
            stem = re.escape(entry[:-2])
            self._families.append((re.compile(rf"(LicenseRef-)?{stem}-\d.*|LicenseRef-{stem}"), verdict))
            return
        tree = parse(entry)
        strangers = spdx_licensing().unknown_license_keys(tree) if tree is not None else [entry]
        if wrong := [key for key in strangers if not _may_be_unlisted(key)]:
            raise UserError(
                f"corpus.licenses.{verdict}: {', '.join(wrong)} in {entry!r} is not a valid SPDX licence: take one "
                f"from https://spdx.org/licenses, LicenseRef-<a name of your own>, a family such as CC-BY-*, or one of "
                f"{', '.join(KINDS)}"
            )
        self._exact.setdefault(canonical(tree), verdict)
        if later := versions_from(str(tree)):
            self._families.append((re.compile("|".join(map(re.escape, later))), verdict))

    def _verdict(self, expression: str) -> Verdict:
        tree = parse(expression)
        return "unknown" if tree is None else self._judge(tree)

    def action(self, verdict: Verdict) -> Action:
        """Return the action for a document with this verdict."""
        if verdict == "allowed":
            return "keep"
        return {
            "review": self.licenses.if_review,
            "unknown": self.licenses.if_unknown,
            "denied": self.licenses.if_denied,
        }[verdict]

    def _judge(self, node: Any) -> Verdict:
        if listed := self._exact.get(canonical(node)):
            return listed
        if is_and(node):
            return max((self._judge(part) for part in node.args), key=VERDICTS.index)
        if is_or(node):
            return min((self._judge(part) for part in node.args), key=VERDICTS.index)
        base = without_exception(node)
        found = self._listed(str(node)) or (base and self._listed(base))
        return found or self._unlisted(base or str(node))

    def _listed(self, key: str) -> Verdict | None:
        if found := self._exact.get(key):
            return found
        if named := [verdict for family, verdict in self._families if family.fullmatch(key)]:
            return max(named, key=VERDICTS.index)
        if asked := [verdict for kind, verdict in self._kinds if kind in row_of(key).asks]:
            return max(asked, key=VERDICTS.index)
        choices = [found for version in versions_from(key) if (found := self._listed(version))]
        if not choices:
            return None
        # An unlisted version may be chosen too, and is then judged as an unlisted licence.
        unnamed = [self._unlisted(version) for version in versions_from(key) if not self._listed(version)]
        return min([*choices, *unnamed], key=VERDICTS.index)

    def _unlisted(self, key: str) -> Verdict:
        if key in UNSAID or row_of(key).basis == "unknown":
            return "unknown"
        return "denied" if self.licenses.allowed else "allowed"


class LicensePolicy:
    """The step that applies the policy: `license_denied`, `license_unknown`, `license_review`.

    A dropped document leaves its row in the ledger and no text; a quarantined one is stored with its text, among the
    dropped ones, for a person to review.

    A document may state another licence than its source does (`stated_license` in its metadata): a rights line of a
    page, against a data set's statement on all its pages. It cannot be decided here which is right, so both must be
    acceptable, and the disagreement is counted and shown: this is how texts get a licence that nobody gave them.
    """

    name = "license"

    def __init__(self, licenses: Licenses):
        self.policy = Policy(licenses)
        lists = licenses.allowed or licenses.denied or licenses.review
        self._keeps_all = not lists and licenses.if_unknown == "keep"

    def __call__(self, draft: Draft) -> None:
        """Judge the draft's licences, and drop it if the policy says so."""
        if self._keeps_all and "stated_license" not in draft.document.meta:
            return  # fast path: reading the list of all licences takes a worker a tenth of a second
        verdict = self.policy.verdict(draft.document.license)
        if stated := _disagreement(draft.document):
            draft.edits[DISAGREEMENT] += 1
            draft.show(DISAGREEMENT, draft.document.license, stated)
            verdict = max(verdict, self.policy.verdict(stated), key=VERDICTS.index)
        action = self.policy.action(verdict)
        if action == "keep":
            return
        draft.reason = f"license_{verdict}"
        if action == "drop":
            draft.text = ""


DISAGREEMENT = "license_disagreement"


def _disagreement(document: Document) -> str | None:
    """Return the licence that a document states, if it is known and differs from its source's."""
    words = document.meta.get("stated_license")
    if not isinstance(words, str):
        return None
    stated = normalize(words).expression
    return None if stated == UNKNOWN or stated in _parts(document.license) else stated


@lru_cache(maxsize=REMEMBERED)
def _parts(expression: str) -> frozenset[str]:
    """Return an expression and every licence in it."""
    tree = parse(expression)
    return frozenset((expression, *(str(symbol) for symbol in tree.symbols))) if tree is not None else frozenset()


def _may_be_unlisted(key: str) -> bool:
    """Recognize a custom name, or "or later" of a licence that SPDX lists."""
    return key.startswith("LicenseRef-") or (key.endswith("+") and key[:-1] in spdx_licensing().known_symbols)
