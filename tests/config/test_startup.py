"""Starting for real, in a process of its own: `--config`, and what production refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[2]
GOOD = {
    "SIGNET_ENV": "production",
    "SIGNET_BASE_URL": "https://licenses.example.com",
    "SIGNET_SECRET_KEY": "k3J9x" * 12 + "abcdefgh",
    "SIGNET_KEY_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "SIGNET_INTERNAL_AUTH_SECRET": "Zq8" * 10 + "mnbvcxzlkj",
}


def start(tmp_path, *words: str, **environment: str | None):
    return run(tmp_path, "manage.py", *words, **environment)


def read_settings(tmp_path, **environment: str | None):
    """What every command does first, and the quickest way to see it refuse."""
    return run(tmp_path, "-c", "import config.settings", **environment)


def run(tmp_path, *words: str, **environment: str | None):
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIGNET_", "DJANGO_")) and name not in {"PORT", "DATABASE_URL"}
    }
    env = {**inherited, "SIGNET_DATA": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT, env={k: v for k, v in env.items() if v is not None}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def port_of(started) -> str:
    assert started.returncode == 0, started.stderr
    return started.stdout.split()[-1]


SHOW = ("shell", "--no-imports", "-c", "from django.conf import settings; print(settings.PORT)")


def test_every_command_takes_a_configuration_file(tmp_path):
    """E4: commands accept --config; a variable overrides its key."""
    (tmp_path / "signet.yaml").write_text("port: 9001\n")
    config = f"--config={tmp_path / 'signet.yaml'}"
    assert port_of(start(tmp_path, *SHOW, config)) == "9001"
    assert port_of(start(tmp_path, *SHOW, config, SIGNET_PORT="9002")) == "9002"


def test_config_without_a_file_is_wrong_usage(tmp_path):
    refused = start(tmp_path, "check", "--config")
    assert refused.returncode != 0
    assert "--config needs the path of a YAML file." in refused.stderr


def test_production_starts_with_good_secrets(tmp_path):
    """E5: the check passes when nothing is missing."""
    started = start(tmp_path, "check", **GOOD)
    assert started.returncode == 0, started.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "KEY_ENCRYPTION_KEYS", "INTERNAL_AUTH_SECRET"])
def test_production_refuses_to_start_without_a_secret_and_names_it(name, tmp_path):
    """E5: a missing one is named and the check exits non-zero."""
    refused = read_settings(tmp_path, **{**GOOD, f"SIGNET_{name}": None})
    assert refused.returncode != 0
    assert f"SIGNET_{name} is missing" in refused.stderr


def test_the_check_command_names_the_missing_secret(tmp_path):
    """E5: the check command exits non-zero."""
    refused = start(tmp_path, "check", **{**GOOD, "SIGNET_SECRET_KEY": None})
    assert refused.returncode != 0
    assert "SIGNET_SECRET_KEY is missing" in refused.stderr


@pytest.mark.parametrize(
    ("name", "weak"),
    [
        ("SECRET_KEY", "tooshort"),
        ("SECRET_KEY", "a" * 80),
        ("SECRET_KEY", "django-insecure-" + "k3J9xabcdefgh" * 4),
        ("KEY_ENCRYPTION_KEYS", "not-a-fernet-key"),
        ("INTERNAL_AUTH_SECRET", "0123456789abcdef"),
        ("METRICS_TOKEN", "0123456789abcdef"),
        ("METRICS_TOKEN", "change-me-0123456789-0123456789-0123456789"),
        ("MAIL_WEBHOOK_SECRET", "a-long-name-of-a-user-of-hooks:tooshort"),
    ],
)
def test_production_refuses_a_weak_secret_and_does_not_print_it(name, weak, tmp_path):
    """E5: weak is as good as missing."""
    refused = read_settings(tmp_path, **{**GOOD, f"SIGNET_{name}": weak})
    assert refused.returncode != 0
    assert f"SIGNET_{name} is" in refused.stderr
    assert weak not in refused.stderr


def test_production_starts_with_a_good_metrics_token(tmp_path):
    """E5: it may be left out, as above; what is given is weighed."""
    given = {**GOOD, "SIGNET_METRICS_TOKEN": GOOD["SIGNET_INTERNAL_AUTH_SECRET"]}
    assert read_settings(tmp_path, **given).returncode == 0


def test_a_start_with_keys_cached_for_too_long_is_refused(tmp_path):
    """Trust: cache headers shorter than the publish-ahead time."""
    refused = read_settings(tmp_path, SIGNET_JWKS_MAX_AGE_SECONDS="3600")
    assert refused.returncode != 0
    assert "SIGNET_KEY_PUBLISH_AHEAD_SECONDS" in refused.stderr


def test_a_secret_may_come_from_a_file(tmp_path):
    """E5: NAME_FILE counts."""
    (tmp_path / "key").write_text(GOOD["SIGNET_SECRET_KEY"] + "\n")
    given = {**GOOD, "SIGNET_SECRET_KEY": None, "SIGNET_SECRET_KEY_FILE": str(tmp_path / "key")}
    assert read_settings(tmp_path, **given).returncode == 0


def test_production_refuses_insecure_webhooks(tmp_path):
    """Trust: outgoing webhooks go out by HTTPS, to public addresses."""
    refused = read_settings(tmp_path, **{**GOOD, "SIGNET_WEBHOOK_ALLOW_INSECURE": "true"})
    assert refused.returncode != 0
    assert "SIGNET_WEBHOOK_ALLOW_INSECURE" in refused.stderr


def test_production_refuses_debug(tmp_path):
    assert "SIGNET_DEBUG must be off" in read_settings(tmp_path, **GOOD, SIGNET_DEBUG="true").stderr


def test_development_makes_its_secrets_once(tmp_path):
    show = ("shell", "--no-imports", "-c", "from django.conf import settings; print(settings.SECRET_KEY)")
    first, second = start(tmp_path, *show), start(tmp_path, *show)
    assert first.stdout == second.stdout
    kept = tmp_path / "secrets" / "secret_key"
    assert kept.stat().st_mode & 0o077 == 0


def test_an_unknown_log_level_is_refused_in_a_sentence(tmp_path):
    refused = start(tmp_path, "check", SIGNET_LOG_LEVEL="loud")
    assert refused.returncode == 1
    assert "SIGNET_LOG_LEVEL must be one of DEBUG" in refused.stderr
    assert "Traceback" not in refused.stderr
