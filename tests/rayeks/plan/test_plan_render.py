"""What people see of a plan."""

import io

from rich.console import Console

from rayeks.plan.constraints import Finding
from rayeks.plan.critical_path import critical_path
from rayeks.plan.render import render, render_findings, render_path

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
    text = shown(render(planned(PROGRAM)))
    assert "toy dev: 8 resources (8 aws)" in text
    assert "Queues queues  7" in text
    assert "sqs.Queue × 7  kept, q0, q1, q2, … 3 more" in text


def test_the_full_tree_names_every_resource_and_what_is_protected(planned):
    text = shown(render(planned(PROGRAM), full=True))
    assert all(f"sqs.Queue  q{i}" in text for i in range(6))
    assert "sqs.Queue  protected  kept" in text


def test_outputs_say_what_is_known_and_hide_what_is_secret(planned):
    text = shown(render(planned(PROGRAM)))
    assert "known after creation" in text
    assert "hunter2" not in text and "[secret]" in text
    assert "warning: mind the gap" in text


def test_no_colour_reaches_a_file(planned):
    assert "\x1b[" not in shown(render(planned(PROGRAM)))


def test_a_narrow_terminal_cuts_names_and_keeps_the_tree(planned):
    assert all(len(line) <= 50 for line in shown(render(planned(PROGRAM)), width=50).splitlines())


def test_the_critical_path_says_when_and_why(planned):
    text = shown(render_path(critical_path(planned(PROGRAM))))
    assert "everything after 26 s" in text
    assert "sqs.Queue" in text


def test_findings_are_listed_with_a_count():
    finding = Finding("urn:pulumi:s::p::aws:sqs/queue:Queue::jobs", "delaySeconds", 1000, "must be from 0 to 900")
    assert "AWS would refuse 1 value:" in shown(render_findings([finding]))
    assert "Queue jobs: delaySeconds is 1000" in shown(render_findings([finding]))
    assert "every value passes" in shown(render_findings([]))
