"""Configs: find, read, change and check them; every error names the file, the key and the remedy."""

from __future__ import annotations

import difflib
import json
import logging
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from pydantic import BaseModel, ValidationError

from gazenet.config.inference import InferConfig
from gazenet.config.inference_experiments import config_data, find_infer, infer_names
from gazenet.config.legacy import convert, is_legacy
from gazenet.config.overrides import apply, parse_set
from gazenet.config.placeholders import substitute
from gazenet.config.strict_json import parse
from gazenet.config.training_experiment_data import train_data
from gazenet.config.training_experiments import experiment_names, find_experiment
from gazenet.errors import UsageError

if typing.TYPE_CHECKING:
    from gazenet.config.training import TrainConfig

Kind = Literal["infer", "train"]
_Model = TypeVar("_Model", bound=BaseModel)
_MAX_BYTES = 4_000_000
_FIRST = 0x10FF80
_HIDE = {0xDC80 + k: _FIRST + k for k in range(128)}
_RESTORE = {stand_in: byte for byte, stand_in in _HIDE.items()}
"""A byte of a file name that is not UTF-8 is a lone surrogate, which JSON cannot contain: while a config is checked, a
private-use character replaces it."""
_LOG = logging.getLogger(__name__)


def config_names(kind: Kind) -> list[str]:
    """Return the names of the installed configs of a kind, sorted.

    >>> import gazenet
    >>> gazenet.config_names("infer")
    ['InferRealtime', 'default', 'released']
    """
    folder = resources.files("gazenet_configs") / kind
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".json"))


def config_summaries(kind: Kind) -> dict[str, str]:
    """Return the summaries of the installed configs of a kind, by name; of a broken file, the error."""
    summaries = {}
    for name in config_names(kind):
        try:
            summaries[name] = str(read_config(kind, name)[0].get("summary", ""))
        except UsageError as error:
            summaries[name] = f"(broken: {error})"
    return summaries


Placeholders = Mapping[str, str | None]
NO_PLACEHOLDERS: Placeholders = types.MappingProxyType({})


@overload
def load_config(
    kind: Literal["infer"], name: str | Path, sets: Sequence[str] = (), placeholders: Placeholders = ...
) -> InferConfig: ...
@overload
def load_config(
    kind: Literal["train"], name: str | Path, sets: Sequence[str] = (), placeholders: Placeholders = ...
) -> TrainConfig: ...


def load_config(
    kind: Kind, name: str | Path, sets: Sequence[str] = (), placeholders: Placeholders = NO_PLACEHOLDERS
) -> InferConfig | TrainConfig:
    """Load a config, apply changes and check it. Raises UsageError.

    Args:
        kind: "infer" or "train".
        name: an installed or published config, or a file (a path, or a text that ends in .json). Files of the
            original release are converted; keys without a counterpart are logged as warnings.
        sets: texts ``key.path=value``; the value is JSON, else a plain string.
        placeholders: replacements of ``@NAME`` in the texts of the config.

    >>> import gazenet
    >>> config = gazenet.load_config("infer", "default", ["faces.score=0.5", "outputs.report=false"])
    >>> config.faces.score, config.outputs.report
    (0.5, False)
    """
    data, where = read_config(kind, name, placeholders)
    return validate(model_of(kind), data, where, sets)


def model_of(kind: Kind) -> type[InferConfig] | type[TrainConfig]:
    """Return the model of a kind; the training model is imported only on demand."""
    if kind == "infer":
        return InferConfig
    from gazenet.config.training import TrainConfig

    return TrainConfig


def read_config(
    kind: Kind, name: str | Path, placeholders: Placeholders = NO_PLACEHOLDERS
) -> tuple[dict[str, Any], str]:
    """Return the raw object of a config, and its name in errors. Raises UsageError."""
    if isinstance(name, Path) or name.endswith(".json") or "/" in name:
        data, where = read_file(Path(name)), str(name)
    else:
        data, where = _read_by_name(kind, name)
    if placeholders:
        data = substitute(data, placeholders)
        _refuse_code(data, where, "")
    if is_legacy(data):
        data, notes = convert(kind, data, Path(name).stem, where)
        for note in notes:
            _LOG.warning("%s: %s", where, note)
    return data, where


def _read_by_name(kind: Kind, name: str) -> tuple[dict[str, Any], str]:
    """Return an installed or published config, and its name in errors."""
    installed = config_names(kind)
    if name in installed:
        where = f"config {name}"
        text = (resources.files("gazenet_configs") / kind / f"{name}.json").read_text(encoding="utf-8")
        return _parse_object(text, where), where
    experiment, infer = find_experiment(name), find_infer(name)
    if kind == "train" and experiment is not None:
        return train_data(experiment), f"experiment {name}"
    if kind == "infer" and infer is not None:
        return config_data(infer), f"config {name}"
    published = published_names(kind)
    hint = suggest(name, [*installed, *published])
    what = "experiments" if kind == "train" else "configs"
    raise UsageError(
        f"--{kind}_config {name}: no such config{hint}; known: {', '.join(installed)} and {len(published)} published "
        f"{what} (--list)"
    )


