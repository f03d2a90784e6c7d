"""The JSON Schema of pipelines.yaml, with the options of every step that is installed here: for editors and CI."""

from __future__ import annotations

from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema

from limner.pipeline.config import NAME, CohortEntry, Entry, FileEntry, ModelEntry, ParameterEntry, PipelineEntry, StepEntry
from limner.pipeline.reading import StepCatalogue, StepClass

Schema = dict[str, Any]  # JSON Schema, draft 2020-12
NAMED = {"pattern": NAME}


def pipelines_schema(catalogue: StepCatalogue) -> Schema:
    """The schema: what YAML may hold. What it cannot say (order, spaces, policies) `limner pipelines validate` checks."""
    step = _object(StepEntry, use={"enum": sorted(catalogue.steps)})
    step["allOf"] = [_options_of(name, cls) for name, cls in sorted(catalogue.steps.items())]
    pipeline = _object(
        PipelineEntry,
        parameters=_mapping(_object(ParameterEntry)),
        steps={"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}},
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pipelines.yaml of Limner",
        **_object(
            FileEntry,
            models=_mapping(_object(ModelEntry)),
            pipelines={**_mapping(pipeline), "minProperties": 1},
            cohorts=_mapping(_object(CohortEntry)),
        ),
        "$defs": {"step": step, **{_key(name): _schema_of(name, cls) for name, cls in sorted(catalogue.steps.items())}},
    }


def _object(entry: type[Entry], **properties: Schema) -> Schema:
    """The schema of a piece of the file, with some of its properties told in more detail."""
    schema = entry.model_json_schema()
    return {**schema, "properties": {**schema["properties"], **properties}}


def _mapping(values: Schema) -> Schema:
    return {"type": "object", "propertyNames": NAMED, "additionalProperties": values}


def _key(name: str) -> str:
    return f"with {name}"


def _options_of(name: str, cls: StepClass) -> Schema:
    """If `use` is this step, `with` holds its options."""
    needs_options = any(field.is_required() for field in cls.Options.model_fields.values())
    then: Schema = {"properties": {"with": {"$ref": f"#/$defs/{_key(name)}"}}}
    if needs_options:
        then["required"] = ["with"]
    return {"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": then}


def _schema_of(name: str, cls: StepClass) -> Schema:
    """The schema of a step's options; any mapping, where a plugin's own types cannot be told in JSON Schema."""
    try:
        return cls.Options.model_json_schema(ref_template=f"#/$defs/{_key(name)}/$defs/{{model}}")
    except PydanticInvalidForJsonSchema:
        return {"type": "object", "description": f"{name} has options that JSON Schema cannot tell"}
