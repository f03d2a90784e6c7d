"""U-Nets compiled for the machine at hand: for servers that run long enough to earn back the minutes it takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch

from limner import Generation, ModelError

if TYPE_CHECKING:
    from limner_unclip.denoising import DenoisingStep


def compiled(unet: Any, device: torch.device) -> Any:  # diffusers' U-Nets are untyped
    """The U-Net, to be compiled at its first call; on CPUs with its weights laid out for their convolutions."""
    return torch.compile(unet, options={"freezing": True} if device.type == "cpu" else None)


def warm_up(step: DenoisingStep, generations: Iterable[Generation]) -> None:
    """Run each generation, so that the compiler works while the step loads and no request waits for it.

    Raises ModelError if it cannot compile; a machine without a C++ compiler cannot.
    """
    try:
        with torch.inference_mode():
            for generation in generations:
                step.run([generation])
    except Exception as error:  # the compiler's errors have no common type
        cause = str(error).strip().split("\n", 1)[0]
        raise ModelError(
            f"its U-Net does not compile: {type(error).__name__}: {cause}",
            where=step.id,
            fix="install a C++ compiler, or leave `compile` out",
        ) from error
