"""run.py SOURCE_ROOT CLANG [--update]: what ops cost whoever compiles them.

Counts the template instantiations of every_op.cpp, in all and of each template, with Clang's -ftime-trace, and compares them with
baseline.json: more than 5 % growth of the whole fails, and of one template where it is more than five. Counts, not seconds: the same
compiler counts the same. Ends with 77 where the baseline is of another compiler. --update records the counts.
"""
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
BASELINE = HERE / "baseline.json"
GROWTH = 1.05
# Of the tensor layer's facades, what programs don't call by itself.
NOT_OPS = {"broadcasted", "parts_of"}


def public_ops(root):
    text = "".join(p.read_text() for p in sorted((root / "tensor/include/mushin/tensor/ops").glob("*.hpp")))
    return set(re.findall(r"^(?:auto|Tensor<[^;{]*>) (\w+)\(", text, re.M)) - NOT_OPS


def unused(ops):
    program = (HERE / "every_op.cpp").read_text()
    return sorted(op for op in ops if not re.search(rf"\bmu::{op}\b", program))


def counts(root, clang):
    with tempfile.TemporaryDirectory() as folder:
        includes = [f"-I{root / layer / 'include'}" for layer in ("tensor", "autograd")]
        command = [clang, "-std=c++20", "-O0", "-c", *includes, "-ftime-trace", "-ftime-trace-granularity=0", "-o",
                   f"{folder}/every_op.o", str(HERE / "every_op.cpp")]
        subprocess.run(command, check=True)
        events = json.loads(Path(f"{folder}/every_op.json").read_text())["traceEvents"]
    names = [e["args"]["detail"].split("<")[0] for e in events if e["name"] in ("InstantiateFunction", "InstantiateClass")]
    return len(names), dict(Counter(names))


def main():
    root, clang = Path(sys.argv[1]), sys.argv[2]
    if missing := unused(public_ops(root)):
        print(f"every_op.cpp lacks these public ops: {', '.join(missing)}")
        return 1
    version = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    total, each = counts(root, clang)
    if "--update" in sys.argv:
        BASELINE.write_text(json.dumps({"compiler": version, "total": total, "each": each}, indent=1, sort_keys=True) + "\n")
    known = json.loads(BASELINE.read_text())
    if known["compiler"] != version:
        print(f"the baseline is of {known['compiler']}, this is {version}")
        return 77
    print(f"{total} instantiations of {len(each)} templates; recorded: {known['total']}")
    grown = [(name, known["each"].get(name, 0), n) for name, n in each.items() if n > known["each"].get(name, 0) * GROWTH + 5]
    for name, before, now in grown:
        print(f"{name}: {before} recorded, {now} now")
    if total > known["total"] * GROWTH:
        print(f"that is {100 * (total / known['total'] - 1):.1f} % more than recorded: 5 % are allowed")
        return 1
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
