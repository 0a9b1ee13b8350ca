"""S3's defaults of today, and the parts of a bucket that moto takes for something else."""

from functools import wraps
from typing import Any
from xml.sax.saxutils import escape

from moto.s3.models import FakeBucket, FakeDeleteMarker, PublicAccessBlock, S3Backend
from moto.s3.responses import S3Response

from local.aws.moto import override

# Named configurations of a bucket, kept as the client wrote them: query key, element of one, element of a list.
NAMED = {
    "analytics": ("AnalyticsConfiguration", "ListBucketAnalyticsConfigurationsResult"),
    "intelligent-tiering": ("IntelligentTieringConfiguration", "ListBucketIntelligentTieringConfigurationsOutput"),
    "metrics": ("MetricsConfiguration", "ListMetricsConfigurationsResult"),
}
# What no part of this S3 knows: to be refused, or moto would create, list or delete the bucket instead.
UNKNOWN = ("abac", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable")
PAYMENT = '<RequestPaymentConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Payer>{}</Payer></RequestPaymentConfiguration>'


def patch() -> None:
    """Give new buckets AWS's defaults, and answer for what moto does not know."""
    init, delete = FakeBucket.__init__, S3Backend.delete_bucket_encryption

    def with_defaults(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.encryption = _own_keys()
        self.ownership_rule = "BucketOwnerEnforced"
        self.public_access_block = PublicAccessBlock("true", "true", "true", "true")

    def delete_encryption(self: Any, bucket_name: str) -> None:
        delete(self, bucket_name)
        self.get_bucket(bucket_name).encryption = _own_keys()

    # moto disposes of a version's content when that is deleted by its id; a delete marker has none.
    override(FakeDeleteMarker, "dispose", lambda self: None)
    override(FakeBucket, "__init__", with_defaults)
    override(S3Backend, "delete_bucket_encryption", delete_encryption)
    override(S3Response, "_bucket_response", _with_parts(S3Response._bucket_response))


def _own_keys() -> dict[str, Any]:
    return {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}}


def _with_parts(respond: Any) -> Any:
    @wraps(respond)
    def response(self: Any, request: Any, full_url: str) -> Any:
        query = self._get_querystring(request, full_url)
        name = self.parse_bucket_name_from_url(request, full_url)
        part = next((key for key in (*NAMED, "requestPayment", *UNKNOWN) if key in query), None)
        if not name or part is None or request.method not in ("GET", "PUT", "DELETE"):
            return respond(self, request, full_url)
        if part in UNKNOWN:
            raise NotImplementedError(f"The local S3 knows no {part}")
        self.data["BucketName"] = name
        bucket = self.backend.get_bucket(name)
        parts = bucket.__dict__.setdefault("parts", {})
        if part == "requestPayment":
            if request.method == "PUT":
                parts[part] = "Requester" if b"Requester" in self.raw_body else "BucketOwner"
            return PAYMENT.format(parts.get(part, "BucketOwner"))
        return _named(parts.setdefault(part, {}), part, request.method, query.get("id", [""])[0], self.raw_body)

    return response


def _named(kept: dict[str, str], part: str, method: str, key: str, body: bytes) -> Any:
    one, several = NAMED[part]
    if method == "PUT":
        kept[key] = body.decode()
        return 200, {}, ""
    if method == "GET" and not key:
        items = "".join(_without_declaration(text) for text in kept.values())
        return f"<{several}><IsTruncated>false</IsTruncated>{items}</{several}>"
    if key not in kept:
        message = "The specified configuration does not exist."
        return (
            404,
            {},
            f"<Error><Code>NoSuchConfiguration</Code><Message>{message}</Message><Resource>{escape(one)}</Resource></Error>",
        )
    if method == "DELETE":
        del kept[key]
        return 204, {}, ""
    return kept[key]


def _without_declaration(text: str) -> str:
    return text.split("?>", 1)[1] if text.startswith("<?xml") else text
