"""A cluster of one machine is reached from this machine alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ipaddress, os, sys
from gazenet.inference.distributed.cluster import RayEngine

def inodes(process):
    for link in os.scandir(f"/proc/{process}/fd"):
        try:
            target = os.readlink(link.path)
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]

def family(root):
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents[int(name)] = int(open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[1])
        except OSError:
            continue
    members, before = {root}, set()
    while members != before:
        before = set(members)
        members |= {child for child, parent in parents.items() if parent in members}
    return members

with RayEngine("local"):
    own = set()
    for process in family(os.getpid()):
        try:
            own |= set(inodes(process))
        except OSError:
            continue
    listening = []
    for table in ("tcp", "tcp6"):
        for row in open(f"/proc/net/{table}").read().splitlines()[1:]:
            cells = row.split()
            if cells[3] == "0A" and cells[9] in own:
                words = bytes.fromhex(cells[1].partition(":")[0])
                turned = b"".join(words[k : k + 4][::-1] for k in range(0, len(words), 4))
                listening.append(ipaddress.ip_address(turned))
    told = [str(one) for one in listening if not (getattr(one, "ipv4_mapped", None) or one).is_loopback]
    print(len(listening), " ".join(told))
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are listed under /proc on Linux alone")
@pytest.mark.slow
def test_a_local_cluster_listens_on_loopback_alone() -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=240, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    count, _, outside = done.stdout.splitlines()[-1].partition(" ")
    assert int(count) > 2 and outside == "", done.stdout
