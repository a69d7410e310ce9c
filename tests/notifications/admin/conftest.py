"""Staff at their desks, and mail in the log."""

from __future__ import annotations

from tests.licenses.admin.conftest import *  # noqa: F403 - the same people and pages
