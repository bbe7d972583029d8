"""Events of AWS services, and what they start: targets of rules and schedules, notifications, metrics."""
