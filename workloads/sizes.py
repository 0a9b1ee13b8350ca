"""What a worker of the samples requests: a little less than machines are sold as, so that each holds one more.

Of a machine of 4 CPU and 8 GiB (`c*.xlarge`), the kubelet, the system and the daemons of every node leave 3.7 CPU and
6.3 GiB. A worker that asks for the round 4 CPU so takes a machine of twice the size, and leaves half of it to nobody:
$0.98 an hour for the GPU of a g6.2xlarge where a g6.xlarge costs $0.80. CPU has no limit: what is left may be used, so
Ray is told of the whole 4.
"""

from workloads.spec import Resources

CPU_WORKER = Resources(cpu=3.5, memory_gib=6, num_cpus=4)
"""One on a `c*.xlarge`, two on a `c*.2xlarge`."""
DATA_WORKER = Resources(cpu=3.5, memory_gib=12, num_cpus=4)
"""One on an `m*.xlarge`, two on an `m*.2xlarge`."""
GPU_WORKER = Resources(cpu=3.5, memory_gib=12, gpus=1, num_cpus=0)
"""One on a `g*.xlarge`: the smallest machine of each GPU."""
