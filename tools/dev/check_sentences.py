"""check_sentences.py [--list]: every sentence that the libraries can throw at run time must stand in a test.

A sentence is a literal `[op] rule: …` in a source file of a layer or of a backend, or a rule that is handed to one of HELPERS. Its fixed words are what
is left without the op and the placeholders. A test has it where a literal of the test holds one of its fixed runs of words, or is words out of one
(two words at least), and the same file names the op. Sentences of one wording in several places are told apart by their op, and by who tests them:
the backends have tests of their own. `--list` prints every sentence with the place of the test that has it.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where sentences are, and the tests that may have them.
SOURCES = [
    (("tensor/src", "autograd/src", "nn/src", "tensor/include", "autograd/include", "nn/include"), r"tests/(?!plugins/(builtin|onednn)|compile_fail|static)"),
    (("plugins/builtin",), r"tests/(plugins/builtin|tensor/failure)"),
    (("plugins/onednn",), r"tests/plugins/onednn"),
]
# Functions that get a rule without its op, which they put in front.
HELPERS = {"check_option", "check_count", "check_rate", "check_elements", "fail_graph", "check_sizes", "refuse_write", "capture::refuse", "from_zero_to_one", "invalid", "unsupported"}
# Functions that get the op and an operand's name, and put a rule of their own behind.
NAMING = {"checked_type", "require_equal_dims", "check_view", "check_epilogue", "compile", "check_index", "check_inputs"}
# What throws at compile time has tests in tests/compile_fail.
COMPILED = re.compile(r"static_assert\s*\(|\bMUSHIN_RULE|\bSentence|\bconsteval\b")

ONEDNN_FAILS = "oneDNN itself fails, which its arguments, checked before, don't bring about"
NO_MEMORY = "the plugin allocates a few bytes, in a process whose other memory a test needs"
REFERENCE = "which kernels oneDNN has is up to its version and the CPU"
# What nobody can bring about from outside, and why.
UNREACHABLE = {
    ("nn/src/data/picture.cpp", "[read_image] an image must have pixels … says"): "libpng and libjpeg refuse such a file before",
    ("tensor/src/core/capture.cpp", "[capture] reads memory that a recording cannot keep"): "each op's memory is a block of the core's or one value",
    ("tensor/src/core/literal.cpp", "[literal] opcode … does not fold"): "called for opcodes of its own table alone",
    ("tensor/src/devices/builtin_device.cpp", "[builtin] the linked-in backend must open"): "it is part of the library",
    ("tensor/src/ops/reduce.cpp", "[reduce] takes no program of one input"): "devices/open.cpp gives every device room for 12 inputs",
    ("plugins/builtin/compile.cpp", "[program] too many values"): "128 instructions, which verify.cpp allows, leave fewer",
    ("plugins/builtin/compile.cpp", "[program] too many live values"): "128 instructions, which verify.cpp allows, leave fewer",
    ("plugins/builtin/verify.cpp", "[program] is not supported for"): "every opcode has a kernel for each type that its form allows",
    ("plugins/onednn/conv.cpp", "[onednn conv] oneDNN failed on … images (dnnl status"): ONEDNN_FAILS,
    ("plugins/onednn/pool.cpp", "[onednn pool] oneDNN failed on … images (dnnl status"): ONEDNN_FAILS,
    ("plugins/onednn/reorder.cpp", "[onednn reorder] oneDNN failed on … images (dnnl status"): ONEDNN_FAILS,
    ("plugins/onednn/matmul.cpp", "[onednn matmul] dnnl_sgemm refused … dnnl status"): ONEDNN_FAILS,
    ("plugins/onednn/softmax.cpp", "[onednn softmax] oneDNN failed on rows of … dnnl status"): ONEDNN_FAILS,
    ("plugins/onednn/entry.cpp", "[onednn] dnnl status"): ONEDNN_FAILS,
    ("plugins/onednn/entry.cpp", "[onednn] no memory for a plan"): NO_MEMORY,
    ("plugins/onednn/entry.cpp", "[onednn] plan_create failed"): "for an exception of another kind, which neither oneDNN nor the plugin throws",
    ("plugins/onednn/entry.cpp", "[onednn] no memory for a device"): NO_MEMORY,
    ("plugins/onednn/conv_primitive.cpp", "[onednn conv] oneDNN has only its reference code for this"): REFERENCE,
    ("plugins/onednn/softmax.cpp", "[onednn softmax] ref … oneDNN has only its reference code for this"): REFERENCE,
    ("plugins/onednn/transfer.cpp", "[onednn] elements of a result share memory"): "conv_geometry.cpp refuses such a result before",
}

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\((?P<raw>.*?)\)\1"|"(?P<text>(?:[^"\\\n]|\\.)*)"|(?<![0-9a-fA-F])\'(?:[^\'\\\n]|\\.)+\'', re.S)
HOLE = re.compile(r"\{[^{}]*\}|%(?:lld|d|s|zu)|\\[nt]")
OP = re.compile(r"\[([\w {}:<>]*)\]")


def literals(text):
    """(place, text) of each literal, neighbours as one, comments left out."""
    out, end = [], None
    for m in TOKEN.finditer(text):
        words = m["raw"] if m["raw"] is not None else m["text"]
        if words is None:
            continue
        words = words.replace('\\"', '"').replace("\\\\", "\\")
        if end is not None and not text[end : m.start()].strip():
            out[-1] = (out[-1][0], out[-1][1] + words)
        else:
            out.append((m.start(), words))
        end = m.end()
    return out


def python_literals(text):
    return [(m.start(), m[2]) for m in re.finditer(r"""(?<!\w)[rfb]{0,2}("|')((?:(?!\1)[^\\\n]|\\.)*)\1""", text)]


