"""Loading one component of a model: the classes that may be loaded, and the checks that a half-loaded one never passes.

diffusers and transformers forgive much: keys missing from a checkpoint are filled with random weights and a line in the log, a
missing configuration means the default one, a tokenizer without its vocabulary has none. Here each of these is an error that
names the model, the component, the file and the cause.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from limner.errors import ModelError
from limner.model_source import INDEX, WHOLE_CONFIG
from limner.yaml_problems import did_you_mean

if TYPE_CHECKING:
    import torch

Kind = Literal["network", "convolutional network", "tokenizer", "image processor"]


_SAFETY_CHECKER = "diffusers.pipelines.stable_diffusion.safety_checker"


@dataclass(frozen=True, slots=True)
class Loadable:
    """A class that a model_index.json may name, and where it is imported from."""

    module: str
    name: str
    kind: Kind = "network"

    @property
    def is_of_transformers(self) -> bool:
        """Whether transformers loads it; the safety checker is one of its models, and lives in diffusers."""
        return self.module.startswith("transformers") or self.module == _SAFETY_CHECKER


_TEXT_PROJ = "diffusers.pipelines.deprecated.unclip.text_proj"
CLASSES: Mapping[str, Loadable] = {
    "PriorTransformer": Loadable("diffusers", "PriorTransformer"),
    "UNet2DConditionModel": Loadable("diffusers", "UNet2DConditionModel", "convolutional network"),
    "UNet2DModel": Loadable("diffusers", "UNet2DModel", "convolutional network"),
    "UnCLIPTextProjModel": Loadable(_TEXT_PROJ, "UnCLIPTextProjModel"),
    "CLIPModel": Loadable("transformers", "CLIPModel"),
    "CLIPTextModelWithProjection": Loadable("transformers", "CLIPTextModelWithProjection"),
    "CLIPVisionModelWithProjection": Loadable("transformers", "CLIPVisionModelWithProjection"),
    "CLIPTokenizer": Loadable("transformers", "CLIPTokenizer", "tokenizer"),
    "CLIPTokenizerFast": Loadable("transformers", "CLIPTokenizer", "tokenizer"),
    "CLIPImageProcessor": Loadable("transformers", "CLIPImageProcessorPil", "image processor"),
    "CLIPFeatureExtractor": Loadable("transformers", "CLIPImageProcessorPil", "image processor"),
    "StableDiffusionSafetyChecker": Loadable(_SAFETY_CHECKER, "StableDiffusionSafetyChecker"),
}
WHOLE: Mapping[str, Loadable] = {
    "sequence_classifier": Loadable("transformers", "AutoModelForSequenceClassification"),
    "image_classifier": Loadable("transformers", "AutoModelForImageClassification"),
    "language_model": Loadable("transformers", "AutoModelForCausalLM"),
    "tokenizer": Loadable("transformers", "AutoTokenizer", "tokenizer"),
    "image_processor": Loadable("transformers", "AutoImageProcessor", "image processor"),
}
"""What may be asked of a directory of transformers, one model with its config.json and no components."""

CONFIGS = ("config.json", "scheduler_config.json", "preprocessor_config.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class Component:
    """One folder of a model's directory, and the class that its model_index.json names for it."""

    model: str
    name: str
    folder: Path
    class_name: str

    @property
    def is_whole(self) -> bool:
        """Whether the model's directory is this one network of transformers."""
        return self.class_name in WHOLE

    @property
    def where(self) -> str:
        """How errors name this component."""
        return f"model {self.model}, component {self.name}"

    def error(self, what: str, *, fix: str = "") -> ModelError:
        """A ModelError at this component."""
        return ModelError(what, where=self.where, fix=fix or f"compare {self.folder} with where the model came from")

    def config(self) -> Mapping[str, Any]:  # JSON
        """The component's configuration. Raises ModelError if it has none, or none that is JSON."""
        path = next((self.folder / name for name in CONFIGS if (self.folder / name).is_file()), None)
        if path is None:
            raise self.error(f"{self.folder} holds none of {', '.join(CONFIGS)}")
        return read_json(path, self.where)


def find(model: str, folder: Path, name: str) -> Component:
    """The component `name` of the model in `folder`, by its model_index.json. Raises ModelError if there is none.

    A directory of transformers without that file is one model, and `name` is what to take it for (`WHOLE`).
    """
    if not (folder / INDEX).is_file() and (folder / WHOLE_CONFIG).is_file():
        if name not in WHOLE:
            what = f"it is one model of transformers, with no component {name!r}"
            raise ModelError(what, where=f"model {model}", fix=f"it can be taken for {', '.join(WHOLE)}")
        return Component(model, name, folder, name)
    entries = read_json(folder / INDEX, f"model {model}")
    classes = {key: entry[1] for key, entry in entries.items() if isinstance(entry, list) and len(entry) == 2 and entry[1]}
    if name not in classes:
        raise ModelError(f"there is no component {name!r}", where=f"model {model}, {INDEX}", fix=did_you_mean(name, classes))
    component = Component(model, name, folder / name, str(classes[name]))
    if not component.folder.is_dir():
        raise component.error(f"{INDEX} lists it, and there is no folder {component.folder}")
    return component


def load(component: Component, device: torch.device, dtype: torch.dtype) -> Any:  # a torch module, tokenizer or processor
    """Load a component for inference: evaluation mode, no gradients, on its device. Raises ModelError if anything is amiss.

    Convolutional networks are laid out channels_last. The caller sees to it that one component loads at a time.
    """
    loadable = WHOLE.get(component.class_name) if component.is_whole else CLASSES.get(component.class_name)
    if loadable is None:
        raise component.error(
            f"{component.class_name} is not a class that is loaded",
            fix=f"loaded are {', '.join(CLASSES)}; schedulers are read through `models.config`",
        )
    try:
        if loadable.kind in ("tokenizer", "image processor"):
            return _load_settings(component, loadable)
        network = _load_network(component, loadable, dtype)
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # what the libraries raise on a broken file has no common type
        cause = str(error).strip().split("\n", 1)[0]
        raise component.error(f"{component.folder} does not load: {type(error).__name__}: {cause}") from error
    return _place(component, loadable, network, device, dtype)


