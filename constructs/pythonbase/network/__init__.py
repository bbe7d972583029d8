"""The VPC and the ECS cluster that services share."""
