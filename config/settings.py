"""Composition of the product. Values come from `config.catalogue`; nothing here reads the environment itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured

from config import catalogue, conf, databases, logs, mail_provider, own_license, secrets
from config.kit.csp import POLICY
from config.unfold import UNFOLD as UNFOLD  # noqa: PLC0414 - the name of a setting, seen by type checkers

django_stubs_ext.monkeypatch()  # lets classes of ours name the types of Django's generic ones at run time

BASE_DIR = Path(__file__).resolve().parent.parent
CONFIGURATION = conf.load(catalogue.SETTINGS, BASE_DIR)
read = CONFIGURATION.read

ENVIRONMENT = read("ENV")
PRODUCTION = ENVIRONMENT == "production"
if ENVIRONMENT not in {"development", "production"}:
    raise ImproperlyConfigured("SIGNET_ENV must be development or production.")
DEBUG = read("DEBUG")
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("SIGNET_DEBUG must be off when SIGNET_ENV=production.")

DATA_DIR = (BASE_DIR / read("DATA")).resolve()
BIND = read("BIND")
PORT = read("PORT")
WEB_WORKERS = read("WEB_WORKERS")
WEB_THREADS = read("WEB_THREADS")
WORKER_PROCESSES = read("WORKER_PROCESSES")
WITHOUT = frozenset(read("WITHOUT"))


def secret(name: str) -> str:
    """Return a secret that development makes by itself and production demands."""
    value = read(name)
    values = value if isinstance(value, list) else [value]
    if PRODUCTION:
        secrets.demand(name, values, f"SIGNET_{name}")
    return ",".join(values) or secrets.development_secret(DATA_DIR, name)


SECRET_KEY = secret("SECRET_KEY")
KEY_ENCRYPTION_KEYS = secret("KEY_ENCRYPTION_KEYS").split(",")
INTERNAL_AUTH: dict[str, Any] = {
    "secret": secret("INTERNAL_AUTH_SECRET"),
    "issuer": read("INTERNAL_AUTH_ISSUER"),
    "audience": read("INTERNAL_AUTH_AUDIENCE"),
    "lifetime_seconds": read("INTERNAL_AUTH_LIFETIME_SECONDS"),
}
METRICS_TOKEN = read("METRICS_TOKEN")
if PRODUCTION:
    secrets.demand_strong("METRICS_TOKEN", METRICS_TOKEN, "SIGNET_METRICS_TOKEN")

# --- addresses ------------------------------------------------------------------------------------
BASE_URL = (read("BASE_URL") or f"http://localhost:{PORT}").rstrip("/")
_BASE = urlsplit(BASE_URL)
ALLOWED_HOSTS = read("ALLOWED_HOSTS") or sorted(
    {_BASE.hostname or "localhost", "localhost", "127.0.0.1", "[::1]"}
)
CSRF_TRUSTED_ORIGINS = [f"{_BASE.scheme}://{_BASE.netloc}"]
TRUSTED_PROXIES = read("TRUSTED_PROXIES")
HTTPS = _BASE.scheme == "https"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- applications ---------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config",
    "unfold.apps.BasicAppConfig",  # the plain one: the other puts its own site in the place of ours
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.admin_app.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_structlog",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "anymail",
    "history",
    "accounts",
    "licenses",
    "trials",
    "billing",
    "notifications",
    *(["crm"] if read("CRM") else []),  # nothing else imports it
]
MIDDLEWARE = [
    "config.request_ids.RequestIdMiddleware",
    "config.kit.middleware.HotPathMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "config.kit.middleware.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.kit.csp.ContentSecurityPolicyMiddleware",
    "config.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- data -----------------------------------------------------------------------------------------
DATABASES = {
    "default": databases.config(
        read("DATABASE_URL"),
        DATA_DIR,
        pool_size=read("DATABASE_POOL_SIZE"),
        prepare=read("DATABASE_PREPARE"),
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = read("REDIS_URL")
NATS_URL = read("NATS_URL")
NATS_STREAM = read("NATS_STREAM")
NATS_SUBJECT = read("NATS_SUBJECT")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 20_000}}
}

# --- tasks: the truth is in rows and sweepers, the broker only wakes workers up ---------------------
CELERY_BROKER_URL = read("BROKER_URL") or REDIS_URL or "signet-sqlite://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"visibility_timeout": 900}
if CELERY_BROKER_URL.startswith("signet-sqlite"):
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"path": str(DATA_DIR / "broker.sqlite3"), "polling_interval": 0.1}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
# A task that kills its own process would come back for ever; rows and sweeps find what it left undone.
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 600
CELERY_TIMEZONE = "UTC"
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}

# --- people ---------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "admin:login"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
# make run opens without a telephone; an installation in earnest asks for one where keys and rights are made
REQUIRE_SECOND_FACTOR = (
    read("REQUIRE_SECOND_FACTOR") if CONFIGURATION.is_set("REQUIRE_SECOND_FACTOR") else PRODUCTION
)
SECOND_FACTOR_MINUTES = read("SECOND_FACTOR_MINUTES")
LOGIN_LIMIT = read("LOGIN_LIMIT")
SESSION_COOKIE_NAME = "signet_session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = POLICY
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- language, time, files ------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()
WHITENOISE_AUTOREFRESH = False

# --- mail -----------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = SERVER_EMAIL = mail_provider.sender(read("MAIL_FROM"))
EMAIL_TIMEOUT = 30  # a server that says nothing must not hold a worker for ever
EMAIL_FILE_PATH = str(DATA_DIR / "mail")
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_URL = read("EMAIL_URL")
if EMAIL_URL:
    vars().update(environ.Env.email_url_config(EMAIL_URL))
MAIL_PROVIDER = read("MAIL_PROVIDER")
if MAIL_PROVIDER:
    EMAIL_BACKEND = mail_provider.backend(MAIL_PROVIDER)
ANYMAIL = mail_provider.anymail(read("MAIL_PROVIDER_SETTINGS"), read("MAIL_WEBHOOK_SECRET"))

# --- outbound webhooks ----------------------------------------------------------------------------
WEBHOOK_ALLOW_INSECURE = read("WEBHOOK_ALLOW_INSECURE")
WEBHOOK_KEEP_DAYS = read("WEBHOOK_KEEP_DAYS")
if PRODUCTION and WEBHOOK_ALLOW_INSECURE:
    raise ImproperlyConfigured("SIGNET_WEBHOOK_ALLOW_INSECURE must be off when SIGNET_ENV=production.")

# --- payments -------------------------------------------------------------------------------------
STRIPE_API_KEY = read("STRIPE_API_KEY")
STRIPE_WEBHOOK_SECRETS = read("STRIPE_WEBHOOK_SECRETS")
STRIPE_API_BASE = read("STRIPE_API_BASE")
REQUIRE_GROUP_NAME = read("REQUIRE_GROUP_NAME")
STRIPE_EVENT_KEEP_DAYS = read("STRIPE_EVENT_KEEP_DAYS")

# --- licenses -------------------------------------------------------------------------------------
ISSUER = read("ISSUER")
WARN_DAYS = read("WARN_DAYS")
GRACE_DAYS = read("GRACE_DAYS")
TRIAL_GRACE_DAYS = read("TRIAL_GRACE_DAYS")
NODE_CAP_QUIET_DAYS = read("NODE_CAP_QUIET_DAYS")
NODE_CAP_NOTICE_DAYS = read("NODE_CAP_NOTICE_DAYS")
KEEP_ARTIFACTS = read("KEEP_ARTIFACTS")
JWKS_MAX_AGE_SECONDS = read("JWKS_MAX_AGE_SECONDS")
KEY_PUBLISH_AHEAD_SECONDS = read("KEY_PUBLISH_AHEAD_SECONDS")
conf.demand_caches_end(JWKS_MAX_AGE_SECONDS, KEY_PUBLISH_AHEAD_SECONDS)
VALIDATION_CACHE_SECONDS = read("VALIDATION_CACHE_SECONDS")
VALIDATION_CACHE_ENTRIES = read("VALIDATION_CACHE_ENTRIES")
VALIDATION_LIMIT = read("VALIDATION_LIMIT")
TRIAL_KEEP_DAYS = read("TRIAL_KEEP_DAYS")
RETENTION_ALL_KINDS = read("RETENTION_ALL_KINDS")
HEARTBEAT_BUFFER = read("HEARTBEAT_BUFFER")
if HEARTBEAT_BUFFER and not REDIS_URL:
    raise ImproperlyConfigured("SIGNET_HEARTBEAT_BUFFER needs SIGNET_REDIS_URL.")

# --- license of this installation -----------------------------------------------------------------
# A file is read again at each refresh, and one that is missing must not keep the product from starting.
SELF_LICENSE_FILE = CONFIGURATION.file_of("SELF_LICENSE")
SELF_LICENSE = "" if SELF_LICENSE_FILE else read("SELF_LICENSE")
SELF_LICENSE_MASTER_URL = own_license.master_url(read("SELF_LICENSE_MASTER_URL"))
SELF_LICENSE_TRUST_ROOT = read("SELF_LICENSE_TRUST_ROOT")
SELF_LICENSE_ISSUER = read("SELF_LICENSE_ISSUER")
SELF_LICENSE_PRODUCT = read("SELF_LICENSE_PRODUCT")
SELF_LICENSE_DOMAIN = read("SELF_LICENSE_DOMAIN") or _BASE.hostname or "localhost"
SELF_LICENSE_REFRESH_MINUTES = own_license.refresh_minutes(read("SELF_LICENSE_REFRESH_MINUTES"))
SELF_LICENSE_UPGRADE_URL = read("SELF_LICENSE_UPGRADE_URL") or f"{BASE_URL}/admin/own-license/"
GUARD_GRACE_DAYS = read("GUARD_GRACE_DAYS")

IDEMPOTENCY_HOURS = read("IDEMPOTENCY_HOURS")
HISTORY_ORIGIN = read("HISTORY_ORIGIN") or f"{_BASE.hostname}/history"

# --- API ------------------------------------------------------------------------------------------
for _name in ("API_LIMIT", "API_ANONYMOUS_LIMIT", "TRIAL_LIMIT", "VALIDATION_LIMIT", "LOGIN_LIMIT"):
    conf.demand_rate(f"SIGNET_{_name}", read(_name))
API_LIMIT = read("API_LIMIT")
API_ANONYMOUS_LIMIT = read("API_ANONYMOUS_LIMIT")
TRIAL_LIMIT = read("TRIAL_LIMIT")
TRIAL_CAPTCHA = read("TRIAL_CAPTCHA")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.ApiKeyAuthentication",
        "accounts.api.authentication.InternalJWTAuthentication",
        "accounts.api.authentication.StaffSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.kit.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.kit.api.parsers.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["config.kit.api.throttling.ClientThrottle"],
    "DEFAULT_SCHEMA_CLASS": "config.kit.api.inspector.OperationSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.kit.api.negotiation.OneRepresentation",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "config.kit.api.pagination.CursorPage",
    "EXCEPTION_HANDLER": "config.kit.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": "config.kit.api.principals.Anonymous",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Signet",
    "VERSION": "1",
    "DESCRIPTION": "License authority and trial back office.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "LicenseKind": "licenses.api.schema.KINDS",
        "Edition": "licenses.api.schema.EDITIONS",
        "Format": "licenses.api.schema.FORMATS",
        "Algorithm": "licenses.api.schema.ALGORITHMS",
        "ActivationKind": "licenses.models.installations.Activation.Kind",
        "KeptOf": "accounts.api.serializers.OF_EITHER",
        "AccountKind": "accounts.models.Account.Kind",
        "KeyState": "licenses.domain.enums.KeyState",
        "DeliveryState": "notifications.models.webhooks.Delivery.State",
        "LicenseStatus": "licenses.domain.enums.LicenseStatus",
        "OfferType": "billing.api.names.OFFER_TYPES",
        "CheckoutState": "billing.api.names.CHECKOUT_STATES",
        "PaymentState": "billing.api.names.PAYMENT_STATES",
        "TierChangeState": "billing.api.names.TIER_CHANGE_STATES",
        "EvidenceStage": "trials.api.names.EVIDENCE_STAGES",
        "EvidenceState": "trials.api.names.EVIDENCE_STATES",
        "NotificationChannel": "trials.api.names.NOTIFICATION_CHANNELS",
        "NotificationState": "trials.api.names.NOTIFICATION_STATES",
        "TrialOutcome": "trials.models.trials.Trial.Outcome",
        "IssuanceChannel": "licenses.models.issuances.Channel",
        "ReleaseChannel": "licenses.api.schema.RELEASE_CHANNELS",
        "SelfLicenseOutcome": "licenses.api.schema.OWN_OUTCOMES",
        **(
            {"TaskStatus": "crm.api.shapes.TASK_STATUSES", "PersonOrigin": "crm.api.shapes.PERSON_ORIGINS"}
            if read("CRM")
            else {}
        ),
    },
    # Swagger's own page would ask validator.swagger.io about the document
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "PREPROCESSING_HOOKS": ["config.kit.api.routing.each_method"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "licenses.api.schema.complete",
        "billing.api.webhook_schema.complete",
        *(["crm.api.schema.complete"] if read("CRM") else []),
        "config.kit.api.schema.add_problem_responses",
    ],
}

# --- logs -----------------------------------------------------------------------------------------
LOG_FORMAT = read("LOG_FORMAT") or ("json" if PRODUCTION else "console")
LOGGING_CONFIG = None
LOG_LEVEL = read("LOG_LEVEL").upper()
if LOG_LEVEL not in logs.LEVELS:
    raise ImproperlyConfigured(f"SIGNET_LOG_LEVEL must be one of {', '.join(logs.LEVELS)}.")
LOGGING = logs.configure(LOG_FORMAT, LOG_LEVEL)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # RequestIdMiddleware has replaced any unfit one
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # it believes anybody's X-Forwarded-For
