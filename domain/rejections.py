"""The error of every rule that says no before anything is bought."""

from models.enums import FailureCode


class RejectedError(Exception):
    """A scene, identity or setting that cannot be used: which field, what is wrong, what to do about it."""

    def __init__(self, field: str, problem: str, remedy: str, code: FailureCode = FailureCode.INVALID_REQUEST) -> None:
        super().__init__(f"{field}: {problem}. {remedy}")
        self.field = field
        self.problem = problem
        self.remedy = remedy
        self.code = code


class ConflictError(RejectedError):
    """What is asked would collide with what is there: a name that is taken, something that is still in use."""


class StaleError(RejectedError):
    """Somebody else changed it in between: `version` is the current one."""

    def __init__(self, version: int) -> None:
        super().__init__("version", f"it has been changed since; its version is {version}", "Read it again, then edit")
        self.version = version


class TooLargeError(RejectedError):
    """More bytes than are taken."""
