"""Names of the files and folders in a run directory.

    runs/<name>/
      recipe.yaml               resolved: every default written out
      made_from.json            the recipe's file or name, and what --set changed in it
      base.json                 of adapters on a model of elsewhere: its name and the sha256 of each file of model/
      sources.json              what the corpus was built from: names, sizes and hashes of files
      corpus/                   documents/<split>-*.parquet  dropped/*.parquet  ledger.parquet
      tokenizer/                what AutoTokenizer.from_pretrained loads
      tokens/                   <split>-*.bin  index.parquet (document id → tokens)  ledger.parquet
      pretrain/                 metrics.jsonl  exposure.parquet  loss.png  samples.jsonl  checkpoints/step-000500/
      model/                    the Hub repository, byte for byte: config.json model.safetensors README.md …
      evaluation/  audit/       report.json, samples and scores beside it
      adapters/<name>/          adapter/  merged/  plan and metrics as in pretrain/; where named, evaluation/  audit/
      card/                     README.md  README.es.md  evidence.json
      dossier/                  documents that the law asks for, model.cdx.json  corpus.croissant.json  model.spdx.json
      trace/                    an index of the training tokens, for `desdecero trace`: no stage, built when asked for
      model/model.sig           a signature of model/ alone, by `desdecero sign --oms`; no stage writes or seals it
      attestations/             run.dsse.json: who signed the seals above, by `desdecero sign`; no stage
      published.jsonl           what was published of it, where and when, by `desdecero publish`; no stage
      mitigation/               <method>.json, and the runs that it compares: <method>/base-0/  treated-0/  …
      <stage>/report.json       the stage's evidence, which the card quotes
      <stage>/done.json         the seal, written last: fingerprint, sha256 of every output, versions, hardware
      unsealed/<the same tree>  what an unfinished stage has written so far
      blocklist.jsonl           documents that were removed on request and concern this run: moves with it
    runs/blocklist.jsonl        documents that were removed on request: no corpus in this folder may hold them

A stage writes below `unsealed/`. When it is complete, its seal is written there too, and its folders are moved
into place, the one with the seal last. So an interrupted or failed stage leaves what was sealed as it was.

No other module knows these names, except the folders of the stages, which are in `run/stages.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "validation", "test", "domain_train", "domain_validation"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test", "domain_train", "domain_validation")
"""Splits of the corpus, in the order in which reports list them. What is measured last is `test`, if there is one."""

RECIPE = "recipe.yaml"
ATTESTATION = "attestations/run.dsse.json"
MODEL_SIGNATURE = "model/model.sig"


@dataclass(frozen=True)
class TrainingFiles:
    """Files that a training writes into its stage's folder."""

    folder: Path

    @property
    def plan(self) -> Path:
        """Return the file of decisions before the first step."""
        return self.folder / "plan.json"

    @property
    def metrics(self) -> Path:
        """Return the file of losses and speeds by step."""
        return self.folder / "metrics.jsonl"

    @property
    def curve(self) -> Path:
        """Return the picture of the losses."""
        return self.folder / "loss.png"

    @property
    def samples(self) -> Path:
        """Return the file of samples during training."""
        return self.folder / "samples.jsonl"

    @property
    def trackers(self) -> Path:
        """Return the folder of the trackers' files."""
        return self.folder / "trackers"

    @property
    def checkpoints(self) -> Path:
        """Return the folder of checkpoints."""
        return self.folder / "checkpoints"


