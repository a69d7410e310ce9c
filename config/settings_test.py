"""Settings of the test suite: fixed secrets, fast password hashing, tasks run in the test's own process."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("SIGNET_DATA", tempfile.mkdtemp(prefix="signet-test-"))
os.environ.setdefault("SIGNET_LOG_LEVEL", "WARNING")
for _name in ("SIGNET_CONFIG", "PORT", "SIGNET_PORT", "SIGNET_BASE_URL"):
    os.environ.pop(_name, None)

from config import settings as product  # noqa: E402 - as below
from config.settings import *  # noqa: E402, F403 - the test settings are the product's, changed below

SECRET_KEY = "test-" + "0123456789abcdef" * 4
KEY_ENCRYPTION_KEYS = ["dGVzdC1rZXktZW5jcnlwdGlvbi1rZXktMzItYnl0ZXM="]
INTERNAL_AUTH = {
    "secret": "internal-auth-secret-for-tests-0123456789",
    "issuer": "signet-dashboard",
    "audience": "signet-api",
    "lifetime_seconds": 900,
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
REQUIRE_SECOND_FACTOR = True  # as in production
BASE_URL = "http://testserver"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
NATS_URL = ""  # tests of the bus bring a server of their own

if product.REDIS_URL:
    # Emptying the cache empties a whole Redis database, so each process of the suite has its own.
    _server, _, _number = product.REDIS_URL.rpartition("/")
    _mine = int(_number) + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    REDIS_URL = f"{_server}/{_mine}"
    CACHES = {"default": {**product.CACHES["default"], "LOCATION": REDIS_URL}}
