"""U-Nets compiled for the machine at hand: for servers that run long enough to earn back the minutes it takes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch._dynamo import config as tracer
from torch._inductor import config as compiler

from limner import Generation, LimnerError, ModelError

if TYPE_CHECKING:
    from limner_unclip.denoising import DenoisingStep

CACHED = "Dynamo detected a call to a `functools.lru_cache`"  # torch, of code in diffusers that asks for torch's version
NETWORKS = 256  # of one class, each in each number of rows; torch's own limit is 8, beyond which networks run uncompiled


def compiled(unet: Any, device: torch.device) -> Any:  # diffusers' U-Nets are untyped
    """The U-Net, to be compiled at its first call; from then on nobody may change it."""
    return torch.compile(unet, options={"guard_filter_fn": _kept_guards} if _freezes(device) else None)


def warm_up(step: DenoisingStep, generations: Iterable[Generation]) -> None:
    """Run each generation, so that the compiler works while the step loads and no request waits for it.

    On CPUs weights are frozen, laid out once for the convolutions that use them. That takes the compiler's own setting: as an
    option of `torch.compile` it comes when the graph is traced, and the weights are inputs of it that change.

    Raises ModelError if it cannot compile: a machine without a C++ compiler, or one network more than NETWORKS.
    """
    warnings.filterwarnings("ignore", CACHED)  # for good: to put filters back would race with other threads
    freezing = _freezes(step.sampler.device)
    try:
        with (
            torch.inference_mode(),
            compiler.patch(freezing=freezing),
            tracer.patch(recompile_limit=NETWORKS, fail_on_recompile_limit_hit=True),
        ):
            for generation in generations:
                step.run([generation])
    except LimnerError:
        raise
    except Exception as error:  # the compiler's errors have no common type
        cause = str(error).strip().split("\n", 1)[0]
        raise ModelError(
            f"its U-Net does not compile: {type(error).__name__}: {cause}",
            where=step.id,
            fix="install a C++ compiler, or leave `compile` out",
        ) from error


def _freezes(device: torch.device) -> bool:
    return device.type == "cpu"


def _kept_guards(guards: Sequence[Any]) -> list[bool]:  # torch's GuardFilterEntry, which it does not export
    """Which of the conditions stay that a compiled network has at each call: those on its input, and which network it is.

    Networks of one class share what was compiled, and are told apart by one frozen weight. The thousands of conditions more, on
    all that a network consists of, would take time at every call. What is compiled later freezes nothing, and keeps them all.
    """
    weights = [isinstance(guard.value, nn.Parameter) for guard in guards]
    frozen = [weight and guard.guard_type == "ID_MATCH" for guard, weight in zip(guards, weights, strict=True)]
    if not any(frozen):
        return [True] * len(guards)
    first = frozen.index(True)
    inside = [guard.orig_guard.source.is_unspecialized_nn_module() for guard in guards]
    return [k == first or not (weights[k] or inside[k]) for k in range(len(guards))]
