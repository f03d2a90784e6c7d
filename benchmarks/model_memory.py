"""How much memory loading a model of Karlo's real size takes, beside the size of its weights, component by component.

    PYTHONPATH=core:plugins python benchmarks/model_memory.py

Karlo's networks in their published configuration, 3.4 billion parameters, are written with random weights in half precision,
one at a time, and loaded as a step loads them, each in a process of its own. `peak` is how far the process grew while it loaded
(its resident anonymous memory, looked at every 5 ms). `otherwise`, with --otherwise, is the loader of diffusers or transformers
as it is used for checkpoints that are not exactly their network's. `--scale 0.25` divides all widths.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

GIB = 2**30
BLOCK = 2**24  # random numbers that are written over and over
CROSS = ("SimpleCrossAttnDownBlock2D",) * 3, ("SimpleCrossAttnUpBlock2D",) * 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", nargs="*", default=[], help="components; all if absent")
    parser.add_argument("--otherwise", action="store_true", help="measure the other way too")
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.load:
        print(json.dumps(measure(asked.load, asked.only[0], asked.otherwise)))
        return
    print(f"{'component':16}{'parameters':>14}{'weights':>10}{'peak':>10}{'of weights':>12}{'seconds':>9}")
    for name, build in networks(asked.scale).items():
        if not asked.only or name in asked.only:
            show(name, build, asked.otherwise)


def show(name: str, build: Callable[[], Any], otherwise: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        parameters, size = write(Path(folder), name, build)
        for own in (False, True) if otherwise else (False,):
            words = [sys.executable, __file__, "--load", folder, "--only", name, *(["--otherwise"] if own else [])]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            told = json.loads(done.stdout)
            label = f"  {'otherwise' if own else name}" if own else name
            print(
                f"{label:16}{parameters:14,}{size / GIB:8.2f}Gi{told['peak'] / GIB:8.2f}Gi{told['peak'] / size:12.2f}"
                f"{told['seconds']:9.1f}",
                flush=True,
            )


def networks(scale: float) -> dict[str, Callable[[], Any]]:
    """Karlo's networks in their published configuration, its widths times `scale`."""
    from diffusers import PriorTransformer, UNet2DConditionModel, UNet2DModel
    from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig, CLIPVisionModelWithProjection

    def wide(width: int) -> int:
        return max(64, round(width * scale / 64) * 64)

    channels = tuple(wide(width) for width in (320, 640, 960, 1280))
    unet: dict[str, Any] = {"layers_per_block": 3, "block_out_channels": channels}
    down, up = ("ResnetDownsampleBlock2D",), ("ResnetUpsampleBlock2D",)

    def super_res() -> Any:
        return UNet2DModel(
            sample_size=256, in_channels=6, out_channels=3, down_block_types=down * 4, up_block_types=up * 4,
            add_attention=False, **unet,
        )  # fmt: skip

    return {
        "prior": lambda: PriorTransformer(num_attention_heads=wide(2048) // 64),
        "text_encoder": lambda: CLIPTextModelWithProjection(
            CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12, projection_dim=768)
        ),
        "image_encoder": lambda: CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=14,
                projection_dim=768,
            )
        ),
        "text_proj": lambda: UnCLIPTextProjModel(time_embed_dim=channels[0] * 4, cross_attention_dim=wide(1536)),
        "decoder": lambda: UNet2DConditionModel(
            sample_size=64, in_channels=3, out_channels=6, down_block_types=down + CROSS[0], up_block_types=CROSS[1] + up,
            mid_block_type="UNetMidBlock2DSimpleCrossAttn", cross_attention_dim=wide(1536), class_embed_type="identity",
            attention_head_dim=64, resnet_time_scale_shift="scale_shift", **unet,
        ),
        "super_res_first": super_res,
        "super_res_last": super_res,
    }  # fmt: skip


def write(folder: Path, name: str, build: Callable[[], Any]) -> tuple[int, int]:
    """A model directory of one component; its parameters, and the size of its weights in bytes."""
    with torch.device("meta"):
        network = build()
    library = "transformers" if hasattr(network.config, "to_json_file") else "diffusers"
    (folder / "model_index.json").write_text(
        json.dumps({"_class_name": "UnCLIPPipeline", name: [library, type(network).__name__]})
    )
    home = folder / name
    home.mkdir()
    if library == "transformers":
        network.config.save_pretrained(home)
    else:
        network.save_config(home)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    file = home / ("model.safetensors" if library == "transformers" else "diffusion_pytorch_model.safetensors")
    write_random(file, shapes)
    return sum(value.numel() for value in network.state_dict().values()), file.stat().st_size


def write_random(file: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """A safetensors file of these shapes in half precision."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header).encode()
    block = (torch.randn(BLOCK, generator=torch.Generator().manual_seed(0)) * 0.02).half().numpy().tobytes()
    with file.open("wb") as opened:
        opened.write(len(head).to_bytes(8, "little") + head)
        while at > 0:
            at -= opened.write(block[:at])


def measure(folder: Path, name: str, otherwise: bool) -> dict[str, float]:
    """Load the component in this process, and say how far it grew at most."""
    from limner.models import components

    component = components.find("karlo", folder, name)
    loadable = components.CLASSES[component.class_name]
    components._class(loadable)  # the libraries' own size is no part of the model's
    watch = Watch()
    if otherwise:
        network = components._load_otherwise(component, loadable).to(torch.float16)
    else:
        network = components.load(component, torch.device("cpu"), torch.float16)
    return {"peak": watch.stop(), "seconds": watch.seconds, "parameters": sum(p.numel() for p in network.parameters())}


class Watch:
    """How far the anonymous memory of this process grows."""

    def __init__(self) -> None:
        self._before = self._peak = anonymous()
        self._over = threading.Event()
        self._began = time.perf_counter()
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self._peak = max(self._peak, anonymous())

    def stop(self) -> int:
        self.seconds = time.perf_counter() - self._began
        self._over.set()
        self._thread.join()
        return max(self._peak, anonymous()) - self._before


def anonymous() -> int:
    """Resident anonymous memory of this process in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no RssAnon")


if __name__ == "__main__":
    main()
