"""Whether what a model says is so: facts that one training document states, and values that it makes up.

values.py    numbers, dates and names in a text
facts.py     is the value that a document states preferred to others of its kind?
made_up.py   how many of the values that the model writes stand in no training document?
results.py   types of the results; imports no torch
"""
