"""Keys that stand twice in a YAML text."""

from __future__ import annotations

import pytest
import yaml

from desdecero.eval_suites.yaml_keys import RepeatedKey, repeated_key


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb: 2\n", None),
        ("a: 1\nb: 2\na: 3\n", RepeatedKey("a", 3, 1)),
        ("a:\n- {b: 1}\n- {b: 1, c: 2, 'b': 3}\n", RepeatedKey("a.1.b", 3, 3)),
        ("one: &one {a: 1, b: 2}\nother: {<<: *one, b: 3}\n", None),  # b is written once, and overrides what is merged
        ("one: &one {a: 1}\nother: [*one, *one]\n", None),
        ("", None),
    ],
)
def test_a_key_is_found_where_it_is_written_again(text: str, found: RepeatedKey | None) -> None:
    assert repeated_key(yaml.compose(text, Loader=yaml.SafeLoader)) == found
