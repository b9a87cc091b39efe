"""The corpus stage against datatrove, on the same text and the same rules: `make bench-corpus` (about five minutes).

    python tests/benchmarks/bench_corpus.py --megabytes 60 --text folder_of_jsonl
    python tests/benchmarks/bench_corpus.py --memory 100 500 1000        # megabytes of generated text: peak memory
    python tests/benchmarks/bench_corpus.py --documents 10000000         # generated short documents: peak memory

Both sides get two cores, read the same JSONL files and write what stays and what goes; ours also writes its ledger, its
report and its splits, deduplicates where only filters are compared, and filters where only deduplication is: it has no
way to leave them out. Time is wall clock and includes starting the processes. Each comparison is one JSON line:
{"benchmark", "ours", "peer", "unit", "ratio"}; a ratio above 1 is better than the peer.

The text is that of DESDECERO_DATA where it is set, or the documentation of the installed Python packages.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import html
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from desdecero.pipelines.recipe import Recipe

# Both sides' workers import this file anew, as Python does where processes are spawned. So what one side needs is
# imported where it is needed, before its clock starts: else each would pay for both.

PROCESSES = 2
PIECE = 12_000
"""Characters: novels are cut to the size of the other texts, or datatrove's Gopher rules (100,000 words) drop them."""

RULES = {
    "min_words": 50, "max_words": 100_000, "mean_word_length": (3, 10), "max_symbol_ratio": 1.0,
    "min_alphabetic_words": 0.8, "min_stop_words": 2, "min_stop_word_share": 0.0, "max_hashes": 0.1,
    "max_ellipses": 0.1, "max_bullet_lines": 0.9, "max_ellipsis_lines": 0.3, "min_punctuated_lines": 0.12,
    "max_short_lines": 0.67, "max_lines_per_word": 0.3, "page_lines": 10**9, "max_duplicate_lines": 0.01,
    "max_duplicate_line_count": 0.3, "max_duplicate_paragraphs": 0.2, "max_duplicate_paragraph_count": 0.3,
    "max_top_ngrams": {2: 0.20, 3: 0.18, 4: 0.16},
    "max_duplicate_ngrams": {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10},
}  # fmt: skip
"""datatrove's defaults for C4, Gopher repetition, Gopher quality and FineWeb."""
NO_RULES = {
    "min_words": 0, "max_words": 10**9, "mean_word_length": (0, 10**9), "max_symbol_ratio": 1.0,
    "min_alphabetic_words": 0.0, "min_stop_words": 0, "min_stop_word_share": 0.0, "max_hashes": 1.0,
    "max_ellipses": 1.0, "max_bullet_lines": 1.0, "max_ellipsis_lines": 1.0, "min_punctuated_lines": 0.0,
    "max_short_lines": 1.0, "max_lines_per_word": 10**9, "max_duplicate_lines": 1.0, "max_duplicate_paragraphs": 1.0,
    "max_top_ngrams": {}, "max_duplicate_ngrams": {},
}  # fmt: skip


