"""The report as JSON."""

from __future__ import annotations

import dataclasses
import json

from pythonbase_operations.doctor.examination import Examination


def render(examination: Examination) -> str:
    """A JSON object: what was examined, and ``findings`` with ``severity``, ``place``, ``what`` and ``fix``."""
    document = {
        "config": examination.config,
        "account": examination.account,
        "region": examination.region,
        "good": not examination.findings,
        "findings": [dataclasses.asdict(finding) for finding in examination.findings],
        "seconds": round(examination.seconds, 1),
    }
    return json.dumps(document, indent=2) + "\n"
