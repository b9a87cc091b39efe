"""The recipe: one YAML file that says what a run makes.

    recipe = load_recipe("quickstart")                                   # shipped with the project
    recipe = load_recipe("my_recipe.yaml", ["model.layers=8"])           # a file, with an override

A recipe is typed and frozen; unknown keys are rejected with their path and line. Every default stands in these files,
with its reason. `runs/<name>/recipe.yaml` holds the resolved recipe, with every default written out.
"""

from desdecero.pipelines.recipe.audit import Audit
from desdecero.pipelines.recipe.base import ExamplePath, Section
from desdecero.pipelines.recipe.base_model import Base
from desdecero.pipelines.recipe.card import Card
from desdecero.pipelines.recipe.corpus import Corpus, Domain, Licenses
from desdecero.pipelines.recipe.corpus_sources import (
    SOURCES,
    Files,
    HubDataset,
    InstalledDocs,
    Source,
    WebArchive,
    Wikipedia,
)
from desdecero.pipelines.recipe.corpus_steps import (
    Counterfactual,
    Decontamination,
    Deduplication,
    Language,
    LineRules,
    Lines,
    NamedEntities,
    PersonalData,
    Quality,
    Relevance,
    RepeatedParagraphs,
    Spelling,
    SuiteFile,
    Toxicity,
)
from desdecero.pipelines.recipe.dossier import Dossier
from desdecero.pipelines.recipe.evaluate import Evaluate
from desdecero.pipelines.recipe.finetune import Finetune
from desdecero.pipelines.recipe.load import load_recipe, parse_recipe, shipped_recipes
from desdecero.pipelines.recipe.model import SHAPE, Model
from desdecero.pipelines.recipe.policy import Policy, Waiver
from desdecero.pipelines.recipe.pretrain import (
    Budget,
    EarlyStop,
    Energy,
    Goldfish,
    Optimizer,
    Pretrain,
    Price,
    Samples,
    Schedule,
    SpanCorruption,
    Stability,
)
from desdecero.pipelines.recipe.publish import Publish
from desdecero.pipelines.recipe.recipe import Recipe
from desdecero.pipelines.recipe.tokenizer import Chat, Sweep, Tokenizer
from desdecero.pipelines.recipe.tokens import Canaries, Reweight, Share, Tokens

__all__ = [
    "SHAPE",
    "SOURCES",
    "Audit",
    "Base",
    "Budget",
    "Canaries",
    "Card",
    "Chat",
    "Corpus",
    "Counterfactual",
    "Decontamination",
    "Deduplication",
    "Domain",
    "Dossier",
    "EarlyStop",
    "Energy",
    "Evaluate",
    "ExamplePath",
    "Files",
    "Finetune",
    "Goldfish",
    "HubDataset",
    "InstalledDocs",
    "Language",
    "Licenses",
    "LineRules",
    "Lines",
    "Model",
    "NamedEntities",
    "Optimizer",
    "PersonalData",
    "Policy",
    "Pretrain",
    "Price",
    "Publish",
    "Quality",
    "Recipe",
    "Relevance",
    "RepeatedParagraphs",
    "Reweight",
    "Samples",
    "Schedule",
    "Section",
    "Share",
    "Source",
    "SpanCorruption",
    "Spelling",
    "Stability",
    "SuiteFile",
    "Sweep",
    "Tokenizer",
    "Tokens",
    "Toxicity",
    "Waiver",
    "WebArchive",
    "Wikipedia",
    "load_recipe",
    "parse_recipe",
    "shipped_recipes",
]
