"""What the limits of each language cost good text and catch of bad text.

    DESDECERO_DATA=… python tests/benchmarks/bench_quality_profiles.py            # a minute: profiles compared
    DESDECERO_DATA=… python tests/benchmarks/bench_quality_profiles.py --limits   # minutes: each limit over a range

The first prints the share of documents dropped, by corpus: by Gopher's and FineWeb's published limits with English
stop words, by the same with the language's stop words, and by the language's profile. The scanned by-laws are shown
apart by how many of their words a dictionary knows: the worst are what the rules are for.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from desdecero.pipelines.corpus.cleaning.profiles import PROFILES, Profile, profile_for
from desdecero.pipelines.corpus.cleaning.quality import reasons_to_drop
from desdecero.pipelines.corpus.cleaning.spelling import known
from desdecero.pipelines.corpus.cleaning.unicode import clean

GOPHER = Profile(
    "en", frozenset(("the", "be", "to", "of", "and", "that", "have", "with")), min_words=20, max_words=200_000,
    min_stop_words=2, mean_word_length=(3, 10), max_symbol_ratio=0.3, min_alphabetic_words=0.6, max_bullet_lines=0.9,
    max_ellipsis_lines=0.3, min_punctuated_lines=0.12, max_short_lines=0.67, max_lines_per_word=0.3,
    max_duplicate_lines=0.2, max_duplicate_paragraphs=0.2, max_top_ngrams={2: 0.20, 3: 0.18, 4: 0.16},
    max_duplicate_ngrams={5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10},
)  # fmt: skip
"""Gopher (Rae et al. 2021, table A1) and FineWeb (Penedo et al. 2024, §3.6), but for the two limits on letters and
symbols: those count words and signs here, not what stands between blanks."""
OFF: dict[str, Any] = {
    "min_words": 0, "max_words": 10**9, "mean_word_length": (0, 1e9), "max_symbol_ratio": 1, "min_alphabetic_words": 0,
    "min_stop_words": 0, "min_stop_word_share": 0, "max_bullet_lines": 1, "max_ellipsis_lines": 1,
    "min_punctuated_lines": 0, "max_short_lines": 1, "max_lines_per_word": 1e9, "max_hashes": 1, "max_ellipses": 1,
    "max_duplicate_lines": 1, "max_duplicate_paragraphs": 1, "max_top_ngrams": {}, "max_duplicate_ngrams": {},
}  # fmt: skip
RANGES: dict[str, Sequence[Any]] = {
    "min_alphabetic_words": (0.4, 0.5, 0.6, 0.7, 0.8), "max_symbol_ratio": (0.05, 0.1, 0.2, 0.3),
    "min_stop_words": (2, 4, 6), "min_stop_word_share": (0.05, 0.1, 0.15, 0.2, 0.3),
    "max_bullet_lines": (0.3, 0.5, 0.9), "max_ellipsis_lines": (0.1, 0.3, 0.6),
    "min_punctuated_lines": (0.05, 0.12, 0.3),
    "max_short_lines": (0.5, 0.67, 0.8, 0.85), "max_lines_per_word": (0.1, 0.2, 0.3, 0.4),
    "mean_word_length": ((3.5, 99), (4, 99), (0, 6), (0, 8), (0, 10)),
    "max_top_ngrams": ({2: 0.13}, {2: 0.2}, {3: 0.12}, {3: 0.18}, {4: 0.12}, {4: 0.16}),
    "max_duplicate_ngrams": ({5: 0.15}, {5: 0.35}, {5: 0.4}, {7: 0.13}, {7: 0.31}, {10: 0.1}, {10: 0.25}, {10: 0.35}),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limits", action="store_true", help="each limit alone, over a range")
    limits = parser.parse_args().limits
    corpora = _corpora(Path(os.environ["DESDECERO_DATA"]))
    if limits:
        for name, values in RANGES.items():
            print(f"\n{name}: share of documents that fail {', '.join(map(str, values))}")
            for corpus, (language, texts) in corpora.items():
                profile = replace(PROFILES[language], **OFF)
                shares = (_dropped(texts, replace(profile, **{name: value}))[0] for value in values)
                print(f"  {corpus:26} " + "  ".join(f"{share:6.1%}" for share in shares))
        return
    print(f"{'':26} {'texts':>5}  English limits, English words | own words | own profile: share dropped")
    for corpus, (language, texts) in corpora.items():
        own_words = replace(GOPHER, stop_words=PROFILES[language].stop_words)
        shares = [_dropped(texts, profile) for profile in (GOPHER, own_words, profile_for(language))]
        reasons = ", ".join(f"{reason} {count}" for reason, count in shares[2][1].most_common(4))
        print(f"{corpus:26} {len(texts):5}  " + " | ".join(f"{share:6.1%}" for share, _ in shares) + f"   {reasons}")


def _dropped(texts: Sequence[str], profile: Profile) -> tuple[float, Counter[str]]:
    reasons = Counter(reason for reason in reasons_to_drop(texts, [profile] * len(texts)) if reason)
    return reasons.total() / len(texts), reasons


def _corpora(data: Path) -> dict[str, tuple[str, list[str]]]:
    novels, laws, scanned = (_texts(data, name) for name in ("novelas_es", "leyes_pe", "pe_regional_ocr"))
    by_noise: dict[str, list[str]] = {"under 5%": [], "5 to 20%": [], "over 20%, or no text": []}
    for text in scanned:
        words = re.findall(r"(?<![\w/.])[a-záéíóúüñ]{4,}(?![\w/.])", text)
        unknown = sum(not known(word) for word in words) / len(words) if len(words) >= 20 else 1.0
        by_noise[list(by_noise)[(unknown >= 0.05) + (unknown >= 0.2)]].append(text)
    declarations = {
        language: clean((data / "langid" / "udhr" / f"{name}.txt").read_text(encoding="utf-8"))[0]
        for language, name in (("es", "spa"), ("pt", "por_BR"), ("ca", "cat"), ("gl", "glg"), ("en", "eng"))
    }
    return {
        "novels, passages": ("es", [text[i : i + 5000] for text in novels for i in range(0, len(text), 100_000)]),
        "laws": ("es", [text for text in laws[::3] if len(text.split()) >= 20]),
        "clinical cases": ("es", [path.read_text() for path in sorted((data / "pii" / "meddocan").rglob("*.txt"))]),
        **{f"scanned, unknown {noise}": ("es", texts) for noise, texts in by_noise.items()},
        "subscriber pages": ("es", _texts(data, "pe_stubs")),
        **{
            f"declaration, {language}": (language, [text[i : i + 2500] for i in range(0, len(text) - 2500, 1000)])
            for language, text in declarations.items()
        },
        "MASC": ("en", _texts(data, "masc_en")),
    }


def _texts(data: Path, name: str) -> list[str]:
    with gzip.open(data / "corpora" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [clean(json.loads(line)["text"])[0] for line in lines]


if __name__ == "__main__":
    main()
