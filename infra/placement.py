"""Where machines stand: EC2 placement groups, and on-demand capacity reserved inside them."""

from collections.abc import Mapping

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_aws import ec2

from infra.config.node_groups import PlacementGroup, Reservation
from infra.karpenter import group_name, placement_arguments


class Placement(pulumi.ComponentResource):
    """Placement groups, which Karpenter selects by name and never makes, and the reservations of the stack file."""

    def __init__(
        self, name: str, groups: Mapping[str, PlacementGroup], *, reservations: Mapping[str, Reservation]
    ) -> None:
        super().__init__("rayeks:infra:Placement", name)
        child = ResourceOptions(parent=self)
        made = {
            key: ec2.PlacementGroup(
                group_name(name, key), name=group_name(name, key), **placement_arguments(group), opts=child
            )
            for key, group in groups.items()
        }
        self._reservations = {
            key: ec2.CapacityReservation(
                f"{name}-{key}",
                instance_type=reservation.instance_type,
                availability_zone=reservation.zone,
                instance_count=reservation.count,
                instance_platform="Linux/UNIX",
                # Targeted: only who names it uses it; Karpenter never takes an open one.
                instance_match_criteria="targeted",
                end_date_type="unlimited",
                placement_group_arn=made[reservation.placement_group].arn if reservation.placement_group else None,
                tags={"Name": f"{name}-{key}"},
                opts=child,
            )
            for key, reservation in reservations.items()
        }
        self.register_outputs({})

    def reservation(self, ref: str) -> Input[str]:
        """The id of a reservation: one of this stack by its name, or one that is there already by its id."""
        return self._reservations[ref].id if ref in self._reservations else ref
