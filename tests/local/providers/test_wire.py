"""What crosses the wire between the engine and a provider arrives as it was sent."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

import grpc
import psutil
import pytest
from google.protobuf import empty_pb2
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.providers.wire import (
    OUTPUT,
    SECRET,
    SIGNATURE,
    UNKNOWN,
    Secret,
    marshal,
    secret_keys,
    unmarshal,
)

PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=8,
)

PROVIDER = """
from local.providers import wire
from rayeks.errors import UserError
from pulumi.runtime.proto import provider_pb2

class Trial(wire.Provider):
    name, version = "trial", "1.2.3"
    def Check(self, request, context):
        raise UserError("size is 7", fix="use 8")
    def Create(self, request, context):
        raise wire.ResourceInitError("id-1", {"a": wire.Secret(1)}, {"a": 1}, ["too slow"])
    def Read(self, request, context):
        return {}["lost"]

wire.serve(Trial())
"""


@pytest.fixture
def channel():
    process = subprocess.Popen([sys.executable, "-c", PROVIDER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as opened:
        yield opened
    process.kill()
    process.wait()
    process.stdout.close()


@given(st.dictionaries(st.text(min_size=1), PLAIN, max_size=4))
def test_plain_values_come_back_as_they_were(values):
    assert unmarshal(marshal(values)) == values


def test_unknown_values_stay_unknown_wherever_they_are():
    there = unmarshal(marshal({"a": UNKNOWN, "b": {"c": [UNKNOWN, 1]}}))
    assert there["a"] is UNKNOWN
    assert there["b"]["c"] == [UNKNOWN, 1]


def test_an_unknown_value_has_no_truth():
    with pytest.raises(TypeError, match="unknown in this preview"):
        bool(UNKNOWN)


def test_secrets_are_unwrapped_kept_or_made_by_name():
    struct = marshal({"a": Secret("x"), "b": {"c": [Secret(1)]}, "d": 2})
    assert unmarshal(struct) == {"a": "x", "b": {"c": [1]}, "d": 2}
    assert unmarshal(struct, keep_secrets=True)["b"] == {"c": [Secret(1)]}
    assert secret_keys(struct) == {"a", "b"}
    assert secret_keys(marshal({"a": 1, "b": 2}, secrets={"a"})) == {"a"}
    assert SECRET in str(marshal({"a": 1}, secrets={"a"}))


def test_an_output_value_is_its_value_or_unknown():
    known = {SIGNATURE: OUTPUT, "value": 3, "secret": True}
    assert unmarshal(marshal({"a": known, "b": {SIGNATURE: OUTPUT}})) == {"a": 3, "b": UNKNOWN}
    assert secret_keys(marshal({"a": known})) == {"a"}


def _refusal(call) -> Any:
    with pytest.raises(grpc.RpcError) as refusal:
        call()
    return refusal.value


def test_a_mistake_of_the_user_arrives_as_its_message_and_a_fault_says_so(channel):
    provider = provider_pb2_grpc.ResourceProviderStub(channel)
    mistake = _refusal(lambda: provider.Check(provider_pb2.CheckRequest()))
    assert mistake.details() == "size is 7\n  fix: use 8"
    fault = _refusal(lambda: provider.Read(provider_pb2.ReadRequest()))
    assert "KeyError" in fault.details()


def test_a_resource_that_was_made_but_is_not_ready_reaches_the_engine_with_its_state(channel):
    provider = provider_pb2_grpc.ResourceProviderStub(channel)
    failure = _refusal(lambda: provider.Create(provider_pb2.CreateRequest()))
    details = dict(failure.trailing_metadata())["grpc-status-details-bin"]
    assert b"id-1" in details and SECRET.encode() in details and b"too slow" in details


def test_the_version_is_told_and_what_is_missing_is_unimplemented(channel):
    provider = provider_pb2_grpc.ResourceProviderStub(channel)
    assert provider.GetPluginInfo(empty_pb2.__dict__["Empty"]()).version == "1.2.3"
    missing = _refusal(lambda: provider.Delete(provider_pb2.DeleteRequest()))
    assert missing.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_provider_ends_with_the_engine_that_started_it():
    starter = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); "
    starter += "print(p.pid, flush=True); time.sleep(60)"
    engine = subprocess.Popen([sys.executable, "-c", starter, PROVIDER], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    pid = int(engine.stdout.readline())
    engine.stdout.readline()  # the port: it serves
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    engine.stdout.close()
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
