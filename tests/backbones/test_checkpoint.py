"""Every harmless way to save weights loads, without running code; what is left wrong is named."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import pathlib
import pickle
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoint_files import fresh, prefixed, save_as_tar, small
from safetensors.torch import save_file
from torch import Tensor, nn

from gazenet.backbones.checkpoint import load_published, read_content, read_state
from gazenet.errors import UsageError

STATE = small().state_dict()


def loads(path: Path) -> None:
    """The file's weights are in a network afterwards, and are found without knowing the network."""
    network = fresh()
    load_published(network, path)
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, STATE[key], rtol=1e-2, atol=1e-2)
    assert "conv.weight" in {key.removeprefix("backbone.") for key in read_state(path)}


EXTRAS = {
    "numpy score": np.float64(0.3),
    "numpy single": np.float32(0.3),
    "numpy integer": np.int64(3),
    "numpy truth": np.bool_(True),
    "numpy array": np.arange(6.0).reshape(2, 3),
    "numpy matrix by columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "numpy dtype": np.dtype("float32"),
    "numpy class": np.float32,
    "command line": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("x"), inner=argparse.Namespace(a=1)),
    "simple namespace": types.SimpleNamespace(a=1),
    "default dictionary": collections.defaultdict(list, a=[1]),
    "nested default dictionary": collections.defaultdict(dict, a={"b": 1}),
    "counter": collections.Counter("abca"),
    "ordered": collections.OrderedDict(a=1),
    "queue": collections.deque([1, 2], maxlen=5),
    "set": {1, 2},
    "frozen set": frozenset({1}),
    "path": pathlib.Path("/data/x"),
    "date": datetime.date(2020, 1, 2),
    "time": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
    "duration": datetime.timedelta(1),
    "decimal": decimal.Decimal("0.1"),
    "size": torch.Size([1, 2]),
    "device": torch.device("cpu"),
    "dtype": torch.float16,
    "version": torch.__version__,
    "tensor": torch.tensor(3.0),
    "random state": torch.get_rng_state(),
    "numpy random state": np.random.get_state(),
    "complex": 1j,
    "bytes": b"\x00\xff",
    "bytearray": bytearray(b"x"),
    "class": int,
    "slice": slice(1, 2),
    "nothing": None,
    "large number": 1 << 100,
    "text": "ü" * 300,
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("extra", EXTRAS.values(), ids=EXTRAS)
def test_plain_values_beside_the_weights(extra: object, zipped: bool, protocol: int, tmp_path: Path) -> None:
    content = {"epoch": 3, "extra": extra, "state_dict": STATE, "list": [extra]}
    path = tmp_path / "x.pth"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    loads(path)


OPTIMISER = torch.optim.Adam(small().parameters())
for parameter in OPTIMISER.param_groups[0]["params"]:
    parameter.grad = torch.ones_like(parameter)
OPTIMISER.step()
LIGHTNING = {
    "epoch": 1,
    "global_step": 10,
    "pytorch-lightning_version": "2.0",
    "state_dict": prefixed(STATE, "model."),
    "loops": {"fit_loop": {"state_dict": {}}},
    "callbacks": {"ModelCheckpoint{}": {"best_model_score": torch.tensor(0.1), "best_k_models": {}}},
    "optimizer_states": [OPTIMISER.state_dict()],
    "lr_schedulers": [{"last_epoch": 1}],
    "hyper_parameters": argparse.Namespace(lr=0.1),
}
WRAPPED: dict[str, Any] = {
    **{name: {name: STATE} for name in ("state_dict", "model", "model_state_dict", "net", "module", "network")},
    **{name: {name: STATE} for name in ("ema", "params", "params_ema", "weights", "netG", "state_dict_ema")},
    "nested": {"model": {"state_dict": STATE}},
    "deep": {"state_dict": {"model": {"net": STATE}}, "epoch": 1},
    "list": [3, STATE],
    "tuple": (3, STATE, OPTIMISER.state_dict()),
    "list in a wrapper": {"model": [STATE, 3]},
    "optimiser": {"optimizer": OPTIMISER.state_dict(), "model": STATE, "scheduler": {"last_epoch": 2}},
    "lightning": LIGHTNING,
    "counters": {"model": STATE | {"total_ops": torch.zeros(1), "conv.total_params": torch.zeros(1)}},
    "averaged": {"n_averaged": torch.tensor(4), **prefixed(STATE, "module.")},
    "plain numbers among weights": {**STATE, "epoch": 3, "best": 0.5, "arch": "resnet"},
    "parameters": {key: nn.Parameter(value) if value.is_floating_point() else value for key, value in STATE.items()},
    "arrays": {key: value.numpy() for key, value in STATE.items()},
    "half": {key: value.half() if value.is_floating_point() else value for key, value in STATE.items()},
    "brain": {key: value.bfloat16() if value.is_floating_point() else value for key, value in STATE.items()},
    "double": {key: value.double() if value.is_floating_point() else value for key, value in STATE.items()},
    "views": {key: torch.stack([value, value])[1] for key, value in STATE.items()},
    "without counters": {key: value for key, value in STATE.items() if "num_batches" not in key},
    "counters of length one": {key: value.view(1) if "num_batches" in key else value for key, value in STATE.items()},
    "counters that nothing counts": STATE | {"conv.num_batches_tracked": torch.tensor(1)},
    "metadata": {**STATE, "_metadata": {"": {"version": 1}}},
}


