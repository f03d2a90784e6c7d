"""Which devices and which precision."""

from __future__ import annotations

import pytest
import torch

from limner.engine.devices import Pace, choose, default_precision, host
from limner.errors import ConfigurationError


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many GPUs of a generation, and so able a processor."""

    def machine(gpus=0, capability=(9, 0), bfloat16=True, mps=False, cpu=()):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bfloat16)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(cpu, True), raising=False)

    return machine


def chosen(devices=(), precision=""):
    return [(str(placement.device), placement.precision) for placement in choose(devices, precision)]


def test_every_cuda_device_is_used_where_there_are_any(machine):
    machine(gpus=2, mps=True)
    assert chosen() == [("cuda:0", "bfloat16"), ("cuda:1", "bfloat16")]


def test_else_mps_else_the_processor(machine):
    machine(mps=True)
    assert chosen() == [("mps", "float32")]
    machine()
    assert chosen() == [("cpu", "float32")]


def test_named_devices_are_used_as_named(machine):
    machine(gpus=2)
    assert chosen(("cuda:1", "cpu", "cuda")) == [("cuda:1", "bfloat16"), ("cpu", "float32"), ("cuda:0", "bfloat16")]


@pytest.mark.parametrize("name", ["cuda:2", "mps", "tpu", "cuda:x", "meta"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(machine, name):
    machine(gpus=2)
    with pytest.raises(ConfigurationError, match=f"no device '{name}' on this machine\n  found here: cuda:0, cuda:1"):
        choose((name,))


def test_before_ampere_half_precision_is_float16_and_before_volta_there_is_none(machine):
    machine(gpus=1, capability=(7, 5), bfloat16=False)
    assert default_precision(torch.device("cuda", 0)) == torch.float16
    machine(gpus=1, capability=(6, 1), bfloat16=False)
    assert default_precision(torch.device("cuda", 0)) == torch.float32


@pytest.mark.parametrize("feature", ["amx_bf16", "bf16"])
def test_a_processor_that_multiplies_bfloat16_does(machine, feature):
    machine(cpu=("avx2", feature))
    assert chosen() == [("cpu", "bfloat16")]


def test_a_processor_with_vectors_of_bfloat16_alone_stays_at_float32(machine):
    machine(cpu=("avx512", "avx512_bf16"))
    assert chosen() == [("cpu", "float32")]


def test_the_precision_asked_for_wins(machine):
    machine(gpus=1, cpu=("amx_bf16",))
    assert chosen((), "float32") == [("cuda:0", "float32")]
    assert chosen(("cpu",), "float16") == [("cpu", "float16")]


def test_cpu_and_io_steps_run_on_the_processor_in_float32():
    assert (str(host().device), host().precision) == ("cpu", "float32")


def test_the_host_stays_one_advance_ahead_of_a_cuda_device(monkeypatch):
    happened: list[str] = []

    class Event:
        def __init__(self) -> None:
            self.name = f"advance {sum(entry.startswith('queued') for entry in happened) + 1}"

        def record(self) -> None:
            happened.append(f"queued {self.name}")

        def synchronize(self) -> None:
            happened.append(f"awaited {self.name}")

    monkeypatch.setattr(torch.cuda, "Event", Event)
    pace = Pace(torch.device("cuda", 0))
    for _ in range(3):
        pace.keep()
    assert happened == [
        "queued advance 1",
        "queued advance 2",
        "awaited advance 1",
        "queued advance 3",
        "awaited advance 2",
    ]
    Pace(torch.device("cpu")).keep()
    assert len(happened) == 5
