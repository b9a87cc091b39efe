"""One interface to a language model, whatever its kind: see `interface.py`, and `load.py` for where to begin.

interface.py   what every model can be asked
causal.py masked.py seq2seq.py   how each kind answers, one class a kind
kinds.py       which kind a model of transformers is; imports no torch
prompts.py     prompts and answers in token ids
frames.py      what a tokenizer puts around a text, and how long a text may be
windows.py     documents cut into pieces that fit a model, and which of their tokens are asked for
hiding.py      one token hidden at a time, for pseudo-log-likelihoods
batching.py    tokenizing, batches of rows of like length, padding
decoding.py    how the tokens of an answer are chosen, at once or streamed
load.py        a model and its tokenizer from a folder or the Hub
"""
