"""CDK stack IDs from names in the settings."""


def own_stack_name(stack: str, prefix: str) -> str:
    """The CDK stack ID of a stack that services share: with the prefix `shop`, `Network` is `ShopNetwork`."""
    return f"{stack_name(prefix)}{stack}"


def stack_name(name: str) -> str:
    """The CDK stack ID of a service or a base image: `orders-api` is `OrdersApi`."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("-"))


def state_stack_name(service: str) -> str:
    """The CDK stack ID of the resources that outlive a service: for `orders-api` it is `OrdersApiState`."""
    return f"{stack_name(service)}State"


def environment_stack_name(service: str, environment: str) -> str:
    """The CDK stack ID of a service in one of its environments: `orders-api` in `staging` is `OrdersApiStaging`."""
    return f"{stack_name(service)}{stack_name(environment)}"


def network_stack_name(environment: str) -> str:
    """The CDK stack ID of an environment's own network: that of `production` is `ProductionNetwork`."""
    return f"{stack_name(environment)}Network"


def artifacts_stack_name(region: str) -> str:
    """The CDK stack ID of the artifact bucket in another Region: that of `eu-west-1` is `ArtifactsEuWest1`."""
    return stack_name(artifacts_name(region))


def artifacts_name(region: str) -> str:
    """The name of the artifact bucket in another Region in `-c destroy=…`: `artifacts-eu-west-1`."""
    return f"artifacts-{region}"


OWN_STACKS = ("Network", "Bitbucket", "BuildStatus")
"""IDs of the stacks that services share."""
