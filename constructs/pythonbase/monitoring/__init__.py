"""What watches pipelines and releases: retries, alarms, notifications, build statuses."""
