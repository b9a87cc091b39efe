"""What a causal model knows by heart, from passages, canaries and redactions that its callers bring as plain data.

    found, lines = measure_extraction(model, train, held_out, occurrences, (16, 32, 64), confidence=0.95, seed=0)
    found        # the figures, as a report holds them
    lines        # a dictionary an item, for a file beside the report

extraction.py      passages of the training text that the model writes, against held-out passages
ordinary.py        text that stands in the training text, in answers to ordinary prompts
exposure.py        made-up texts that were trained on, ranked among others that were not
personal_data.py   values that were taken out of the corpus: does the model give them back?
passages.py        a run of tokens of a document
shares.py          a share with its interval, clustered by document
results.py         types of the results; imports no torch

A model that is not causal, or whose context is too short, gets a reason in place of figures. What is not extracted here
may still be extracted in another way: every figure is a lower bound.
"""
