"""State machines: their role, their integrations, and what ends executions."""
