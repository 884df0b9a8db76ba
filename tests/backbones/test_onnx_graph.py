"""ONNX files are data: whole, and about nothing but themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazenet.backbones.onnx_graph import OnnxNetwork, read_graph
from gazenet.errors import UsageError
from gazenet.export.onnx_export import facts_of, open_session

onnx = pytest.importorskip("onnx")


def doubling(name: str = "weight") -> Any:
    """y = weight * x, with a weight of 4 numbers."""
    from onnx import TensorProto, helper, numpy_helper

    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [4]) for end in ("x", "y")]
    weight = numpy_helper.from_array(np.full(4, 2, np.float32), name)
    node = helper.make_node("Mul", ["x", name], ["y"])
    graph = helper.make_graph([node], "doubling", ends[:1], ends[1:], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def lead_elsewhere(tensor: Any, location: str) -> None:
    """The tensor's data is in another file now."""
    del tensor.external_data[:]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location


def in_an_attribute(model: Any) -> Any:
    """As an initializer, but in the attribute of a constant node inside a branch."""
    from onnx import helper

    weight = model.graph.initializer[0]
    inner = helper.make_graph([helper.make_node("Constant", [], ["weight"], value=weight)], "branch", [], [])
    branch = helper.make_node("If", ["x"], ["weight"], then_branch=inner, else_branch=inner)
    model.graph.node.insert(0, branch)
    del model.graph.initializer[:]
    return model.graph.node[0].attribute[0].g.node[0].attribute[0].t


@pytest.mark.promise("no code from data")
@pytest.mark.parametrize("place", ["initializer", "attribute"])
@pytest.mark.parametrize("location", ["weights.bin", "../secret", "/etc/passwd"])
def test_weights_in_other_files_are_refused(place: str, location: str, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(np.full(4, 2, np.float32).tobytes())
    model = doubling()
    lead_elsewhere(model.graph.initializer[0] if place == "initializer" else in_an_attribute(model), location)
    file = tmp_path / "net.onnx"
    file.write_bytes(model.SerializeToString())
    for opener in (read_graph, OnnxNetwork, open_session, facts_of):
        with pytest.raises(UsageError, match=rf"net\.onnx: its weights lie in another file \('{location}'\)"):
            opener(file)


def test_a_whole_file_runs(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(doubling().SerializeToString())
    (found,) = OnnxNetwork(tmp_path / "net.onnx")(np.arange(4, dtype=np.float32))
    assert found.tolist() == [0, 2, 4, 6]
    assert open_session(tmp_path / "net.onnx").run(None, {"x": np.ones(4, np.float32)})[0].tolist() == [2] * 4


@pytest.mark.parametrize(("data", "said"), [(None, "no such file"), (b"", "not an ON"), (b"\xff" * 99, "not an ON")])
def test_what_is_no_network_is_refused(data: bytes | None, said: str, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(UsageError, match=rf"net\.onnx: {said}"):
        OnnxNetwork(tmp_path / "net.onnx")
