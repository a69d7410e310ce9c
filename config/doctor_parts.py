"""The parts that `manage.py doctor` looks at. Each look has an end."""

from __future__ import annotations

import os
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.core.mail import get_connection
from django.db import connection

from config import secrets
from config.doctor import Check, Finding, State, Visit
from config.health import broker_connect, pending_migrations
from config.heartbeat import LATE, beat_age
from config.kit.clock import now
from config.kit.sealing import SealingKeyMissing, seal, unseal
from config.kit.trigrams import indexes_missing
from config.probing import within
from licenses.domain.enums import Algorithm, KeyState
from licenses.domain.keys import KeyMaterialError, VerificationKey, load_private_pem, load_public_pem
from licenses.domain.own_license import SAYS, GuardState
from licenses.domain.signer import Signer
from licenses.gates import standing_now
from licenses.models import SigningKey
from licenses.trust_root import is_own_master, trust_root
from notifications.bus_publisher import Bus

SECONDS = 5.0
"""Longest wait for a server's answer."""
OLD_KEY = timedelta(days=2 * 365)
SKEW_NOTED, SKEW_BAD = timedelta(seconds=2), timedelta(seconds=30)
LOW_BYTES, FULL_BYTES = 2 * 1024**3, 256 * 1024**2
PROOF = b"manage.py doctor"


def bind_address(visit: Visit) -> Finding:
    """Whether SIGNET_BIND is an address of this machine. The port may be in use: by the server that runs."""
    if not settings.BIND:
        return visit.unset("SIGNET_BIND", "no address to listen on")
    if not 0 < settings.PORT < 65536:  # noqa: PLR2004 - the range of ports
        return Finding(State.FAILING, f"port {settings.PORT} is no port", "SIGNET_PORT")
    family, kind, protocol, _, address = socket.getaddrinfo(settings.BIND, 0, type=socket.SOCK_STREAM)[0]
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError as error:
        detail = f"cannot listen on {settings.BIND}: {os.strerror(error.errno or 0)}"
        return Finding(State.FAILING, detail, "SIGNET_BIND", "Use an address of this machine, or 0.0.0.0.")
    return Finding(State.OK, f"{settings.BIND} port {settings.PORT}, public as {settings.BASE_URL}")


def database(visit: Visit) -> Finding:
    """Reachable, which server, and whether every migration is applied."""
    hint = "Check SIGNET_DATABASE_URL and the server."
    try:
        connection.ensure_connection()
        name = f"{connection.display_name} {'.'.join(map(str, connection.get_database_version()))}"
        waiting = pending_migrations()
    except Exception as error:  # noqa: BLE001 - drivers have their own
        return Finding(State.FAILING, f"{type(error).__name__}: not reachable", "SIGNET_DATABASE_URL", hint)
    if waiting:
        return Finding(
            State.FAILING, f"{name}: {len(waiting)} migrations not applied", hint="Run `manage.py migrate`."
        )
    if connection.vendor == "sqlite":
        production = "Meant for one machine; PostgreSQL is what production is measured on."
        return Finding(State.EMBEDDED, name, "SIGNET_DATABASE_URL", production if visit.production else "")
    return Finding(State.OK, f"{name}, all migrations applied")


def search(_visit: Visit) -> Finding:
    """Whether the indexes are there by which a search answers at once among a million licenses."""
    if connection.vendor != "postgresql":
        return Finding(State.EMBEDDED, "reads the tables through; quick up to some ten thousand accounts")
    missing = indexes_missing(connection)
    if missing:
        hint = (
            "Let a superuser of the database run CREATE EXTENSION pg_trgm in it, then run `manage.py migrate`."
            " Until then searches read the tables through."
        )
        return Finding(State.NOT_CONFIGURED, f"no index {', '.join(missing)}", hint=hint)
    return Finding(State.OK, "trigram indexes")


def broker(_visit: Visit) -> Finding:
    """Whether the broker takes a connection."""
    scheme = urlsplit(settings.CELERY_BROKER_URL).scheme
    try:
        within(SECONDS, "broker", broker_connect)
    except Exception as error:  # noqa: BLE001 - every transport has its own
        detail = f"{scheme}: {type(error).__name__}"
        return Finding(
            State.FAILING, detail, "SIGNET_BROKER_URL", "Work is late, not lost, until it is back."
        )
    if scheme.startswith("signet-sqlite"):
        return Finding(State.EMBEDDED, "in DATA, for the processes of one machine", "SIGNET_BROKER_URL")
    return Finding(State.OK, scheme)


