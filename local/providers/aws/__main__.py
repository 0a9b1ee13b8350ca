"""The program behind `pulumi-resource-aws`."""

from local.providers import wire
from local.providers.aws.provider import AwsProvider

if __name__ == "__main__":
    wire.serve(AwsProvider(wire.engine_address()))
