"""ECR: images on disk, the registry protocol with IAM, and the API operations that look at images."""
