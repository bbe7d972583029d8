"""Bucket properties that MiniStack's CloudFormation drops: tags, encryption, lifecycle."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from pythonbase_localcloud.aws import seams

from .types import Properties, amend

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def _apply(name: str, properties: Properties) -> None:
    tags = {str(tag["Key"]): str(tag["Value"]) for tag in properties.get("Tags") or []}
    if tags:
        # The CDK's auto-delete function refuses to empty a bucket without its tag.
        seams.s3._bucket_tags[name] = tags
    rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration")
    if rules:
        seams.s3._bucket_encryption[name] = _encryption(rules[0])
    lifecycle = (properties.get("LifecycleConfiguration") or {}).get("Rules")
    if lifecycle:
        body = "".join(_lifecycle_rule(rule, number) for number, rule in enumerate(lifecycle))
        seams.s3._put_bucket_lifecycle(name, f"<LifecycleConfiguration>{body}</LifecycleConfiguration>".encode())


def _encryption(rule: Any) -> str:
    default = rule["ServerSideEncryptionByDefault"]
    algorithm = default["SSEAlgorithm"]
    key = default.get("KMSMasterKeyID") or ("alias/aws/s3" if algorithm == "aws:kms" else None)
    key_element = f"<KMSMasterKeyID>{escape(str(key))}</KMSMasterKeyID>" if key else ""
    return (
        f"<ServerSideEncryptionConfiguration {_NAMESPACE}><Rule><ApplyServerSideEncryptionByDefault>"
        f"<SSEAlgorithm>{algorithm}</SSEAlgorithm>{key_element}</ApplyServerSideEncryptionByDefault></Rule>"
        "</ServerSideEncryptionConfiguration>"
    )


def _lifecycle_rule(rule: Any, number: int) -> str:
    expiration = (
        f"<Expiration><Days>{rule['ExpirationInDays']}</Days></Expiration>" if rule.get("ExpirationInDays") else ""
    )
    return (
        f"<Rule><ID>{escape(str(rule.get('Id') or f'rule-{number}'))}</ID>"
        f"<Filter><Prefix>{escape(str(rule.get('Prefix') or ''))}</Prefix></Filter>"
        f"<Status>{rule['Status']}</Status>{expiration}</Rule>"
    )


def install() -> None:
    """Repair the type."""
    amend("AWS::S3::Bucket", _apply)
