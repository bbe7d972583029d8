"""ECS services that run the released image."""
