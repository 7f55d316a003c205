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
