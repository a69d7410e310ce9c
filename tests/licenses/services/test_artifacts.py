from __future__ import annotations

import hashlib

import pytest

from history.models import Event
from licenses.errors import ArtifactNotKept
from licenses.services.artifacts import artifact_filename, artifact_text


@pytest.mark.parametrize(("form", "suffix"), [("jwt", "jwt"), ("lic1", "txt"), ("envelope", "lic")])
def test_the_kept_text_is_the_one_that_was_issued(make_license, issue, at, form, suffix):
    """E23: byte for byte, whatever the format; an envelope is a .lic file."""
    issued = issue(make_license(), format=form)
    text = artifact_text(issuance=issued.issuance, actor="user:1", at=at)
    assert text == issued.text
    assert hashlib.sha256(text.encode()).hexdigest() == issued.issuance.text_sha256
    assert artifact_filename(issued.issuance).endswith(f".{suffix}")


def test_reading_a_text_is_an_event(granted, at):
    """Who saw a license is kept, the license itself is not."""
    artifact_text(issuance=granted.issued.issuance, actor="user:7", at=at)
    event = Event.objects.get(kind="artifact.read")
    assert (event.actor, event.subject) == ("user:7", f"license:{granted.license.public_id}")
    assert event.data["jti"] == granted.issued.issuance.jti_text


def test_a_text_that_was_not_kept_is_a_refusal(make_license, issue, at):
    """E2: 404 with a sentence, and no event."""
    issued = issue(make_license(), persist=False)
    with pytest.raises(ArtifactNotKept):
        artifact_text(issuance=issued.issuance, actor="user:7", at=at)
    assert not Event.objects.filter(kind="artifact.read").exists()


def test_a_file_name_is_safe(granted):
    """It goes into a header and onto customers' disks."""
    name = artifact_filename(granted.issued.issuance)
    assert name == f"acme-demo-{granted.license.public_id}.jwt"
