"""What the programs log: one line an event on standard error, without the SDK's trailing dictionaries."""

import logging
import sys

from temporalio import activity, workflow


def configure_logging(level: str) -> None:
    """Set up the root logger; chatty libraries speak up only when something is wrong."""
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S"
    )
    for name in ("httpx", "httpcore", "botocore", "boto3", "s3transfer", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
