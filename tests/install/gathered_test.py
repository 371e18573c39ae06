"""gathered_test.py SOURCE BUILD: what tools/dev/gather_build takes out of a build runs somewhere else, with nothing of the build but what was gathered."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, BUILD = (Path(p).resolve() for p in sys.argv[1:3])
OF_THE_MACHINE = re.compile(r"/(ld-linux\S*|lib(c|m|dl|rt|pthread|resolv|util))\.so")


class Gathered(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = tempfile.TemporaryDirectory(prefix="mushin-gathered-")
        cls.addClassCleanup(made.cleanup)
        cls.folder = Path(made.name).resolve() / "carried"
        cls.said = cls.run_clean(SOURCE / "tools/dev/gather_build", BUILD, cls.folder, "--only", "^ops/(pool|scan)$|^autograd/capture$", "--plugin", "fakegpu")

    @staticmethod
    def run_clean(*command, **environment):
        env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", **environment}
        return subprocess.run([str(c) for c in command], text=True, capture_output=True, env=env)

    def check(self, device, **environment):
        return self.run_clean(self.folder / "tools/check", "--build", self.folder / "build", "--device", device, **environment)

    def test_says_how_large_it_is(self):
        self.assertEqual(self.said.returncode, 0, self.said.stderr)
        self.assertRegex(self.said.stdout, rf"^{re.escape(str(self.folder))}: \d+ MiB$")

    def test_its_programs_need_nothing_of_the_build(self):
        programs = [f for f in (self.folder / "build").rglob("*") if f.is_file() and os.access(f, os.X_OK)]
        self.assertIn(self.folder / "build/tests/plugins/fakegpu/mushin-fakegpu.so", programs)
        for program in programs:
            needed = self.run_clean("ldd", program, LD_LIBRARY_PATH=self.folder / "build/lib").stdout
            self.assertNotIn("not found", needed, program)
            elsewhere = [p for p in re.findall(r"=> (/\S+)", needed) if not OF_THE_MACHINE.search(p) and not p.startswith(str(self.folder))]
            self.assertEqual(elsewhere, [], program)

    def test_its_tests_run_on_a_device(self):
        done = self.check("fakegpu", MUSHIN_PLUGIN_PATH=str(self.folder / "build/tests/plugins/fakegpu"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name in ("ops/pool", "ops/scan", "autograd/capture"):
            self.assertRegex(done.stdout, rf"ok .* {name}\n")
        passed = re.fullmatch(r"(\d+) passed, 0 failed, \d+ skipped", done.stdout.splitlines()[-1])
        self.assertTrue(passed and int(passed[1]) > 20, done.stdout)

    def test_a_device_whose_plugin_was_not_gathered(self):
        done = self.check("cuda")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("cuda", done.stdout)
        self.assertRegex(done.stdout, r"\n0 passed, \d+ failed, [1-9]\d* skipped\n$")

    def test_a_folder_that_has_something_is_left_alone(self):
        done = self.run_clean(SOURCE / "tools/dev/gather_build", BUILD, self.folder)
        self.assertEqual((done.returncode, done.stderr), (1, f"gather_build: {self.folder} isn't empty\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
