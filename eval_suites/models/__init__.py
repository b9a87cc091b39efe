"""One interface to language models of three kinds, documented in `interface.py`; `load.py` is the entry point.

interface.py   the methods of every model
causal.py masked.py seq2seq.py   their implementations, one class per kind
kinds.py       the kind of a model of transformers; imports no torch
prompts.py     prompts and answers in token ids
frames.py      the tokens that a tokenizer puts around a text, and the longest input
windows.py     documents cut into windows that fit a model, and the tokens that are scored
hiding.py      one token hidden at a time, for pseudo-log-likelihoods
batching.py    tokenizing, batches of rows of similar length, padding
chat.py        conversations as token ids, by a tokenizer's chat template
decoding.py    the choice of the tokens of an answer, at once or streamed
label_rows.py labelled.py   texts as rows for models that give labels to texts or to their tokens, and these models
load.py        a model and its tokenizer from a folder or the Hub
"""
