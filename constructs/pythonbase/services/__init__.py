"""ECS services that run the released image: task definition, load balancer, deployment."""
