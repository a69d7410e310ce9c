"""The tabs of a license's page that this room knows. Each module registers its own."""

from licenses.admin.tabs import files as files
from licenses.admin.tabs import installations as installations
from licenses.admin.tabs import issuances as issuances
from licenses.admin.tabs import overview as overview
from licenses.admin.tabs import timeline as timeline

__all__ = ["files", "installations", "issuances", "overview", "timeline"]