def published_names(kind: Kind) -> list[str]:
    """Return the names of the published configs of a kind, which are generated, not read from files."""
    return experiment_names() if kind == "train" else infer_names()


def read_file(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raises UsageError for a file that is unreadable or not a plain JSON object."""
    where = str(path)
    try:
        if path.is_dir():
            raise UsageError(f"{where}: is a folder: name a .json file")
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{where}: no such file") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{where}: cannot read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > _MAX_BYTES:
        raise UsageError(f"{where}: is larger than {_MAX_BYTES} bytes: not a config")
    try:
        return _parse_object(raw.decode("utf-8"), where)
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: byte {error.start} is not UTF-8: save the file as UTF-8") from None


def _parse_object(text: str, where: str) -> dict[str, Any]:
    data = parse(text, where)
    if not isinstance(data, dict):
        raise UsageError(f"{where}: the top level must be an object {{...}}")
    data.pop("$schema", None)
    _refuse_code(data, where, "")
    return data


def _refuse_code(value: Any, where: str, key: str) -> None:
    if isinstance(value, str) and "eval(" in value:
        raise UsageError(
            f"{where}: {key}: 'eval(' is not evaluated, because configs hold data, not code: write the value itself "
            f'(or "@NAME" and pass --@NAME VALUE), or pass --set {key}=VALUE'
        )
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for name, item in items:
        _refuse_code(item, where, f"{key}.{name}" if key else str(name))


def validate(model: type[_Model], data: dict[str, Any], where: str, sets: Sequence[str] = ()) -> _Model:
    """Check ``data`` against ``model``, apply ``sets`` and check again. Raises UsageError naming file, key, remedy.

    Values are set on the config with its defaults, so that ``extractors.0.stride`` can change a default; where the
    file alone is not valid they are set on its own keys.
    """
    changes = [parse_set(text) for text in sets]
    for change in changes:
        _refuse_code(change.value, "--set", change.key)
    try:
        checked = _check(model, data)
    except ValidationError as error:
        if not changes:
            raise UsageError(explain(error, model, where)) from None
        base = data
    else:
        if not changes:
            return checked
        base, where = checked.model_dump(mode="json"), "--set"
    for change in changes:
        base = apply(base, change)
    try:
        return _check(model, base)
    except ValidationError as error:
        raise UsageError(explain(error, model, where, {change.key for change in changes})) from None


def _check(model: type[_Model], data: dict[str, Any]) -> _Model:
    # Strict JSON mode: a list becomes a tuple, but "640" never becomes a number.
    text = json.dumps(data, ensure_ascii=False)
    safe = text.translate(_HIDE)
    checked = model.model_validate_json(safe, strict=True)
    return checked if safe == text else _restored_model(checked)


def _restored_model(model: _Model) -> _Model:
    """Return a copy of a checked config with the bytes of file names restored."""
    return model.model_copy(update={name: _restored(getattr(model, name)) for name in type(model).model_fields})


def _restored(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_RESTORE)
    if isinstance(value, BaseModel):
        return _restored_model(value)
    if isinstance(value, dict):
        return {_restored(key): _restored(item) for key, item in value.items()}
    return type(value)(_restored(item) for item in value) if type(value) in (list, tuple) else value


def explain(error: ValidationError, model: type[BaseModel], where: str, set_keys: Iterable[str] = ()) -> str:
    """Return one line for the first fault of a ValidationError, with the number of further faults."""
    faults = error.errors(include_url=False)
    first = faults[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    from_set = any(key == name or key.startswith(f"{name}.") or name.startswith(f"{key}.") for name in set_keys)
    source = "--set" if key and from_set else where
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return ": ".join(part for part in (source, key, _message(dict(first), model, path)) if part) + more


def _message(fault: dict[str, Any], model: type[BaseModel], path: list[str]) -> str:
    kind, text = fault["type"], str(fault["msg"])
    if kind == "extra_forbidden":
        keys = _keys_at(model, path[:-1])
        return f"unknown key{suggest(path[-1], keys)}; known here: {', '.join(keys)}"
    if kind == "missing":
        return "is required: add it"
    if kind == "value_error":
        return text.removeprefix("Value error, ")
    if kind == "too_short":
        text = f"needs at least {fault['ctx']['min_length']} entries"
    if kind == "string_type" and isinstance(fault.get("input"), bool | int | float):
        text += f" (in double quotes: {json.dumps(str(fault['input']))})"
    value = json.dumps(fault.get("input"), default=str)
    return f"{text[0].lower() + text[1:]}, not {value if len(value) <= 60 else value[:57] + '...'}"


def suggest(word: str, valid: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` with the nearest valid word, or an empty text."""
    near = difflib.get_close_matches(word, list(valid), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _keys_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """Return the keys that a config may have at ``path``; list positions are skipped."""
    for part in path:
        if part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the first model class inside an annotation such as ``tuple[Model, ...]`` or ``Model | None``."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    for argument in typing.get_args(annotation):
        model = _model_in(argument)
        if model is not None:
            return model
    return None
