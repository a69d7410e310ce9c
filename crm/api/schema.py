"""What stands in the OpenAPI document beside the operations: their tag."""

from __future__ import annotations

from typing import Any

TAG = {
    "name": "crm",
    "description": "People and tasks. Answers 404 while the section is switched off or not licensed.",
}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook: describe the tag."""
    result["tags"] = [*result.get("tags", []), TAG]
    return result
