"""Mail by a provider's API: settings, what the doctor says of them, and that no log shows them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from anymail import backends
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from config import doctor, doctor_parts, mail_provider
from config.doctor import State, Visit
from config.kit.clock import now
from config.redaction import redact_text

ROOT = Path(__file__).parents[2]
NO_PROVIDERS = {"__init__", "base", "base_requests", "console", "test", "sendinblue"}


def look():
    visit = Visit(at=now(), production=True)
    [report] = doctor.examine(visit, [("mail", dict(doctor_parts.PARTS)["mail"])])
    return report.finding


def test_every_provider_that_anymail_knows_can_be_set():
    """Mail: any of its providers by setting."""
    known = {path.stem for path in Path(backends.__path__[0]).glob("*.py")} - NO_PROVIDERS
    assert known == set(mail_provider.PROVIDERS)


def test_a_provider_s_backend_is_anymail_s():
    assert import_string(mail_provider.backend("postmark"))


@pytest.mark.parametrize("name", ["postmarx", "test", "../postmark", "console"])
def test_another_name_is_refused(name):
    with pytest.raises(ImproperlyConfigured, match="SIGNET_MAIL_PROVIDER must be one of"):
        mail_provider.backend(name)


@pytest.mark.parametrize(
    "text", ['{"POSTMARK_SERVER_TOKEN": "abc"}', "postmark_server_token: abc", "POSTMARK_SERVER_TOKEN: 'abc'"]
)
def test_settings_are_json_or_yaml(text):
    assert mail_provider.anymail(text, [])["POSTMARK_SERVER_TOKEN"] == "abc"


def test_defaults_of_ours_can_be_changed():
    found = mail_provider.anymail('{"REQUESTS_TIMEOUT": 5}', [])
    assert (found["REQUESTS_TIMEOUT"], found["IGNORE_UNSUPPORTED_FEATURES"]) == (5, True)


@pytest.mark.parametrize(
    "text", ["[1]", "just-a-token-value", "{", "1: 2", "a: [", "!!python/object:os.x {}"]
)
def test_what_is_no_map_is_refused_without_repeating_it(text):
    with pytest.raises(ImproperlyConfigured) as refused:
        mail_provider.anymail(text, [])
    assert "just-a-token-value" not in str(refused.value)


@pytest.mark.parametrize(
    "secret",
    ["", "nocolon-but-very-long-text", ":only-a-password-1234567", "user:", "a-long-name-of-a-user:short"],
)
def test_a_webhook_secret_is_user_and_password(secret):
    with pytest.raises(ImproperlyConfigured, match="user:password") as refused:
        mail_provider.anymail("", [secret])
    assert len(secret) < 6 or secret not in str(refused.value)


@pytest.mark.parametrize(
    "sender", ["", "Signet", "a@b.example\r\nBcc: x@y.example", "A <a@b.example>, B <c@d.example>"]
)
def test_a_sender_that_is_none_stops_the_start(sender):
    with pytest.raises(ImproperlyConfigured, match="SIGNET_MAIL_FROM"):
        mail_provider.sender(sender)


def test_the_doctor_names_the_setting_that_a_provider_lacks(settings):
    settings.MAIL_PROVIDER, settings.EMAIL_BACKEND = "postmark", mail_provider.backend("postmark")
    settings.ANYMAIL = mail_provider.anymail("", [])
    found = look()
    assert (found.state, found.variable) == (State.FAILING, "SIGNET_MAIL_PROVIDER_SETTINGS")
    assert "POSTMARK_SERVER_TOKEN" in found.detail


def test_the_doctor_is_content_with_complete_settings_and_misses_the_webhooks(settings):
    settings.MAIL_PROVIDER, settings.EMAIL_BACKEND = "postmark", mail_provider.backend("postmark")
    settings.ANYMAIL = mail_provider.anymail("postmark_server_token: abc", [])
    found = look()
    assert (found.state, "SIGNET_MAIL_WEBHOOK_SECRET" in found.hint) == (State.OK, True)
    settings.ANYMAIL = mail_provider.anymail("postmark_server_token: abc", ["hooks:0123456789-abcdef"])
    assert look().hint == ""


def test_no_log_shows_a_provider_s_key_or_a_webhook_s_password(settings):
    """Always true 10."""
    settings.ANYMAIL = mail_provider.anymail("mailgun_api_key: qwertzuiop-asdf", ["hooks:yxcvbnm-0123456789"])
    line = redact_text("tried qwertzuiop-asdf and yxcvbnm-0123456789")
    assert "qwertzuiop" not in line
    assert "yxcvbnm" not in line


def test_the_settings_of_the_product_take_a_provider(tmp_path):
    """E4: by variable, for every process."""
    show = "from config import settings as s; print(s.EMAIL_BACKEND, s.ANYMAIL['POSTMARK_SERVER_TOKEN'])"
    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "SIGNET_DATA": str(tmp_path),
            "SIGNET_MAIL_PROVIDER": "postmark",
            "SIGNET_MAIL_PROVIDER_SETTINGS": '{"POSTMARK_SERVER_TOKEN": "abc"}',
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["anymail.backends.postmark.EmailBackend", "abc"], done.stderr
