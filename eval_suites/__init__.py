"""Evaluation suites, the scores that they are made of, and the intervals and tests of those scores.

The package is independent of runs, recipes and stages: models, tokenizers and texts come in, plain numbers go out.
"""
