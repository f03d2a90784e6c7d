"""`unclip.direct_prior`: the image embedding in one call of a small Transformer, after ECLIPSE (arXiv 2312.04655)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from limner import Models, TextConditioning
from limner_unclip.one_step_prior import OneStepPrior

if TYPE_CHECKING:
    import torch

COMPONENT, CLASS = "direct_prior", "DirectPrior"


class DirectPrior(OneStepPrior):
    """Reads the text's tokens, not only its embedding, so it can tell what belongs to what."""

    type = "unclip.direct_prior"

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load text encoder and network."""
        from limner_unclip.component_files import check_tensors, load_component
        from limner_unclip.direct_network import DirectNetwork, DirectSizes

        self.load_text(models, device)
        config, tensors = load_component(models, self.options.model, COMPONENT, CLASS)
        network = DirectNetwork(DirectSizes.from_config(config))
        shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        check_tensors(tensors, shapes, f"{self.options.model}/{COMPONENT}")
        network.load_state_dict(tensors)
        self.network, self.dtype = network.to(device, dtype).eval(), dtype

    def embeddings(self, texts: Sequence[TextConditioning]) -> torch.Tensor:
        """The network's answer, (n, dimension)."""
        import torch

        tokens = torch.stack([text.tokens for text in texts]).to(self.device, self.dtype)
        mask = torch.stack([text.mask for text in texts]).to(self.device)
        pooled = torch.stack([text.pooled for text in texts]).to(self.device, self.dtype)
        with torch.no_grad():
            return self.network.denormalised(self.network(tokens, mask, pooled))
