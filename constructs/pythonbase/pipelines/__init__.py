"""CodePipeline pipelines that build services from Bitbucket: their sources, builds, roles and artifacts."""
