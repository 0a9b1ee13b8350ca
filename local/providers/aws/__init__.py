"""The aws provider: Pulumi's AWS resource types as rows of data over boto3, at whatever endpoint boto3 is given."""
