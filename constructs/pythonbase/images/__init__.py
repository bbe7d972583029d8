"""Base images and what builds them: ECR repositories, CodeBuild projects, upstream images."""
