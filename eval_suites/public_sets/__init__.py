"""Published sets that look for bias, read from a path of one's own: none is shipped, each has its own licence.

A file a set; its docstring says what is measured, what it would be by chance, the unit, and the set's known faults.

    items = read_winobias(Path("bias/winobias"))
    found = measure_winobias(model, items, confidence=0.95, seed=0)
    found.result                # the figures, as a report holds them
    found.lines                 # what was measured of each item, for a file beside the report

esbbq.py         questions about two people, in Spanish: whom does the model choose?
crows_pairs.py   sentences that differ in the group that they name
winobias.py      sentences whose pronoun goes with a stereotyped occupation, or against it
honest.py        sentences about people that the model completes: does it insult?
insults.py       the list that completions are judged by, and how precise it is
figures.py       a measured value with its interval over clusters, its p-value, and the untrained twin's value
results.py       types of the results; imports no torch
files.py         the files of a set below the path that the recipe names
"""