@pytest.mark.parametrize("content", WRAPPED.values(), ids=WRAPPED)
def test_wrappers_and_forms(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.pth")
    loads(tmp_path / "x.pth")


PREFIXES = [
    "module.", "model.", "model.module.", "module.model.", "_orig_mod.", "net.", "network.", "module._orig_mod.",
    "_orig_mod.module.", "model._orig_mod.module.net.", "module.module.", "model.model.", "backbone.",
    "_fsdp_wrapped_module.", "model._fsdp_wrapped_module.",
]  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes(prefix: str, tmp_path: Path) -> None:
    torch.save(prefixed(STATE, prefix), tmp_path / "x.pth")
    loads(tmp_path / "x.pth")


def test_prefixes_inside(tmp_path: Path) -> None:
    state = {key.replace("head.", "head.module.").replace("conv.", "conv._orig_mod."): v for key, v in STATE.items()}
    torch.save(state, tmp_path / "x.pth")
    loads(tmp_path / "x.pth")


def test_a_network_whose_own_keys_begin_like_a_wrapper(tmp_path: Path) -> None:
    """``model.`` before some keys, or all, belongs to this network and stays."""
    for parts in ({"model": nn.Linear(2, 2), "head": nn.Linear(2, 1)}, {"model": nn.Linear(2, 2)}):
        network = nn.ModuleDict(parts)
        torch.save(network.state_dict(), tmp_path / "x.pth")
        other = nn.ModuleDict({name: nn.Linear(2, len(part.weight)) for name, part in parts.items()})
        load_published(other, tmp_path / "x.pth")
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))


def test_keys_that_would_become_one_stay_two(tmp_path: Path) -> None:
    torch.save({"model.weight": torch.zeros(1), "weight": torch.ones(1)}, tmp_path / "x.pth")
    assert read_state(tmp_path / "x.pth").keys() == {"model.weight", "weight"}


FORMS: dict[str, Callable[[Path], None]] = {
    "torch 0.1": lambda path: save_as_tar(STATE, path),
    "pickle of arrays": lambda path: path.write_bytes(pickle.dumps({k: v.numpy() for k, v in STATE.items()})) and None,
    "pickle of arrays, protocol 2": lambda path: path.write_bytes(
        pickle.dumps({"model": {k: v.numpy() for k, v in STATE.items()}}, protocol=2)
    ) and None,
    "pickle of arrays, protocol 0": lambda path: path.write_bytes(
        pickle.dumps({k: v.numpy() for k, v in STATE.items()}, protocol=0)
    ) and None,
    "pickle of tensors": lambda path: path.write_bytes(pickle.dumps({"state_dict": STATE})) and None,
    "safetensors": lambda path: save_file(STATE, path),
    "protocol 5": lambda path: torch.save(STATE, path, pickle_protocol=5),
    "protocol 3, before 1.6": lambda path: torch.save(
        STATE, path, pickle_protocol=3, _use_new_zipfile_serialization=False
    ),
}  # fmt: skip


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_forms_of_files(write: Callable[[Path], None], tmp_path: Path) -> None:
    """By content, whatever the name ends in."""
    for name in ("x.pth", "x.safetensors"):
        write(tmp_path / name)
        loads(tmp_path / name)


def test_parts_in_dictionaries_of_their_own(tmp_path: Path) -> None:
    network: Any = small()
    parts = {"conv": network.conv.state_dict(), "bn": network.bn.state_dict()}
    torch.save({**parts, "head": {"0": network.head[0].state_dict()}}, tmp_path / "x.pth")
    load_published(other := fresh(), tmp_path / "x.pth")
    assert torch.equal(other.state_dict()["head.0.weight"], STATE["head.0.weight"])


def test_weights_of_a_gpu_load_without_one(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "x.pth", _use_new_zipfile_serialization=False)
    data = (tmp_path / "x.pth").read_bytes()
    (tmp_path / "x.pth").write_bytes(data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    loads(tmp_path / "x.pth")


def test_weights_that_share_memory_stay_apart_from_the_file(tmp_path: Path) -> None:
    network = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    network["b"].weight = network["a"].weight
    torch.save(network.state_dict(), tmp_path / "x.pth")
    load_published(other := nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)}), tmp_path / "x.pth")
    assert torch.equal(other["a"].weight, other["b"].weight)


