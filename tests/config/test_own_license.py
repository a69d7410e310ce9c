"""Settings of our own license that refuse nonsense at start."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.catalogue import SETTINGS
from config.conf import Configuration, merge
from config.own_license import master_url, refresh_minutes


@pytest.mark.parametrize(
    "text",
    ["http://licenses.example.com", "ftp://x", "https://", "https://u:p@x", "https://x/?a=1", "http://[x"],
)
def test_the_master_is_reached_by_https_alone(text):
    """C5: the key is sent there."""
    with pytest.raises(ImproperlyConfigured, match="SIGNET_SELF_LICENSE_MASTER_URL"):
        master_url(text)


def test_this_machine_and_https_are_fine():
    assert master_url("https://licenses.example.com/") == "https://licenses.example.com"
    assert master_url("http://127.0.0.1:8000") == "http://127.0.0.1:8000"
    assert master_url("") == ""


@pytest.mark.parametrize("number", [0, 61])
def test_it_is_asked_at_least_once_an_hour(number):
    """C5"""
    with pytest.raises(ImproperlyConfigured):
        refresh_minutes(number)


def test_a_file_with_the_key_need_not_be_there_at_start(tmp_path):
    """C2: its path is kept, and it is read at each refresh."""
    missing = str(tmp_path / "key")
    values = merge(SETTINGS, {"SIGNET_SELF_LICENSE_FILE": missing}, {})
    assert Configuration(SETTINGS, values).file_of("SELF_LICENSE") == missing
    assert Configuration(SETTINGS, {}).file_of("SELF_LICENSE") == ""