def blanked(text):
    """The text with the insides of literals and comments as blanks, at the same places."""
    return TOKEN.sub(lambda m: '"' + " " * (len(m[0]) - 2) + '"' if m["text"] is not None else " " * len(m[0]), text)


def call_around(code, at):
    """(begin, end) of the innermost call whose arguments hold `at`, and its name."""
    depth = 0
    for begin in range(at - 1, -1, -1):
        c = code[begin]
        depth += (c in ")}") - (c in "({")
        if depth < 0:
            break
        if c == ";" and depth == 0:
            return begin, code.find(";", at), ""
    name = re.search(r"([\w:]+)(?:<[\w:, ]*>)?\s*$", code[:begin])
    depth, end = 0, begin
    for end in range(begin, len(code)):
        depth += (code[end] in "({") - (code[end] in ")}")
        if depth == 0:
            break
    return begin, end, name[1] if name else ""


def runs(words):
    """The fixed runs of words of a sentence, without its op."""
    return [r for r in (p.strip(" :,;()") for p in HOLE.split(OP.sub("\0", words, count=1).split("\0")[-1])) if re.search(r"[a-zA-Z]{2}", r)]


class Sentence:
    def __init__(self, path, line, op, pieces, tests):
        self.path, self.line, self.op, self.pieces, self.tests = path, line, op, pieces, tests
        self.words, self.test = [w for piece in pieces for w in words_of(piece)], None
        self.template = [w for piece in pieces for w in (*words_of(piece), None)]
        self.longest = max(pieces, key=len)
        self.threes = {" ".join(run[i : i + 3]) for run in map(words_of, pieces) for i in range(len(run) - 2)}

    @property
    def text(self):
        return f"[{self.op}] {' … '.join(self.pieces)}"


def sentences():
    for folders, tests in SOURCES:
        for path in sorted(p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in (".cpp", ".hpp", ".h")):
            yield from of_file(path, tests)


