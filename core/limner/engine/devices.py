"""Which devices accelerator steps run on, and in which precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limner.errors import ConfigurationError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a worker's steps live: a device, and the precision of their weights and activations."""

    device: torch.device
    dtype: torch.dtype

    @property
    def precision(self) -> str:
        """The precision's name: `float32`, `bfloat16` or `float16`."""
        return str(self.dtype).removeprefix("torch.")

    def make_current(self) -> None:
        """Make this the calling thread's default CUDA device, for step code that says only `cuda`."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)


def host() -> Placement:
    """Where `cpu` and `io` steps run: the processor, in float32."""
    import torch

    return Placement(torch.device("cpu"), torch.float32)


def choose(devices: Sequence[str] = (), precision: str = "") -> tuple[Placement, ...]:
    """One placement for each device of `LIMNER_DEVICES`, else for each device found: every cuda, else mps, else cpu.

    A device named twice gets two workers. `precision` is `LIMNER_PRECISION`, empty for the device's default. Raises
    ConfigurationError for a device that this machine lacks.
    """
    import torch

    placements = []
    for name in devices or _found():
        device = _checked(name)
        placements.append(Placement(device, getattr(torch, precision) if precision else default_precision(device)))
    return tuple(placements)


def default_precision(device: torch.device) -> torch.dtype:
    """The fastest precision that is safe on a device.

    cuda: bfloat16 where the hardware has it (from Ampere on), float16 where tensor cores know only that (Volta, Turing), else
    float32. mps: float32, because float16 can overflow in attention and bfloat16 depends on the system's version. cpu: bfloat16
    where AMX or Arm's bf16 multiply it; else float32, which vector units (AVX512-BF16 too) do no slower and more exactly.
    """
    import torch

    from limner.models.products import cpu_multiplies_bfloat16

    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16
        return torch.float16 if torch.cuda.get_device_capability(device) >= (7, 0) else torch.float32
    return torch.bfloat16 if device.type == "cpu" and cpu_multiplies_bfloat16() else torch.float32


def _found() -> list[str]:
    import torch

    if torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["mps"] if torch.backends.mps.is_available() else ["cpu"]


def _checked(name: str) -> torch.device:
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise _no_device(name) from None
    if device.type == "cpu":
        return torch.device("cpu")
    if device.type == "mps" and torch.backends.mps.is_available():
        return device
    if device.type == "cuda" and torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count():
        return torch.device("cuda", device.index or 0)
    raise _no_device(name)


def _no_device(name: str) -> ConfigurationError:
    found = ", ".join(_found())
    return ConfigurationError(f"no device {name!r} on this machine", where="LIMNER_DEVICES", fix=f"found here: {found}")


class Pace:
    """Keeps the host at most one advance ahead of a cuda device.

    Kernels are queued, not awaited: unpaced, a whole denoising loop would be queued at once, and joining, cancelling, deadlines
    and progress between its steps would mean nothing. One advance ahead, the device never waits for the host.
    """

    def __init__(self, device: torch.device) -> None:
        self._is_queued = device.type == "cuda"
        self._last: torch.cuda.Event | None = None

    def keep(self) -> None:
        """An advance has been queued: wait for the one before it."""
        if not self._is_queued:
            return
        import torch

        before, self._last = self._last, torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it so
        self._last.record()
        if before is not None:
            before.synchronize()
