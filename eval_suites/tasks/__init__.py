"""Suites of items with a known answer: what a model can do, beside chance and baselines.

A file a kind; its docstring says the form of a record, the unit, chance and caveats. `docs/evaluation.md` shows a
record of each.

task.py        what the kinds share: an item, its hash, the scores of all items, the shares made of them
records.py     records of JSONL, CSV, TSV and Parquet files, and of datasets of the Hub
pairs.py       minimal pairs: is the grammatical sentence the likelier one?
choice.py      questions with given answers
cloze.py       the last word of a passage
labels.py      classification by a linear probe on frozen features
write.py       text that is generated, against references
harness.py     task files of lm-eval, through this project's interface
"""
