"""bench_table.py [--only REGEX] [--rates] FILE…: prints a table of docs/benchmarks.md from what `mushin-bench --json FILE` wrote.
bench_table.py --page PAGE [--check]: writes the tables of a page anew; with --check it only says whether they differ, and ends with 1 if so.

The least time of each workload on each backend, of all files. Files of other programs have results by `workload|program|variant|threads`; of each
program the best variant is taken, and there is a column for how many times faster mushin is than the best of them. The last one is the peak memory on
the last backend that has the workload, and that of the others. Above the table stands whose figures they are. With --rates there is what the quickest
backend did in a second, and the part of the machine's limit that this is: of that device's, where it has memory of its own, whose limits then stand above the
table.

A page has such a table between `<!-- bench_table [--only REGEX] [--rates] FILE… -->`, with files that lie beside the page, and `<!-- end of table -->`.
"""
import argparse
import difflib
import json
import os
import re
import shlex
import sys
from pathlib import Path

NAMES = {"torch": "PyTorch", "jax": "JAX", "mlx": "MLX", "numpy": "NumPy"}
PLACE = re.compile(r"(?P<head>^<!-- bench_table (?P<arguments>[^\n]*) -->\n)(?P<table>.*?)(?P<end>^<!-- end of table -->$)", re.M | re.S)


