"""Pages of the lists that moto tells all at once: what botocore's paginators say of an operation is what it does."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import botocore.session
from botocore.model import OperationModel
from botocore.parsers import create_parser
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores, get_service_model

from local.aws.moto import override, paged, response_class

# Service → its lists, and the size of a page where the caller names none; EC2 then tells all.
LISTS: Mapping[str, tuple[str, int | None]] = {
    "ec2": (
        "DescribeVpcs DescribeSubnets DescribeInternetGateways DescribeRouteTables DescribeSecurityGroups "
        "DescribeSecurityGroupRules DescribeNetworkInterfaces DescribeFlowLogs DescribeInstanceTypes DescribeTags",
        None,
    ),
    "ecr": ("DescribeRepositories", 100),
    "iam": ("ListRolePolicies ListInstanceProfiles", 100),
    "kms": ("ListKeys ListAliases", 50),
}


MOST = 1000
"""Of a page whose size neither its request nor LISTS says."""


def patch() -> None:
    """Put pages over moto's own answers."""
    for service, (names, size) in LISTS.items():
        response, model = response_class(service), get_service_model(service)
        for name in names.split():
            method = camelcase_to_underscores(name)
            override(response, method, _in_pages(getattr(response, method), model.operation_model(name), size))


def _in_pages(method: Callable[[Any], Any], operation: OperationModel, size: int | None) -> Callable[[Any], Any]:
    config = _paginator(operation)
    (token,), (following,) = _listed(config["input_token"]), _listed(config["output_token"])
    (key,), more = _listed(config["result_key"]), config.get("more_results")

    begun: dict[str, dict[str, Any]] = {}

    @wraps(method)
    def page(self: Any) -> Any:
        if not self.automated_parameter_parsing:
            self.parse_parameters(self.normalized_request)
        asked = {name: value for name, value in self.params.items() if name not in (token, config["limit_key"])}
        question = repr((self.current_account, self.region, sorted(asked.items())))
        whole = begun.get(question) if self.params.get(token) else None
        if whole is None:
            answer = method(self)
            limit = self.params.get(config["limit_key"]) or size
            if limit is None:
                return answer
            # EC2's instance types are a second's work: the pages after the first are cut from what it was cut from.
            begun.clear()
            begun[question] = whole = _parsed(self, operation, answer)
        items, rest = paged(whole.get(key) or [], self.params, token=token, size=config["limit_key"], most=size or MOST)
        return ActionResult(whole | {key: items, following: rest} | ({more: rest is not None} if more else {}))

    return page


def _paginator(operation: OperationModel) -> dict[str, Any]:
    model = botocore.session.get_session().get_paginator_model(operation.service_model.service_name)
    return model.get_paginator(operation.name)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _parsed(response: Any, operation: OperationModel, answer: Any) -> dict[str, Any]:
    """moto's answer, whichever way it was written, as a client would read it."""
    if isinstance(answer, ActionResult):
        answer = response.serialized(answer)
    status, headers, body = answer if isinstance(answer, tuple) else (200, {}, answer)
    if status != 200:
        raise ValueError(f"{operation.name} answered {status}")
    raw = {"status_code": status, "headers": headers, "body": body.encode() if isinstance(body, str) else body}
    parser = create_parser(operation.service_model.metadata["protocol"])
    parsed = parser.parse(raw, operation.output_shape)
    return {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
