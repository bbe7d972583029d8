"""An app of another team: the service orders, with a base image and a pipeline of its own."""

from pathlib import Path

from aws_cdk import App, Stack, Validations

from pythonbase import AppPipeline, BaseImage, BitbucketSource, DockerHubCheck, Network, ReleaseState, WebService

# Yours: AWS console, Developer Tools, Settings, Connections.
CONNECTION = "arn:aws:codeconnections:eu-central-1:123456789012:connection/aEXAMPLE-8aad-4d5d-8878-dfcab0bc441f"

app = App()

images = Stack(app, "Pythonbase")
base = BaseImage(images, "BaseImage", repository_name="pythonbase", source=Path(__file__).parent / "image")

state = Stack(app, "OrdersState", termination_protection=True)
ReleaseState(state, "Release", service_name="orders", base_image=base)

orders = Stack(app, "Orders")
network = Network(orders, "Network")
service = WebService(
    orders,
    "Service",
    service_name="orders",
    cluster=network.cluster,
    release_locks=network.release_locks,
    base_image=base,
    port=8080,
)
AppPipeline(
    orders,
    "Pipeline",
    service=service,
    base_image=base,
    source=BitbucketSource(connection_arn=CONNECTION, repository="acme/orders"),
)
orders.add_stack_dependency(images)
orders.add_stack_dependency(state)

Validations.of(app).add_plugins(DockerHubCheck())
app.synth()
