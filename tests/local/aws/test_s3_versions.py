"""A versioned bucket can be emptied of everything, as a forced deletion does."""


def test_every_version_and_delete_marker_can_be_deleted_and_then_the_bucket(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket="runs", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_bucket_versioning(Bucket="runs", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="runs", Key="a", Body=b"1")
    s3.delete_object(Bucket="runs", Key="a")
    held = s3.list_object_versions(Bucket="runs")
    versions = [*held["Versions"], *held["DeleteMarkers"]]
    assert len(versions) == 2
    every = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
    answer = s3.delete_objects(Bucket="runs", Delete={"Objects": every})
    assert "Errors" not in answer
    s3.delete_bucket(Bucket="runs")
    assert s3.list_buckets()["Buckets"] == []
