"""A pipeline as a Mermaid flowchart: its steps in order, with the values that flow between them and the gates marked."""

from __future__ import annotations

from collections.abc import Sequence

from limner.bound import BoundStep
from limner.pipeline.build import Pipeline
from limner.pipeline.dataflow import BROUGHT


def mermaid(pipeline: Pipeline) -> str:
    """The flowchart's text. Rounded: request and release; hexagons: gates; trapezoids: marks; boxes: other steps."""
    names = ["request", *(f"s{index}" for index in range(len(pipeline.steps))), "release"]
    nodes = [f'request(["{pipeline.task} request"])', *map(_node, names[1:], pipeline.steps), 'release(["release"])']
    flows = [", ".join(sorted(values)) for values in _flowing(pipeline)]
    edges = [f'{a} -- "{flow}" --> {b}' for a, flow, b in zip(names, flows, names[1:], strict=False)]
    return "\n".join(["flowchart TD", *(f"    {line}" for line in (*nodes, *edges))])


def _node(name: str, step: BoundStep) -> str:
    title = step.id if step.id == step.type else f"{step.id}<br/>{step.type}"
    if step.stage.gate is not None:
        return f'{name}{{{{"{title}<br/><i>{step.stage.name}</i><br/>gate: {step.stage.gate}"}}}}'
    label = f'"{title}<br/><i>{step.stage.name}</i>"'
    return f"{name}[/{label}\\]" if step.stage.name in ("watermark", "attest") else f"{name}[{label}]"


def _flowing(pipeline: Pipeline) -> list[frozenset[str]]:
    """The values that cross each edge: those that some later step reads before another step writes them anew."""
    wanted = frozenset({"image"})
    flowing = [wanted]
    for step in reversed(pipeline.steps):
        wanted = (wanted - _as_image(step.writes)) | _as_image(step.reads)
        flowing.append(wanted)
    flowing.reverse()
    return [flowing[0] & BROUGHT[pipeline.task], *flowing[1:]]


def _as_image(values: Sequence[str] | frozenset[str]) -> frozenset[str]:
    """The encoded file that is attested is the image still."""
    return frozenset("image" if value == "file" else value for value in values)
