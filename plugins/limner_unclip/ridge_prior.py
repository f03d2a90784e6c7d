"""`unclip.ridge_prior`: the image embedding as a linear function of the text embedding, fitted in closed form.

A strong baseline at no cost: in Kandinsky's ablation a linear prior has the best FID (arXiv 2310.03502, table 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from limner import Models, TextConditioning
from limner_unclip.one_step_prior import OneStepPrior

if TYPE_CHECKING:
    import torch

COMPONENT, CLASS = "ridge_prior", "RidgePrior"


class RidgePrior(OneStepPrior):
    """One matrix and one offset, from the component `ridge_prior`."""

    type = "unclip.ridge_prior"

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load text encoder, matrix and offset; they stay float32."""
        from limner_unclip.component_files import check_tensors, load_component

        self.load_text(models, device)
        config, tensors = load_component(models, self.options.model, COMPONENT, CLASS)
        text, image = int(config["text_dimension"]), int(config["image_dimension"])
        check_tensors(tensors, {"weight": (text, image), "bias": (image,)}, f"{self.options.model}/{COMPONENT}")
        self.weight, self.bias = tensors["weight"].to(device), tensors["bias"].to(device)

    def embeddings(self, texts: Sequence[TextConditioning]) -> torch.Tensor:
        """weightᵀ · text + bias, (n, dimension)."""
        import torch

        pooled = torch.stack([text.pooled for text in texts]).to(self.device, torch.float32)
        return pooled @ self.weight + self.bias
