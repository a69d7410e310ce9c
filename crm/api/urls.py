"""Routes of this app, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from config.kit.api.routing import by_method
from crm.api import views

urlpatterns = [
    path("crm/people", views.PersonList.as_view(), name="crm-people"),
    path(
        "crm/people/<uuid:uid>", by_method(get=views.PersonRead, patch=views.PersonUpdate), name="crm-person"
    ),
    path("crm/tasks", by_method(get=views.TaskList, post=views.TaskCreate), name="crm-tasks"),
    path("crm/tasks/<uuid:uid>", by_method(get=views.TaskRead, patch=views.TaskUpdate), name="crm-task"),
    path("crm/tasks/<uuid:uid>/complete", views.TaskComplete.as_view(), name="crm-task-complete"),
    path("crm/tasks/<uuid:uid>/snooze", views.TaskSnooze.as_view(), name="crm-task-snooze"),
]
