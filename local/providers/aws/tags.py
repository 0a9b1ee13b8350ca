"""Tags as pulumi_aws has them: `tags` are the resource's own, `tagsAll` also those of the provider."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.convert import holds_unknown
from local.providers.wire import UNKNOWN


def merged(default_tags: Mapping[str, str], tags: Any) -> Any:
    """`tagsAll`: the provider's default tags under the resource's own; unknown where those are."""
    if holds_unknown(tags):
        return UNKNOWN
    return {**default_tags, **(tags or {})}


def own_tags(everything: Mapping[str, str], default_tags: Mapping[str, str], known: Any) -> dict[str, str]:
    """Of all tags those that are not merely the provider's defaults; `known` are those that the program set."""
    known = known if isinstance(known, Mapping) else {}
    return {key: value for key, value in everything.items() if key in known or default_tags.get(key) != value}


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The tags to set and the keys to remove, to come from `old` to `new`."""
    return {key: text for key, text in new.items() if old.get(key) != text}, sorted(old.keys() - new.keys())
