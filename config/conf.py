"""Reads settings: environment, then `.env`, then one optional YAML file, then the default (E4).

A License Operator's file and its LICENSEOPERATOR_* variables are read too, under ours.

Every setting is a row of `config.catalogue.SETTINGS`. `database: {url: …}` in YAML and
`SIGNET_DATABASE_URL` in the environment name the same setting; `SIGNET_DATABASE_URL_FILE` names
a file that holds its value, so that a secret need not stand in the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environ
import yaml
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from config import license_operator

PREFIX = "SIGNET_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `cast` is a django-environ cast name; `aliases` are unprefixed names that platforms set."""

    name: str
    cast: str
    default: Any
    help: str
    secret: bool = False
    aliases: tuple[str, ...] = ()
    example: str = ""

    @property
    def variable(self) -> str:
        return PREFIX + self.name


TRUTHS = frozenset({"true", "on", "ok", "y", "yes", "1"})
LIES = frozenset({"false", "off", "n", "no", "0"})


class _Env(environ.FileAwareEnv):  # type: ignore[misc] # django-environ's annotations are partial
    """django-environ's casts over plain values: a `$` in a secret is a character, a file's last newline is not."""

    def get_value(self, var: str, cast: Any = None, *_: Any, **__: Any) -> Any:
        text = self.ENVIRON[var].strip()
        if cast is bool and text.lower() not in TRUTHS | LIES:
            raise ValueError("write true or false")
        value = self.parse_value(text, cast)
        return [item.strip() for item in value if item.strip()] if cast is list else value


class Configuration:
    """The merged values. `read(name)` gives the typed value of a setting of the catalogue."""

    def __init__(self, settings: Iterable[Setting], values: Mapping[str, str]) -> None:
        self._settings = {setting.name: setting for setting in settings}
        env = _Env()
        env.ENVIRON = FileAwareMapping(env=dict(values))
        self._given = frozenset(values)
        self._env = env

    def read(self, name: str) -> Any:
        """Return the typed value; raises ImproperlyConfigured naming the variable on nonsense."""
        setting = self._settings[name]
        if not self.is_set(name):
            return setting.default
        try:
            value = getattr(self._env, setting.cast)(setting.variable)
        except OSError as error:
            raise ImproperlyConfigured(f"{setting.variable}_FILE cannot be read: {error}") from error
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{setting.variable} is not a valid {setting.cast}: {error}"
            ) from error

        if type(value) is int and value < 0:
            raise ImproperlyConfigured(f"{setting.variable} must not be negative.")
        return value

    def file_of(self, name: str) -> str:
        """Return the path that NAME_FILE gives, "" without one: for what is read again while we run."""
        variable = f"{self._settings[name].variable}_FILE"
        return str(self._env.ENVIRON.env[variable]) if variable in self._given else ""

    def is_set(self, name: str) -> bool:
        variable = self._settings[name].variable
        return variable in self._given or f"{variable}_FILE" in self._given


def merge(
    settings: Iterable[Setting], environment: Mapping[str, str], document: Mapping[str, Any]
) -> dict[str, str]:
    """Return variable → text. An environment value, given plainly or as `_FILE`, drops the document's."""
    rows = list(settings)
    merged = _from_document(document, {row.variable for row in rows})
    return _overlay(merged, rows, environment)


def _overlay(merged: dict[str, str], rows: list[Setting], environment: Mapping[str, str]) -> dict[str, str]:
    """Write the settings that one environment gives, under any of their names, over what was merged before."""
    for row in rows:
        names = (row.variable, *row.aliases)
        found = next((n for n in names if n in environment or f"{n}_FILE" in environment), None)
        if found is None:
            continue
        if found in environment and f"{found}_FILE" in environment:
            raise ImproperlyConfigured(f"Set either {found} or {found}_FILE, not both.")
        merged.pop(row.variable, None)
        merged.pop(f"{row.variable}_FILE", None)
        suffix = "" if found in environment else "_FILE"
        merged[row.variable + suffix] = environment[found + suffix]
    return merged


