from __future__ import annotations

from crm.models.people import Person, PersonEmail, PersonLicense, PersonNote, Touchpoint
from crm.models.section import Section
from crm.models.tasks import Task, TaskRule

__all__ = [
    "Person",
    "PersonEmail",
    "PersonLicense",
    "PersonNote",
    "Section",
    "Task",
    "TaskRule",
    "Touchpoint",
]
