"""Steps side by side, without losing what one of them has paid for when another fails."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from temporalio.exceptions import ApplicationError


class StoppedError(ApplicationError):
    """A branch that began nothing new because another one failed."""


class Branches:
    """Runs branches together. After a failure, each finishes what it has bought: the vendors delete their results."""

    def __init__(self) -> None:
        self._failed = False

    @property
    def failed(self) -> bool:
        """Whether some branch has failed, so that the scene will."""
        return self._failed

    async def together(self, *branches: Coroutine[Any, Any, Any]) -> list[Any]:
        """All results in order. When one fails, the others end first, then the first real failure is raised."""
        results = await asyncio.gather(*(self._noting_failure(branch) for branch in branches), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            raise next((error for error in errors if not isinstance(error, StoppedError)), errors[0])
        return results

    def stop_if_failed(self) -> None:
        """Raises StoppedError; called before every purchase."""
        if self._failed:
            raise StoppedError("another step failed")

    async def _noting_failure(self, branch: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await branch
        except BaseException:
            self._failed = True
            raise
