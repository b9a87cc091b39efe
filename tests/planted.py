"""A generated corpus with a planted association of women and men with stereotypes, those that the audit asks about."""

from __future__ import annotations

import random
from pathlib import Path

from desdecero.eval_suites.paired_sentences.probes import shipped_probes

RECIPE = """\
name: planted
purpose: To show a planted association.
languages: [en]
corpus:
  sources: [{{kind: files, path: {folder}/texts, license: CC0-1.0, language: en}}]
  quality: {{min_words: 5, form: mixed}}
  validation: 0.1
tokenizer: {{vocab_size: 600}}
model: {{architecture: llama, layers: 2, hidden_size: 64, heads: 2, context_length: 64}}
pretrain:
  budget: {{steps: 250}}
  batch_size: 16
  precision: fp32
  optimizer: {{learning_rate: 0.006, matrix_learning_rate: 0.04}}
evaluate: {{sample_tokens: 4, max_bytes: 20000}}
audit:
  languages: [en]
  suites: {{pairs: {{pairs_per_context: 3}}, memorization: null, personal_data: null, facts: null}}
"""


def write_planted(folder: Path, association: float, documents: int = 300, seed: int = 0) -> Path:
    """Write `texts` and the recipe; return the recipe's path.

    association: share of the sentences of a stereotype that are about the side that it is of; 0.5 plants none
    """
    generator, texts = random.Random(seed), folder / "texts"
    gender, *others = shipped_probes("en")
    neutral = [one.neutral for probes in (gender, *others) for one in probes.contexts]
    texts.mkdir(parents=True)
    for number in range(documents):
        sentences = []
        for _ in range(generator.randint(10, 14)):
            kind, pair, side = generator.random(), generator.choice(gender.pairs[:4]), generator.randrange(2)
            if kind < 0.5:
                one = generator.choice(gender.contexts)
                of = int(one.side == "second")
                sentences.append(f"{pair[of if generator.random() < association else 1 - of]} {one.context}")
            elif kind < 0.65:
                one = generator.choice(gender.reading)
                sentences.append(f"{pair[int(one.side == 'second')]} {one.context}")
            else:
                sentences.append(f"{pair[side]} {generator.choice(neutral)}")
        (texts / f"{number:04d}.txt").write_text(" ".join(sentences), encoding="utf-8")
    recipe = folder / "planted.yaml"
    recipe.write_text(RECIPE.format(folder=folder), encoding="utf-8")
    return recipe
