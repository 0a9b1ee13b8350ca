"""The CIDR planner never overlaps, never leaves the VPC, and says when there is no room."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import cidrs

ZONES = ("a", "b", "c", "d")
vpcs = st.builds(
    lambda prefix, block: IPv4Network((block << (32 - prefix) & 0xFFFFFFFF, prefix)),
    st.integers(16, 28),
    st.integers(0, 2**16 - 1),
)


@given(cidr=vpcs, zones=st.integers(2, 4))
def test_subnets_never_overlap_and_never_leave_the_vpc(cidr, zones):
    try:
        plan = cidrs.plan(cidr, ZONES[:zones])
    except ValueError as error:
        assert cidr.prefixlen > 21, f"{cidr} has room for {zones} zones, but: {error}"
        return
    subnets = [*plan.public.values(), *plan.private.values()]
    assert len(subnets) == 2 * zones
    assert all(subnet.subnet_of(cidr) and 16 <= subnet.prefixlen <= 28 for subnet in subnets)
    assert not any(one.overlaps(two) for one, two in combinations(subnets, 2))


@given(cidr=vpcs.filter(lambda cidr: cidr.prefixlen <= 20))
def test_adding_a_third_zone_moves_no_private_subnet_of_the_first_two(cidr):
    two, three = cidrs.plan(cidr, ZONES[:2]), cidrs.plan(cidr, ZONES[:3])
    assert {zone: three.private[zone] for zone in two.private} == two.private


def test_a_slash_16_over_three_zones_gives_each_16_379_addresses():
    assert set(cidrs.plan(IPv4Network("10.0.0.0/16"), ZONES[:3]).addresses().values()) == {16_379}


def test_a_range_too_small_names_the_smallest_that_would_do():
    with pytest.raises(ValueError, match="use a /22 or larger"):
        cidrs.plan(IPv4Network("10.0.0.0/23"), ZONES[:3])
    cidrs.plan(IPv4Network("10.0.0.0/22"), ZONES[:3])


@pytest.mark.parametrize(("pods", "addresses"), [(16, 34), (17, 50), (110, 130)])
def test_a_node_takes_whole_prefixes_and_keeps_one_warm(pods, addresses):
    assert cidrs.addresses_per_node(pods) == addresses


def test_the_planner_says_how_many_nodes_a_zone_holds():
    plan = cidrs.plan(IPv4Network("10.0.0.0/16"), ZONES[:3])
    assert set(cidrs.nodes_per_zone(plan, 16).values()) == {481}
