from __future__ import annotations

import re

import pytest

from history.domain.kinds import KINDS, Kind


@pytest.mark.parametrize("kind", list(Kind))
def test_a_kind_is_a_noun_a_dot_and_a_past_tense_with_a_sentence(kind):
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", kind.value)
    assert kind.sentence[0].isupper()
    assert kind.sentence.endswith(".")
    assert len(kind.value) <= 48


def test_a_kind_is_found_by_its_text_and_is_it():
    assert KINDS["license.issued"] is Kind.LICENSE_ISSUED
    assert Kind.LICENSE_ISSUED in KINDS
    assert str(Kind.LICENSE_ISSUED) == "license.issued"
