"""How a name in the settings becomes a CDK stack id."""


def stack_name(name: str) -> str:
    """The CDK stack id of a service or a base image: `orders-api` is `OrdersApi`."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("-"))


def state_stack_name(service: str) -> str:
    """The CDK stack id of what outlives a service (its repository and release): `orders-api` is `OrdersApiState`."""
    return f"{stack_name(service)}State"


OWN_STACKS = ("Network", "Bitbucket", "BuildStatus")
"""Ids of the stacks that the application always may have."""
