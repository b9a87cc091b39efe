"""What is measured: suites, the scores they are made of, and how far the numbers may be trusted.

Nothing here knows of runs, recipes or stages: models, tokenizers and texts come in, plain numbers go out.
"""
