"""run.py LAYERS COMPILER…: programs that must not compile.

Each file of cases/ is one forbidden program and, under -DFIXED, its corrected twin. Comments say what to expect of the
forbidden one; `expect-gcc`, `note-clang` and so on hold for one compiler only:

    // layer: nn              the layer it includes, whose headers and those below are seen (tensor when left out)
    // expect: [matmul] the last extent of a must equal     text of the first error line (required)
    // note: "(batch, 784)"    text that stands somewhere in the messages

No line above the first error may name internals. The twin must compile without a warning. The layer's header, with which each file
begins, is compiled once.
"""
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import compiling  # noqa: E402

STACK = ["tensor", "autograd", "nn"]
BUILT = sys.argv[1].split(",")
COMPILER = sys.argv[2:]
KIND = compiling.kind(COMPILER)
INTERNAL = re.compile(r"\bdetail::")


def wanted(text, what):
    return re.findall(rf"^// {what}(?:-{KIND})?: (.+)$", text, re.M)


def layers(text):
    return STACK[: STACK.index((wanted(text, "layer") or ["tensor"])[0]) + 1]


def check(path, header):
    text = path.read_text()
    seen = layers(text)
    code = re.sub(r"^//.*\n", "", text, flags=re.M).lstrip()
    if not code.startswith(f'#include "mushin/{seen[-1]}.hpp"\n'):
        return "it does not begin with its layer's header"
    expected = wanted(text, "expect")
    if not expected:
        return "no line `// expect: …` for this compiler"
    status, messages = compiling.compile_text(COMPILER, path, seen, *header[seen[-1]])
    lines = messages.splitlines()
    first = next((i for i, line in enumerate(lines) if "error:" in line), None)
    if status == 0 or first is None:
        return "it compiles"
    for part in expected:
        if part not in lines[first]:
            return f"the first error line lacks: {part}\n{messages[:4000]}"
    for part in wanted(text, "note"):
        if part not in messages:
            return f"no message has: {part}\n{messages[:4000]}"
    for line in lines[:first]:
        if INTERNAL.search(line):
            return f"an internal name stands above the sentence:\n{messages[:4000]}"
    status, messages = compiling.compile_text(COMPILER, path, seen, *header[seen[-1]], "-DFIXED")
    return f"the corrected twin does not compile:\n{messages[:4000]}" if status else None


def main():
    cases = sorted((Path(__file__).resolve().parent / "cases").glob("*.cpp"))
    cases = [c for c in cases if set(layers(c.read_text())) <= set(BUILT)]
    with tempfile.TemporaryDirectory() as folder:
        header = {layer: compiling.precompile(COMPILER, STACK[: i + 1], f"{folder}/{layer}") for i, layer in enumerate(STACK) if layer in BUILT}
        compiling.report(cases, lambda p: check(p, header))


if __name__ == "__main__":
    main()
