"""Finishes the handshake of connections, which on AWS a person does in the console."""

from __future__ import annotations

import ssl
import urllib.request
from typing import Any
from urllib.parse import quote

from pythonbase_localcloud.instance import SECRET_ACCESS_KEY, Instance
from pythonbase_localcloud.machine.progress import Report


def authorize_pending(instance: Instance, codeconnections: Any, *, account: str, report: Report) -> None:
    """Make every PENDING connection of the account AVAILABLE."""
    for connection in codeconnections.list_connections()["Connections"]:
        if connection["ConnectionStatus"] == "PENDING":
            report(f"finishing the handshake of the connection {connection['ConnectionName']}")
            authorize(instance, connection["ConnectionArn"], account=account)


def authorize(instance: Instance, arn: str, *, account: str) -> None:
    """Finish a handshake."""
    _control(instance, arn, "authorize", account=account)


def pend(instance: Instance, arn: str, *, account: str) -> None:
    """Make a connection what it was before its handshake."""
    _control(instance, arn, "pend", account=account)


def _control(instance: Instance, arn: str, what: str, *, account: str) -> None:
    request = urllib.request.Request(  # noqa: S310 - the endpoint is the instance's own, over HTTPS
        f"{instance.endpoint_url}/_localcloud/connections/{quote(arn, safe='')}/{what}",
        method="POST",
        headers={"x-localcloud-access-key": account, "x-localcloud-secret": SECRET_ACCESS_KEY},
    )
    trust = ssl.create_default_context(cafile=instance.ca_bundle)
    with urllib.request.urlopen(request, context=trust, timeout=30):  # noqa: S310 - as above
        pass
