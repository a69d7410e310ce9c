"""What is done once after a migration is done after the last app that Django tells of."""

from __future__ import annotations

from django.apps import AppConfig, apps

from config.kit.migrated import is_last


def test_the_last_is_one_that_has_models(monkeypatch):
    """An app without models gets no signal: nothing would ever be done after it."""
    present = list(apps.get_app_configs())
    (last,) = filter(is_last, present)

    class Bare(AppConfig):
        name, path = "bare", "bare"

    bare = Bare("bare", None)
    monkeypatch.setattr(apps, "get_app_configs", lambda: [*present, bare])
    assert not is_last(bare)
    assert is_last(last)
