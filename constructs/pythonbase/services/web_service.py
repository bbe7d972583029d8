"""A service on ECS Fargate that answers HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import CfnResource, Duration, RemovalPolicy, Tags
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from pythonbase.docker_hub_check import cannot_tell
from pythonbase.images.reference import IBaseImage, grant_registry_login
from pythonbase.images.repository import PULL_ACTIONS
from pythonbase.permissions.acknowledge import acknowledge
from pythonbase.permissions.statements import read_secret
from pythonbase.permissions.trust import for_own_account
from pythonbase.releases.machine import ReleaseMachine, cluster_of
from pythonbase.releases.names import RECORD_TAG, ReleaseNames
from pythonbase.services._newest_revision import NewestRevision
from pythonbase.services._released_image import released_image
from pythonbase.services.deployment import CIRCUIT_BREAKER, Deployment
from pythonbase.services.load_balancing import LoadBalancing, balance_load

CONTAINER_NAME = "app"
"""Name of the service's container; the pipeline replaces the image of the container with this name."""

_HIGHEST_PORT = 65_535


@dataclass(frozen=True)
class TaskSize:
    """CPU and memory of a task, and the number of tasks.

    Args:
        cpu: CPU units; 1024 is one vCPU. Default: 256.
        memory: Memory in MiB. Default: 512.
        desired_count: Minimum number of tasks. Default: 1.
        max_count: Maximum number of tasks, for auto scaling. Default: 2.

    Raises:
        ValueError: if the maximum is lower than the desired count, or the desired count is lower than 1.
    """

    cpu: int = 256
    memory: int = 512
    desired_count: int = 1
    max_count: int = 2

    def __post_init__(self) -> None:
        if self.desired_count < 1:
            raise ValueError(f"desired_count must be at least 1, got {self.desired_count}")
        if self.max_count < self.desired_count:
            raise ValueError(f"max_count must be at least desired_count ({self.desired_count}), got {self.max_count}")