def worker(_visit: Visit) -> Finding:
    """Whether at least one worker answers a ping."""
    hint = "Start one: `celery -A config worker`; `manage.py up` has one."
    try:
        answers = within(SECONDS, "workers", lambda: current_app.control.inspect(timeout=2).ping())
    except Exception as error:  # noqa: BLE001 - every transport has its own
        return Finding(State.FAILING, f"cannot be asked: {type(error).__name__}", hint=hint)
    if not answers:
        return Finding(State.FAILING, "none answers", hint=hint)
    return Finding(State.OK, f"{len(answers)} answer")


def beat(visit: Visit) -> Finding:
    """How long ago a tick of beat last ran in a worker."""
    hint = "Start exactly one beat: `celery -A config beat`; `manage.py up` has one."
    age = beat_age(at=visit.at)
    if age is None:
        return Finding(State.FAILING, "never ran", hint=hint)
    detail = f"last tick {age.total_seconds():.0f} s ago"
    return Finding(State.FAILING, detail, hint=hint) if age > LATE else Finding(State.OK, detail)


def signing_keys(visit: Visit) -> Finding:
    """At least one active RSA key pair (E5); every active key opens, signs, and verifies what it signed."""
    keys = list(SigningKey.objects.filter(state=KeyState.ACTIVE).order_by("pk"))
    if not any(key.algorithm == Algorithm.RS256 for key in keys):
        hint = "Run `manage.py keys rotate`, or `manage.py bootstrap` for a first start."
        return Finding(State.MISSING, "no active RSA key pair", hint=hint)
    for key in keys:
        problem = _key_problem(key)
        if problem:
            return Finding(State.FAILING, f"{key.kid}: {problem}", "SIGNET_KEY_ENCRYPTION_KEYS")
    detail = ", ".join(f"{key.algorithm} {key.kid}" for key in keys)
    old = [key.kid for key in keys if key.activated_at and visit.at - key.activated_at > OLD_KEY]
    hint = f"Over two years in use: {', '.join(old)}. Plan a rotation." if old else ""
    return Finding(State.OK, f"{detail}: sign and verify", hint=hint)


def _key_problem(key: SigningKey) -> str | None:
    if key.private_sealed is None:
        return "active without a private half"
    try:
        private = load_private_pem(unseal(bytes(key.private_sealed)))
    except SealingKeyMissing:
        return "cannot be opened with the present key-encryption keys"
    algorithm = Algorithm(key.algorithm)
    signature = Signer(key.kid, algorithm, private).sign(PROOF)
    public = VerificationKey(key.kid, algorithm, load_public_pem(key.public_pem))
    return None if public.verifies(signature, PROOF) else "its halves do not belong together"


def key_encryption_keys(visit: Visit) -> Finding:
    """Whether what is sealed now can be opened again."""
    keys = [key for key in settings.KEY_ENCRYPTION_KEYS if key]
    problem = secrets.weakness("KEY_ENCRYPTION_KEYS", keys)
    if not keys:
        return visit.unset("SIGNET_KEY_ENCRYPTION_KEYS", "no key seals private keys and licenses")
    if problem:
        return Finding(State.FAILING, f"one {problem}", "SIGNET_KEY_ENCRYPTION_KEYS")
    if unseal(seal(PROOF)) != PROOF:
        return Finding(State.FAILING, "what is sealed does not open again", "SIGNET_KEY_ENCRYPTION_KEYS")
    return Finding(State.OK, f"{len(keys)} configured; the first seals")


def internal_jwt(visit: Visit) -> Finding:
    """Whether there is a secret for internal JWTs that is not a weak one (E28)."""
    problem = secrets.weakness("INTERNAL_AUTH_SECRET", [settings.INTERNAL_AUTH["secret"]])
    if problem == "is missing":
        return visit.unset("SIGNET_INTERNAL_AUTH_SECRET", "no secret for internal JWTs")
    if problem:
        return Finding(State.FAILING, problem, "SIGNET_INTERNAL_AUTH_SECRET")
    return Finding(State.OK, f"issuer {settings.INTERNAL_AUTH['issuer']}")


