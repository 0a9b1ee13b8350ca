"""HTTP statuses: services of the JSON protocol answer every mistake of the client with 400, also absent things."""

from functools import wraps
from typing import Any

from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model

from local.aws.moto import override


def patch() -> None:
    """Put moto's 404 of such services right."""
    override(BaseResponse, "call_action", _with_400(BaseResponse.call_action))


def _with_400(call_action: Any) -> Any:
    @wraps(call_action)
    def answering(self: BaseResponse) -> Any:
        status, headers, body = call_action(self)
        if status == 404 and self.service_name and get_service_model(self.boto3_service_name).protocol == "json":
            headers["status"] = "400"
            return 400, headers, body
        return status, headers, body

    return answering
