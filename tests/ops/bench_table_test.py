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

    # A device with memory of its own is measured by what it shows itself, a type's products by products of that type; the host by its own.
    shown = run(BENCH, "--suite", "ops", "--filter", "^op_(sum|matmul_512_f64)$", "--backend", "builtin,fakegpu:0", "--min-time", "0.01", "--repeats", "1",
                "--json", str(ours))
    told = json.loads(ours.read_text())
    (device, of_device), of_host = *told["device_limits"].items(), told["limits"]
    assert of_device["what"] == f"the best that {device} showed: read by sums, written by fills, both by -x and x + y", of_device
    assert [p["type"] for p in of_device["products"]] == ["float", "double", "f16", "bf16"], of_device
    double = of_device["products"][1]
    assert double["what"] == f"the best that {device} showed at a product of {double['side']} x {double['side']} by {double['side']} x {double['side']}", double
    memory = [m for m in of_device["memory"] if m["mib"] <= 64][-1]
    host_memory = next(m for m in of_host["memory"] if m["mib"] == 64)
    found = {(r["workload"], r["backend"]): r for r in told["results"]}
    for key, least in ((("op_sum", device), (1 << 26) * 1e-9 / max(memory["read_gb_per_s"], memory["both_gb_per_s"])),
                       (("op_sum", "builtin"), (1 << 26) * 1e-9 / host_memory["read_gb_per_s"]),
                       (("op_matmul_512_f64", device), 2 * 512**3 * 1e-9 / double["gflop_per_s"]),
                       (("op_matmul_512_f64", "builtin"), 2 * 512**3 * 1e-9 / of_host["gflop_per_s"])):
        assert math.isclose(found[key]["share_of_limit"], least / found[key]["min_s"], rel_tol=1e-9), (key, least, told)
    # Where steps weren't waited for, they would seem hundreds of times as quick as anything that the device showed.
    assert all(found[w, device]["share_of_limit"] < 20 for w in ("op_sum", "op_matmul_512_f64")), found
    assert f"limits of {device}, the best that it showed: " in shown and "limits of the host, by plain loops: " in shown, shown
    assert f" double {double['gflop_per_s']:.0f} GFLOP/s at {double['side']} x " in shown, shown
    _, limits, _, head, _, *rows = run(sys.executable, "-B", SCRIPT, "--rates", str(ours)).splitlines()
    assert limits.startswith(f"The best that {device} showed: ") and f"double {double['gflop_per_s']:.0f} GFLOP/s (side {double['side']})" in limits, limits
    best = min((found["op_sum", b] for b in ("builtin", device)), key=lambda r: r["min_s"])
    assert f"| {100 * best['share_of_limit']:.0f} % of {best['backend']} |" in rows[0], rows
