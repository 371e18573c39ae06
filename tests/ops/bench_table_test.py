"""bench_table_test.py BENCH SCRIPT: the table of docs/benchmarks.md from files of mushin-bench and of another program."""
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH, SCRIPT = sys.argv[1:]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


with tempfile.TemporaryDirectory() as folder:
    ours, theirs = Path(folder) / "ours.json", Path(folder) / "theirs.json"
    run(BENCH, "--filter", "^small_op_overhead$", "--backend", "builtin", "--min-time", "0.01", "--repeats", "1", "--json", str(ours))
    caption, _, head, _, row = run(sys.executable, "-B", SCRIPT, str(ours)).splitlines()
    assert re.search(r"\d+ cores, .*: mushin [\d.]+ \(\w+ [\d.]+\)", caption), caption
    assert head == "| workload | builtin | peak memory |", head
    assert re.fullmatch(r"\| `small_op_overhead` \| [\d.]+ [num]?s \| \d+ MiB \|", row), row

    # Figures that are known: the best of two variants, the least of two runs, a workload that only the other program has.
    entry = json.loads(ours.read_text())["results"][0]
    times = (("builtin", 3e-3), ("onednn", 2.5e-3), ("builtin", 2e-3), ("builtin", 4e-3))
    ours.write_text(json.dumps({"results": [{**entry, "min_s": s, "peak_rss_mib": 9.6, "backend": b} for b, s in times]}))
    times = {"small_op_overhead|torch|plain": 0.0123, "small_op_overhead|torch|fused": 5e-3, "small_op_overhead|torch|cl": 6e-3,
             "small_op_overhead|jax|plain": 0.5, "startup|jax|plain": 1}
    theirs.write_text(json.dumps({"results": {key + "|2": {"min_s": s, "peak_rss_mib": 700} for key, s in times.items()}}))
    caption, _, head, _, *rows = run(sys.executable, "-B", SCRIPT, str(ours), str(theirs)).splitlines()
    assert head == "| workload | builtin | onednn | PyTorch | JAX | to the best peer | peak memory |", head
    assert rows == ["| `small_op_overhead` | 2.00 ms | 2.50 ms | 5.00 ms | 500 ms | 2.50 | 10 MiB (PyTorch 700, JAX 700) |"], rows

    # The memory of a training step.
    run(BENCH, "--filter", "^mlp_tiny_step$", "--backend", "builtin", "--min-time", "0.01", "--repeats", "1", "--json", str(ours))
    assert all(r["peak_rss_mib"] > 1 for r in json.loads(ours.read_text())["results"])

    # What a sum of 64 MiB is measured by: memory of the same size.
    run(BENCH, "--filter", "^reduce_sum_rows_4096$", "--backend", "builtin", "--min-time", "0.01", "--repeats", "1", "--json", str(ours))
    told = json.loads(ours.read_text())
    limit, (result,) = next(m for m in told["limits"]["memory"] if m["mib"] == 64), told["results"]
    least = 4096 * 4096 * 4e-9 / limit["read_gb_per_s"]
    assert math.isclose(result["share_of_limit"], least / result["min_s"], rel_tol=1e-9), told
    *_, head, _, row = run(sys.executable, "-B", SCRIPT, "--rates", str(ours)).splitlines()
    assert head == "| workload | builtin | rate | of the limit | peak memory |", head
    rate = f"{result['gb_per_s']:.1f} GB/s | {100 * result['share_of_limit']:.0f} %"
    assert re.fullmatch(r"\| `reduce_sum_rows_4096` \| [\d.]+ [um]s \| " + re.escape(rate) + r" \| \d+ MiB \|", row), row
