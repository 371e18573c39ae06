"""boundary_test.py SOURCE BUILD [--update]: what plugins were built against still holds: each line of boundary.txt is true of the headers of today, where
structs may have grown at their end and names may have been added. And the boundary's number is the same wherever it is written.
--update takes down what was added."""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, BUILD = Path(sys.argv[1]), Path(sys.argv[2])
API = SOURCE / "tensor/plugin_api/include"
TAKEN_DOWN = SOURCE / "tests/plugins/boundary.txt"
NAMES = ("plugin.h", "plugin_ops.h", "plugin_graph.h", "plugin_collectives.h", "plugin_many.h")


def header(name):
    text = (API / "mushin" / name).read_text()
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S).replace("\\\n", " ")


def members(body):
    for declaration in filter(None, map(str.strip, body.split(";"))):
        if pointer := re.search(r"\(\*(\w+)\)", declaration):
            yield pointer[1]
        else:
            yield from (re.search(r"(\w+)\s*(\[.*)?$", part.strip())[1] for part in declaration.split(","))


def describe():
    """A line for each constant and each member, from a C program that asks the compiler."""
    text = "".join(map(header, NAMES))
    lines = []
    for name, value in re.findall(r"^#define (MU_[A-Z0-9_]+) +(\S.*?)\s*$", text, flags=re.M):
        if not value.startswith('"') and not name.endswith("_END") and not name.startswith(("MU_ABI_", "MU_NOTE_", "MU_NOEXCEPT", "MU_STATIC")):
            lines.append(f'  printf("{name} %lld\\n", (long long)({name}));')
    for name, body in re.findall(r"typedef struct (mu_\w+) \{(.*?)\} \1;", text, flags=re.S):
        for member in members(body):
            lines.append(f'  printf("{name}.{member} at %zu, %zu bytes\\n", offsetof({name}, {member}), sizeof((({name}*)0)->{member}));')
        if not re.match(r"\s*(uint32_t size|mu_op h)\b", body):  # without its size nobody could tell that it has grown
            lines.append(f'  printf("{name} %zu bytes\\n", sizeof({name}));')
    program = "#include <stdio.h>\n#include <mushin/plugin.h>\n#include <mushin/plugin_graph.h>\n#include <mushin/plugin_collectives.h>\n#include <mushin/plugin_many.h>\nint main(void) {\n" + "\n".join(lines) + "\n}\n"
    with tempfile.TemporaryDirectory(prefix="mushin-boundary-") as folder:
        source, binary = Path(folder, "describe.c"), Path(folder, "describe")
        source.write_text(program)
        subprocess.run(["cc", "-std=c11", f"-I{API}", str(source), "-o", str(binary)], check=True)
        return subprocess.run([str(binary)], check=True, capture_output=True, text=True).stdout.splitlines()


class Boundary(unittest.TestCase):
    def test_what_was_taken_down_still_holds(self):
        today = set(describe())
        broken = [line for line in TAKEN_DOWN.read_text().splitlines() if line not in today]
        self.assertEqual(broken, [], "plugins that are in use would break: raise MU_ABI_MAJOR, or take it back")
        self.assertGreater(len(today), 250)

    def test_its_number_is_the_same_everywhere(self):
        text = header("plugin.h")
        major, minor = (re.search(rf"^#define MU_ABI_{n} (\d+)u$", text, flags=re.M)[1] for n in ("MAJOR", "MINOR"))
        for file, pattern in {
            "meson.build": rf"^abi_major = '{major}'\nabi_minor = '{minor}'$",
            "meson_options.txt": rf"'/usr/local/lib/mushin/plugins-{major}'",
            "tensor/plugin_api/include/mushin/plugin.h": rf'^#define MU_ENTRY_SYMBOL "mushin_plugin_entry_v{major}"$',
            "tensor/include/mushin/tensor/device.hpp": rf"plugin_abi_major = {major}, plugin_abi_minor = {minor};",
            "plugins/plugin.map": rf"global: mushin_plugin_entry_v{major};",
            "plugins/template/plugin.map": rf"global: mushin_plugin_entry_v{major};",
            "packaging/mushin.spec": rf"^%global plugin_abi {major}$",
        }.items():
            self.assertRegex((SOURCE / file).read_text(), re.compile(pattern, re.M), file)
        pc = (BUILD / "meson-private/mushin-plugin.pc").read_text()
        self.assertIn(f"/mushin/plugins-{major}\n", pc)
        self.assertIn(f"abi_major={major}\nabi_minor={minor}\n", pc)
        # The virtual package, as debian/rules takes it from the header.
        rules = (SOURCE / "debian/rules").read_text()
        numbers = re.search(r"^abi_number = \$\(shell (sed .*) \$\(header\)\)$", rules, flags=re.M)[1]
        for part, value in (("MAJOR", major), ("MINOR", minor)):
            command = numbers.replace("$(1)", part).replace("$$", "$").replace("\\#", "#")
            said = subprocess.run(f"{command} {API}/mushin/plugin.h", shell=True, check=True, capture_output=True, text=True).stdout
            self.assertEqual(said, value + "\n")


if __name__ == "__main__":
    if "--update" in sys.argv:
        now = describe()
        kept = TAKEN_DOWN.read_text().splitlines() if TAKEN_DOWN.exists() else []
        TAKEN_DOWN.write_text("\n".join(kept + [line for line in now if line not in kept]) + "\n")
    else:
        unittest.main(argv=sys.argv[:1], verbosity=2)
