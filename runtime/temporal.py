"""The connection to Temporal: the SDK's own environment configuration, pydantic payloads, logs through Python."""

import logging
from collections.abc import Mapping
from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError

from domain.rejections import RejectedError
from models.enums import FailureCode
from runtime.settings import Settings, environment


def core_runtime() -> Runtime:
    """The SDK's core, logging through Python: by itself it writes to standard output, amid a program's JSON."""
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    logs = LoggingConfig(filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding)
    return Runtime(telemetry=TelemetryConfig(logging=logs), worker_heartbeat_interval=timedelta(seconds=30))


async def connect(variables: Mapping[str, str] | None = None) -> Client:
    """Connect as the standard `TEMPORAL_*` variables and the profile say; `variables` override the environment.

    Raises RejectedError (`provider_unavailable`) when the server does not answer.
    """
    config = ClientConfig.load_client_connect_config(override_env_vars={**environment(), **(variables or {})})
    address = config.get("target_host") or "localhost:7233"
    config["target_host"] = address
    try:
        return await Client.connect(**config, data_converter=pydantic_data_converter, runtime=core_runtime())
    except (RPCError, RuntimeError) as error:
        raise RejectedError(
            "TEMPORAL_ADDRESS",
            f"no Temporal service answers at {address}",
            "Start one (make demo KEEP=1, or docker compose -f docker-compose.temporal.yml up), or correct the address",
            FailureCode.PROVIDER_UNAVAILABLE,
        ) from error


def ui_link(client: Client, settings: Settings, workflow_id: str, run_id: str | None = None) -> str | None:
    """Where the Web UI shows a run; None when nobody said where the Web UI is."""
    base = settings.temporal_ui_url
    if base is None:
        return None
    path = f"{base.rstrip('/')}/namespaces/{client.namespace}/workflows/{workflow_id}"
    return f"{path}/{run_id}" if run_id else path