class Layout:
    """Paths in a run directory, or in the folder where its stages are built, which has the same names."""

    def __init__(self, path: str | Path):
        self.path = Path(path).absolute()

    def __str__(self) -> str:
        return str(self.path)

    def place(self, path: Path) -> str:
        """Return a path of this directory as seals and reports name it: relative to it, with `/`."""
        return path.relative_to(self.path).as_posix()

    @property
    def recipe_file(self) -> Path:
        """The resolved recipe of the run."""
        return self.path / RECIPE

    @property
    def origin_file(self) -> Path:
        """The recipe's file or name, and the overrides of `--set`."""
        return self.path / "made_from.json"

    @property
    def base_file(self) -> Path:
        """Name, revision and hashes of the files of a base that was not trained here."""
        return self.path / "base.json"

    @property
    def sources_file(self) -> Path:
        """Names, sizes and hashes of the files that the corpus was built from."""
        return self.path / "sources.json"

    @property
    def corpus(self) -> Path:
        """Folder of the corpus stage."""
        return self.path / "corpus"

    @property
    def documents(self) -> Path:
        """Kept documents, as Parquet files by split."""
        return self.corpus / "documents"

    @property
    def dropped(self) -> Path:
        """Dropped documents, as Parquet files by reason."""
        return self.corpus / "dropped"

    @property
    def ledger(self) -> Path:
        """One row for each document that entered the corpus."""
        return self.corpus / "ledger.parquet"

    @property
    def tokenizer(self) -> Path:
        """Folder of the tokenizer stage, which `AutoTokenizer.from_pretrained` loads."""
        return self.path / "tokenizer"

    @property
    def tokens(self) -> Path:
        """Folder of the tokens stage."""
        return self.path / "tokens"

    @property
    def trace(self) -> Path:
        """Folder of the index of the training tokens."""
        return self.path / "trace"

    @property
    def mitigation(self) -> Path:
        """Folder of what `desdecero mitigate` compared: a receipt a method, and its runs."""
        return self.path / "mitigation"

    @property
    def token_index(self) -> Path:
        """Split, shard, first token and length of each document or piece of one."""
        return self.tokens / "index.parquet"

    @property
    def token_ledger(self) -> Path:
        """The corpus ledger with a column of tokens."""
        return self.tokens / "ledger.parquet"

    @property
    def pretrain(self) -> Path:
        """Folder of the pretraining stage."""
        return self.path / "pretrain"

    @property
    def metrics(self) -> Path:
        """Metrics of each logged training step, one JSON object a line."""
        return TrainingFiles(self.pretrain).metrics

    @property
    def plan(self) -> Path:
        """The number of steps and the settings that the probe decided."""
        return TrainingFiles(self.pretrain).plan

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of pretraining, one folder each: `step-000500/`."""
        return TrainingFiles(self.pretrain).checkpoints

    @property
    def exposure(self) -> Path:
        """Tokens of each training document that pretraining read."""
        return self.pretrain / "exposure.parquet"

    @property
    def model(self) -> Path:
        """The trained model with its tokenizer and card, as it is uploaded."""
        return self.path / "model"

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluation stage."""
        return self.path / "evaluation"

    @property
    def audit(self) -> Path:
        """Folder of the audit stage."""
        return self.path / "audit"

    @property
    def card(self) -> Path:
        """Folder of the card stage."""
        return self.path / "card"

    @property
    def attestation(self) -> Path:
        """The signed statement of what was sealed: a DSSE envelope."""
        return self.path / ATTESTATION

    @property
    def model_signature(self) -> Path:
        """The signature of the model's files for OpenSSF Model Signing."""
        return self.path / MODEL_SIGNATURE

    @property
    def publications(self) -> Path:
        """What was published of the run: repository, commit, tag, digest, date."""
        return self.path / "published.jsonl"

    @property
    def blocklist(self) -> Path:
        """Removed documents: one list for all runs in a folder."""
        return self.path.parent / "blocklist.jsonl"

    @property
    def own_blocklist(self) -> Path:
        """Removed documents that this run held or could have held; the list moves with the run."""
        return self.path / "blocklist.jsonl"

    def adapter(self, name: str) -> Path:
        """Return the folder of an adapter."""
        return self.path / "adapters" / name

    def model_with(self, adapter: str | None) -> Path:
        """Return the folder of the model, or of the model that an adapter was merged into."""
        return self.model if adapter is None else self.adapter(adapter) / "merged"

    def document_files(self, split: Split) -> list[Path]:
        """Return the Parquet files that hold one split's documents, in order."""
        return sorted(self.documents.glob(f"{split}-*.parquet"))

    def token_files(self, split: Split) -> list[Path]:
        """Return the `.bin` files that hold one split's tokens, in order."""
        return sorted(self.tokens.glob(f"{split}-*.bin"))