def mail(visit: Visit) -> Finding:
    """Whether the mail server takes a login, or the folder of mail files a file."""
    backend = settings.EMAIL_BACKEND.rsplit(".", 2)[-2]
    if settings.MAIL_PROVIDER:
        return _mail_provider(settings.MAIL_PROVIDER)
    if not settings.EMAIL_URL:
        return _mail_files(visit)
    if backend != "smtp":
        return Finding(State.OK, backend)
    where = f"{settings.EMAIL_HOST} port {settings.EMAIL_PORT}"
    try:
        within(SECONDS * 2, "mail", _greet_mail_server)
    except Exception as error:  # noqa: BLE001 - sockets, TLS and SMTP fail in many ways
        hint = "Mail waits and is sent when the server is back."
        return Finding(State.FAILING, f"{where}: {type(error).__name__}", "SIGNET_EMAIL_URL", hint)
    return Finding(State.OK, where)


def _mail_files(visit: Visit) -> Finding:
    if visit.production or "mail" in visit.without:
        detail = "mail goes to files only; SIGNET_MAIL_PROVIDER would do, too"
        return visit.unset("SIGNET_EMAIL_URL", detail, part="mail")
    folder = Path(settings.EMAIL_FILE_PATH)
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        return Finding(State.FAILING, f"{folder} cannot be written", "SIGNET_DATA")
    return Finding(State.EMBEDDED, f"files in {folder}", "SIGNET_EMAIL_URL")


def _mail_provider(name: str) -> Finding:
    """Whether the provider's settings are complete. It is not asked: that would send a mail."""
    try:
        get_connection()
    except Exception as error:  # noqa: BLE001 - a missing package or setting, and it says which
        return Finding(State.FAILING, str(error).splitlines()[0], "SIGNET_MAIL_PROVIDER_SETTINGS")
    reports = "takes" if settings.ANYMAIL["WEBHOOK_SECRET"] else "takes no"
    hint = (
        ""
        if settings.ANYMAIL["WEBHOOK_SECRET"]
        else "Bounces stay unknown without SIGNET_MAIL_WEBHOOK_SECRET."
    )
    return Finding(State.OK, f"{name}, {reports} delivery webhooks", "SIGNET_MAIL_PROVIDER", hint)


def _greet_mail_server() -> None:
    server = get_connection(timeout=SECONDS)
    server.open()
    server.close()


def bus(visit: Visit) -> Finding:
    """Whether NATS answers and JetStream is on."""
    if not settings.NATS_URL:
        return visit.unset("SIGNET_NATS_URL", "no event bus", part="bus")
    try:
        return Finding(State.OK, within(SECONDS * 4, "bus", _ask_bus))
    except Exception as error:  # noqa: BLE001 - sockets, TLS and NATS fail in many ways
        hint = "Check the server, and that it runs with JetStream (-js). Events wait until it is back."
        return Finding(State.FAILING, f"NATS: {type(error).__name__}", "SIGNET_NATS_URL", hint)


def _ask_bus() -> str:
    visitor = Bus()  # of its own: the doctor leaves no connection behind
    try:
        return visitor.ask(settings.NATS_URL)
    finally:
        visitor.close()


def stripe(visit: Visit) -> Finding:
    """Whether key and webhook secret are set (E5); asks Stripe only with `--online` or a STRIPE_API_BASE."""
    if not settings.STRIPE_API_KEY:
        return visit.unset("SIGNET_STRIPE_API_KEY", "no API key", part="stripe")
    if not any(settings.STRIPE_WEBHOOK_SECRETS):
        return visit.unset("SIGNET_STRIPE_WEBHOOK_SECRETS", "no webhook secret", part="stripe")
    mode = "live" if "_live_" in settings.STRIPE_API_KEY else "test"
    hint = "A live key outside production." if mode == "live" and not visit.production else ""
    if visit.online or settings.STRIPE_API_BASE:
        problem = within(SECONDS * 2, "stripe", _ask_stripe)
        if problem:
            return Finding(State.FAILING, problem, "SIGNET_STRIPE_API_KEY")
        return Finding(State.OK, f"{mode} key accepted", hint=hint)
    return Finding(State.OK, f"{mode} key and webhook secret are set; not asked (--online)", hint=hint)