class Clock:
    """Wall clock and processor seconds, of this process and of those that it started and that have ended."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), self._used()

    def stop(self) -> Clock:
        self.seconds, self.cpu_seconds = time.perf_counter() - self._wall, self._used() - self._cpu
        return self

    @staticmethod
    def _used() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)


def say_speeds(benchmark: str, size: int, ours: Clock, peer: Clock, **more: object) -> None:
    ratio = peer.seconds / ours.seconds
    say(
        benchmark, size / 1e6 / ours.seconds, size / 1e6 / peer.seconds, "MB/s", ratio,
        ratio_of_cpu_seconds=peer.cpu_seconds / ours.cpu_seconds, cpu_seconds=[ours.cpu_seconds, peer.cpu_seconds],
        **more,
    )  # fmt: skip


def say(benchmark: str, ours: float, peer: float | None, unit: str, ratio: float | None, **more: object) -> None:
    line = {"benchmark": benchmark, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, **more}
    print(json.dumps(line, ensure_ascii=False), flush=True)


# --- the text ------------------------------------------------------------------------------------------------


def real_texts() -> Iterator[str]:
    """Texts of DESDECERO_DATA, or of the installed packages."""
    folder = os.environ.get("DESDECERO_DATA")
    if folder:
        for name in ("leyes_pe", "novelas_es", "pe_regional_ocr", "masc_en"):
            with gzip.open(Path(folder) / "corpora" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
                for line in file:
                    text = json.loads(line)["text"]
                    size = PIECE if name == "novelas_es" else len(text) or 1
                    yield from (text[start : start + size] for start in range(0, len(text), size))
        return
    from desdecero.pipelines.corpus.document import Document
    from desdecero.pipelines.corpus.sources import installed_docs
    from desdecero.pipelines.corpus.sources.extraction import prose
    from desdecero.pipelines.recipe import InstalledDocs

    for item in installed_docs.read(InstalledDocs(kind="installed_docs")):
        document = prose(item) if isinstance(item, Document) else None
        if isinstance(document, Document):
            yield document.text


def write_text(folder: Path, megabytes: float) -> tuple[int, int]:
    """A file of JSONL for each process, in mixed order; (documents, bytes)."""
    texts = list(real_texts())
    random.Random(0).shuffle(texts)
    sizes = np.cumsum([len(text.encode()) for text in texts])
    count = min(len(texts), int(np.searchsorted(sizes, megabytes * 1e6)) + 1)
    folder.mkdir(parents=True)
    for part in range(PROCESSES):
        with (folder / f"{part}.jsonl").open("w", encoding="utf-8") as file:
            for number in range(part, count, PROCESSES):
                file.write(json.dumps({"id": str(number), "text": texts[number]}, ensure_ascii=False) + "\n")
    return count, int(sizes[count - 1])


# --- ours ----------------------------------------------------------------------------------------------------


def our_recipe(text: Path, quality: dict[str, Any], language: str) -> Recipe:
    from desdecero.pipelines.recipe import Recipe

    return Recipe.model_validate(
        {
            "name": "bench", "purpose": "To measure.", "languages": [language], "pretrain": {"budget": {"steps": 1}},
            "corpus": {
                "sources": [{"kind": "files", "path": str(text), "id_field": "id", "language": language}],
                "quality": quality, "personal_data": {"kinds": []},
            },
        }
    )  # fmt: skip


def run_ours(text: Path, out: Path, quality: dict[str, Any], language: str) -> tuple[Clock, dict[str, str]]:
    """(seconds, id → reason for which it was dropped or "")."""
    from pyarrow import parquet

    from desdecero.pipelines.build_corpus import build_corpus
    from desdecero.pipelines.run.run_dir import RunDir

    run = RunDir(out)
    run.corpus.mkdir(parents=True)
    clock = Clock()
    build_corpus(our_recipe(text, quality, language), run, run)
    clock.stop()
    rows = parquet.read_table(run.ledger, columns=["id", "reason"]).to_pylist()
    return clock, {row["id"]: row["reason"] or "" for row in rows}


# --- datatrove -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    from loguru import logger

    logger.remove()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
        yield


def peer_filters(text: Path, out: Path, language: str, lines: bool) -> tuple[Clock, dict[str, str]]:
    """The same rules in the same order: lines first. Each filter writes what it drops, as ours does."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.typeshelper import Languages

    from desdecero.pipelines.corpus.cleaning.profiles import PROFILES

    code = {"es": Languages.spanish, "en": Languages.english}[language]
    stop_words = [form for word in PROFILES[language].stop_words for form in {word, word.capitalize(), word.upper()}]

    def excluded(name: str) -> JsonlWriter:
        return JsonlWriter(str(out / "dropped" / name), compression=None)

    pipeline = [
        JsonlReader(str(text), compression=None),
        *([C4QualityFilter(language=code, exclusion_writer=excluded("c4"))] if lines else []),
        GopherRepetitionFilter(language=code, exclusion_writer=excluded("repetition")),
        GopherQualityFilter(language=code, stop_words=stop_words, exclusion_writer=excluded("quality")),
        FineWebQualityFilter(language=code, exclusion_writer=excluded("fineweb")),
        JsonlWriter(str(out / "kept"), compression=None),
    ]
    clock = Clock()
    with quiet():
        LocalPipelineExecutor(
            pipeline, tasks=PROCESSES, workers=PROCESSES, logging_dir=str(out / "logs"), start_method="spawn"
        ).run()
    clock.stop()
    reasons = {row["id"]: "" for row in _json_lines(out / "kept")}
    reasons |= {row["id"]: row["metadata"]["filter_reason"] for row in _json_lines(out / "dropped")}
    return clock, reasons


