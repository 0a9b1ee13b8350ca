"""The buckets of a job, looked for before its cluster is started: a wrong endpoint costs a second, not a minute."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from rayeks.errors import UserError
from rayeks.launching.shape import cluster_spec


def buckets(manifest: dict[str, Any]) -> list[str]:
    """The S3 buckets that the head's environment and a service's arguments name."""
    head = cluster_spec(manifest)["headGroupSpec"]["template"]["spec"]["containers"][0]
    uris = [entry.get("value", "") for entry in head.get("env", [])]
    config = yaml.safe_load(manifest["spec"].get("serveConfigV2", "")) or {}
    uris += [
        value
        for application in config.get("applications", [])
        for value in application.get("args", {}).values()
        if isinstance(value, str)
    ]
    return sorted({urlsplit(uri).netloc for uri in uris if uri.startswith("s3://")})


def check_buckets(manifest: dict[str, Any], env: Mapping[str, str]) -> None:
    """UserError when the endpoint of `env` does not answer or lacks a bucket of the job."""
    wanted = buckets(manifest)
    if not wanted:
        return
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")
    session = boto3.Session(
        aws_access_key_id=env.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=env.get("AWS_SECRET_ACCESS_KEY"),
        region_name=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"),
    )
    quick = Config(
        connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
    )
    s3 = session.client("s3", endpoint_url=endpoint, config=quick)
    for bucket in wanted:
        try:
            s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            said = "does not exist" if code in ("404", "NoSuchBucket") else f"cannot be used ({code})"
            raise UserError(
                f"S3 bucket {bucket!r} {said}" + (f" at {endpoint}" if endpoint else ""),
                "bring the stack up again, it makes the bucket: rayeks up STACK --refresh",
            ) from error
        except BotoCoreError as error:
            raise UserError(
                f"S3 at {endpoint or 'AWS'} does not answer: {error}", "bring the stack up: rayeks up STACK"
            ) from error
