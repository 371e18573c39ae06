"""bench_table.py FILE…: prints the table of docs/benchmarks.md from what `mushin-bench --json FILE` wrote.

The least time of each workload on each backend and the peak memory on the last of them. Files of other programs have results by
`workload|program|variant|threads`; of each program the best variant is taken, and the last column says how many times faster mushin is than the
best of them.
"""
import json
import sys

NAMES = {"torch": "PyTorch", "jax": "JAX", "mlx": "MLX", "numpy": "NumPy"}


def time_text(seconds):
    """Three digits and a unit: 2.19 ms."""
    unit, size = next(((u, s) for u, s in (("s", 1), ("ms", 1e-3), ("us", 1e-6)) if seconds >= s), ("ns", 1e-9))
    number = seconds / size
    return f"{number:.{2 if number < 10 else 1 if number < 100 else 0}f} {unit}"


def read(files):
    """Of each workload the results by backend and by other program; both lists of names in their order."""
    rows, backends, others = {}, [], []
    for name in files:
        results = json.load(open(name))["results"]
        ours = isinstance(results, list)
        for key, r in ((None, r) for r in results) if ours else results.items():
            workload, who = (r["workload"], r["backend"]) if ours else key.split("|")[:2]
            if "min_s" not in r:
                continue
            names = backends if ours else others
            names += [who] if who not in names else []
            best = rows.setdefault(workload, {}).get(who)
            if best is None or r["min_s"] < best["min_s"]:
                rows[workload][who] = r
    return {w: r for w, r in rows.items() if any(b in r for b in backends)}, backends, others


def table(files):
    rows, backends, others = read(files)
    head = ["workload", *backends, *(NAMES.get(o, o) for o in others), *(["to the best peer"] if others else []), "peak memory"]
    lines = [head, ["---"] * len(head)]
    for workload, r in rows.items():
        least = {who: r[who]["min_s"] for who in r}
        ours, theirs = [least[b] for b in backends if b in r], [least[o] for o in others if o in r]
        line = [f"`{workload}`", *(time_text(least[who]) if who in r else "" for who in backends + others)]
        if others:
            line.append(f"{min(theirs) / min(ours):.2f}" if theirs else "")
        line.append(f"{[r[b]['peak_rss_mib'] for b in backends if b in r][-1]:.0f} MiB")
        lines.append(line)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("|  |", "| |").replace("|  |", "| |")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__.split("\n", maxsplit=1)[0])
    print(table(sys.argv[1:]))