def _load_settings(component: Component, loadable: Loadable) -> Any:
    folder = component.folder
    component.config()
    if loadable.kind == "tokenizer":
        older = (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
        if not older and not (folder / "tokenizer.json").is_file():
            raise component.error(f"{folder} holds no vocabulary: neither tokenizer.json nor vocab.json with merges.txt")
    with _quietly(loadable):
        return _class(loadable).from_pretrained(folder, local_files_only=True, **_trust(loadable))


def _load_network(component: Component, loadable: Loadable, dtype: torch.dtype) -> Any:
    from limner.models.streaming import stream

    config = component.config()
    _check_weights(component)
    with _quietly(loadable):
        network = stream(_class(loadable), component.folder, config, dtype)
    if network is None:
        network = _load_otherwise(component, loadable)
    return network.eval().requires_grad_(False)


def _load_otherwise(component: Component, loadable: Loadable) -> Any:
    """By the library's own loader, which knows older forms of checkpoints; what does not fit it is told here."""
    import torch

    # Told another dtype, both libraries set it as torch's default for the whole process while they load, and whatever other
    # threads make meanwhile comes out in it. So the weights are read in float32 and cast afterwards.
    how: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "dtype": torch.float32}
    how |= _trust(loadable)
    if not loadable.is_of_transformers:
        how["low_cpu_mem_usage"] = False  # the other way patches torch.nn.Module for the whole process
    with _quietly(loadable):
        network, info = _class(loadable).from_pretrained(
            component.folder, output_loading_info=True, ignore_mismatched_sizes=True, **how
        )
    _check_keys(component, info)
    return network


def _place(component: Component, loadable: Loadable, network: Any, device: torch.device, dtype: torch.dtype) -> Any:
    import torch

    from limner.models.products import cpu_multiplies_bfloat16, widen_products

    convolutional = loadable.kind == "convolutional network"
    layout = torch.channels_last if convolutional else torch.preserve_format
    try:
        with _quietly(loadable):
            placed = network.to(device=device, dtype=dtype).to(memory_format=layout)
    except RuntimeError as error:  # the device is full, or not there
        cause = str(error).strip().split("\n", 1)[0]
        fix = "set LIMNER_DEVICES or LIMNER_PRECISION to what this machine can hold"
        raise component.error(f"it cannot be put on {device} in {dtype}: {cause}", fix=fix) from error
    if convolutional and device.type == "cpu" and dtype is torch.bfloat16 and cpu_multiplies_bfloat16() is False:
        widen_products(placed)
    return placed


def _trust(loadable: Loadable) -> dict[str, bool]:
    """Classes that are found by a model's own word ask on the terminal whether its code may run; it may not."""
    return {"trust_remote_code": False} if loadable.name.startswith("Auto") else {}


def _class(loadable: Loadable) -> Any:
    return getattr(import_module(loadable.module), loadable.name)


def _check_weights(component: Component) -> None:
    """Open every weight file: a truncated one is named here, before a library wraps the cause in its own words."""
    from safetensors import SafetensorError, safe_open

    files = sorted(component.folder.glob("*.safetensors"))
    if not files:
        pickled = [path.name for suffix in ("bin", "pt", "pth", "ckpt") for path in component.folder.glob(f"*.{suffix}")]
        if pickled:
            raise component.error(
                f"its weights are pickled ({pickled[0]}), which run code when loaded",
                fix="use a revision with safetensors, or convert the file where you trust it",
            )
        raise component.error(f"{component.folder} holds no .safetensors file")
    for file in files:
        try:
            with safe_open(file, framework="pt"):
                pass
        except (SafetensorError, OSError) as error:
            raise component.error(f"{file} is not a whole safetensors file: {error}", fix="fetch the file again") from error


def _check_keys(component: Component, info: Mapping[str, Collection[Any]]) -> None:
    """A network that is partly random, or a checkpoint that is partly unused, is another architecture's."""
    labels = {"missing_keys": "missing", "unexpected_keys": "unknown", "mismatched_keys": "of another shape"}
    complaints = [f"{label} {_few(info[key])}" for key, label in labels.items() if info[key]]
    if complaints:
        raise component.error(f"the weights in {component.folder} are not those of its config.json: {'; '.join(complaints)}")


def _few(keys: Collection[Any]) -> str:
    """Three names; a key of another shape comes with its shapes."""
    names = sorted(key if isinstance(key, str) else str(key[0]) for key in keys)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@contextmanager
def _quietly(loadable: Loadable) -> Iterator[None]:
    """Hush the library's report and bars: what matters in them is raised as an error here."""
    library = loadable.module.partition(".")[0]
    bars: Any = import_module(f"{library}.utils.logging")  # both libraries have the same, untyped module
    logger = logging.getLogger(library)
    level, shown = logger.level, bars.is_progress_bar_enabled()
    logger.setLevel(logging.CRITICAL)
    bars.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(level)
        if shown:
            bars.enable_progress_bar()


def read_json(path: Path, where: str) -> Mapping[str, Any]:  # JSON
    """A JSON object from a file. Raises ModelError if it cannot be read, or is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}", where=where, fix="fetch the file again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a JSON object", where=where, fix="fetch the file again")
    return content
