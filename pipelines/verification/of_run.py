"""Verify a run: recipe, seals, files, tokens under each licence, card and dossier."""

from __future__ import annotations

from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.base_model import base_faults
from desdecero.pipelines.run.model_signature import model_signature_fault
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.card import evidence_faults, made_again
from desdecero.pipelines.verification.exposure import exposure_faults
from desdecero.pipelines.verification.files import file_faults
from desdecero.pipelines.verification.seals import chain_faults, read_seals, recipe_faults, stale_reasons


def verify(run: RunDir, recipe: Recipe) -> list[str]:
    """Return one sentence for each fault, with the file's name; empty if everything is as it was sealed."""
    faults = recipe_faults(run, recipe)
    seals, unreadable = read_seals(run, recipe)
    faults += unreadable.values()
    chain = stages(recipe)
    for stage, seal in seals.items():
        # What else makes a stage stale may lie in other seals: it is asked where all of them can be read.
        faults += stale_reasons(run, recipe, chain[stage], seal, ask_further=not unreadable)
    faults += chain_faults(run, recipe, seals, set(unreadable))
    faults += file_faults(run, recipe, seals, set(unreadable))
    faults += base_faults(run, recipe)
    if not unreadable and (fault := model_signature_fault(run, seals)):
        faults.append(fault)
    cards = [  # one of another code version is named as stale above, and quotes reports of other names and forms
        stage
        for stage in chain.values()
        if stage.kind == "card" and stage.name in seals and seals[stage.name].version == stage.version
    ]
    for card in cards:
        faults += evidence_faults(run, recipe, card)
    if not faults and {"tokens", "pretrain"} <= seals.keys():
        faults += exposure_faults(run, recipe)
    if not faults:  # only what was sealed can be compared with it
        for card in cards:
            faults += made_again(run, recipe, card).faults
        if "dossier" in seals and not faults:
            faults += made_again(run, recipe, chain["dossier"]).faults
    return list(dict.fromkeys(faults))
