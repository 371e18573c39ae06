"""hygiene_test.py BUILD: what the built libraries and plugins show to the outside."""
import subprocess
import sys
import unittest
from pathlib import Path

BUILD = Path(sys.argv[1])


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", "--demangle", "--with-symbol-versions", str(library)], capture_output=True, text=True, check=True).stdout
    return [line.split(maxsplit=2) for line in out.splitlines()]


class Libraries(unittest.TestCase):
    def libraries(self):
        found = [p for layer in ("tensor", "autograd", "nn") for p in (BUILD / layer).glob(f"libmushin-{layer}.so")]
        self.assertGreaterEqual(len(found), 2)
        return found

    def test_only_names_of_mushin_are_exported(self):
        for library in self.libraries():
            names = [s[2] for s in exported(library)]
            self.assertTrue(names, library)
            strange = [n for n in names if "mushin::" not in n and not n.startswith("MUSHIN_0")]
            self.assertEqual(strange, [], library)

    def test_the_libraries_never_print_abort_or_exit(self):
        for library in self.libraries():
            out = subprocess.run(["nm", "-D", "--undefined-only", str(library)], capture_output=True, text=True, check=True).stdout
            used = {line.split()[-1].split("@")[0] for line in out.splitlines()}
            self.assertEqual(used & {"printf", "puts", "exit", "_exit", "quick_exit", "perror"}, set(), library)


class Plugins(unittest.TestCase):
    def test_a_plugin_exports_its_entry_and_nothing_else(self):
        plugins = sorted((BUILD / "plugins").glob("*/mushin-*.so"))
        self.assertTrue(plugins)
        for plugin in plugins:
            self.assertEqual([s[2].split("@")[0] for s in exported(plugin)], ["mushin_plugin_entry_v0"], plugin)

    def test_a_plugin_does_not_link_mushin_and_has_no_run_path(self):
        for plugin in sorted((BUILD / "plugins").glob("*/mushin-*.so")):
            out = subprocess.run(["readelf", "-d", str(plugin)], capture_output=True, text=True, check=True).stdout
            self.assertNotIn("libmushin", out, plugin)
            self.assertNotIn("RUNPATH", out, plugin)
            self.assertNotIn("TEXTREL", out, plugin)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