def time_text(seconds):
    """Three digits and a unit: 2.19 ms."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        for digits, below in ((2, 9.995), (1, 99.95), (0, 999.5)):
            if seconds >= 0.9995 * size and seconds / size < below:
                return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds * 1e9:.2f} ns"


def limit_text(device, limits):
    """What mushin-bench found a device to do at best, of the largest memory that it went through."""
    if "error" in limits:
        return f"Limits of {device} are unknown: {limits['error']}."
    most = limits["memory"][-1]
    products = ", ".join(f"{p['type']} {p['gflop_per_s']:.0f} GFLOP/s (side {p['side']})" for p in limits["products"] if "gflop_per_s" in p)
    return (f"The best that {device} showed: {most['read_gb_per_s']:.1f} GB/s read, {most['write_gb_per_s']:.1f} written, {most['both_gb_per_s']:.1f} both at "
            f"once ({most['mib']:.0f} MiB); square products {products or 'none'}.")


def rate_of(result, whose=""):
    """The rate, and its part of the limit, which is named where there are several; empty where mushin-bench knew neither."""
    rate = f"{result['gflop_per_s']:.0f} GFLOP/s" if "gflop_per_s" in result else f"{result['gb_per_s']:.1f} GB/s" if "gb_per_s" in result else ""
    return [rate, f"{100 * result['share_of_limit']:.0f} %{whose}" if "share_of_limit" in result else ""]


class Measured:
    """What some files have: `rows` has of each workload the results by who computed it; `backends` and `others` are those, in their order."""

    def __init__(self, files, only="", rates=False):
        self.rates = rates
        self.rows, self.order, self.backends, self.others, self.machines, self.limits = {}, {}, [], [], {}, {}
        for name in files:
            self._read(json.loads(Path(name).read_text()), re.compile(only))
        # In mushin-bench's order; what only others have is no row.
        self.rows = {w: self.rows[w] for w in self.order}
        self.others.sort(key=lambda o: [*NAMES, o].index(o))
        if not self.rows:
            raise ValueError(f"no workload that mushin-bench measured is in {', '.join(map(str, files))}" + (f" and fits {only}" if only else ""))

    def _read(self, told, only):
        results = told["results"]
        ours = isinstance(results, list)
        versions = set()
        for key, r in ((None, r) for r in results) if ours else results.items():
            workload, who = (r["workload"], r["backend"]) if ours else key.split("|")[:2]
            if "min_s" not in r or not only.search(workload):
                continue
            names = self.backends if ours else self.others
            names += [who] if who not in names else []
            if not ours and "version" in r:
                versions.add(f"{NAMES.get(who, who)} {r['version']}")
            if ours:
                self.order[workload] = True
            best = self.rows.setdefault(workload, {}).get(who)
            if best is None or r["min_s"] < best["min_s"]:
                self.rows[workload][who] = r
        self.limits.update(told.get("device_limits", {}))
        machine = told.get("machine", {})
        if ours:
            versions = [f"mushin {machine['mushin']} ({machine['compiler']})"] if "mushin" in machine else ["mushin"]
            if machine.get("MUSHIN_THREADS", "not set") != "not set":
                versions.append(f"{machine['MUSHIN_THREADS']} threads")
        host = ", ".join(str(machine[k]) if k != "cores" else f"{machine[k]} cores" for k in ("cpu", "cores", "system") if k in machine)
        known = self.machines.setdefault(host, [])
        new = [v for v in versions if v not in known]
        known[:] = new + known if ours else known + sorted(new)

    def caption(self):
        return ". ".join(f"{host or 'A machine that the file does not name'}: {', '.join(versions)}" for host, versions in self.machines.items()) + "."

    def table(self):
        head = ["workload", *self.backends, *(NAMES.get(o, o) for o in self.others), *(["rate", "of the limit"] if self.rates else []),
                *(["to the best peer"] if self.others else []), "peak memory"]
        lines = [head, ["---"] * len(head)]
        for workload, r in self.rows.items():
            ours, theirs = [r[b] for b in self.backends if b in r], [r[o] for o in self.others if o in r]
            line = [f"`{workload}`", *(time_text(r[who]["min_s"]) if who in r else "" for who in self.backends + self.others)]
            if self.rates:
                best = min(ours, key=lambda o: o["min_s"])
                line += rate_of(best, f" of {best['backend']}" if self.limits and len(self.backends) > 1 else "")
            if self.others:
                line.append(f"{min(t['min_s'] for t in theirs) / min(o['min_s'] for o in ours):.2f}" if theirs else "")
            memory = [f"{NAMES.get(o, o)} {r[o]['peak_rss_mib']:.0f}" for o in self.others if "peak_rss_mib" in r.get(o, {})]
            line.append(f"{ours[-1]['peak_rss_mib']:.0f} MiB" + (f" ({', '.join(memory)})" if memory else ""))
            lines.append(line)
        return "\n".join("|" + "|".join(f" {cell} " if cell else " " for cell in line) + "|" for line in lines)

    def text(self):
        limits = [limit_text(*l) for l in self.limits.items()] if self.rates else []
        return "\n".join([self.caption(), *limits]) + f"\n\n{self.table()}\n"


def page_with_tables(page):
    """The page's text as its tables' files would have it."""

    def anew(place):
        wanted = arguments_of(shlex.split(place["arguments"]))
        return place["head"] + Measured([page.parent / f for f in wanted.files], wanted.only, wanted.rates).text() + place["end"]

    text = page.read_text()
    if text.count("<!-- bench_table ") != len(PLACE.findall(text)):
        raise ValueError(f"{page} has a table without an end")
    return PLACE.sub(anew, text)


def arguments_of(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", default="", metavar="REGEX", help="workloads whose name has this in it")
    parser.add_argument("--rates", action="store_true", help="with what the quickest backend did in a second")
    parser.add_argument("--page", type=Path, help="the page whose tables are made anew")
    parser.add_argument("--check", action="store_true", help="only say whether the page's tables are what their files have")
    parser.add_argument("files", nargs="*", metavar="FILE")
    arguments = parser.parse_args(words)
    if bool(arguments.page) == bool(arguments.files) or (arguments.check and not arguments.page):
        parser.error("either files or a page")
    return arguments


def main():
    arguments = arguments_of(sys.argv[1:])
    if not arguments.page:
        print(Measured(arguments.files, arguments.only, arguments.rates).text(), end="")
        return 0
    old, new = arguments.page.read_text(), page_with_tables(arguments.page)
    if old == new:
        return 0
    if arguments.check:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), str(arguments.page), "what its files have"))
        return 1
    part = arguments.page.with_suffix(".part")
    part.write_text(new)
    os.replace(part, arguments.page)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"bench_table: {error if not isinstance(error, KeyError) else f'a result has no {error}'}")