class WebService(Construct):
    """A Fargate service that runs the image that was released last.

    Creates a task definition, a service (with the circuit breaker for rolling deployments), auto scaling, a log group,
    a load balancer unless ``load_balancing`` is ``NONE``, and the state machine that releases images to the service
    (``ReleaseMachine``). The image comes from the SSM parameter of the service's releases (see ``ReleaseState``, whose
    stack must be deployed first). CloudFormation reads it again at each update that changes the stack: a deployment
    keeps what was released.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        service_name: Name of the service, the same as in its ``ReleaseState``.
        environment_name: Name of the environment, such as ``staging``, the same as in its ``ReleaseParameters``. The
            ECS service is then called ``<service>-<environment>``. Default: the service has no environments.
        cluster: Cluster to run on. Its VPC needs private subnets, and public ones for a public load balancer.
        base_image: The image that runs until the first release; the tasks may pull it.
        earlier_base_images: Base images that the service may have been created with. Until its first release, it runs
            the one that its record names. Default: none.
        port: Port on which the container listens, passed to it as ``PORT``. Default: 8080.
        health_check_path: Path that answers 200 when the service works. Used by the load balancer, and passed to the
            container as ``HEALTH_CHECK_PATH``. Default: ``/``.
        size: CPU, memory and number of tasks. Default: ``TaskSize()``.
        environment: Plain environment variables; no secrets, they are readable in the template. Default: only ``PORT``
            and ``HEALTH_CHECK_PATH``.
        secrets: Environment variables from Secrets Manager. Default: none.
        load_balancing: From where the service can be reached. Default: the internet, over HTTP.
        deployment: How a new version replaces the old one, and which alarms roll it back. Default: rolling, no alarms.
        repository_account: The AWS account of the service's ECR repository and pipeline. Default: the stack's.
        repository_region: Their Region. Default: the stack's.
        release_locks: Table of the releases in progress (``Network.release_locks``). Default: a separate table.
        release_timeout: How long the deployment of a release may take. Default: 30 minutes.

    Raises:
        ValueError: if the port is out of range, the path does not start with a slash, or the deployment cannot be
            combined with the load balancing.

    Example::

        WebService(self, "Service", service_name="orders", cluster=network.cluster, base_image=base, port=8080)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service_name: str,
        environment_name: str | None = None,
        cluster: ecs.ICluster,
        base_image: IBaseImage,
        earlier_base_images: Sequence[IBaseImage] = (),
        port: int = 8080,
        health_check_path: str = "/",
        size: TaskSize | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, secretsmanager.ISecret] | None = None,
        load_balancing: LoadBalancing = LoadBalancing.PUBLIC,
        deployment: Deployment | None = None,
        repository_account: str | None = None,
        repository_region: str | None = None,
        release_locks: dynamodb.ITable | None = None,
        release_timeout: Duration | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        deployment = deployment or Deployment()
        deployment.check(load_balanced=load_balancing is not LoadBalancing.NONE)
        if not 1 <= port <= _HIGHEST_PORT:
            raise ValueError(f"port must be from 1 to {_HIGHEST_PORT}, got {port}")
        if not health_check_path.startswith("/"):
            raise ValueError(f"health_check_path must start with a slash, got {health_check_path!r}")
        self.names = ReleaseNames(service_name, environment_name)
        self._repository_account, self._repository_region = repository_account, repository_region
        size = size or TaskSize()
        self._placeholders = [base_image, *earlier_base_images]

        self.task_definition: ecs.FargateTaskDefinition = self._task_definition(
            port, health_check_path, size, environment or {}, secrets or {}
        )
        passed_roles = [self.task_definition.task_role, self.task_definition.obtain_execution_role()]
        newest = NewestRevision(
            self,
            "NewestRevision",
            names=self.names,
            task_definition=self.task_definition,
            passed_roles=passed_roles,
            container_name=CONTAINER_NAME,
        )
        self.service: ecs.FargateService = ecs.FargateService(
            self,
            "Service",
            service_name=self.names.deployed_name,
            cluster=cluster,
            task_definition=self.task_definition,
            # The family's newest revision, whatever revision CloudFormation stores. The nonce deploys a changed
            # template although the family's name stays the same.
            task_definition_revision=ecs.TaskDefinitionRevision.LATEST,
            force_new_deployment=ecs.ForceNewDeployment(enabled=True, nonce=self.task_definition.task_definition_arn),
            circuit_breaker=deployment.circuit_breaker,
            deployment_strategy=deployment.ecs_strategy,
            bake_time=deployment.bake_time,
            min_healthy_percent=100,
            max_healthy_percent=200,
            health_check_grace_period=None if load_balancing is LoadBalancing.NONE else Duration.seconds(60),
            vpc_subnets=ec2.SubnetSelection(subnets=cluster.vpc.private_subnets or cluster.vpc.isolated_subnets),
        )
        if deployment.circuit_breaker is None:
            acknowledge(
                self.service,
                {
                    "Annotation::@aws-cdk/aws-ecs:shouldUseCircuitBreaker": "the circuit breaker is for rolling "
                    f"deployments only; this one is called off by alarms and by the release: {CIRCUIT_BREAKER}"
                },
            )
        self.service.node.add_dependency(newest.resource)
        Tags.of(self.service).add(RECORD_TAG, self.names.image_parameter, include_resource_types=["AWS::ECS::Service"])
        # Auto scaling sets the count: a count in the template would reset a scaled service at every deployment.
        scaling = self.service.auto_scale_task_count(min_capacity=size.desired_count, max_capacity=size.max_count)
        target = cast(CfnResource, scaling.node.find_child("Target").node.default_child)
        target.add_property_override("ResourceId", f"service/{cluster_of(self.service)}/{self.names.deployed_name}")
        scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=60)

        self.load_balancer: elbv2.ApplicationLoadBalancer | None = None
        self.target_group: elbv2.ApplicationTargetGroup | None = None
        if load_balancing is not LoadBalancing.NONE:
            self.load_balancer, self.target_group = balance_load(
                self,
                self.service,
                vpc=cluster.vpc,
                container_name=CONTAINER_NAME,
                port=port,
                health_check_path=health_check_path,
                public=load_balancing is LoadBalancing.PUBLIC,
            )
        deployment.watch(self, self.service, load_balancer=self.load_balancer, target_group=self.target_group)
        self.release: ReleaseMachine = ReleaseMachine(
            self,
            "Release",
            names=self.names,
            service=self.service,
            passed_roles=passed_roles,
            container_name=CONTAINER_NAME,
            repository_account=repository_account,
            repository_region=repository_region,
            locks=release_locks,
            timeout=release_timeout,
        )

    def _task_definition(
        self,
        port: int,
        health_check_path: str,
        size: TaskSize,
        environment: Mapping[str, str],
        secrets: Mapping[str, secretsmanager.ISecret],
    ) -> ecs.FargateTaskDefinition:
        execution_role = self._execution_role()
        definition = ecs.FargateTaskDefinition(
            self,
            "TaskDefinition",
            family=self.names.deployed_name,
            cpu=size.cpu,
            memory_limit_mib=size.memory,
            execution_role=execution_role.without_policy_updates(),
        )
        for_own_account(definition.task_role)
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.RETAIN
        )
        log_group.grant(execution_role, "logs:CreateLogStream", "logs:PutLogEvents")
        for secret in secrets.values():
            execution_role.add_to_policy(read_secret(secret))
        image = released_image(self, self.names)
        definition.add_container(
            CONTAINER_NAME,
            image=ecs.ContainerImage.from_registry(image),
            environment={**environment, "HEALTH_CHECK_PATH": health_check_path, "PORT": str(port)},
            secrets={name: ecs.Secret.from_secrets_manager(secret) for name, secret in secrets.items()},
            port_mappings=[ecs.PortMapping(container_port=port)],
            logging=ecs.LogDrivers.aws_logs(stream_prefix=self.names.deployed_name, log_group=log_group),
            stop_timeout=Duration.seconds(30),
        )
        # A task that starts before its role may pull would fail, and count as a failed task of the deployment.
        definition.node.add_dependency(execution_role)
        acknowledge(
            definition,
            {
                "AwsSolutions-ECS2": "PORT, HEALTH_CHECK_PATH and the argument environment, which is for plain "
                "values; secrets come from Secrets Manager through the argument secrets",
                cannot_tell(definition, image): "the parameter starts as the base image (ReleaseState), and only the "
                "pipeline's record of releases writes it, with the digest of an image in the service's ECR repository",
            },
        )
        return definition

    def _execution_role(self) -> iam.Role:
        """The role that ECS uses to start a task: for the service's images, the base image, logs and secrets."""
        role = iam.Role(
            self,
            "ExecutionRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description=f"Starts tasks of {self.names.deployed_name}",
        )
        grant_registry_login(role)
        for base_image in self._placeholders:
            base_image.grant_pull(role)
        repository_arn = self.names.repository_arn(
            self, account=self._repository_account, region=self._repository_region
        )
        role.add_to_policy(iam.PolicyStatement(actions=[*PULL_ACTIONS], resources=[repository_arn]))
        return role
