"""Rebuilds the table's prices of machines from what others publish, for those who cannot ask AWS.

`python -m rayeks.prices.published [spot-advisor-data.json]`: on-demand prices of us-east-1 are those that Karpenter's
pinned module was built with (from the AWS Price List API); spot savings are AWS's Spot Advisor's, whose file is at
https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json. With credentials, `rayeks prices refresh` is better.
"""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from infra.prices import category
from rayeks.errors import UserError
from rayeks.prices import table

KARPENTER = "github.com/aws/karpenter-provider-aws"
SOURCE_FILE = "pkg/providers/pricing/zz_generated.pricing_aws.go"
REGIONS = ("us-east-1", "us-west-2")


def on_demand(go_source: str, version: str) -> tuple[str, dict[str, Any]]:
    """Region and entry of the table, from the Go source that Karpenter generates. UserError where it has changed."""
    said = re.search(r"// generated at (\d{4}-\d{2}-\d{2})T\S+ for (\S+)", go_source)
    prices = re.findall(r'"([a-z0-9-]+\.[a-z0-9-]+)": ([0-9.]+),', go_source)
    if not said or not prices:
        raise UserError(f"{SOURCE_FILE} of Karpenter {version} does not read as a list of prices")
    source = f"AWS Price List API, as {KARPENTER} {version} carries it"
    usd = table.by_family({name: float(price) for name, price in prices})
    return said[2], {"source": source, "date": said[1], "usd": usd}


def savings(advisor: dict[str, Any], region: str, date: str) -> dict[str, Any]:
    """The table's entry of a region from the Spot Advisor's file: savings in percent of on-demand, over 30 days."""
    saved = {name: entry["s"] for name, entry in advisor["spot_advisor"][region]["Linux"].items()}
    categories: dict[str, list[int]] = {}
    for name, percent in saved.items():
        categories.setdefault(category(name), []).append(percent)
    return {
        "source": "AWS Spot Instance Advisor, average of 30 days",
        "date": date,
        "percent_saved_by_category": {name: median(categories[name]) for name in sorted(categories)},
        "percent_saved": table.by_family(saved),
    }


def main(arguments: list[str]) -> int:
    """Writes the table anew, keeping what is not published there."""
    from local.toolchain import module_dir

    prices = table.read()
    module = module_dir(KARPENTER)
    region, entry = on_demand((module / SOURCE_FILE).read_text(), module.name.partition("@")[2])
    prices["on_demand"][region] = entry
    if arguments:
        advisor = Path(arguments[0])
        date = datetime.fromtimestamp(advisor.stat().st_mtime, UTC).date().isoformat()
        for name in REGIONS:
            prices["spot"][name] = savings(json.loads(advisor.read_bytes()), name, date)
    print("written" if table.write(prices) else "nothing new")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
