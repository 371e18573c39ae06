"""info_test.py INFO FAKES LIBRARY FAKEGPU: what mushin-info says about good and bad plugins."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

INFO, FAKES, LIBRARY, FAKEGPU = sys.argv[1:]


def info(folder, *arguments, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MUSHIN_")}
    env = {**clean, "MUSHIN_PLUGIN_PATH": str(folder), "MUSHIN_PLUGIN_PATH_ONLY": "1", **environment}
    return subprocess.run([INFO, *arguments], env=env, text=True, capture_output=True)


class Info(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mushin-info-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in ("good", "pair", "unavailable"):
            shutil.copy(f"{FAKES}/mushin-{name}.so", self.folder)
        (self.folder / "mushin-part.so").write_bytes((self.folder / "mushin-good.so").read_bytes()[:5000])

    def plugins(self, *arguments, **environment):
        done = info(self.folder, "--json", *arguments, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {p["name"]: p for p in json.loads(done.stdout)["plugins"]}

    def test_tells_each_state_and_reason(self):
        its = self.plugins()
        self.assertEqual({name: p["state"] for name, p in its.items()},
                         {"good": "loaded", "pair": "loaded", "part": "skipped", "unavailable": "no-device"})
        self.assertEqual(its["pair"]["devices"], ["pair:0", "pair:1"])
        self.assertIn("truncated", its["part"]["reason"])
        self.assertIn("libfakedriver.so.1", its["unavailable"]["reason"])
        self.assertEqual((its["good"]["version"], its["good"]["abi_major"], its["good"]["reason"]), ("1.2.3", 0, ""))

    def test_can_leave_plugins_closed(self):
        self.assertEqual({p["state"] for p in self.plugins("--no-open").values()}, {"found", "skipped"})

    def test_shows_what_was_denied(self):
        denied = self.plugins(MUSHIN_PLUGINS="-p*")
        self.assertEqual([denied[n]["state"] for n in ("good", "pair", "part")], ["loaded", "denied", "denied"])

    def test_text_has_a_line_for_each(self):
        done = info(self.folder)
        self.assertEqual(done.returncode, 0)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^mushin \d+\.\d+\.\d+  plugin ABI 0\.0")
        for name, state in (("builtin", "linked in"), ("good", "loaded"), ("part", "skipped"), ("unavailable", "no-device")):
            self.assertEqual(len([line for line in lines if line.split()[:1] == [name] and state in line]), 1, done.stdout)

    def test_a_missing_device_is_one_sentence(self):
        done = info(self.folder, "--ops", "unavailable")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn("libfakedriver.so.1", done.stderr)

    def test_a_plugin_without_kernels_inherits_all(self):
        done = info(self.folder, "--json", "--ops", "good")
        self.assertEqual(set(json.loads(done.stdout)["ops"].values()), {"inherited from builtin"}, done.stdout)

    def test_ops_of_a_device_with_memory_of_its_own(self):
        written_out = {"conv", "pool", "softmax", "normalize", "attention", "rnn", "ctc", "sort", "scan"}
        for mode, scatter_add in (("error", "absent"), ("allow", "on the host with copies")):
            settings = {"MUSHIN_FAKEGPU_REFUSE": "8", "MUSHIN_FALLBACK": mode}
            ops = json.loads(info(FAKEGPU, "--json", "--ops", "fakegpu:0", **settings).stdout)["ops"]
            self.assertEqual(ops["scatter_add"], scatter_add)
            self.assertEqual({name for name, who in ops.items() if who == "decomposed"}, written_out)
            self.assertEqual(ops["gather"], "native")
            self.assertRegex(info(FAKEGPU, "--ops", "fakegpu:0", **settings).stdout, rf"(?m)^ *scatter_add +{scatter_add}$")

    def test_bytes_that_are_no_text_do_not_break_json(self):
        done = subprocess.run([INFO, "--json"], env={**os.environ, "MUSHIN_PLUGIN_PATH": b"/\xff:\xfe"}, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        json.loads(done.stdout)

    def test_a_library_that_was_moved_finds_the_plugins_beside_it(self):
        beside = self.folder / "mushin/plugins-0"
        beside.mkdir(parents=True)
        shutil.move(self.folder / "mushin-good.so", beside)
        soname = next(Path(LIBRARY).parent.glob("libmushin-tensor.so.0"))
        shutil.copy(soname, self.folder)
        done = info("", "--json", MUSHIN_PLUGIN_PATH_ONLY="", LD_LIBRARY_PATH=str(self.folder))
        report = json.loads(done.stdout)
        self.assertEqual(report["search"][0], {"path": str(beside), "origin": "beside libmushin"})
        self.assertEqual((report["plugins"][0]["name"], report["plugins"][0]["state"]), ("good", "loaded"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
