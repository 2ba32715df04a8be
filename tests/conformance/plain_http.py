"""What Schemathesis does not try: HEAD and OPTIONS of every path, and requests without one Host."""

import http.client
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

VOLATILE = {"date", "x-request-id", "transfer-encoding"}
"""Of one answer alone, or of its body, which HEAD has none of (RFC 9110, section 9.3.2)."""
MALFORMED_HOSTS: tuple[list[str], ...] = ([], ["a.test", "a.test"], ["a.test", "b.test"])


ENDLESS = "/events/stream"
"""Its answer does not end, unless it is refused."""


def faults(client: httpx.Client, headers: dict[str, str]) -> Iterator[str]:
    """Yield the answers of the running API that differ from its description."""
    paths = client.get("/schema/openapi.json").json()["paths"]
    product = client.get("/products", params={"in_stock": "true"}).json()["items"][0]
    values = {"product_id": product["id"], "offer_id": product["best_offer"]["id"], "slug": "not-found"}
    # Nothing has these.
    values["key_id"] = values["alert_id"] = values["webhook_id"] = str(uuid4())
    for template, operations in paths.items():
        path = re.sub(r"\{(\w+)\}", lambda match: values[match[1]], template)
        if template == ENDLESS:
            path += "?after=refused"
        yield from (f"{path}: {fault}" for fault in _faults_of(client, path, operations, headers))


def _faults_of(client: httpx.Client, path: str, operations: dict[str, Any], headers: dict[str, str]) -> Iterator[str]:
    methods = {method.upper() for method in operations} | {"OPTIONS"} | ({"HEAD"} if "get" in operations else set())
    options = client.options(path)
    if (options.status_code, options.headers.get("Allow")) != (204, ", ".join(sorted(methods))):
        yield f"OPTIONS is {options.status_code} with Allow: {options.headers.get('Allow')}"
    if "get" in operations and _head_of(client, "HEAD", path, headers) != _head_of(client, "GET", path, headers):
        yield "HEAD has another head than GET"
    for hosts in MALFORMED_HOSTS:
        if (status := _status(client, path, hosts)) != http.client.BAD_REQUEST:
            yield f"with the hosts {hosts} it is {status}"


def _head_of(client: httpx.Client, method: str, path: str, headers: dict[str, str]) -> tuple[int, set[str]]:
    answer = client.request(method, path, headers=headers)
    # Observations go on meanwhile, so that what depends on them may differ.
    return answer.status_code, {name for name in answer.headers if name not in VOLATILE}


def _status(client: httpx.Client, path: str, hosts: list[str]) -> int:
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    for host in hosts:
        connection.putheader("Host", host)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status
