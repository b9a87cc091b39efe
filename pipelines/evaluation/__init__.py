"""Evaluation of a model: the suites that a recipe asks for, any model on them, models compared, the page of results.

suites.py     a recipe's sections → suites with their items, and the digests of the data
models.py     a model by its name: a run, checkpoint, adapter, folder or repository of the Hub
measure.py    one model on held-out text and suites; what was measured before is used again
scores.py     the scores of items on the disk, and their comparison between models
page.py       evaluation.md and evaluation.es.md
"""
