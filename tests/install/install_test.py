"""install_test.py BUILD PREFIX LIBDIR COMPILER…: installs into an empty root and uses that, as a stranger would."""
import json
import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD, PREFIX, LIBDIR, *COMPILER = sys.argv[1:]


def run(command, env=None, **options):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MUSHIN_")}
    done = subprocess.run(command, env={**clean, **(env or {})}, text=True, capture_output=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mushin-install-")
        cls.root = Path(cls.folder.name)
        os.chmod(cls.root, 0o755)
        run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", str(cls.root)])
        cls.prefix = cls.root / PREFIX.lstrip("/")
        cls.lib = cls.prefix / LIBDIR
        cls.pkg = {
            "PKG_CONFIG_PATH": str(cls.lib / "pkgconfig"),
            "PKG_CONFIG_SYSROOT_DIR": str(cls.root),
            "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
            "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1",
        }
        cls.run_env = {"LD_LIBRARY_PATH": str(cls.lib)}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def flags(self, *arguments):
        return shlex.split(run(["pkg-config", *arguments], self.pkg))

    def compile(self, layer):
        program = self.root / f"use_{layer}"
        run([*COMPILER, "-std=c++20", "-Wall", "-Wextra", "-Werror", str(HERE / f"use_{layer}.cpp"), "-o", str(program),
             *self.flags("--cflags", "--libs", f"mushin-{layer}")])
        return program

    def needed(self, program):
        lines = run(["readelf", "-d", str(program)]).splitlines()
        return {line.split("[")[1].rstrip("]") for line in lines if "(NEEDED)" in line}

    def test_a_program_per_layer(self):
        for layer, said in (("tensor", "6\n"), ("autograd", "12\n"), ("nn", "loss falls\n")):
            with self.subTest(layer):
                self.assertEqual(run([str(self.compile(layer))], self.run_env), said)

    def test_a_tensor_program_links_no_other_layer(self):
        self.assertEqual({n for n in self.needed(self.compile("tensor")) if "mushin" in n}, {"libmushin-tensor.so.0"})

    def test_layers_are_pinned_to_one_version(self):
        version = run(["pkg-config", "--modversion", "mushin-nn"], self.pkg).strip()
        self.assertIn(f"mushin-autograd = {version}", run(["pkg-config", "--print-requires", "mushin-nn"], self.pkg))

    def test_plugins_are_found_beside_the_library(self):
        plugins = self.lib / "mushin" / "plugins-0"
        self.assertEqual(run(["pkg-config", "--variable=plugindir", "mushin-plugin"], {**self.pkg, "PKG_CONFIG_SYSROOT_DIR": ""}).strip(),
                         str(Path(PREFIX) / LIBDIR / "mushin" / "plugins-0"))
        found = json.loads(run([str(self.prefix / "bin" / "mushin-info"), "--json"], self.run_env))
        paths = {p["name"]: p for p in found["plugins"]}
        for module in plugins.glob("mushin-*.so"):
            name = module.name[len("mushin-"):-len(".so")]
            self.assertIn(name, paths)
            self.assertEqual(Path(paths[name]["path"]).resolve(), module.resolve())
        self.assertTrue(list(plugins.glob("mushin-onednn.so")), "the onednn plugin was not installed")

    def test_only_the_plugin_header_is_needed_for_a_plugin(self):
        source = self.root / "alone.c"
        source.write_text("#include <mushin/plugin.h>\nint main(void) { return MU_ABI_MAJOR == 0 ? 0 : 1; }\n")
        run(["cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", str(source), "-o", str(self.root / "alone"),
             *self.flags("--cflags", "mushin-plugin")])
        run([str(self.root / "alone")])


class WithoutNn(unittest.TestCase):
    def test_nn_can_be_left_out(self):
        with tempfile.TemporaryDirectory(prefix="mushin-without-nn-") as folder:
            run(["meson", "setup", folder, str(HERE.parents[1]), "-Dnn=disabled", "-Dtests=disabled"])
            targets = {t["name"] for t in json.loads(run(["meson", "introspect", "--targets", folder]))}
            self.assertIn("mushin-autograd", targets)
            self.assertNotIn("mushin-nn", targets)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
