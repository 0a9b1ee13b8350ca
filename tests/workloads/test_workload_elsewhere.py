"""Manifests for other clusters, and for machines that a sample prefers, judged by KubeRay's own schema."""

from typing import Any

import pytest
import yaml

from infra import launches, portable, preference, samples
from infra.config import PortablePlatform, assembled, parse, parse_any
from local.home import root


def stack(name: str) -> dict[str, Any]:
    return yaml.safe_load((root() / f"stacks/Pulumi.{name}.yaml").read_text())["config"]


def test_every_sample_of_the_example_passes(complaints):
    here = parse_any(stack("onprem")["ray-on-eks:platform"])
    assert isinstance(here, PortablePlatform)
    made = samples.specs(here.samples, portable.names(here))
    assert len(made) >= 4
    for name, spec in made.items():
        assert complaints(portable.placed(samples.manifest(spec), here)) == [], name


@pytest.mark.parametrize("optimise", ["cost", "balanced", "performance"])
def test_a_sample_with_a_preference_passes(complaints, optimise: str):
    config = stack("prod")
    values = assembled(
        config["ray-on-eks:platform"],
        region=config["aws:region"],
        accounts=config["aws:allowedAccountIds"],
        default_tags=config["aws:defaultTags"],
    )
    for sample in ("serve", "data", "hybrid", "loop"):
        values["samples"][sample] |= {"optimise": optimise, "traced": True}
    here = parse(values)
    made = preference.specs(here.samples, samples.ANY_NAMES, launches.supplies(here), here.region)
    for name, spec in made.items():
        assert complaints(samples.manifest(spec)) == [], name
        assert ("nodeAffinity" in str(samples.manifest(spec))) == (name != "train"), name
