"""What people would write."""

from typing import Any

from models.inputs import IdentityDraft, ProjectDraft, SceneDraft


def identity(name: str = "deven", **fields: Any) -> IdentityDraft:
    """An identity; its trigger word follows its name."""
    given = {"name": name, "display_name": name.title(), "trigger_word": f"TOK_{name}"} | fields
    return IdentityDraft.model_validate(given)


def project(name: str = "launch", **fields: Any) -> ProjectDraft:
    """A project."""
    return ProjectDraft.model_validate({"name": name, "display_name": name.title()} | fields)


def scene(name: str = "welcome", **fields: Any) -> SceneDraft:
    """A scene."""
    return SceneDraft.model_validate({"name": name, "dialogue": "Hello there."} | fields)
