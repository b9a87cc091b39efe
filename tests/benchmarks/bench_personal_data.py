"""How well personal data is found, and how fast: the tables behind what docs and reports say.

    python tests/benchmarks/bench_personal_data.py                       gold sets, planted items, speed
    python tests/benchmarks/bench_personal_data.py --show national_id    what is found in ordinary text, to judge by eye

Gold sets: MEDDOCAN (Marimon et al. 2019), 750 Spanish clinical cases, and Presidio's 1,500 synthetic English
sentences, both with made-up personal data marked by hand. Their folder, and that of the ordinary text, is in
DESDECERO_DATA. A marked item is found when what is taken out covers its letters and digits; something taken out is
right when it overlaps a marked item, of whatever kind: whose kind is missing from the marks (ages, professions) is
not counted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from desdecero.eval_suites.statistics import wilson
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.privacy.detection import Detector
from desdecero.pipelines.corpus.privacy.planted import TextSample, measure_recall
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.recipe import InstalledDocs, PersonalData

Span = tuple[int, int, str]

MEDDOCAN = {
    "CORREO_ELECTRONICO": "email", "NUMERO_TELEFONO": "phone", "NUMERO_FAX": "phone",
}  # fmt: skip
PRESIDIO = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "IP_ADDRESS": "ip", "CREDIT_CARD": "credit_card",
    "IBAN_CODE": "bank_account", "US_SSN": "national_id",
}  # fmt: skip
ORDINARY = {
    "novels": "novelas_es", "laws": "leyes_pe", "scanned by-laws": "pe_regional_ocr", "modern English": "masc_en",
}  # fmt: skip


def meddocan(data: Path) -> Iterator[tuple[str, list[Span]]]:
    """Text, and its marks with our kinds; others keep their own names."""
    for path in sorted((data / "pii" / "meddocan").rglob("*.ann")):
        text = path.with_suffix(".txt").read_text(encoding="utf-8")
        marks = re.findall(r"^T\d+\t(\w+) (\d+) (\d+)\t", path.read_text(encoding="utf-8"), re.MULTILINE)
        yield text, [(int(start), int(end), MEDDOCAN.get(label, label)) for label, start, end in marks]


def presidio(data: Path) -> Iterator[tuple[str, list[Span]]]:
    path = data / "pii" / "presidio_synth" / "synth_dataset_v2.json"
    for item in json.loads(path.read_text(encoding="utf-8")):
        spans = [
            (span["start_position"], span["end_position"], PRESIDIO.get(span["entity_type"], span["entity_type"]))
            for span in item["spans"]
        ]
        yield item["full_text"], spans


def score(texts: Iterator[tuple[str, list[Span]]], detector: Detector) -> dict[str, dict[str, int]]:
    """Kind → marked, found (of the marked), claimed, right (of the claimed), and which were missed or wrong."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for text, marks in texts:
        matches = detector.find(text)
        for start, end, kind in marks:
            if kind.islower():
                covered = {place for match in matches for place in range(match.start, match.end)}
                found = all(place in covered for place in range(start, end) if text[place].isalnum())
                counts[kind].update(marked=1, found=found)
                if not found and "-v" in sys.argv:
                    print("missed", kind, repr(text[max(0, start - 30) : end + 15]))
        for match in matches:
            right = any(match.start < end and start < match.end for start, end, _ in marks)
            counts[match.kind].update(claimed=1, right=right)
            if not right and "-v" in sys.argv:
                print("wrong", match.kind, repr(text[max(0, match.start - 30) : match.end + 15]))
    return {kind: dict(count) for kind, count in counts.items()}


def share(found: int, total: int) -> str:
    if not total:
        return "–"
    interval = wilson(found, total, 0.95)
    return f"{found}/{total} = {interval.value:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def ordinary(data: Path, name: str, limit: int = 8_000_000) -> list[str]:
    texts, size = [], 0
    with gzip.open(data / "corpora" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            texts.append(json.loads(line)["text"])
            size += len(texts[-1].encode())
            if size > limit:
                break
    return texts


def installed_docs(limit: int = 20_000_000) -> list[str]:
    texts, size = [], 0
    for item in read_source(InstalledDocs(kind="installed_docs")):
        if isinstance(item, Document) and (document := prose(item)):
            texts.append(document.text)
            size += len(document.text)
            if size > limit:
                break
    return texts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", metavar="KIND_OR_FORM", help="print what is found of it in ordinary text")
    parser.add_argument("--number", type=int, default=30, help="how many of each text")
    parser.add_argument("-v", action="store_true", help="print what was missed and what was wrong on the gold sets")
    arguments = parser.parse_args()
    data = Path(os.environ.get("DESDECERO_DATA", ""))
    section = PersonalData()
    detector = Detector(section)
    texts = {"installed docs": installed_docs()}
    if data.name:
        texts |= {title: ordinary(data, name) for title, name in ORDINARY.items()}
    if arguments.show:
        show(texts, detector, arguments.show, arguments.number)
        return 0
    if data.name:
        for title, gold in (("MEDDOCAN", meddocan(data)), ("Presidio", presidio(data))):
            print(f"\n{title}: recall, precision")
            for kind, count in sorted(score(gold, detector).items()):
                recall = share(count.get("found", 0), count.get("marked", 0))
                print(f"  {kind:16} {recall:40} {share(count.get('right', 0), count.get('claimed', 0))}")
    print("\nfound in ordinary text, by MB; speed of one core")
    for title, documents in texts.items():
        megabytes = sum(len(text.encode()) for text in documents) / 1e6
        start = time.process_time()
        found = Counter(match.kind for text in documents for match in detector.find(text))
        speed = megabytes / (time.process_time() - start)
        counts = ", ".join(f"{kind} {number / megabytes:.2f}" for kind, number in sorted(found.items()))
        print(f"  {title:15} {megabytes:5.1f} MB  {speed:5.1f} MB/s  {counts}")
    for title, documents in texts.items():
        sample = TextSample(seed=0)
        for number, text in enumerate(documents):
            sample.add(str(number), text)
        print(f"\nplanted into {title}: recall")
        for kind, entry in measure_recall(sample.texts(), section, seed=0).items():
            for part in ("named", "alone"):
                count = entry[part]
                print(f"  {kind:16} {part:6} {share(count['found'], count['planted'])}")
                weak = [f"{form} {counts[part]['found']}/{counts[part]['planted']}"
                        for form, counts in entry["forms"].items() if counts[part]["recall"] < 0.95]  # fmt: skip
                if weak:
                    print(f"  {'':23} below 95%: {', '.join(weak)}")
    return 0


def show(texts: dict[str, list[str]], detector: Detector, wanted: str, number: int) -> None:
    for title, documents in texts.items():
        found = [
            (match, text) for text in documents for match in detector.find(text) if wanted in (match.kind, match.form)
        ]
        print(f"\n{title}: {len(found)}")
        for match, text in found[:: max(1, len(found) // number)][:number]:
            before = " ".join(text[max(0, match.start - 40) : match.start].split())
            after = " ".join(text[match.end : match.end + 25].split())
            value = text[match.start : match.end][:60]
            print(f"  {match.form:14} {match.strength.name:7} {before} ⟦{value}⟧ {after}")


if __name__ == "__main__":
    sys.exit(main())
