"""ECS services that run what was released."""
