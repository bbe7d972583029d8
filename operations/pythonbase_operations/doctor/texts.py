"""The report as text."""

from __future__ import annotations

from pythonbase_operations.doctor.examination import CHECKS, Examination
from pythonbase_operations.printing import count


def render(examination: Examination) -> str:
    """Two lines for each finding, and a summary line."""
    lines = []
    for finding in examination.findings:
        lines += [f"{finding.severity:<8} {finding.place}: {finding.what}", f"         fix: {finding.fix}"]
    where = f"account {examination.account}, {examination.region}"
    took = f"{examination.seconds:.1f} s"
    if not examination.findings:
        return f"good: {examination.config} in {where}: {', '.join(CHECKS)} ({took})\n"
    warnings = len(examination.findings) - examination.errors
    lines.append(f"{count(examination.errors, 'error')}, {count(warnings, 'warning')} in {where} ({took})")
    return "\n".join(lines) + "\n"
