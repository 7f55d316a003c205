"""The namespace's search attributes: are they there, and making them."""

import logging
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from workflows.visibility import SEARCH_ATTRIBUTES

RPC_TIMEOUT = timedelta(seconds=10)
NAMES = tuple(key.name for key in SEARCH_ATTRIBUTES)


async def missing_search_attributes(client: Client) -> list[str]:
    """Those that the namespace lacks. Raises RPCError where the operator service is closed to us."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    answer = await client.operator_service.list_search_attributes(request, timeout=RPC_TIMEOUT)
    return [name for name in NAMES if name not in answer.custom_attributes]


async def add_search_attributes(client: Client, names: list[str]) -> None:
    """Register these. Raises RPCError, `PERMISSION_DENIED` where only the namespace's owner may."""
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=dict.fromkeys(names, keyword))
    await client.operator_service.add_search_attributes(request, timeout=RPC_TIMEOUT)


async def ensure_search_attributes(client: Client) -> bool:
    """Register what is missing; False when we may not, and then workflows do without them."""
    try:
        missing = await missing_search_attributes(client)
        if missing:
            await add_search_attributes(client, missing)
    except RPCError as error:
        logging.getLogger(__name__).warning(
            "search attributes could not be registered (%s); runs will not be searchable by scene: %s",
            error.status.name,
            ", ".join(NAMES),
        )
        return False
    return True
