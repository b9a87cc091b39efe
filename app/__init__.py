"""The page of a run, in Gradio: `app.py` builds and serves it."""
