"""A bucket policy decides by its conditions."""

import json

import pytest
from botocore.exceptions import ClientError


def policy(bucket: str, condition: dict) -> str:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    return json.dumps({"Version": "2012-10-17", "Statement": [deny | {"Condition": condition}]})


def put(client, bucket: str, condition: dict) -> None:
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    client.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, condition))
    client.put_object(Bucket=bucket, Key="a", Body=b"x")


def test_a_denial_of_plain_http_lets_the_loopback_in(aws):
    put(aws("s3"), "tls-only", {"Bool": {"aws:SecureTransport": "false"}})
    assert aws("s3").get_object(Bucket="tls-only", Key="a")["Body"].read() == b"x"


def test_a_denial_whose_condition_holds_denies(aws):
    with pytest.raises(ClientError, match="403"):
        put(aws("s3"), "closed", {"Bool": {"aws:SecureTransport": "true"}})
