"""`python -m tests.stripe_double.beside`: `manage.py up` with a Stripe to buy from on this machine.

When the operator has configured Stripe, or the installation is production, it is `manage.py up` and nothing
else. Otherwise the stand-in runs as one more part, and the product is pointed at it by its ordinary settings.
"""

from __future__ import annotations

import os
import shlex
import sys

from tests.stripe_double.driver import KEY, ROOT, SECRET, WEBHOOK

HOST = "127.0.0.1"


def configured(settings: object) -> bool:
    """Whether the operator has anything to do with Stripe already."""
    return bool(
        settings.PRODUCTION
        or settings.STRIPE_API_KEY
        or settings.STRIPE_API_BASE
        or any(settings.STRIPE_WEBHOOK_SECRETS)
        or "stripe" in settings.WITHOUT
    )


def free_port(wanted: int) -> int:
    """The port after the product's own, or any other when that is taken."""
    from config.supervisor import PortTaken, check_port

    try:
        check_port(HOST, wanted)
    except (PortTaken, OverflowError):
        import socket

        with socket.socket() as probe:
            probe.bind((HOST, 0))
            return int(probe.getsockname()[1])
    return wanted


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings

    command = [sys.executable, "manage.py", "up", *sys.argv[1:]]
    if not configured(settings):
        port = free_port(settings.PORT + 1)
        double = [sys.executable, "-m", "tests.stripe_double", "--host", HOST, "--port", str(port)]
        double += ["--webhook", f"http://{HOST}:{settings.PORT}{WEBHOOK}", "--secret", SECRET]
        double += ["--state", str(settings.DATA_DIR / "stripe-double.json")]
        command += ["--beside", f"stripe={shlex.join(double)}"]
        os.environ["SIGNET_STRIPE_API_BASE"] = f"http://{HOST}:{port}"
        os.environ["SIGNET_STRIPE_API_KEY"] = KEY
        os.environ["SIGNET_STRIPE_WEBHOOK_SECRETS"] = SECRET
        sys.stdout.write("No Stripe is configured: a stand-in sells beside it, and no money moves.\n")
        sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
