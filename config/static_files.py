"""Static files by whitenoise, collected or not."""

from __future__ import annotations

from pathlib import Path

from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped] # ships no types


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc] # whitenoise ships no types
    """Serves what `collectstatic` gathered; before it ever ran, the files where the apps keep them.

    Whitenoise alone warns about a folder that is not there, which in development is the usual state.
    """

    def add_files(self, root: str, prefix: str | None = None) -> None:
        if Path(root).is_dir():
            super().add_files(root, prefix)
