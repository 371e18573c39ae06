"""tools_test.py SOURCE: what tools/dev/install-packages says where packages can't be had, and the tables that tools/dev/bench_table.py makes."""
import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(sys.argv[1]).resolve()


class InFolder(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory(prefix="mushin-tools-")
        self.addCleanup(made.cleanup)
        self.folder = Path(made.name)


class InstallPackages(InFolder):
    """In a folder with a list of three packages, of which `there` is installed, and with programs of our own instead of Debian's."""

    def setUp(self):
        super().setUp()
        (self.folder / "dev").mkdir()
        (self.folder / "packages").write_text("# group, package, what for\nbuild  there    one\nbuild  absent   two\n"
                                              "data   pictures three\ncheck  other    four\n")
        (self.folder / "dev/install-packages").write_bytes((SOURCE / "tools/dev/install-packages").read_bytes())
        self.program("dpkg-query", 'for p; do :; done; [ "$p" = there ] || [ -e "$FOLDER/$p.installed" ] && echo "ii "')
        self.program("id", 'case "$1" in -u) echo "${FAKE_UID:-0}" ;; *) echo me ;; esac')
        for name in ("sh", "awk", "grep", "mktemp", "rm", "cat", "env", "true", "dirname", "touch"):
            (self.folder / "bin" / name).symlink_to(next(p for p in (Path("/usr/bin") / name, Path("/bin") / name) if p.exists()))

    def program(self, name, script):
        file = self.folder / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def says(self, *groups, code=1, **environment):
        env = {"PATH": str(self.folder / "bin"), "FOLDER": str(self.folder), **environment}
        done = subprocess.run(["/bin/sh", str(self.folder / "dev/install-packages"), *groups], env=env, text=True, capture_output=True)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr.splitlines()

    def test_without_network_each_missing_package_has_a_sentence(self):
        self.program("apt-get", 'case "$1" in update) echo "W: Failed to fetch http://archive/InRelease" ;;\n'
                                '*) echo "E: Unable to locate package absent"; exit 100 ;; esac')
        why = "could not be installed: the package archive could not be reached"
        self.assertEqual(self.says("build", "data"), [f"install-packages: {p} {why}" for p in ("absent", "pictures")])

    def test_a_package_that_the_archive_does_not_have(self):
        self.program("apt-get", 'case "$1" in update) ;; *) touch "$FOLDER/pictures.installed"; echo "E: Unable to locate package absent"; exit 100 ;; esac')
        self.assertEqual(self.says("build", "data"), ["install-packages: absent could not be installed: E: Unable to locate package absent"])

    def test_what_is_there_needs_no_archive(self):
        (self.folder / "absent.installed").touch()
        self.assertEqual(self.says("build", code=0), [])

    def test_neither_root_nor_sudo(self):
        self.program("apt-get", "exit 1")
        self.assertEqual(self.says("build", FAKE_UID="1000"), ["install-packages: run this as root, or install these packages first: absent"])

    def test_a_user_whom_sudo_refuses(self):
        self.program("apt-get", "exit 1")
        self.program("sudo", "exit 1")
        self.assertEqual(self.says("build", FAKE_UID="1000"),
                         ["install-packages: sudo doesn't let me become root: run this as root, or install these packages first: absent"])

    def test_sudo_asks_no_questions(self):
        self.program("sudo", 'exec env -u DEBIAN_FRONTEND "$@"')
        self.program("apt-get", '[ "$DEBIAN_FRONTEND" = noninteractive ] || exit 1; [ "$1" = update ] || touch "$FOLDER/absent.installed"')
        self.assertEqual(self.says("build", code=0, FAKE_UID="1000"), [])

    def test_no_apt(self):
        self.assertEqual(self.says("data"), ["install-packages: these packages are missing and there is no apt-get to install them: pictures"])


class BenchTable(InFolder):
    OURS = {"machine": {"cpu": "A CPU", "cores": 2, "mushin": "0.1.0", "compiler": "GCC 12"}, "results": [
        {"workload": "b_step", "backend": "builtin", "min_s": 2.5e-3, "peak_rss_mib": 10.2},
        {"workload": "b_step", "backend": "onednn", "min_s": 1.2345e-3, "peak_rss_mib": 12.7},
        {"workload": "a_op", "backend": "builtin", "min_s": 9.996e-7, "peak_rss_mib": 7},
        {"workload": "a_op", "backend": "onednn", "error": "not its op"}]}
    PEER = {"machine": {"cpu": "A CPU", "cores": 2}, "results": {
        "b_step|jax|plain|2": {"min_s": 3e-3, "peak_rss_mib": 300.4, "version": "1.0"},
        "b_step|torch|plain|2": {"min_s": 5e-3, "peak_rss_mib": 700, "version": "2.0"},
        "b_step|torch|fused|2": {"min_s": 2.469e-3, "peak_rss_mib": 702.3, "version": "2.0"},
        "only_theirs|torch|plain|2": {"min_s": 1, "peak_rss_mib": 1, "version": "2.0"}}}
    TABLE = ("A CPU, 2 cores: mushin 0.1.0 (GCC 12), JAX 1.0, PyTorch 2.0.\n\n"
             "| workload | builtin | onednn | PyTorch | JAX | to the best peer | peak memory |\n"
             "| --- | --- | --- | --- | --- | --- | --- |\n"
             "| `b_step` | 2.50 ms | 1.23 ms | 2.47 ms | 3.00 ms | 2.00 | 13 MiB (PyTorch 702, JAX 300) |\n"
             "| `a_op` | 1.00 us | | | | | 7 MiB |\n")

    def setUp(self):
        super().setUp()
        (self.folder / "ours.json").write_text(json.dumps(self.OURS))
        (self.folder / "peer.json").write_text(json.dumps(self.PEER))
        self.page = self.folder / "page.md"
        self.page.write_text("# Page\n\n<!-- bench_table ours.json peer.json -->\n<!-- end of table -->\n\nWords.\n\n"
                             "<!-- bench_table --only ^a ours.json -->\nold\n<!-- end of table -->\n")

    def table(self, *arguments, code=0):
        command = [sys.executable, "-B", str(SOURCE / "tools/dev/bench_table.py"), *map(str, arguments)]
        done = subprocess.run(command, text=True, capture_output=True, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_least_times_and_ratio(self):
        self.assertEqual(self.table("peer.json", "ours.json"), self.TABLE)

    def test_a_page_is_made_anew_and_held_to_its_files(self):
        before = self.page.read_text()
        self.assertIn("+| `a_op` | 1.00 us | 7 MiB |", self.table("--page", self.page, "--check", code=1))
        self.assertEqual(self.page.read_text(), before)
        self.table("--page", self.page)
        self.assertIn(self.TABLE, self.page.read_text())
        self.assertIn("Words.", self.page.read_text())
        self.assertNotIn("old", self.page.read_text())
        self.table("--page", self.page, "--check")

    def test_a_table_without_an_end(self):
        self.page.write_text(self.page.read_text().rpartition("<!-- end")[0])
        self.assertIn("without an end", self.table("--page", self.page, code=1))

    def test_what_has_no_results(self):
        self.assertIn("peer.json", self.table("peer.json", code=1))
        self.assertIn("No such file", self.table("none.json", code=1))
        self.assertIn("fits nothing", self.table("--only", "nothing", "ours.json", code=1))


class DeviceCheck(InFolder):
    """A build folder that was made elsewhere, with a program that tells its environment as a test's report does."""

    def setUp(self):
        super().setUp()
        (self.folder / "meson-info").mkdir()
        self.tells("meson-info", {"directories": {"build": "/was/build", "source": "/was"}})
        program = self.folder / "tests/ops/one"
        program.parent.mkdir(parents=True)
        program.write_text('#!/bin/sh\necho "$MUSHIN_DEVICE $DATA $MUSHIN_PLUGIN_PATH $LD_LIBRARY_PATH"\nexit 1\n')
        program.chmod(0o755)

    def tells(self, name, what):
        (self.folder / "meson-info" / f"{name}.json").write_text(json.dumps(what))

    def says(self, **environment):
        env = {"DATA": "/was/data", "MUSHIN_PLUGIN_PATH": "/was/build/plugins/a", "LD_LIBRARY_PATH": "/was/build/tensor"}
        self.tells("intro-tests", [{"name": "ops/one", "suite": ["mushin:ops"], "protocol": "gtest", "env": env, "cmd": ["/was/build/tests/ops/one"]}])
        clean = {k: v for k, v in os.environ.items() if k not in ("MUSHIN_PLUGIN_PATH", "LD_LIBRARY_PATH")}
        done = subprocess.run([str(SOURCE / "tools/check"), "--build", str(self.folder), "--device", "builtin"], text=True, capture_output=True,
                              env={**clean, **environment})
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return next(line for line in done.stdout.splitlines() if line.startswith("builtin "))

    def test_a_moved_build_finds_data_plugins_and_the_libraries_that_came_with_it(self):
        here = self.folder.resolve()
        self.assertEqual(self.says(), f"builtin {SOURCE}/data {here}/plugins/a {here}/lib:{here}/tensor")

    def test_plugins_of_the_environment_come_before_the_builds(self):
        here = self.folder.resolve()
        self.assertEqual(self.says(MUSHIN_PLUGIN_PATH="/mine", LD_LIBRARY_PATH="/toolkit"),
                         f"builtin {SOURCE}/data /mine {here}/lib:{here}/tensor:/toolkit")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