def of_file(path, tests):
    text = path.read_text()
    code, found, taken = blanked(text), literals(text), set()
    for at, words in found:
        if at in taken:
            continue
        begin, end, name = call_around(code, at)
        while name.endswith("string"):
            begin, end, name = call_around(code, begin)
        op = OP.match(words)
        helper = name.split("::")[-1] in {h.split("::")[-1] for h in HELPERS} and not op
        if not (op or helper) or name in NAMING or COMPILED.search(code[max(0, begin - 200) : begin + 1].rpartition(";")[2]):
            continue
        if "include" in path.parts and not re.search(r"fail|throw|refuse|Error", name):
            continue
        inside = [(p, w) for p, w in found if begin <= p < end and (op or re.search(r"^\w+$|\w+ \w+", w.strip()))]
        if all(p != at for p, _ in inside):
            continue
        taken.update(p for p, _ in inside)
        if helper and len(inside) > 1 and not re.search(r"\W", inside[0][1]):
            op = inside.pop(0)[1] if not name.endswith("capture::refuse") else "capture"
        pieces = [r for _, w in inside for r in runs(w)]
        if pieces:
            yield Sentence(path.relative_to(ROOT), text.count("\n", 0, at) + 1, op if isinstance(op, str) else op[1] if op else "{}", pieces, re.compile(tests))


def evidence():
    """{file: (literals, ops that it names)} of the tests."""
    out = {}
    for path in sorted((ROOT / "tests").rglob("*")):
        if path.suffix in (".cpp", ".hpp", ".py", ".c"):
            text = path.read_text()
            found = python_literals(text) if path.suffix == ".py" else literals(text)
            out[path.relative_to(ROOT)] = ([(text.count("\n", 0, p) + 1, w) for p, w in found], {o for _, w in found for o in OP.findall(w)})
    return out


def words_of(text):
    return [w for w in (w.strip(" :,;()[]\"'") for w in text.split()) if w]


def is_part(template, words):
    """Whether the words of a test are some of the sentence's in a row, where a hole stands for any; half of them and two at least its own."""
    def match(i, j, own):
        if j == len(words):
            return own >= max(2, len(words) / 2)
        if i == len(template):
            return False
        if template[i] is None:
            return any(match(i + 1, k, own) for k in range(j + 1, len(words) + 1))
        return template[i] == words[j] and match(i + 1, j + 1, own + 1)

    enough = sum(w in template for w in words) >= max(2, len(words) / 2)  # else nothing can match
    return enough and len(words) < 30 and any(match(i, 0, 0) for i in range(len(template)))


def shows(s, words, spelled):
    """Whether a literal of a test holds the longest fixed run of words, or three words of one in a row, or is a part of the sentence."""
    return s.longest in words or any(three in " ".join(spelled) for three in s.threes) or is_part(s.template, spelled)


def common(a, b):
    """How many words two texts have in one order."""
    row = [0] * (len(b) + 1)
    for x in a:
        before = 0
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], before + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def prove(all_sentences, tests):
    """Gives each sentence the place of its test. A literal is about the sentences with most of its words, of those that the file may be about:
    by who tests them, and by their op."""
    for path, (found, ops) in tests.items():
        own = [s for s in all_sentences if s.tests.match(str(path))]
        for line, words in found:
            op, spelled = OP.match(words), words_of(OP.sub("", words, count=1))
            about = [s for s in own if "{}" in s.op or (op[1] == s.op if op else s.op in ops)]
            shown = [(common(s.words, spelled), s) for s in about if shows(s, words, spelled)]
            best = max((n for n, _ in shown), default=0)
            for n, s in shown:
                if n == best and not s.test:
                    s.test = f"{path}:{line}"


def main():
    all_sentences, known = list(sentences()), set()
    prove(all_sentences, evidence())
    for s in all_sentences:
        key = (str(s.path), s.text)
        if key in UNREACHABLE:
            known.add(key)
            s.test = s.test or f"none: {UNREACHABLE[key]}"
        if "--list" in sys.argv:
            print(f"{s.path}:{s.line}: {s.text}\n    {s.test}")
    missing = [s for s in all_sentences if not s.test]
    for s in missing:
        print(f"{s.path}:{s.line}: no test has the sentence {s.text}")
    stale = set(UNREACHABLE) - known
    for path, text in sorted(stale):
        print(f"{path}: is not there any more, take it off the list: {text}")
    print(f"{len(all_sentences)} sentences, {len(missing)} without a test, {len(UNREACHABLE)} that nobody can bring about")
    return 1 if missing or stale or not all_sentences else 0


if __name__ == "__main__":
    sys.exit(main())
