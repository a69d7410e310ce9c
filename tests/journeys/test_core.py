"""The core story on the database of the run, and once more on MariaDB."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from tests.journeys import story


def test_a_license_lives_from_issue_to_revocation_and_history_proves_it(sysadmin):
    """A1, A2, A5, A13, A26, A27, C22, E23: one story through HTTP."""
    story.tell(sysadmin)


@pytest.mark.mariadb
def test_the_same_story_on_mariadb(sysadmin):
    """The smoke pass: migrations and the core story on a MariaDB server."""
    assert connection.vendor == "mysql"
    call_command("migrate", check_unapplied=True, verbosity=0)
    story.tell(sysadmin)
