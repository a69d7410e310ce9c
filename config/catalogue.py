"""Every setting of Signet: its type, its default and what it is for. `.env.example` is made from this table."""

from __future__ import annotations

from config.conf import Setting as S  # noqa: N817 - one letter keeps the table readable

SECTIONS: dict[str, tuple[S, ...]] = {
    "Where and how it runs": (
        S(
            "ENV",
            "str",
            "development",
            "`development` makes its own secrets; `production` refuses to start without yours.",
        ),
        S(
            "CONFIG",
            "str",
            "",
            "Optional YAML file with any of these settings; also `--config FILE` of every command.",
        ),
        S("DATA", "str", "var", "Folder for the embedded database, keys, broker and mail files."),
        S("BIND", "str", "127.0.0.1", "Address that the web server listens on."),
        S("PORT", "int", 8000, "Port that the web server listens on.", aliases=("PORT",)),
        S(
            "BASE_URL",
            "str",
            "",
            "Public address, used in every link; the Host header never is. Default: http://localhost:PORT.",
        ),
        S(
            "ALLOWED_HOSTS",
            "list",
            [],
            "Host names this installation answers to. Default: the host of BASE_URL and localhost.",
        ),
        S("DEBUG", "bool", False, "Django's debug pages. Never in production."),
        S(
            "TRUSTED_PROXIES",
            "int",
            0,
            "How many reverse proxies stand in front and set X-Forwarded-For and -Proto.",
        ),
        S("WEB_WORKERS", "int", 1, "Web server processes."),
        S("WEB_THREADS", "int", 4, "Threads of each web server process."),
        S("WORKER_PROCESSES", "int", 2, "Processes of each Celery worker."),
        S(
            "WITHOUT",
            "list",
            [],
            "Parts that this installation runs without on purpose: any of stripe, bus, mail.",
        ),
        S("CRM", "bool", True, "Whether the CRM is installed at all. Its tables stay when it is taken out."),
    ),
    "Secrets (each may be given as NAME_FILE)": (
        S("SECRET_KEY", "str", "", "Signs sessions and form tokens. At least 50 characters.", secret=True),
        S(
            "KEY_ENCRYPTION_KEYS",
            "list",
            [],
            "Comma-separated Fernet keys (32 bytes, base64url) that encrypt signing keys"
            " and stored licenses; the first encrypts, all decrypt.",
            secret=True,
        ),
        S(
            "INTERNAL_AUTH_SECRET",
            "str",
            "",
            "Shared secret of the dashboard's short-lived JWTs. At least 32 bytes.",
            secret=True,
        ),
        S(
            "METRICS_TOKEN",
            "str",
            "",
            "Bearer token for /metrics, at least 32 bytes. Without one only loopback may read it.",
            secret=True,
        ),
    ),
    "Database, broker, cache, bus": (
        S(
            "DATABASE_URL",
            "str",
            "",
            "PostgreSQL, MariaDB or SQLite address. Default: SQLite in DATA.",
            secret=True,
            aliases=("DATABASE_URL",),
            example="postgres://signet:password@db:5432/signet",
        ),
        S(
            "BROKER_URL",
            "str",
            "",
            "Celery broker. Default: REDIS_URL, else the embedded broker in DATA.",
            secret=True,
            example="redis://redis:6379/0",
        ),
        S(
            "REDIS_URL",
            "str",
            "",
            "Cache and rate limits shared by all processes. Default: memory of each process.",
            secret=True,
            aliases=("REDIS_URL",),
            example="redis://redis:6379/1",
        ),
        S(
            "NATS_URL",
            "str",
            "",
            "NATS JetStream servers for purchase events.",
            secret=True,
            aliases=("NATS_URL",),
            example="nats://nats:4222",
        ),
        S("NATS_STREAM", "str", "LICENSEOPERATOR", "JetStream stream that keeps purchase events."),
        S(
            "NATS_SUBJECT",
            "str",
            "licenseoperator.license.issued",
            "Subject of purchase events; each is published below it, under its own id.",
        ),
        S(
            "DATABASE_PREPARE",
            "bool",
            True,
            "Prepare hot statements on PostgreSQL. Off behind a pooler that cannot follow them.",
        ),
        S(
            "DATABASE_POOL_SIZE",
            "int",
            0,
            "PostgreSQL connections of one web process; 0 keeps one for each thread.",
        ),
    ),
    "Licenses": (
        S(
            "ISSUER",
            "str",
            "signet",
            "`iss` of every token. Deployments compare it exactly: never change it later.",
        ),
        S(
            "WARN_DAYS",
            "int",
            30,
            "Days before expiry at which a license warns; at most a quarter of its term (A8).",
        ),
        S("GRACE_DAYS", "int", 14, "Days after expiry in which writes still pass (A9)."),
        S("TRIAL_GRACE_DAYS", "int", 3, "The same for trial licenses (A9)."),
        S("NODE_CAP_QUIET_DAYS", "int", 7, "Days over the node cap without a message (A15)."),
        S("NODE_CAP_NOTICE_DAYS", "int", 30, "Day over the node cap from which the message escalates (A15)."),
        S(
            "KEEP_ARTIFACTS",
            "bool",
            True,
            "Keep issued licenses, encrypted, for download. A request may still decline.",
        ),
        S("JWKS_MAX_AGE_SECONDS", "int", 300, "How long a deployment may cache the public keys."),
        S(
            "KEY_PUBLISH_AHEAD_SECONDS",
            "int",
            3600,
            "How long a staged key is published before it may become active; longer than the keys are cached.",
        ),
        S(
            "VALIDATION_CACHE_SECONDS",
            "int",
            0,
            "Answer online validation from memory for so long; 0 reads the row each time.",
        ),
        S("VALIDATION_CACHE_ENTRIES", "int", 10000, "Bound on remembered validations of one process."),
        S("VALIDATION_LIMIT", "str", "600/min", "Online validations from one address."),
        S(
            "TRIAL_KEEP_DAYS",
            "int",
            30,
            "Days after its end for which the texts of a trial license are kept (E34).",
        ),
        S(
            "RETENTION_ALL_KINDS",
            "bool",
            False,
            "Remove the texts of every ended license, not of trials only.",
        ),
        S(
            "HEARTBEAT_BUFFER",
            "bool",
            False,
            "Gather heartbeats in memory and Redis and apply them in batches. Needs REDIS_URL;"
            " a killed process loses a tenth of a second of them.",
        ),
    ),
    "License of this installation": (
        S(
            "SELF_LICENSE",
            "str",
            "",
            "Key of this installation's own license. The file of SELF_LICENSE_FILE, or self-license.txt in DATA,"
            " is read anew at each refresh. Without one: the tier Creator.",
            secret=True,
        ),
        S(
            "SELF_LICENSE_MASTER_URL",
            "str",
            "",
            "Address of the Signet that issues our license. Empty: this installation is its own master.",
            example="https://licenses.example.com",
        ),
        S(
            "SELF_LICENSE_TRUST_ROOT",
            "str",
            "",
            "Public keys that our license must be signed with, as JWKS or PEM. Default: the key set that this"
            " copy of Signet carries, else the keys of this installation.",
        ),
        S(
            "SELF_LICENSE_ISSUER",
            "str",
            "",
            "`iss` of our license. Default: signet; our own ISSUER as own master.",
        ),
        S(
            "SELF_LICENSE_PRODUCT",
            "str",
            "signet",
            "`aud` of our license: the product that the master sells.",
        ),
        S(
            "SELF_LICENSE_DOMAIN",
            "str",
            "",
            "Domain that a license bound to a machine must be bound to. Default: the host of BASE_URL.",
        ),
        S("SELF_LICENSE_REFRESH_MINUTES", "int", 60, "How often the master is asked about our license (C5)."),
        S(
            "SELF_LICENSE_UPGRADE_URL",
            "str",
            "",
            "Where a higher tier can be bought. Default: the page of our license in the admin.",
        ),
        S(
            "GUARD_GRACE_DAYS",
            "int",
            7,
            "Days for which the catalogue may still be changed after our license ended or was suspended (E27).",
        ),
    ),
    "Staff": (
        S(
            "REQUIRE_SECOND_FACTOR",
            "bool",
            False,
            "Ask for a second factor before signing keys, users, roles, API keys and webhook secrets."
            " Default: true in production.",
            example="true",
        ),
        S("SECOND_FACTOR_MINUTES", "int", 30, "How long a code is good for on those pages."),
        S("LOGIN_LIMIT", "str", "10/min", "Tries to sign in with one e-mail address from one address."),
    ),
    "API": (
        S("TRIAL_LIMIT", "str", "20/hour", "Trial requests without a credential from one address."),
        S(
            "TRIAL_CAPTCHA",
            "str",
            "",
            "Dotted name of a function (answer, address) -> bool that judges captchas of public trial requests.",
        ),
        S("INTERNAL_AUTH_ISSUER", "str", "signet-dashboard", "`iss` that internal JWTs must carry (E28)."),
        S("INTERNAL_AUTH_AUDIENCE", "str", "signet-api", "`aud` that internal JWTs must carry (E28)."),
        S(
            "INTERNAL_AUTH_LIFETIME_SECONDS",
            "int",
            900,
            "Longest accepted lifetime of an internal JWT (E28).",
        ),
        S("API_LIMIT", "str", "1200/min", "API requests of one credential."),
        S("API_ANONYMOUS_LIMIT", "str", "120/min", "API requests of one address without a credential."),
        S("IDEMPOTENCY_HOURS", "int", 24, "How long the answer to an Idempotency-Key is kept."),
    ),
    "Mail and payments": (
        S(
            "EMAIL_URL",
            "str",
            "",
            "SMTP address for mail. Default: files in DATA/mail.",
            secret=True,
            example="smtp+tls://user:password@smtp.example.com:587",
        ),
        S("MAIL_FROM", "str", "Signet <signet@localhost>", "Sender of mail."),
        S(
            "MAIL_PROVIDER",
            "str",
            "",
            "Send through a provider's API instead of SMTP: postmark, mailgun and others of docs/mail.md.",
            example="postmark",
        ),
        S(
            "MAIL_PROVIDER_SETTINGS",
            "str",
            "",
            "The provider's settings as a JSON or YAML map, under django-anymail's names.",
            secret=True,
            example='{"POSTMARK_SERVER_TOKEN": "…"}',
        ),
        S(
            "MAIL_WEBHOOK_SECRET",
            "list",
            [],
            "user:password that the provider's delivery webhooks carry, the password of 16 characters or more;"
            " several while one is changed."
            " Without one they are not taken.",
            secret=True,
        ),
        S("STRIPE_API_KEY", "str", "", "Stripe secret key.", secret=True),
        S(
            "STRIPE_WEBHOOK_SECRETS",
            "list",
            [],
            "Stripe webhook signing secrets; several while one is rolled.",
            secret=True,
        ),
        S(
            "STRIPE_API_BASE",
            "str",
            "",
            "Another address of Stripe's API, for tests.",
            aliases=("STRIPE_API_BASE",),
        ),
        S(
            "REQUIRE_GROUP_NAME",
            "bool",
            True,
            "A purchase must name its group; without one the webhook event waits for an operator. Off: the"
            " account of the same Stripe customer gets the license, or a new one.",
        ),
        S(
            "STRIPE_EVENT_KEEP_DAYS",
            "int",
            90,
            "Days after which webhook events that were worked on are removed. Parked ones stay.",
        ),
    ),
    "Webhooks": (
        S(
            "WEBHOOK_ALLOW_INSECURE",
            "bool",
            False,
            "Let outbound webhooks go to this machine itself, also by plain HTTP. For development only.",
        ),
        S(
            "WEBHOOK_KEEP_DAYS",
            "int",
            90,
            "Days after which deliveries that arrived are removed. Dead ones stay.",
        ),
    ),
    "History and logs": (
        S(
            "HISTORY_ORIGIN",
            "str",
            "",
            "Name of this log in its signed checkpoints. Default: the host name of BASE_URL + /history.",
        ),
        S("LOG_FORMAT", "str", "", "`json` or `console`. Default: json in production."),
        S("LOG_LEVEL", "str", "INFO", "Lowest level that is logged."),
    ),
}

SETTINGS: tuple[S, ...] = tuple(setting for rows in SECTIONS.values() for setting in rows)


def example() -> str:
    """Return the text of `.env.example`."""
    lines = [
        "# Settings of Signet. Copy to .env, or set them in the environment, or write them into one YAML file",
        "# (SIGNET_CONFIG): `database: {url: …}` is SIGNET_DATABASE_URL. The environment wins over .env, .env over",
        "# YAML. A secret may be given as a file: SIGNET_SECRET_KEY_FILE. Made from config/catalogue.py.",
    ]
    for title, rows in SECTIONS.items():
        lines += ["", f"## {title}"]
        for row in rows:
            lines += [
                "",
                f"# {row.help}",
                f"# Type: {row.cast}.{_also(row)}",
                f"#{row.variable}={_shown(row)}",
            ]
    return "\n".join(lines) + "\n"


def _also(row: S) -> str:
    return "".join(f" Also read from {alias}." for alias in row.aliases)


def _shown(row: S) -> str:
    if row.example:
        return row.example
    if isinstance(row.default, bool):
        return str(row.default).lower()
    return ",".join(row.default) if isinstance(row.default, list) else str(row.default)
