"""compile_errors.py [--check]: writes docs/compile-errors.md from tests/compile_fail/cases; --check: ends with 1 where the page is not current.

Each case is a forbidden program and its corrected twin (tests/compile_fail/run.py). The page has them as one program with marks, under the
sentence of the error, which stands in the headers whole.
"""
import difflib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/compile-errors.md"
LAYERS = {"tensor": "Tensors", "autograd": "Gradients", "nn": "Networks"}
NO_OP = "Copies and assignments"
INTRO = """# Compile errors

What mushin refuses to compile, and how to say it instead. This page is made by `tools/dev/compile_errors.py` from the programs of
`tests/compile_fail`, which are compiled by GCC and by Clang, each in its forbidden form and in its right one: edit those.

The sentence stands in the first line with `error:`; an op is named in brackets. GCC's message has the extents of the operands too, as
`"(batch, 784)"`, where the rule is about extents. Copies and assignments are refused in the compilers' own words; the sentence is in a note.

The lines marked `-` are the error, those marked `+` are what to write in their place. `mu` is `mushin`, `nn` is `mushin::nn`, `batch` a
`mu::Dim<"batch">`; lines that are of no struct stand in a function.
"""


def comments(text, what):
    return re.findall(rf"^// {what}: (.+)$", text, re.M)


def sentences():
    """What the headers say when they refuse."""
    headers = (p.read_text() for layer in LAYERS for p in sorted((ROOT / layer / "include").rglob("*.hpp")))
    texts = {re.sub(r'(?<!\\)"\s*"', "", literal)[1:-1] for h in headers for literal in re.findall(r'"\[(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', h)}
    return sorted({text.replace('\\"', '"') for text in texts})


def sentence(text, known):
    """The error's words, whole where the headers have them in one piece."""
    said = comments(text, "expect")
    if not said:
        both = [f"{name}: {', '.join(comments(text, f'expect-{kind}'))}" for kind, name in (("gcc", "GCC"), ("clang", "Clang"))]
        return "\n".join(both + [f"note: {note}" for note in comments(text, "note")])
    whole = [k for k in known if all(part in k for part in said)]
    exact = [k for k in whole if k in said]
    return (exact or whole)[0] if exact or len(whole) == 1 else " ".join(said)


def variant(text, fixed):
    """The program under -DFIXED, or without it: its own lines, those of program() moved to the left."""
    lines, keep = [], True
    for line in text.splitlines():
        if line.startswith(("#ifdef FIXED", "#ifndef FIXED")):
            keep = fixed == line.startswith("#ifdef")
        elif line.startswith("#else"):
            keep = not keep
        elif line.startswith("#endif"):
            keep = True
        elif keep:
            lines.append(line)
    code = "\n".join(lines)
    code = re.sub(r"^(// [a-z-]+: |#include \"mushin/|namespace (mu|nn) = |inline constexpr mu::Dim<\"batch\"> batch;).*\n", "", code, flags=re.M)
    code = re.sub(r"^void program\(\) \{ (.*) \}$", r"\1", code, flags=re.M)
    code = re.sub(r"^void program\(\) \{\n(.*?)^\}$", lambda m: re.sub(r"^  ", "", m[1], flags=re.M), code, flags=re.M | re.S)
    return [line for line in code.splitlines() if line.strip()]


def marked(text):
    """Both programs as one; what only pleases the compiler is left out."""
    diff = list(difflib.ndiff(variant(text, False), variant(text, True)))
    lines = [re.sub(r"^(..\s*)\(void\)(?:\((.*)\);$)?", lambda m: m[1] + (f"{m[2]};" if m[2] else ""), line) for line in diff if line[0] != "?"]
    return "\n".join(line.rstrip() for line in lines if not re.match(r"..\s*\w+;$", line))


def page():
    known = sentences()
    tree = {layer: {} for layer in LAYERS}
    for path in sorted((ROOT / "tests/compile_fail/cases").glob("*.cpp")):
        text = path.read_text()
        said = sentence(text, known)
        op = re.match(r"\[(\w+)\]", said)
        ops = tree[(comments(text, "layer") or ["tensor"])[0]]
        ops.setdefault(op[1] if op else NO_OP, {}).setdefault(said, []).append(marked(text))
    parts = [INTRO]
    for layer, ops in tree.items():
        parts.append(f"## {LAYERS[layer]}: mushin/{layer}.hpp\n")
        for op in sorted(ops, key=lambda name: (name == NO_OP, name.lower())):
            parts.append(f"### {op}\n")
            for said, programs in ops[op].items():
                quote = "``" if "'" in said else "`"  # Doxygen takes a lone ' as the end of what one ` began
                parts.append(f"```\n{said}\n```\n" if "\n" in said else f"{quote}{said}{quote}\n")
                parts += [f"```diff\n{program}\n```\n" for program in programs]
    return "\n".join(parts).rstrip() + "\n"


def main():
    text = page()
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(text)
        return 0
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    print("docs/compile-errors.md is not what tests/compile_fail/cases say: run python3 tools/dev/compile_errors.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
