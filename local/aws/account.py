"""What a real account holds before any stack: the role of its administrators, as IAM Identity Center makes it.

Without it nobody could be given access to a cluster, for EKS refuses a principal that does not exist.
"""

import json

import boto3

ADMIN_ROLE = "AWSReservedSSO_AdministratorAccess_0123456789abcdef"
ADMIN_PATH = "/aws-reserved/sso.amazonaws.com/"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::123456789012:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"},
            "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
        }
    ],
}


def prepare(endpoint: str, region: str) -> None:
    """Give a new account its administrators' role; one that has it stays as it is."""
    iam = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region).client(
        "iam", endpoint_url=endpoint
    )
    try:
        iam.create_role(RoleName=ADMIN_ROLE, Path=ADMIN_PATH, AssumeRolePolicyDocument=json.dumps(TRUST))
    except iam.exceptions.EntityAlreadyExistsException:
        return