def peer_deduplication(text: Path, out: Path, language: str) -> tuple[Clock, set[str]]:
    """datatrove's four stages; (seconds, ids that stay)."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashDedupBuckets
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.typeshelper import Languages

    code = {"es": Languages.spanish, "en": Languages.english}[language]
    config = minhash_config()

    def run(name: str, pipeline: list[Any], tasks: int) -> None:
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=min(tasks, PROCESSES), logging_dir=str(out / "logs" / name),
            start_method="spawn",
        ).run()  # fmt: skip

    def folder(name: str) -> str:
        return str(out / name)

    clock = Clock()
    with quiet():
        reader = JsonlReader(str(text), compression=None)
        run("1", [reader, MinhashDedupSignature(folder("signatures"), config=config, language=code)], PROCESSES)
        buckets = MinhashDedupBuckets(folder("signatures"), folder("buckets"), config=config)
        run("2", [buckets], config.num_buckets)
        run("3", [MinhashDedupCluster(folder("buckets"), folder("remove"), config=config)], 1)
        dropped = JsonlWriter(folder("dropped"), compression=None)
        kept = JsonlWriter(folder("kept"), compression=None)
        run("4", [reader, MinhashDedupFilter(folder("remove"), exclusion_writer=dropped), kept], PROCESSES)
    clock.stop()
    return clock, {row["id"] for row in _json_lines(out / "kept")}


def minhash_config() -> Any:
    """The defaults, but for the hash: the default one does not run with xxhash 4."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.hashing import HashConfig

    return MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1"))


