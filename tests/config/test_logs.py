"""What stands in the logs, and what must never stand there (trust: no key, secret or whole license)."""

from __future__ import annotations

import io
import json
import logging

import jwt
import pytest
import structlog
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from config import logs, redaction

PRIVATE = Ed25519PrivateKey.generate()
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC_PEM = (
    PRIVATE.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
TOKEN = jwt.encode({"sub": "C-1", "lic": "L-1"}, PRIVATE, algorithm="EdDSA", headers={"typ": "license+jwt"})
FERNET = Fernet.generate_key().decode()
CANARIES = {
    "private key": PEM,
    "license token": TOKEN,
    "signature": TOKEN.rpartition(".")[2],
    "LIC1 key": "LIC1-" + "ABCDEFGH234567" * 6 + "-" + "QRSTUVWX" * 12,
    "lic1 key in lower case": "lic1-" + "abcdefgh234567" * 6,
    "API token": "sgk_3kf8al2_9fkKslw0QmZpLs81",
    "Stripe key": "sk_live_51HxCanaryCanary",
    "restricted Stripe key": "rk_test_51HxCanaryCanary",
    "webhook secret": "whsec_dGhpcyBpcyBhIGNhbmFyeQ==",
    "sealed value": Fernet(FERNET).encrypt(b"canary").decode(),
    "key-encryption key": FERNET,
    "authorization header": "Bearer abc.def-ghi",
    "database address": "postgres://signet:hunter2hunter2@db:5432/signet",
    "password in a query": "next=/&password=hunter2hunter2&x=1",
    "password in JSON": '{"password": "hunter2 hunter2"}',
}


@pytest.fixture
def output(monkeypatch):
    """A logger's lines as the product writes them."""
    stream = io.StringIO()
    handler = logs.LogHandler(stream)
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=logs.rendering("json"), foreign_pre_chain=logs.SHARED
    )
    handler.setFormatter(formatter)
    logger = logging.getLogger("tests.canary")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", False)
    logger.setLevel(logging.DEBUG)
    return stream


def fail(error):
    raise error


def core(canary):
    """The part of a canary that may nowhere be seen."""
    for secret in ("hunter2", "abc.def-ghi"):
        if secret in canary:
            return secret
    return canary.splitlines()[1] if canary.startswith("-----") else canary


def assert_hidden(output, canary):
    text = output.getvalue()
    assert core(canary) not in text
    assert redaction.HIDDEN in text
    for line in text.splitlines():
        json.loads(line)


@pytest.mark.parametrize("name", CANARIES)
def test_a_secret_in_a_message_is_redacted(output, name):
    logging.getLogger("tests.canary").warning("refused %s, sorry", CANARIES[name])
    assert_hidden(output, CANARIES[name])


@pytest.mark.parametrize("name", CANARIES)
def test_a_secret_in_an_exception_is_redacted(output, name):
    try:
        fail(ValueError(CANARIES[name]))
    except ValueError:
        logging.getLogger("tests.canary").exception("it failed")
    assert_hidden(output, CANARIES[name])


@pytest.mark.parametrize("name", CANARIES)
def test_a_secret_in_the_repr_of_a_chained_exception_is_redacted(output, name):
    try:
        try:
            fail(ValueError(CANARIES[name]))
        except ValueError as error:
            raise RuntimeError(repr(error)) from error
    except RuntimeError:
        structlog.get_logger("tests.canary").exception("it_failed", data={"deep": [CANARIES[name]]})
    assert_hidden(output, CANARIES[name])


@pytest.mark.parametrize("field", ["password", "api_token", "secret", "Authorization", "private_key_pem"])
def test_a_field_with_a_secret_name_is_redacted_whatever_it_holds(output, field):
    structlog.get_logger("tests.canary").info("saved", outer={field: "plainword"})
    assert json.loads(output.getvalue())["outer"] == {field: redaction.HIDDEN}


@pytest.mark.parametrize("field", ["token_sha256", "kid", "jti", "request_id", "key_prefix", "bypass"])
def test_a_field_that_names_and_does_not_hold_stays(output, field):
    structlog.get_logger("tests.canary").info("saved", **{field: "plainword"})
    assert json.loads(output.getvalue())[field] == "plainword"


@pytest.mark.parametrize(
    "text",
    [
        PUBLIC_PEM,
        "L-01jhq3z8k4m5n6p7q8r9s0t1v2",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "2b6c1f3e-0b5e-4a4e-9b1e-0e6a4d2f8c11",
        "https://licenses.example.com:8443/a@b",
        "POST /api/v1/licenses/validate",
        "The token has expired.",
    ],
)
def test_what_is_public_stays(text):
    assert redaction.redact_text(text) == text


def test_known_secrets_of_this_installation_are_redacted_without_a_shape(settings):
    settings.METRICS_TOKEN = "correct horse battery staple"
    assert redaction.redact_text("got correct horse battery staple!") == "got [redacted]!"


def test_a_password_in_the_address_of_the_broker_is_known(settings):
    settings.CELERY_BROKER_URL = "redis://:pass%20word%20of%20redis@redis:6379/0"
    assert "pass word of redis" not in redaction.redact_text("AUTH pass word of redis")


def test_one_short_password_does_not_blank_every_line(settings):
    settings.DATABASES["default"] |= {"PASSWORD": "signet"}
    assert redaction.redact_text("signet started") == "signet started"


@given(
    st.recursive(
        st.text(max_size=60)
        | st.sampled_from([*CANARIES.values(), 'token="', "password=\\", "secret': ", "eyJ"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
        max_leaves=6,
    )
)
def test_a_redacted_line_is_still_json(value):
    json.loads(redaction.redact_text(json.dumps({"event": value, "next": "token", "n": 1})))


def test_console_tracebacks_show_no_local_variables():
    render = logs.rendering("console")[-2]
    secret_in_a_local = "plainword"
    try:
        fail(ValueError(len(secret_in_a_local)))
    except ValueError as error:
        event = {"event": "x", "exc_info": (type(error), error, error.__traceback__)}
    assert "ValueError" in (line := render(None, "error", event))
    assert "plainword" not in line.replace('secret_in_a_local = "plainword"', "")


def test_a_line_that_cannot_be_made_is_told_without_its_arguments(capsys):
    record = logging.makeLogRecord({"msg": "%d", "args": ("plainword",), "pathname": "a.py", "lineno": 3})
    logs.LogHandler(io.StringIO()).handle(record)
    assert capsys.readouterr().err == "A log line of a.py:3 was lost: TypeError.\n"


def test_a_line_says_when_what_and_who(output):
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("tests.canary").warning("license_issued", license="L-1")
    line = json.loads(output.getvalue())
    assert line["timestamp"].endswith("Z")
    assert {
        "level": "warning",
        "event": "license_issued",
        "request_id": "r-1",
        "license": "L-1",
    }.items() <= line.items()


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_validations_are_logged_in_every_format(fmt, monkeypatch):
    """C22: each call is logged, on a developer's terminal as well."""
    monkeypatch.setattr(logging.config, "dictConfig", lambda _config: None)
    monkeypatch.setattr(structlog, "configure", lambda **_: None)
    assert logs.configure(fmt, "INFO")["loggers"]["signet.validation"]["level"] == "INFO"
