"""abi_test.py SOURCE: tools/dev/check_abi tells a library that breaks programs from one that has grown."""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECK = Path(sys.argv[1]) / "tools/dev/check_abi"
OLD = "struct Pair { int a, b; }; int sum(Pair* p) { return p->a + p->b; } int one() { return 1; }"


@unittest.skipUnless(shutil.which("abidiff"), "no abidiff")
class CheckAbi(unittest.TestCase):
    def library(self, name, source, soname="libmushin-tensor.so.0"):
        folder = self.folder / name
        folder.mkdir()
        (folder / "source.cpp").write_text(source)
        subprocess.run(["c++", "-g", "-shared", "-fPIC", f"-Wl,-soname,{soname}", str(folder / "source.cpp"), "-o", str(folder / "libmushin-tensor.so")], check=True)
        return str(folder)

    def compare(self, source, **options):
        with tempfile.TemporaryDirectory(prefix="mushin-abi-") as folder:
            self.folder = Path(folder)
            return subprocess.run([str(CHECK), "--compare", self.library("old", OLD), self.library("new", source, **options)], capture_output=True, text=True)

    def test_growth_is_no_break(self):
        self.assertEqual(self.compare(OLD + "int two() { return 2; }").returncode, 0)

    def test_a_function_that_went(self):
        done = self.compare(OLD.replace("int one() { return 1; }", ""))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("libmushin-tensor.so breaks programs", done.stderr)
        self.assertIn("one()", done.stdout)

    def test_a_new_soname_may_break(self):
        self.assertEqual(self.compare("int two() { return 2; }", soname="libmushin-tensor.so.1").returncode, 0)

    def test_a_struct_that_changed(self):
        done = self.compare(OLD.replace("int a, b;", "int a, c, b;"))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("Pair", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
