"""pipelines.yaml → checked Pipeline objects, their schema and their graph."""

from limner.pipeline.build import CohortPolicy, Pipeline, PipelineFile, declared_models, load_pipelines, read_pipelines
from limner.pipeline.graph import mermaid
from limner.pipeline.parameters import Parameter, Settled
from limner.pipeline.policy_names import PolicyName, Unfinished
from limner.pipeline.reading import StepCatalogue
from limner.pipeline.schema import pipelines_schema

__all__ = [
    "CohortPolicy",
    "Parameter",
    "Pipeline",
    "PipelineFile",
    "PolicyName",
    "Settled",
    "StepCatalogue",
    "Unfinished",
    "declared_models",
    "load_pipelines",
    "mermaid",
    "pipelines_schema",
    "read_pipelines",
]
