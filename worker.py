"""The worker process: `python worker.py`. Settings come from the environment and `.env`; SIGTERM drains."""

import asyncio
import sys

from domain.rejections import RejectedError
from runtime.logs import configure_logging
from runtime.settings import load_settings
from runtime.worker import serve
from store.database import DatabaseUnavailableError


def main() -> int:
    """Serve until stopped; 0, or 2 with one line that says what is missing."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        asyncio.run(serve(settings))
    except (RejectedError, DatabaseUnavailableError) as error:
        sys.stderr.write(f"worker: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
