"""The table of settings, and the file made from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from environ import Env

from config import catalogue
from config.conf import Configuration

ROOT = Path(__file__).parents[2]
IDS = [setting.name for setting in catalogue.SETTINGS]


def test_the_example_file_is_up_to_date():
    """E4: remake it with `python -c "from config.catalogue import example; print(example(), end='')"`."""
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == catalogue.example()


@pytest.mark.parametrize("setting", catalogue.SETTINGS, ids=IDS)
def test_every_setting_is_documented_and_of_a_known_type(setting):
    assert setting.help.endswith(".")
    assert hasattr(Env, setting.cast)
    assert f"#{setting.variable}=" in catalogue.example()


def test_no_name_stands_twice():
    assert len(set(IDS)) == len(IDS)


def test_no_secret_has_a_default():
    """E5: a secret is given, never shipped."""
    assert not [s.name for s in catalogue.SETTINGS if s.secret and s.default]


def test_every_setting_has_its_default_when_nothing_is_given():
    configuration = Configuration(catalogue.SETTINGS, {})
    assert {s.name: configuration.read(s.name) for s in catalogue.SETTINGS} == {
        s.name: s.default for s in catalogue.SETTINGS
    }
