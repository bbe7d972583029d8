"""Policy statements narrower than those of the CDK library, and the reasons for cdk-nag findings that remain."""
