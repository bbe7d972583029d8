"""The load balancer's data plane routes to healthy targets only, and shows their health.

With MiniStack alone, a rolling deployment would send requests to a container that is still starting.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import seams
from pythonbase_localcloud.aws.load_balancing.target_health import HealthChecks, Target, TargetHealth


class Routing:
    """Replaces MiniStack's choice of a target."""

    def __init__(self, checks: HealthChecks) -> None:
        self._checks = checks
        self._forward = seams.alb._forward_to_tg

    async def forward(
        self,
        group_arn: str,
        method: str,
        path: str,
        headers: Any,
        body: Any,
        query: Any,
        raw_query: Any = None,
        raw_path: Any = None,
    ) -> Any:
        """MiniStack's `_forward_to_tg`, for healthy targets only, counting what is in flight."""
        group = seams.alb._tgs.get(group_arn)
        registered = seams.alb._targets.get(group_arn) or []
        if group is None or group.get("TargetType") == "lambda" or not registered:
            return await self._forward(group_arn, method, path, headers, body, query, raw_query, raw_path)
        healthy = [target for target in registered if self._checks.state(_key(group_arn, target, group)) == "healthy"]
        if not healthy:
            return 503, {"Content-Type": "text/html"}, b"<html><h1>503 Service Temporarily Unavailable</h1></html>"
        target = random.choice(healthy)  # noqa: S311 - load balancing, not cryptography
        health = self._checks.health(_key(group_arn, target, group))
        health.in_flight += 1
        streaming = False
        try:
            status, fields, content = await seams.alb._proxy_http_target(
                target, group, method, raw_path or path, headers, body, query, raw_query
            )
            if isinstance(content, seams.responses.StreamingResponse):
                content, streaming = _counted(content, health), True
            return status, fields, content
        finally:
            if not streaming:
                health.in_flight -= 1

    def describe(self, parameters: Any) -> Any:
        """DescribeTargetHealth."""
        arn = seams.alb._p(parameters, "TargetGroupArn")
        group = seams.alb._tgs.get(arn)
        if group is None:
            return seams.alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
        wanted = {target["Id"] for target in seams.alb._parse_targets_param(parameters)}
        members = ""
        for target in seams.alb._targets.get(arn) or []:
            if wanted and target["Id"] not in wanted:
                continue
            _, address, port = key = _key(arn, target, group)
            health = self._checks.health(key)
            detail = f"<State>{health.state}</State>"
            if health.reason:
                detail += f"<Reason>{health.reason}</Reason><Description>{_escape(health.description)}</Description>"
            members += (
                f"<member><Target><Id>{address}</Id><Port>{port}</Port></Target>"
                f"<HealthCheckPort>{port}</HealthCheckPort><TargetHealth>{detail}</TargetHealth></member>"
            )
        return seams.alb._xml(
            200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>"
        )


def _counted(content: Any, health: TargetHealth) -> Any:
    """A response whose request is in flight until its last byte."""
    runner = content.runner

    async def counted(send: Any, receive: Any) -> None:
        try:
            await runner(send, receive)
        finally:
            health.in_flight -= 1

    return seams.responses.StreamingResponse(counted)


def _key(group_arn: str, target: Mapping[str, Any], group: Mapping[str, Any]) -> Target:
    return group_arn, str(target["Id"]), int(target.get("Port") or group["Port"])


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _find_load_balancer(name: str) -> Any:
    """The load balancer with this name in any account: data-plane requests carry no credentials."""
    for balancer in list(seams.alb._lbs._data.values()):
        if balancer["LoadBalancerName"].lower() == name.lower():
            _, _, _, region, account, _ = balancer["LoadBalancerArn"].split(":", 5)
            seams.responses.set_request_account_id(account)
            seams.responses.set_request_region(region)
            return balancer
    return None


def install(checks: HealthChecks) -> None:
    """Patch routing and DescribeTargetHealth."""
    routing = Routing(checks)
    seams.alb._forward_to_tg = routing.forward
    seams.alb._ACTION_MAP["DescribeTargetHealth"] = routing.describe
    seams.alb._find_lb_by_name = _find_load_balancer
