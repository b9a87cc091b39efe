"""Metrics as modules that `evaluate.load` reads from their folder, in this project or out of it.

    import evaluate
    metric = evaluate.load("eval_suites/metrics/bits_per_byte")
    metric.compute(nll=[310.2, 95.7], bytes=[401, 117])       # one entry a document → {"bits_per_byte": 1.13…}

Each takes sums, one per document, and is a rising function of a ratio of totals, so that the ends of the interval
of that ratio go through the same module as the value does. `evaluate` copies a module's file elsewhere before it
imports it, and reads its imports line by line: one import a line, and nothing shared between modules.
"""
