"""System checks of the composition: what Django's own checks cannot know."""

from __future__ import annotations

import os
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, register

from config.catalogue import SETTINGS
from config.conf import PREFIX

KNOWN = {setting.variable for setting in SETTINGS}


@register()
def unknown_settings(**_: Any) -> list[CheckMessage]:
    """W001: a SIGNET_ variable that no setting reads is most likely a misspelt one."""
    given = {name.removesuffix("_FILE") for name in os.environ if name.startswith(PREFIX)}
    return [
        checks.Warning(
            f"{name} is set and no setting has that name.",
            hint="See .env.example for all settings.",
            id="signet.W001",
        )
        for name in sorted(given - KNOWN)
        if not name.startswith("SIGNET_TEST_") and name != "SIGNET_MARIADB_URL"  # read by make test-services
    ]