def _ask_stripe() -> str:
    base = settings.STRIPE_API_BASE or "https://api.stripe.com"
    url = f"{base.rstrip('/')}/v1/balance"
    headers = {"Authorization": f"Bearer {settings.STRIPE_API_KEY}"}
    request = Request(url, headers=headers)  # noqa: S310 - the operator's own address
    try:
        with urlopen(request, timeout=SECONDS):  # noqa: S310 - the operator's own address
            return ""
    except HTTPError as error:
        return f"Stripe answers {error.code}"
    except OSError as error:
        return f"Stripe does not answer: {type(error).__name__}"


CLOCKS = {
    "postgresql": "SELECT clock_timestamp()",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
}


def clock(_visit: Visit) -> Finding:
    """How far this machine's clock is from the database server's. Expiry is an instant: a wrong clock lies."""
    with connection.cursor() as cursor:
        cursor.execute(CLOCKS[connection.vendor])
        there = cursor.fetchone()[0]
    # This moment, not the beginning of the examination: other parts may have taken seconds.
    skew = abs(now() - _instant(there))
    detail = f"{skew.total_seconds():.1f} s from the database's"
    hint = "Set both clocks by NTP."
    if skew > SKEW_BAD:
        return Finding(State.FAILING, detail, hint=hint)
    return Finding(State.OK, detail, hint=hint if skew > SKEW_NOTED else "")


def _instant(value: Any) -> datetime:
    read = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def disk(_visit: Visit) -> Finding:
    """Whether DATA can be written and has room."""
    folder = settings.DATA_DIR
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return Finding(State.FAILING, f"{folder} cannot be written", "SIGNET_DATA")
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1024**3:.1f} GiB free in {folder}"
    hint = "Make room; a full disk stops issuing." if free < LOW_BYTES else ""
    return Finding(State.FAILING if free < FULL_BYTES else State.OK, detail, "SIGNET_DATA", hint)


def shared_cache(visit: Visit) -> Finding:
    """Whether the cache keeps a value. Without Redis each process has its own, and its own rate limits."""
    try:
        within(SECONDS, "cache", _use_cache)
    except Exception as error:  # noqa: BLE001 - every backend has its own
        hint = "Rate limits of logins and trials are closed until it is back."
        return Finding(State.FAILING, type(error).__name__, "SIGNET_REDIS_URL", hint)
    if settings.REDIS_URL:
        return Finding(State.OK, "Redis")
    hint = "Several web processes count rate limits apart." if visit.production else ""
    return Finding(State.EMBEDDED, "memory of each process", "SIGNET_REDIS_URL", hint)


def _use_cache() -> None:
    name = f"doctor:{os.getpid()}"
    cache.set(name, "x", timeout=10)
    if cache.get(name) != "x":
        raise LookupError("the cache forgets")
    cache.delete(name)


def own_license(visit: Visit) -> Finding:
    """The license that this installation runs under. None at all is a tier, not a fault."""
    now, variable = standing_now(visit.at), "SIGNET_SELF_LICENSE"
    tier, trusted = f"tier {now.tier.capitalize()}", "SIGNET_SELF_LICENSE_TRUST_ROOT"
    try:
        keys = trust_root()
    except KeyMaterialError as error:
        return Finding(State.FAILING, f"the trust root: {error.detail}", trusted)
    if not len(keys) and not is_own_master():
        return Finding(
            State.MISSING, "no key of the master is trusted", trusted, "Set it to the master's JWKS."
        )
    if now.guard is GuardState.UNLICENSED:
        return Finding(State.OK, f"none, {tier}")
    if now.guard is GuardState.VALID:
        return Finding(State.OK, f"{tier}, valid")
    detail = f"{SAYS.get(now.reason, now.reason)} Guard {now.guard}, {tier}."
    hint = "Activate a key that holds: `manage.py selflicense activate FILE`."
    return Finding(State.FAILING if now.guard is GuardState.INVALID else State.OK, detail, variable, hint)


PARTS: tuple[tuple[str, Check], ...] = (
    ("bind address", bind_address),
    ("database", database),
    ("search", search),
    ("broker", broker),
    ("worker", worker),
    ("beat", beat),
    ("signing keys", signing_keys),
    ("key-encryption keys", key_encryption_keys),
    ("own license", own_license),
    ("internal JWT secret", internal_jwt),
    ("mail", mail),
    ("bus", bus),
    ("stripe", stripe),
    ("cache", shared_cache),
    ("clock", clock),
    ("disk", disk),
)
