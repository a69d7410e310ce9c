#!/usr/bin/env python
"""Command line of Signet. `--config FILE` works with every command."""

from __future__ import annotations

import os
import sys


def take_config(argv: list[str]) -> list[str]:
    """Remove `--config FILE` from the arguments and hand it to the settings by SIGNET_CONFIG."""
    rest, words = [], iter(argv)
    for word in words:
        if word == "--config":
            value = next(words, None)
            if value is None:
                sys.exit("--config needs the path of a YAML file.")
            os.environ["SIGNET_CONFIG"] = value
        elif word.startswith("--config="):
            os.environ["SIGNET_CONFIG"] = word.partition("=")[2]
        else:
            rest.append(word)
    return rest


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    argv = take_config(sys.argv)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(argv)
    except BrokenPipeError:  # `manage.py … | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ImproperlyConfigured as error:
        sys.exit(f"Signet cannot start: {error}")


if __name__ == "__main__":
    main()
