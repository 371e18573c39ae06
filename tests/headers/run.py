"""run.py LAYERS COMPILER…: each public header compiles alone, sees no layer above its own, and drags in no heavy standard header."""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import compiling  # noqa: E402

STACK = ["tensor", "autograd", "nn"]
BUILT = sys.argv[1].split(",")
COMPILER = sys.argv[2:]
# Files of the standard library that a public header must not lead to, directly or not. fmt.hpp is for those who have
# fmt, source_line.hpp for sources: no header includes it.
BANNED = {"tensor": {"iostream", "functional", "memory", "ranges", "chrono", "string"}}
BANNED["autograd"] = BANNED["tensor"]
BANNED["nn"] = BANNED["tensor"] - {"string"}
EXEMPT = {"mushin/tensor/fmt.hpp", "mushin/tensor/core/source_line.hpp"}


def seen_from(layer):
    return STACK[: STACK.index(layer) + 1]


def headers(layer):
    root = compiling.INCLUDE[layer]
    return sorted(str(p.relative_to(root)) for p in root.rglob("*.hpp"))


def stands_alone_and_light(layer, header):
    # Twice: the second time must add nothing.
    text = f'#include "{header}"\n#include "{header}"\nint alone = 0;\n'
    status, messages = compiling.compile_text(COMPILER, None, seen_from(layer), "-H", text=text)
    if status:
        return "\n".join(line for line in messages.splitlines() if not re.match(r"\.+ ", line))[:3000]
    standard = re.findall(r"^\.+ (/usr/\S*/c\+\+/\S+)$", messages, re.M)
    if not standard and "mushin/" not in messages:
        return "the compiler does not list what it includes"
    found = sorted({p.rsplit("/", 1)[1] for p in standard if re.search(r"/c\+\+/\d+/[a-z_]+$", p)} & BANNED[layer])
    if found and header not in EXEMPT:
        return f"it leads to {', '.join('<' + f + '>' for f in found)}"
    return None


def does_not_resolve(layer, above):
    status, messages = compiling.compile_text(COMPILER, None, seen_from(layer), text=f'#include "mushin/{above}.hpp"\n')
    if status == 0:
        return f"{layer} sees mushin/{above}.hpp"
    return None if re.search(r"mushin/\w+\.hpp('?: No such file|' file not found)", messages) else messages[:3000]


CHECKS = {"header": stands_alone_and_light, "upward include": does_not_resolve}


def main():
    names = []
    for layer in BUILT:
        names += [("header", layer, h) for h in headers(layer)]
        names += [("upward include", layer, above) for above in STACK[STACK.index(layer) + 1 :]]
    compiling.report(names, lambda n: CHECKS[n[0]](*n[1:]))


if __name__ == "__main__":
    main()
