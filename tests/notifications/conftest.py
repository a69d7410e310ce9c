"""Mail of the tests: a message on its way, and what a mail needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from notifications.mail_templates.license_delivery import sample
from tests.licenses.conftest import *  # noqa: F403 - mail about licenses needs a license office
from tests.notifications.expiry import *  # noqa: F403 - fixtures of digests and notices

ACTOR = "cli:test"


@pytest.fixture
def queue(db, at) -> Callable[..., Any]:
    """Return a writer of mails: `queue(to="ada@acme.example", dedupe_key="one")`."""
    from notifications.services.messages import message_queue

    def make(**fields: Any):
        given = {
            "template": "license_delivery",
            "to": "ada@acme.example",
            "context": sample(),
            "stream": "transactional",
            "dedupe_key": "one",
            "actor": ACTOR,
            "at": at,
        }
        return message_queue(**{**given, **fields})

    return make
