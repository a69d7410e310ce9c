"""What is done once after `migrate`, when every table exists."""

from __future__ import annotations

from django.apps import AppConfig, apps


def is_last(sender: AppConfig) -> bool:
    """Whether this `post_migrate` is the last of its run: Django sends one for each app that has models."""
    return sender is [app for app in apps.get_app_configs() if app.models_module is not None][-1]
