"""What people see of a plan on a terminal."""

import io

from rich.console import Console

from rayeks.plan import Plan, Resource
from rayeks.plan.alarms import Alarm, Kind
from rayeks.plan.creation_times import Time
from rayeks.plan.critical_path import critical_path
from rayeks.plan.report import assess
from rayeks.report.terminal import breaks, path, render

PROGRAM = """
    import pulumi
    from pulumi_aws import sqs, ec2
    class Queues(pulumi.ComponentResource):
        def __init__(self):
            super().__init__("toy:infra:Queues", "queues")
            opts = pulumi.ResourceOptions(parent=self)
            for i in range(6):
                sqs.Queue(f"q{i}", name=f"q{i}", opts=opts)
            sqs.Queue("kept", name="kept", opts=pulumi.ResourceOptions(parent=self, protect=True))
    Queues()
    vpc = ec2.Vpc("net", cidr_block="10.0.0.0/16")
    pulumi.log.warn("mind the gap")
    pulumi.export("vpc", vpc.id)
    pulumi.export("region", "here")
    pulumi.export("word", pulumi.Output.secret("hunter2"))
"""


def shown(*parts, width: int = 120) -> str:
    buffer = io.StringIO()
    console = Console(file=buffer, width=width)
    for part in parts:
        console.print(part)
    return buffer.getvalue()


def test_the_tree_counts_by_component_and_names_the_first_few(planned):
    text = shown(render(assess(planned(PROGRAM))))
    assert "toy dev: 8 resources (8 aws)" in text
    assert "Queues queues  7" in text
    assert "sqs.Queue × 7  kept, q0, q1, q2, … 3 more" in text


def test_the_full_tree_names_every_resource_and_what_is_protected(planned):
    text = shown(render(assess(planned(PROGRAM)), full=True))
    assert all(f"sqs.Queue  q{i}" in text for i in range(6))
    assert "sqs.Queue  protected  kept" in text


def test_outputs_say_what_is_known_and_hide_what_is_secret(planned):
    text = shown(render(assess(planned(PROGRAM))))
    assert "known after creation" in text
    assert "hunter2" not in text and "[secret]" in text
    assert "warning: mind the gap" in text


def test_no_colour_reaches_a_file(planned):
    assert "\x1b[" not in shown(render(assess(planned(PROGRAM))))


def test_a_narrow_terminal_cuts_names_and_keeps_the_tree(planned):
    assert all(len(line) <= 50 for line in shown(render(assess(planned(PROGRAM))), width=50).splitlines())


def test_the_critical_path_says_when_and_why(planned):
    text = shown(path(critical_path(planned(PROGRAM))))
    assert "everything after 26 s" in text
    assert "sqs.Queue" in text


def test_a_source_that_is_long_leaves_room_for_what_is_made():
    plan = Plan("s", "p", (Resource("urn:a", "aws:ec2/vpc:Vpc", "a-name-of-forty-characters-" + "x" * 13, {}),), {})
    text = shown(path(critical_path(plan, lambda _: Time(90, "a source that is told at great length " * 5))))
    assert "ec2.Vpc a-name-of-forty-characters-xxxxxxxxxxxxx" in text
    assert "1:30 min" in text


def test_what_breaks_is_counted_and_comes_with_its_fix():
    alarm = Alarm(Kind.REFUSED, "Queue jobs: delaySeconds is 1000", "make it 900")
    assert "1 thing to look at first:" in shown(breaks([alarm]))
    assert "AWS would refuse: Queue jobs: delaySeconds is 1000" in shown(breaks([alarm]))
    assert "fix: make it 900" in shown(breaks([alarm]))
    assert "nothing breaks" in shown(breaks([]))
