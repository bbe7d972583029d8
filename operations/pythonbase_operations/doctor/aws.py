"""Reads AWS, from several threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from pythonbase_operations.aws import MOST_AT_ONCE, client
from pythonbase_operations.doctor.finding import CannotRunError
from pythonbase_operations.printing import one_line

T = TypeVar("T")
U = TypeVar("U")


class Aws:
    """An account and a Region, read with the caller's credentials.

    Args:
        region: Region to read. None: that of the environment or the profile.

    Raises:
        CannotRunError: if there are no valid credentials, or no Region.
    """

    def __init__(self, region: str | None) -> None:
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._memory: dict[str, Any] = {}
        self._memory_locks: dict[str, threading.Lock] = {}
        try:
            self._session = boto3.Session(region_name=region)
            self.region: str = self._session.region_name or ""
            if not self.region:
                raise CannotRunError("no Region; set environment.region in the configuration, or AWS_REGION")
            self.account: str = self.client("sts").get_caller_identity()["Account"]
        except NoCredentialsError as error:
            raise CannotRunError("no AWS credentials; set AWS_PROFILE, or sign in with aws sso login") from error
        except EndpointConnectionError as error:
            raise CannotRunError(one_line(f"cannot connect to AWS: {error}")) from error
        except (BotoCoreError, ClientError) as error:
            raise CannotRunError(one_line(f"AWS rejects the credentials: {error}; sign in again")) from error

    @property
    def partition(self) -> str:
        """The partition of the Region: ``aws``, ``aws-cn``."""
        return self._session.get_partition_for_region(self.region)

    def client(self, service: str, *, region: str | None = None) -> Any:
        """A boto3 client, created once for each service and Region. Only its use is thread-safe, not its creation."""
        key = f"{service} {region or self.region}"
        with self._lock:
            if key not in self._clients:
                self._clients[key] = client(service, session=self._session, region=region or self.region)
            return self._clients[key]

    def once(self, key: str, read: Callable[[], T]) -> T:
        """The result of a read that several checks need; a second caller waits for the first."""
        with self._lock:
            lock = self._memory_locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._memory:
                self._memory[key] = read()
            result: T = self._memory[key]
            return result

    def pages(self, service: str, operation: str, member: str, **arguments: Any) -> Iterator[Any]:
        """All items of a paginated operation."""
        for page in self.client(service).get_paginator(operation).paginate(**arguments):
            yield from page.get(member) or []


def side_by_side(function: Callable[[T], U], items: list[T]) -> list[U]:
    """The results of a function for each item, in the order of the items."""
    if not items:
        return []
    with ThreadPoolExecutor(max_workers=min(MOST_AT_ONCE, len(items))) as pool:
        return list(pool.map(function, items))


def code_of(error: ClientError) -> str:
    """The error's code, such as ``AccessDeniedException``."""
    return str(error.response.get("Error", {}).get("Code", ""))
