"""Structured logs: one JSON object a line (or a readable console), with the request id of the work at hand."""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import Any

import structlog
from celery.signals import setup_logging

from config.redaction import redact_event, redact_line

LEVELS: tuple[str, ...] = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def rendering(fmt: str) -> list[Any]:
    """Return the processors that make a line of an event: fields are redacted before, the whole line after."""
    if fmt == "console":
        # Other tracebacks show local variables, and those hold what no log may.
        console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        renderers: list[Any] = [console]
    else:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact_event, *renderers, redact_line]


class LogHandler(logging.StreamHandler[Any]):
    """Writes to standard error."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Tell that a line was lost. Logging's own way prints its arguments, past every redaction."""
        error = type(sys.exc_info()[1]).__name__
        sys.stderr.write(f"A log line of {record.pathname}:{record.lineno} was lost: {error}.\n")


@setup_logging.connect(weak=False)
def _leave_logging_alone(**_: Any) -> None:
    """Having a receiver at all keeps Celery from setting levels and handlers of its own."""


def configure(fmt: str, level: str) -> dict[str, Any]:
    """Configure logging and structlog; return the dictConfig used."""
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "main": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": rendering(fmt),
                "foreign_pre_chain": SHARED,
            },
            "plain": {"format": "%(message)s"},
        },
        "handlers": {
            "main": {"class": "config.logs.LogHandler", "formatter": "main"},
            "plain": {"class": "logging.StreamHandler", "formatter": "plain"},
        },
        "root": {"handlers": ["main"], "level": level},
        "loggers": {
            "django.server": {"handlers": ["main"], "level": "WARNING", "propagate": False},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # its warnings hold whole addresses, and the address of a webhook may be a secret
            "urllib3.connection": {"level": "ERROR"},
            "celery.beat": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},  # django-structlog tells the same, with ids
            # On a developer's terminal, a line for each beat would hide everything else.
            "django_structlog": {"level": "WARNING" if fmt == "console" else "INFO"},
            # A line for each validation (C22), made by hand: the hot path has no time for the chain above, and
            # its line holds a code and ids only.
            "signet.validation": {"handlers": ["plain"], "level": level, "propagate": False},
        },
    }
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            *SHARED[:1],
            structlog.stdlib.filter_by_level,
            *SHARED[1:],
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return config
