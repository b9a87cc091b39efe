"""A recipe says what a run makes, and refuses what it does not understand by file, line and key."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
import yaml

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import load_recipe, shipped_recipes

MINIMAL = """\
name: mine
purpose: To test.
languages: [es]
corpus:
  sources:
    - kind: files
      path: texts
pretrain:
  budget: {steps: 10}
"""
WAIVER = "policy: {{waivers: [{{rule: {rule}, by: {by}, reason: we agreed, until: 2031-02-03{more}}}]}}\n"


def waiving(rule: str, by: str = "Ana Ruiz", more: str = "") -> str:
    return MINIMAL + WAIVER.format(rule=rule, by=by, more=more)


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(MINIMAL, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_loads_under_its_own_name(name: str) -> None:
    assert load_recipe(name).name == name


def test_resolved_recipe_loads_back_as_the_same_recipe(recipe_file: Path, tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file)
    (tmp_path / "resolved.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(tmp_path / "resolved.yaml") == recipe


def test_resolved_recipe_writes_out_every_default(recipe_file: Path) -> None:
    resolved = yaml.safe_load(load_recipe(recipe_file).to_yaml())
    assert resolved["pretrain"]["optimizer"]["betas"] == [0.9, 0.95]
    assert resolved["corpus"]["quality"]["min_words"] == 20


def test_relative_source_paths_start_at_the_recipe_file(recipe_file: Path, tmp_path: Path) -> None:
    (source,) = load_recipe(recipe_file).corpus.sources
    assert source.kind == "files"
    assert source.path == str(tmp_path / "texts")


def test_override_sets_a_typed_value(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file, ["pretrain.budget={minutes: 1.5}", "model.layers=7", "card.authors=[Ana, Luis]"])
    assert recipe.pretrain.budget.minutes == 1.5
    assert recipe.model.layers == 7
    assert recipe.card.authors == ("Ana", "Luis")


def test_override_reaches_into_a_list(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file, ["corpus.sources.0.license=CC0-1.0"])
    assert recipe.corpus.sources[0].license == "CC0-1.0"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINIMAL.replace("budget", "budgett"), ["line 9", "pretrain.budgett", "unknown key", "did you mean budget?"]),
        (MINIMAL + "publish: {accept: [MPL-2.0]}\n", ["line 10", "publish.accept: replaced by policy.waivers"]),
        (MINIMAL + "  batch_sise: 4\n", ["line 10", "pretrain.batch_sise", "did you mean batch_size?"]),
        (MINIMAL.replace("path:", "pth:"), ["corpus.sources.0", "path"]),
        (MINIMAL.replace("{steps: 10}", "{steps: many}"), ["line 9", "pretrain.budget.steps", '"many"']),
        (MINIMAL.replace("{steps: 10}", "{steps: 1, minutes: 1}"), ["line 9", "exactly one of minutes, steps"]),
        (MINIMAL.replace("kind: files", "kind: web"), ["line 6", "corpus.sources.0", "web"]),
        (MINIMAL + "model: {hidden_size: 30, heads: 4}\n", ["line 10", "model", "30", "4 heads"]),
        (MINIMAL + "finetune: {}\n", ["corpus.domain"]),
        (MINIMAL + "audit: {languages: []}\n", ["line 10", "audit.languages"]),
        (MINIMAL + "audit: {languages: [es, es]}\n", ["line 10", "audit.languages", "named twice"]),
        (
            MINIMAL + "model: {context_length: 32}\nevaluate: {prompts: [Hola]}\n",
            ["sample_tokens 60", "context_length 32"],
        ),
        (MINIMAL + "model: {architecture: bert}\nevaluate: {prompts: [Hola]}\n", ["write [MASK]"]),
        (MINIMAL + "model: {architecture: lama}\n", ["line 10", "model", "did you mean llama?"]),
        (
            MINIMAL + "model: {architecture: olmo2, layers: 3}\n",
            ["olmo2 takes its shape from overrides: give layers there"],
        ),
        (MINIMAL + "model: {architecture: olmo2, size: 5M}\n", ["line 10", "give size there"]),
        (
            MINIMAL + "model: {architecture: olmo2, overrides: {num_hidden_layer: 3}}\n",
            ["line 10", "olmo2 has no num_hidden_layer: did you mean num_hidden_layers?"],
        ),
        (
            MINIMAL + "model: {architecture: olmo2, overrides: {hidden_size: 100, num_attention_heads: 3}}\n",
            ["hidden_size 100 cannot be split into 3 heads"],
        ),
        (
            MINIMAL + "model: {architecture: olmo2, overrides: {vocab_size: 500}}\n",
            ["model.overrides.vocab_size 500 is less than the 8192 tokens"],
        ),
        (
            MINIMAL + "model: {overrides: {max_position_embeddings: 64}}\n",
            ["context_length 256 is more than overrides.max_position_embeddings 64"],
        ),
        (MINIMAL + "model: {architecture: t5}\nevaluate: {prompts: [Hola]}\n", ["write [MASK]"]),
        (MINIMAL.replace("name: mine", "name: ../mine"), ["line 1", "name"]),
        # A key that is written twice, at any depth, in flow or in block.
        (MINIMAL + "corpus:\n  sources: []\n", ["line 10", "corpus is written twice", "first on line 4"]),
        (MINIMAL + 'audit: {margin: 0.3}\n"audit": {}\n', ["line 11", "audit is written twice", "first on line 10"]),
        (MINIMAL.replace("      path: texts\n", "      path: a\n      path: b\n"), ["line 8", "corpus.sources.0.path"]),
        (MINIMAL + "card: {license: MIT, license: ISC}\n", ["line 10", "card.license is written twice"]),
        # What YAML does not read as it is written.
        (
            MINIMAL.replace("[es]", "[es, no]"),
            ["line 3", "languages.1", "it says no", "reads as false", '"no" in quotes'],
        ),
        (MINIMAL.replace("[es]", "off"), ["line 3", "languages", "a list", "it says off"]),
        (
            MINIMAL.replace("name: mine", "name: 1_000"),
            ["line 1", "name", "it says 1_000", "the number 1000", "quotes"],
        ),
        (MINIMAL.replace("name: mine", "name: 2031-05-04"), ["name", "the date 2031-05-04", '"2031-05-04" in quotes']),
        (MINIMAL.replace("path: texts", "path: 21:15"), ["line 7", "path", "it says 21:15", "the number 1275"]),
        (MINIMAL + "tokens: {mixture: {yes: {weight: 1}}}\n", ["line 10", "tokens.mixture.yes", '"yes" in quotes']),
        (MINIMAL + "publish: {repo_id: on}\n", ["line 10", "publish.repo_id", "reads as true"]),
        (MINIMAL.replace("To test.", "2031-15-99"), ["that YAML cannot read", "in quotes"]),
        (MINIMAL.replace("purpose: To test.", "purpose:"), ["line 2", "purpose", "is empty"]),
        # What the policy may say, and what not.
        (waiving("seals"), ["policy.waivers.0.rule", "nobody can waive"]),
        (waiving("hurry"), ["policy.waivers.0.rule", "name one of seals, signed"]),
        (waiving("bias", by='" "'), ["policy.waivers.0.by", "is empty"]),
        (waiving("bias", by='"\\e"'), ["policy.waivers.0.by", "is empty"]),
        (waiving("bias", more=", reason: ''"), ["reason"]),
        (waiving("bias", more=", licenses: [MIT]"), ["policy.waivers.0", "is not about licences"]),
        (waiving("license_conflict", more=", licenses: [Aphace-2.0]"), ["did you mean Apache-2.0?"]),
        (waiving("beats_base"), ["policy.waivers.0", "asked of adapters alone"]),
        (waiving("evaluation", more=", adapter: legal"), ["policy.waivers.0", "not asked of adapters"]),
        (MINIMAL + "policy: {preset: open}\n", ["policy.preset", "open_release"]),
        (MINIMAL + "policy: {rules: {hurry: {level: warn}}}\n", ["policy.rules", "no such rule"]),
        (MINIMAL + "policy: {rules: {seals: {level: warn}}}\n", ["policy.rules", "always refuses"]),
        (MINIMAL + "policy: {rules: {bias: {level: maybe}}}\n", ["policy.rules.bias.level"]),
        (MINIMAL + "policy: {rules: {bias: {max_share: 0.1}}}\n", ["bias has no max_share", "it takes level"]),
        (MINIMAL + "policy: {rules: {license_unknown: {max_share: 5}}}\n", ["policy.rules.license_unknown.max_share"]),
        # Names that others have rules for.
        (MINIMAL + "card: {license: Apach-2}\n", ["line 10", "card.license", "did you mean Apache-2.0?"]),
        (MINIMAL + "card: {license: GNU GPL}\n", ["card.license", "which version"]),
        (MINIMAL + "card: {license: CC BY-SA}\n", ["card.license", "which version", "CC-BY-SA-4.0"]),
        (MINIMAL + "card: {license: MIT OR}\n", ["card.license", "is not a licence"]),
        (MINIMAL + "card: {license: 'CC BY 4.0, all rights reserved'}\n", ["card.license", "is not a licence"]),
        (MINIMAL.replace("[es]", "[dothraki]"), ["line 3", "languages.0", "is not a language code"]),
        (MINIMAL.replace("[es]", "[portugués]"), ["did you mean pt (Portuguese)?"]),
        (MINIMAL.replace("[es]", "[en-GB]"), ["languages.0", "region", "write en"]),
        (MINIMAL.replace("[es]", "[mul]"), ["languages.0", "is not a language code"]),
        (MINIMAL.replace("[es]", "[es, spa]"), ["languages", "named twice"]),
        (
            MINIMAL.replace("path: texts", "path: texts\n      language: Euskera"),
            ["line 8", "did you mean eu (Basque)?"],
        ),
        (
            MINIMAL.replace("corpus:", "corpus:\n  language: {allowed: [es-PE]}"),
            ["corpus.language.allowed.0", "write es"],
        ),
        (MINIMAL + "publish: {repo_id: my model}\n", ["line 10", "publish.repo_id", "write owner/name"]),
        (MINIMAL + "publish: {repo_id: model}\n", ["publish.repo_id", "whose repository"]),
        *(
            (MINIMAL.replace("mine", f'"{name}"'), ["line 1", "name", "letters, digits"])
            for name in ("a/b", ".hidden", "-x", "two words", "tab\\there", "ñ" * 101)
        ),
        ("name: [unclosed", ["line", "not valid YAML"]),
        ("- a list", ["mapping of sections"]),
        ("", ["mapping of sections"]),
    ],
)
def test_fault_is_one_sentence_with_file_line_and_key(tmp_path: Path, text: str, said: list[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_recipe(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert all(part in sentence for part in ["bad.yaml", *said]), sentence


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.layers", "section.key=value"),
        ("name.first=3", "no such place"),
        ("corpus.sources.9.kind=hub", "no such place"),
        ("model.layers=[", "not valid YAML"),
        ("model.layer=3", "did you mean layers?"),
        ("card={license: MIT, license: ISC}", "--set card.*license is written twice"),
        ("languages=[no]", r"--set languages=\[no\]: languages.0: .*\"no\" in quotes"),
        ("name=yes", "--set name=yes: name: .*reads as true"),
    ],
)
def test_bad_override_is_refused(recipe_file: Path, override: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        load_recipe(recipe_file, [override])


def test_unknown_recipe_suggests_the_nearest_name() -> None:
    with pytest.raises(UserError, match="did you mean quickstart"):
        load_recipe("quikstart")


def test_binary_file_is_not_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(bytes(range(128, 256)))
    with pytest.raises(UserError, match="not UTF-8"):
        load_recipe(tmp_path / "model.bin")


def test_two_sources_of_one_name_are_refused(recipe_file: Path) -> None:
    twice = "corpus.sources=[{kind: files, path: a/texts}, {kind: files, path: b/texts}]"
    with pytest.raises(UserError, match="give each its own `name`"):
        load_recipe(recipe_file, [twice])


def test_a_model_type_in_its_own_words_is_resolved_and_loads_back(recipe_file: Path, tmp_path: Path) -> None:
    model = "model={architecture: olmo2, overrides: {num_hidden_layers: 3}}"
    recipe = load_recipe(recipe_file, [model])
    assert "layers" not in yaml.safe_load(recipe.to_yaml())["model"]
    (tmp_path / "resolved.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(tmp_path / "resolved.yaml").to_yaml() == recipe.to_yaml()


def test_a_model_that_fills_spans_has_a_tokenizer_with_sentinels(recipe_file: Path) -> None:
    assert load_recipe(recipe_file, ["model.architecture=umt5"]).tokenizer.sentinels == 100


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Apache 2.0", "Apache-2.0"), ("apache-2.0", "Apache-2.0"), ("MIT license", "MIT"), ("GPLv3", "GPL-3.0-only"),
        ("cc by-sa 4.0", "CC-BY-SA-4.0"), ("mit or apache-2.0", "MIT OR Apache-2.0"), ("agpl-3.0", "AGPL-3.0-only"),
        ("LicenseRef-Our-Terms", "LicenseRef-Our-Terms"), ("openrail", "LicenseRef-openrail"),
        ("Licencia Apache 2.0", "Apache-2.0"), ("proprietary", "LicenseRef-all-rights-reserved"),
    ],
)  # fmt: skip
def test_the_licence_of_the_model_becomes_spdx(recipe_file: Path, written: str, read: str) -> None:
    assert load_recipe(recipe_file, [f"card.license={written}"]).card.license == read


def test_languages_become_their_shortest_code(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file, ["languages=[spa, QU, ast, nah]", "corpus.language={allowed: [cat]}"])
    assert recipe.languages == ("es", "qu", "ast", "nah")
    assert recipe.corpus.language is not None
    assert recipe.corpus.language.allowed == ("ca",)


@pytest.mark.parametrize("name", ["leyes_del_año", "corpus.2031", "Ñandú", "हिन्दी"])
def test_names_have_letters_of_any_script_in_composed_form(recipe_file: Path, name: str) -> None:
    assert load_recipe(recipe_file, [f"name={unicodedata.normalize('NFD', name)}"]).name == name


def test_anchors_and_merged_keys_are_no_repetitions(tmp_path: Path) -> None:
    path = tmp_path / "merged.yaml"
    anchored = "evaluate: &measured {confidence: 0.9}\naudit: {<<: *measured, margin: 0.4}\n"
    path.write_text(MINIMAL + anchored, encoding="utf-8")
    recipe = load_recipe(path)
    assert (recipe.evaluate.confidence, recipe.audit.margin, recipe.audit.confidence) == (0.9, 0.4, 0.9)


def test_a_policy_loads_back_with_its_waivers(recipe_file: Path, tmp_path: Path) -> None:
    licenses = ", licenses: [CC BY-NC 4.0, LicenseRef-unknown]"
    recipe_file.write_text(
        waiving("license_unknown", more=licenses).replace(
            "{waivers", "{preset: internal, rules: {bias: {level: off}}, waivers"
        ),
        encoding="utf-8",
    )
    recipe = load_recipe(recipe_file)
    (tmp_path / "resolved.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(tmp_path / "resolved.yaml") == recipe
    (waiver,) = recipe.policy.judged().waivers
    assert (waiver.by, str(waiver.until)) == ("Ana Ruiz", "2031-02-03")
    assert waiver.licenses == ("CC-BY-NC-4.0", "LicenseRef-unknown")
    assert recipe.policy.judged(adapter="legal").waivers == ()
    assert recipe.policy.judged().levels == {"bias": "off"} and recipe.policy.judged().preset == "internal"


def test_a_waiver_holds_nothing_that_draws_on_a_terminal(recipe_file: Path) -> None:
    recipe_file.write_text(waiving("bias", by='"\\e[2JAna\\u202e\\n Ruiz"'), encoding="utf-8")
    assert load_recipe(recipe_file).policy.waivers[0].by == "[2JAna Ruiz"


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ("dossier: {removal_contact: a@b.org}\ncard: {removal_contact: c@d.org}\n", "write one of them"),
        ("dossier: {removal_contact: a@b.org}\ncard: {removal_contact: 3}\n", "card.removal_contact"),
        ("dossier: {removal_contact: a@b.org}\ncard: nobody\n", "card: "),
        ("dossier: {uses: [education, education]}\n", "names education twice"),
    ],
)
def test_a_dossier_that_contradicts_itself_or_the_card_is_refused(recipe_file: Path, sections: str, said: str) -> None:
    recipe_file.write_text(MINIMAL + sections, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        load_recipe(str(recipe_file))


@pytest.mark.parametrize(
    "sections",
    [
        "dossier: {removal_contact: a@b.org}\n",
        "dossier: {}\ncard: {removal_contact: a@b.org}\n",
        "dossier: {removal_contact: a@b.org}\ncard: {removal_contact: a@b.org}\n",
    ],
)
def test_one_address_for_removals_stands_on_card_and_dossier(recipe_file: Path, sections: str) -> None:
    recipe_file.write_text(MINIMAL + sections, encoding="utf-8")
    recipe = load_recipe(str(recipe_file))
    assert recipe.dossier is not None
    assert recipe.card.removal_contact == recipe.dossier.removal_contact == "a@b.org"