def _from_document(document: Mapping[str, Any], known: set[str]) -> dict[str, str]:
    values = flatten(license_operator.settings_part(document))
    if license_operator.is_operators(document):
        return _from_operator(values, known)
    unknown = sorted(name for name in values if name.removesuffix("_FILE") not in known and name not in known)
    if unknown:
        keys = ", ".join(name.removeprefix(PREFIX).lower() for name in unknown)
        raise ImproperlyConfigured(f"The configuration file has unknown keys: {keys}.")
    return values


def _from_operator(values: Mapping[str, str], known: set[str]) -> dict[str, str]:
    """A file with a catalogue in it is a License Operator's: keys that mean nothing here are passed over."""
    bare = {name.removeprefix(PREFIX): text for name, text in values.items()}
    ours = frozenset(name.removeprefix(PREFIX) for name in known)
    return {PREFIX + name: text for name, text in license_operator.settings_from(bare, ours).items()}


def _with_operator(rows: Iterable[Setting], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with what LICENSEOPERATOR_* variables say where ours say nothing."""
    names = {row.name: {row.variable, *row.aliases} for row in rows}
    merged = dict(environment)
    for name, text in license_operator.from_environment(environment, frozenset(names)).items():
        spelt = names[name.removesuffix("_FILE")]
        if not any(one in environment or f"{one}_FILE" in environment for one in spelt):
            merged[PREFIX + name] = text
    return merged


def flatten(document: Mapping[str, Any], prefix: str = PREFIX) -> dict[str, str]:
    """`{"database": {"url": "x"}}` → `{"SIGNET_DATABASE_URL": "x"}`; lists become comma-separated text."""
    flat: dict[str, str] = {}
    for key, value in document.items():
        name = f"{prefix}{key}".replace("-", "_").upper()
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}_")
        elif value is not None:
            flat[name] = _text(value)
    return flat


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def load_document(path: str | None) -> Mapping[str, Any]:
    """Read the YAML file, if one is named. Raises ImproperlyConfigured when it is unreadable."""
    if not path:
        return {}
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ImproperlyConfigured(f"Configuration file {path} cannot be read: {error}") from error
    if not isinstance(document, Mapping):
        raise ImproperlyConfigured(f"Configuration file {path} must hold a mapping of settings.")
    return document


def load(settings: Iterable[Setting], base_dir: Path) -> Configuration:
    """Build the configuration of this process from environment, `.env` and `SIGNET_CONFIG`."""
    rows = list(settings)
    path = base_dir / ".env"
    dotenv = _dotenv(path) if path.is_file() else {}
    document = load_document(os.environ.get(f"{PREFIX}CONFIG", dotenv.get(f"{PREFIX}CONFIG")))
    # one after the other: PORT in the environment wins over SIGNET_PORT in .env
    return Configuration(
        rows, _overlay(merge(rows, dotenv, document), rows, _with_operator(rows, os.environ))
    )


def _dotenv(path: Path) -> dict[str, str]:
    before = dict(os.environ)
    reader = environ.Env()
    try:
        reader.read_env(path)
        return {k: v for k, v in os.environ.items() if k not in before}
    finally:
        os.environ.clear()
        os.environ.update(before)


_RATE = re.compile(r"[1-9][0-9]{0,9}/(?:s|sec|m|min|h|hour|d|day)")


def demand_rate(variable: str, value: str) -> None:
    """Raise ImproperlyConfigured unless `value` is a rate limit such as `600/min`."""
    if _RATE.fullmatch(value) is None:
        raise ImproperlyConfigured(
            f"{variable} is a number and a period, such as 600/min; not {value[:40]!r}."
        )


def demand_caches_end(max_age: int, publish_ahead: int) -> None:
    """Raise ImproperlyConfigured where a deployment may hold public keys from before the one that signs, in seconds."""
    if max_age >= publish_ahead:
        raise ImproperlyConfigured(
            f"SIGNET_JWKS_MAX_AGE_SECONDS ({max_age}) must be smaller than"
            f" SIGNET_KEY_PUBLISH_AHEAD_SECONDS ({publish_ahead}): a new key signs once every cache has it."
        )
