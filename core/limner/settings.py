"""Where things are and what secrets there are: the `LIMNER_*` environment, typed. Never from YAML."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from limner.errors import ConfigurationError

PREFIX = "LIMNER_"
KNOWN = {
    "LIMNER_PROJECT": "folder that holds pipelines.yaml",
    "LIMNER_STATE": "folder for the database, images and leases; .limner beside pipelines.yaml by default",
    "LIMNER_DATABASE_URL": "SQLAlchemy URL of the audit database; SQLite in the state folder by default",
    "LIMNER_KEYS": "folder for keys; keys in the state folder by default",
    "LIMNER_HEADS": "where heads of the record go besides the state folder: folders, and commands after |, with commas",
    "LIMNER_DEVICES": "torch devices to run accelerator steps on, with commas; found by itself by default",
    "LIMNER_PRECISION": "float32, bfloat16 or float16 for accelerator steps; chosen for the device by default",
    "LIMNER_LONGEST_PROMPT": "characters that a prompt may have; 4000 by default",
    "LIMNER_PLUGINS": "plugins that may load, with commas; all that are installed by default",
}
PRECISIONS = ("float32", "bfloat16", "float16")
LONGEST_PROMPT = 4_000  # characters, as in the image APIs people know
DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of one process. `plugins` None lets every installed plugin load; `devices` empty means find them."""

    project: Path | None
    state: Path | None
    database_url: str
    keys: Path | None
    heads: tuple[str, ...]
    devices: tuple[str, ...]
    precision: str
    plugins: frozenset[str] | None
    longest_prompt: int = LONGEST_PROMPT

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings. An unknown `LIMNER_*` variable, or a value that cannot be, is a ConfigurationError."""
        env = os.environ if environment is None else environment
        _refuse_unknown(env)
        plugins = _names(env.get("LIMNER_PLUGINS", ""))
        return cls(
            project=_path(env, "LIMNER_PROJECT"),
            state=_path(env, "LIMNER_STATE"),
            database_url=_database_url(env),
            keys=_path(env, "LIMNER_KEYS"),
            heads=_names(env.get("LIMNER_HEADS", "")),
            devices=_names(env.get("LIMNER_DEVICES", "")),
            precision=_precision(env),
            plugins=frozenset(plugins) if "LIMNER_PLUGINS" in env else None,
            longest_prompt=_count(env, "LIMNER_LONGEST_PROMPT", LONGEST_PROMPT),
        )


def _refuse_unknown(env: Mapping[str, str]) -> None:
    from difflib import get_close_matches

    for name in env:
        if name.startswith(PREFIX) and name not in KNOWN:
            near = get_close_matches(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in KNOWN], n=1)
            fix = f"did you mean {PREFIX}{near[0]}?" if near else f"known: {', '.join(KNOWN)}"
            raise ConfigurationError(f"{name} is not a setting of Limner", where="environment", fix=fix)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _path(env: Mapping[str, str], name: str) -> Path | None:
    return Path(env[name]).expanduser().resolve() if env.get(name) else None


def _precision(env: Mapping[str, str]) -> str:
    value = env.get("LIMNER_PRECISION", "")
    if value and value not in PRECISIONS:
        raise ConfigurationError(f"LIMNER_PRECISION is {value!r}", where="environment", fix=f"one of {', '.join(PRECISIONS)}")
    return value


def _count(env: Mapping[str, str], name: str, default: int) -> int:
    value = env.get(name, "") or str(default)
    if not (value.isascii() and value.isdigit() and len(value) < 8 and int(value) > 0):
        raise ConfigurationError(f"{name} is {value!r}, not a number above 0", where="environment")
    return int(value)


def _database_url(env: Mapping[str, str]) -> str:
    value = env.get("LIMNER_DATABASE_URL", "")
    if value and value.split(":", 1)[0].split("+", 1)[0] not in DATABASES:
        raise ConfigurationError(
            "LIMNER_DATABASE_URL names a database that Limner does not keep its record in",
            where="environment",
            fix="sqlite:///path or postgresql://user@host/name",
        )
    return value
