"""Events that AWS services emit themselves."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pythonbase_localcloud.aws import seams

log = logging.getLogger("localcloud")

Listener = Callable[[str, str, Mapping[str, Any], tuple[str, ...]], None]
"""(source, detail type, detail, resources)"""
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener` at each event, for what AWS delivers without a rule of the account's own."""
    _listeners.append(listener)


def emit(source: str, detail_type: str, detail: Mapping[str, Any], *, resources: Sequence[str] = ()) -> None:
    """Put an event of an AWS service (``aws.ecr``) on the default bus; a broken rule must not break the service."""
    try:
        seams.eventbridge._put_events(
            {
                "Entries": [
                    {
                        "Source": source,
                        "DetailType": detail_type,
                        "Detail": json.dumps(detail),
                        "Resources": list(resources),
                    }
                ]
            },
            allow_aws_source=True,
        )
        for listener in _listeners:
            listener(source, detail_type, detail, tuple(resources))
    except Exception:
        log.exception("the event %s of %s was not delivered", detail_type, source)