def _json_lines(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.rglob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


# --- comparisons ---------------------------------------------------------------------------------------------


def compare_filters(text: Path, work: Path, size: int, language: str, lines: bool) -> None:
    ours_clock, ours = run_ours(text, work / "ours", {**RULES, "lines": {} if lines else None}, language)
    peer_clock, peer = peer_filters(text, work / "peer", language, lines)
    compared = {name: reason for name, reason in ours.items() if not reason.endswith("_duplicate")}
    only_ours = Counter(reason for name, reason in compared.items() if reason and not peer[name])
    only_peer = Counter(peer[name] for name, reason in compared.items() if not reason and peer[name])
    say_speeds(
        "filters: Gopher, FineWeb" + (", C4" if lines else ""), size, ours_clock, peer_clock, documents=len(ours),
        both_drop=sum(bool(reason and peer[name]) for name, reason in compared.items()),
        both_keep=sum(not reason and not peer[name] for name, reason in compared.items()),
        only_ours_drops=dict(only_ours.most_common()), only_the_peer_drops=dict(only_peer.most_common()),
    )  # fmt: skip


def compare_deduplication(text: Path, work: Path, size: int, language: str) -> None:
    ours_clock, ours = run_ours(text, work / "ours", NO_RULES, language)
    peer_clock, kept = peer_deduplication(text, work / "peer", language)
    dropped = {name for name, reason in ours.items() if reason}
    gone = set(ours) - kept
    say_speeds(
        "near-duplicate removal", size, ours_clock, peer_clock, documents=len(ours), both_drop=len(dropped & gone),
        only_ours_drops=len(dropped - gone), only_the_peer_drops=len(gone - dropped),
    )  # fmt: skip


def generated_pairs(count: int = 1500) -> Iterator[tuple[str, str, float]]:
    """(text, changed copy, Jaccard similarity of their word 5-grams), the last one spread over 0.5 to 0.95."""
    chance = random.Random(0)
    texts = (text for text in real_texts() if len(text) > 4000)
    for _ in range(count):
        text = next(texts, None)
        if text is None:
            return
        start = chance.randrange(len(text) - 3000)
        words = re.findall(r"\w+", text[start : start + 3000].lower())[1:-1]
        wanted = chance.uniform(0.5, 0.95)
        # A word replaced changes five 5-grams of n: J = (n - 5k) / (n + 5k).
        changes = round(len(words) * (1 - wanted) / (1 + wanted) / 5)
        other = list(words)
        for place in chance.sample(range(len(words)), changes):
            other[place] = f"{other[place]}x{chance.randrange(10**6)}"
        yield " ".join(words), " ".join(other), jaccard(words, other)


def jaccard(a: Sequence[str], b: Sequence[str]) -> float:
    first, second = ({tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (a, b))
    return len(first & second) / len(first | second)


def labelled_pairs() -> Iterator[tuple[str, str]]:
    from desdecero.pipelines.corpus.sources.decoding import decode

    folder = Path(os.environ["DESDECERO_DATA"])
    texts = {}
    for line in (folder / "dedup" / "pairs.jsonl").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        for name in (pair["a"], pair["b"]):
            text = decode((folder / name).read_bytes())[0]
            texts[name] = html.unescape(re.sub("<[^>]+>", "", text)) if name.endswith("htm") else text
        yield texts[pair["a"]], texts[pair["b"]]


def compare_recall(language: str) -> None:
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.utils.typeshelper import Languages

    from desdecero.pipelines.corpus.duplicates import BANDS, ROWS, similarity, sketch

    signer = MinhashDedupSignature(
        "/nowhere", minhash_config(), {"es": Languages.spanish, "en": Languages.english}[language]
    )

    def peer_finds(a: str, b: str) -> bool:
        first, second = (signer.get_signature(signer.get_shingles(text)) for text in (a, b))
        return any(one == other for one, other in zip(first, second, strict=True))

    def our_similarity(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """Estimated similarity; 0 where no band is shared, so that the pair would not be compared."""
        first, second = (sketch([pair[side] for pair in pairs]) for side in (0, 1))
        equal = (first.signatures == second.signatures).reshape(-1, BANDS, ROWS)
        return np.where(equal.all(axis=2).any(axis=1), similarity(first, second), 0)

    pairs = list(generated_pairs())
    truth = np.array([value for _, _, value in pairs]) >= 0.8
    peer = np.array([peer_finds(a, b) for a, b, _ in pairs])
    estimated = our_similarity([(a, b) for a, b, _ in pairs])
    false = peer[~truth].mean()
    # The lowest threshold at which we are wrong no more often than the peer is.
    wrong = np.sort(estimated[~truth])[::-1]
    threshold = float(np.nextafter(wrong[int(false * len(wrong))], 1))
    ours = estimated >= threshold
    say(
        "recall of pairs of Jaccard 0.8 and more, at the peer's false positives", ours[truth].mean(),
        peer[truth].mean(), "share", ours[truth].mean() / peer[truth].mean(), pairs=len(pairs),
        false_positives_ours=ours[~truth].mean(), false_positives_peer=false, our_threshold=round(threshold, 3),
        recall_at_threshold_0_8=(estimated >= 0.8)[truth].mean(),
        false_positives_at_threshold_0_8=(estimated >= 0.8)[~truth].mean(),
    )  # fmt: skip
    if "DESDECERO_DATA" in os.environ:
        labelled = list(labelled_pairs())
        found = int((our_similarity(labelled) >= 0.8).sum())
        peers = sum(peer_finds(a, b) for a, b in labelled)
        say("labelled pairs found", found, peers, f"of {len(labelled)}", found / peers)


# --- memory --------------------------------------------------------------------------------------------------


def generated_documents(characters: int) -> Iterator[str]:
    """Documents without end, of real words in a random order: no two alike."""
    chance = random.Random(0)
    vocabulary = sorted({word for _, text in zip(range(300), real_texts(), strict=False) for word in text.split()})
    count = max(1, characters // 7)
    while True:
        words = " ".join(chance.choices(vocabulary, k=count))
        yield words[: characters - 1] + "."


def measure_memory(name: str, work: Path, characters: int, documents: int) -> None:
    """Build a corpus of generated documents in a process of its own, and watch the whole tree of processes."""
    import psutil

    folder = work / name
    folder.mkdir(parents=True)
    with (folder / "text.jsonl").open("w", encoding="utf-8") as file:
        for number, text in zip(range(documents), generated_documents(characters), strict=False):
            file.write(json.dumps({"text": f"{number} {text}"}, ensure_ascii=False) + "\n")
    size = (folder / "text.jsonl").stat().st_size
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, "--build", str(folder)], stdout=subprocess.DEVNULL)
    peak = {"all": 0, "main": 0}

    def watch() -> None:
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                sizes = [each.memory_info().rss for each in tree]
                peak["all"], peak["main"] = max(peak["all"], sum(sizes)), max(peak["main"], sizes[0])
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    watcher.join()
    seconds = time.perf_counter() - started
    if code:
        raise SystemExit(f"the build of {name} ended with exit code {code}")
    say(
        f"peak memory of {name}", peak["all"] / 2**20, None, "MiB", None, main_process=peak["main"] / 2**20,
        text_bytes=size, documents=documents, megabytes_per_second=size / 1e6 / seconds,
        documents_per_second=documents / seconds,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=60)
    parser.add_argument("--language", choices=["es", "en"], default="es" if "DESDECERO_DATA" in os.environ else "en")
    parser.add_argument("--memory", type=int, nargs="+", metavar="MEGABYTES", default=[])
    parser.add_argument("--documents", type=int, nargs="+", default=[])
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["filters", "deduplication", "recall"])
    args = parser.parse_args()
    if args.build:
        run_ours_quietly(args.build)
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for megabytes in args.memory:
            measure_memory(f"{megabytes} MB", work, 2000, megabytes * 500)
        for documents in args.documents:
            measure_memory(f"{documents} documents", work, 120, documents)
        if args.memory or args.documents:
            return
        if args.only != "recall":
            _, size = write_text(work / "text", args.megabytes)
        if args.only in (None, "filters"):
            compare_filters(work / "text", work / "filters", size, args.language, lines=False)
            compare_filters(work / "text", work / "all filters", size, args.language, lines=True)
        if args.only in (None, "deduplication"):
            compare_deduplication(work / "text", work / "deduplication", size, args.language)
        if args.only in (None, "recall"):
            compare_recall(args.language)


def run_ours_quietly(folder: Path) -> None:
    from desdecero.pipelines.build_corpus import build_corpus
    from desdecero.pipelines.run.run_dir import RunDir

    run = RunDir(folder / "run")
    run.corpus.mkdir(parents=True)
    recipe = our_recipe(folder / "text.jsonl", {**NO_RULES, "lines": None}, "es")
    source = recipe.corpus.sources[0].model_copy(update={"id_field": None})
    corpus = recipe.corpus.model_copy(update={"sources": (source,)})
    build_corpus(recipe.model_copy(update={"corpus": corpus}), run, run)


if __name__ == "__main__":
    main()
