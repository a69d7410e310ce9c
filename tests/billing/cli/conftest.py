from __future__ import annotations

from tests.licenses.cli.conftest import run

__all__ = ["run"]
