"""From tables and families of tables to items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gazenet.data.split_selection import expand_tables, families, result_name, rows_of, select_items
from gazenet.errors import UsageError

HEAD = "video_id,fps,scene_type,dataset\n"


class One:
    still = False
    path = Path("x.mp4")
    size = (4, 4)

    def __init__(self, name: str) -> None:
        self.name = name


class Some:
    """A data set of these names."""

    sigma, reference_width = 1.0, 4

    def __init__(self, name: str, items: Sequence[str]) -> None:
        self.name, self._items = name, [One(item) for item in items]

    def items(self) -> Any:
        return self._items


def names(collection: Some, *more: Any) -> list[str]:
    return [item.name for item in select_items(collection, *more)]


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "mine.csv"
    lines = ["b,25,Social,diem", "a,25,Social,diem", "c,25,Nature,diem", "a,25,Social,mvva", "b,25,Social,diem"]
    path.write_text(HEAD + "\n".join(lines) + "\n")
    return str(path)


def test_families_become_tables_and_tables_stay() -> None:
    assert expand_tables(["ave"]) == ["train_ave", "validation_ave", "test_ave"]
    assert expand_tables(["ave", "x.csv"], ["test"]) == ["test_ave", "x.csv"]
    assert expand_tables(["test_ave", "train"], ["validation"]) == ["test_ave", "train"]
    assert "ave" in families() and "test_findwho" not in families()
    with pytest.raises(UsageError, match=r"split stavis_1: has no part validation; it has train, test"):
        expand_tables(["stavis_1"], ["validation"])


def test_rows_are_social_of_the_data_set_and_once(table: str) -> None:
    assert [row.video_id for row in rows_of([table], [], "diem")] == ["b", "a"]
    assert [row.dataset for row in rows_of([table, table], [], "processed")] == ["diem", "diem", "mvva"]
    both = rows_of(["ave"], [], "coutrot1")
    assert len(both) == sum(len(rows_of([part], [], "coutrot1")) for part in expand_tables(["ave"]))
    with pytest.raises(UsageError, match=r"mine\.csv: has no Social row of data set osie; it has diem, mvva"):
        rows_of([table], [], "osie")
    with pytest.raises(UsageError, match=r"split avv: no such split.*families of them: ave, .*or a \.csv of your own"):
        rows_of(["avv"], [], "diem")


def test_items_in_the_order_of_the_table(table: str) -> None:
    assert names(Some("diem", ["a", "b", "z"]), [table]) == ["b", "a"]
    assert names(Some("diem", ["a", "b", "z"])) == ["a", "b", "z"]
    assert names(Some("diem", ["a", "b", "z"]), [], [], ["z", "a"]) == ["z", "a"]
    assert names(Some("diem", ["a", "b", "z"]), [table], [], ["a", "z"]) == ["a"]
    assert names(Some("processed", ["mvva/a", "diem/b", "diem/a"]), [table]) == ["diem/b", "diem/a", "mvva/a"]


def test_what_is_not_there_is_named(table: str) -> None:
    with pytest.raises(UsageError, match=r"data set diem: 1 of 2 videos are missing: b$"):
        names(Some("diem", ["a"]), [table])
    with pytest.raises(UsageError, match=r"data set diem: 7 of 7 videos are missing: p0, .*, p5 and 1 more"):
        names(Some("diem", ["a"]), [], [], [f"p{k}" for k in range(7)])
    with pytest.raises(UsageError, match=r"data set diem: none of z is in .*mine\.csv"):
        names(Some("diem", ["a", "b", "z"]), [table], [], ["z"])


@pytest.mark.parametrize(("name", "told"), [("clip_1", "clip_1"), ("diem/a", "diem-a"), ("1001.jpg", "1001")])
def test_names_of_results(name: str, told: str) -> None:
    assert result_name(One(name)) == told  # type: ignore[arg-type]
