"""Where the key of our own license stands, besides the database: the environment, else a file (C1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings

from licenses.domain.formats import MAX_TEXT
from licenses.models import SelfLicense

FILE: Final = "self-license.txt"
"""Its name in SIGNET_DATA, where no other file is named."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A text that somebody put there for us, read anew each time."""

    kept_from: SelfLicense.KeptFrom
    text: str


def key_find() -> Found | None:
    """The key of SIGNET_SELF_LICENSE, else of SIGNET_SELF_LICENSE_FILE, else of the file in SIGNET_DATA."""
    if settings.SELF_LICENSE.strip():
        return Found(SelfLicense.KeptFrom.ENVIRONMENT, settings.SELF_LICENSE.strip())
    named = settings.SELF_LICENSE_FILE
    text = _read(Path(named or settings.DATA_DIR / FILE), demanded=bool(named))
    return Found(SelfLicense.KeptFrom.FILE, text) if text else None


def _read(path: Path, *, demanded: bool) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_TEXT + 1).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        if demanded:
            log.warning("self_license_file_missing")
    except OSError as error:
        log.warning("self_license_file_unreadable", error=type(error).__name__)
    return ""
