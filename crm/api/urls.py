"""Routes of this app, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from crm.api import views
from crm.api.routing import by_method_while_shown

urlpatterns = [
    path("crm/people", views.PersonList.as_view(), name="crm-people"),
    path(
        "crm/people/<uuid:uid>",
        by_method_while_shown(get=views.PersonRead, patch=views.PersonUpdate),
        name="crm-person",
    ),
    path("crm/tasks", by_method_while_shown(get=views.TaskList, post=views.TaskCreate), name="crm-tasks"),
    path(
        "crm/tasks/<uuid:uid>",
        by_method_while_shown(get=views.TaskRead, patch=views.TaskUpdate),
        name="crm-task",
    ),
    path("crm/tasks/<uuid:uid>/complete", views.TaskComplete.as_view(), name="crm-task-complete"),
    path("crm/tasks/<uuid:uid>/snooze", views.TaskSnooze.as_view(), name="crm-task-snooze"),
]
