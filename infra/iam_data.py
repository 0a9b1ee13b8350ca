"""What a team's jobs need to read a data source, as IAM statements. Pure functions."""

from infra.config.data import DataSource, GlueSource, RdsSource, RedshiftSource, S3Source
from infra.iam import Aws, Statement, allow


def read(aws: Aws, name: str, source: DataSource) -> list[Statement]:
    """The statements that let a role read the source, and nothing beside it. `name` ends up in each Sid."""
    sid = "".join(part.capitalize() for part in name.split("-"))
    match source:
        case S3Source():
            return _s3(aws, sid, source)
        case GlueSource():
            return _glue(aws, sid, source)
        case RedshiftSource():
            return _redshift(aws, sid, source)
        case RdsSource():
            return _rds(aws, sid, source)


def _s3(aws: Aws, sid: str, source: S3Source) -> list[Statement]:
    arn = aws.bucket(source.bucket)
    prefixes = [f"{prefix}*" for prefix in source.prefixes]
    statements = [
        allow(f"List{sid}", ["s3:ListBucket"], [arn], {"StringLike": {"s3:prefix": prefixes}}),
        allow(f"Read{sid}", ["s3:GetObject"], [f"{arn}/{prefix}" for prefix in prefixes]),
    ]
    return statements + ([allow(f"Decrypt{sid}", ["kms:Decrypt"], [source.key_arn])] if source.key_arn else [])


def _glue(aws: Aws, sid: str, source: GlueSource) -> list[Statement]:
    catalogue = [
        aws.arn("glue", "catalog"),
        aws.arn("glue", f"database/{source.database}"),
        aws.arn("glue", f"table/{source.database}/*"),
    ]
    return [
        allow(
            f"Catalogue{sid}",
            [
                "glue:GetDatabase",
                "glue:GetPartition",
                "glue:GetPartitions",
                "glue:GetTable",
                "glue:GetTables",
                "glue:BatchGetPartition",
            ],
            catalogue,
        ),
        allow(
            f"Query{sid}",
            [
                "athena:GetQueryExecution",
                "athena:GetQueryResults",
                "athena:GetWorkGroup",
                "athena:StartQueryExecution",
                "athena:StopQueryExecution",
            ],
            [aws.arn("athena", f"workgroup/{source.workgroup}")],
        ),
    ]


def _redshift(aws: Aws, sid: str, source: RedshiftSource) -> list[Statement]:
    cluster = aws.arn("redshift", f"cluster:{source.cluster}")
    return [
        allow(
            f"Credentials{sid}",
            ["redshift:GetClusterCredentials"],
            [
                aws.arn("redshift", f"dbuser:{source.cluster}/{source.user}"),
                aws.arn("redshift", f"dbname:{source.cluster}/{source.database}"),
            ],
        ),
        allow(f"Locate{sid}", ["redshift:DescribeClusters"], [cluster]),
        allow(f"Query{sid}", ["redshift-data:ExecuteStatement"], [cluster]),
        # A statement's id is known only after it started, so AWS has no resource for reading its result.
        allow(
            f"Results{sid}",
            ["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"],
            ["*"],
            {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
        ),
    ]


def _rds(aws: Aws, sid: str, source: RdsSource) -> list[Statement]:
    user = aws.arn("rds-db", f"dbuser:{source.resource_id}/{source.user}")
    statements = [allow(f"Connect{sid}", ["rds-db:connect"], [user])]
    if source.secret_arn:
        statements.append(allow(f"Secret{sid}", ["secretsmanager:GetSecretValue"], [source.secret_arn]))
    return statements