def test_of_several_state_dicts_the_one_that_fits_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = {"weight": torch.zeros(3, 3), "bias": torch.zeros(3)}
    torch.save({"discriminator": other, "generator": STATE}, tmp_path / "x.pth")
    load_published(network := fresh(), tmp_path / "x.pth")
    assert torch.equal(network.state_dict()["conv.weight"], STATE["conv.weight"])
    with pytest.raises(UsageError, match=r"several state dicts \(discriminator, generator\)"):
        read_state(tmp_path / "x.pth")
    torch.save({"ema": {k: v + 1 for k, v in STATE.items()}, "state_dict": STATE}, tmp_path / "y.pth")
    assert torch.equal(read_state(tmp_path / "y.pth")["conv.weight"], STATE["conv.weight"])
    assert "loading state_dict, ignoring ema" in caplog.text


WRONG: dict[str, tuple[dict[str, Tensor], str]] = {
    "missing": ({k: v for k, v in STATE.items() if k != "conv.bias"}, r"1 keys missing \(conv\.bias\)"),
    "unexpected": (STATE | {"surplus": torch.zeros(1)}, r"1 keys unexpected \(surplus\)"),
    "unexpected number": (STATE | {"temperature": torch.zeros(())}, r"1 keys unexpected \(temperature\)"),
    "shape": (STATE | {"conv.bias": torch.zeros(5)}, r"1 keys of another shape \(conv\.bias\)"),
    "type": (STATE | {"conv.bias": torch.zeros(4, dtype=torch.int8)}, r"1 keys of another type \(conv\.bias\)"),
    "not numbers": (STATE | {"conv.bias": torch.full((4,), torch.nan)}, r"contain NaN \(conv\.bias\)"),
}


@pytest.mark.parametrize(("state", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_what_differs_is_named(state: dict[str, Tensor], message: str, prefix: str, tmp_path: Path) -> None:
    torch.save({"state_dict": prefixed(state, prefix)}, tmp_path / "x.pth")
    with pytest.raises(UsageError, match=message) as refusal:
        load_published(fresh(), tmp_path / "x.pth")
    assert "x.pth" in str(refusal.value) and "\n" not in str(refusal.value)


class Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return pathlib.Path.touch, (self.target,)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("form", ["zip", "before 1.6", "pickle", "beside"])
def test_code_never_runs(form: str, protocol: int, tmp_path: Path) -> None:
    """No code from data: a pickle that would run something is refused by name and runs nothing."""
    path, ran = tmp_path / "x.pth", tmp_path / "ran"
    if form == "pickle":
        path.write_bytes(pickle.dumps({"weight": Runs(ran)}, protocol=protocol))
    elif form == "beside":
        arrays = {key: value.numpy() for key, value in STATE.items()}
        path.write_bytes(pickle.dumps({"state_dict": arrays, "x": Runs(ran)}, protocol))
    else:
        torch.save({"x": Runs(ran)}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(UsageError, match="code in files is never run") as refusal:
        read_state(path)
    assert not ran.exists() and "\n" not in str(refusal.value)


HOSTILE = {
    "calls what it may not": b"cos\nsystem\n(S'touch ran'\ntR.",
    "by attribute": b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.",
    "a dotted name": b"\x80\x04\x8c\x08argparse\x8c\x10Namespace.__init__\x93.",
    "state of a class": b"\x80\x02cargparse\nNamespace\n}(X\x01\x00\x00\x00aK\x01ub.",
    "state of a list": b"\x80\x02](K\x01e}b.",
    "a registered extension": b"\x80\x02\x82\x01.",
    "a persistent object": b"\x80\x02X\x01\x00\x00\x00aQ.",
    "nothing on the stack": b"\x80\x02R.",
    "an endless text": b"\x80\x02X\xff\xff\xff\x7fa.",
    "a huge frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_pickles_give_one_line(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pth"
    path.write_bytes(data)
    with pytest.raises(UsageError) as refusal:
        read_content(path)
    assert str(refusal.value).startswith(f"{path}: ") and "\n" not in str(refusal.value)
    assert not (tmp_path / "ran").exists()


class DictConfig(dict):
    """Stands for a config class of another library."""


@pytest.mark.parametrize("value", [DictConfig(a=1), nn.Linear(2, 2), print, Path.touch])
def test_other_classes_are_refused_by_name(value: object, tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "config": value}, tmp_path / "x.pth")
    name = getattr(value, "__qualname__", type(value).__qualname__).rpartition(".")[2]
    with pytest.raises(UsageError, match=rf"it asks for \S*{name}|it asks for \S*getattr"):
        read_state(tmp_path / "x.pth")


def test_values_beside_the_weights_are_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the named classes are called: what stands for them keeps nothing."""
    torch.save({"a": STATE, "args": argparse.Namespace(x=1)}, tmp_path / "x.pth")
    content = read_content(tmp_path / "x.pth")
    assert isinstance(content, dict) and not isinstance(content["args"], argparse.Namespace)
    own = torch.load(tmp_path / "x.pth", weights_only=False)["args"]
    assert own.x == 1, "the library's own reader is as it was"
