"""consumers_test.py SOURCE BUILD PREFIX LIBDIR COMPILER…: the installed tree after it was moved, from CMake, half installed, with a plugin of another
boundary; and the source tree as a subproject."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE, BUILD, PREFIX, LIBDIR, *COMPILER = sys.argv[1:]


def start(*command, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MUSHIN_", "PKG_CONFIG"))}
    return subprocess.run(list(map(str, command)), env={**clean, **environment}, text=True, capture_output=True)


def run(*command, **environment):
    done = start(*command, **environment)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def folder(test, name):
    made = tempfile.TemporaryDirectory(prefix=f"mushin-{name}-")
    test.addCleanup(made.cleanup) if isinstance(test, unittest.TestCase) else test.addClassCleanup(made.cleanup)
    os.chmod(made.name, 0o755)
    return Path(made.name)


def install(root):
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root)
    return root / PREFIX.lstrip("/")


class Moved(unittest.TestCase):
    """A tree installed for PREFIX, with -Dpkgconfig.relocatable=true, and then moved."""

    @classmethod
    def setUpClass(cls):
        root = folder(cls, "moved")
        cls.tree = root / "elsewhere"
        os.rename(install(root / "install"), cls.tree)
        cls.lib = cls.tree / LIBDIR
        run("meson", "setup", root / "build", SOURCE, f"--prefix={PREFIX}", f"--libdir={LIBDIR}", "-Dpkgconfig.relocatable=true", "-Dnn=disabled",
            "-Dtests=disabled", "-Dtools=disabled", "-Dexamples=disabled")
        for pc in (root / "build/meson-private").glob("mushin-*.pc"):
            shutil.copy(pc, cls.lib / "pkgconfig")
        cls.pkg = {"PKG_CONFIG_PATH": str(cls.lib / "pkgconfig")}
        cls.run_env = {"LD_LIBRARY_PATH": str(cls.lib)}

    def where(self, variable):
        return Path(run("pkg-config", f"--variable={variable}", "mushin-plugin", **self.pkg).strip()).resolve()

    def test_pkg_config_and_plugins_follow(self):
        self.assertEqual(self.where("includedir"), self.tree / "include")
        self.assertTrue((self.where("plugindir") / "mushin-onednn.so").exists())
        info = json.loads(run(self.tree / "bin/mushin-info", "--json", **self.run_env))
        self.assertIn((str(self.lib / "mushin/plugins-0/mushin-onednn.so"), "loaded"), [(p["path"], p["state"]) for p in info["plugins"]])

    def test_cmake_finds_it(self):
        if not shutil.which("cmake"):
            self.skipTest("no CMake")
        build = folder(self, "cmake")
        run("cmake", "-S", HERE / "with_cmake", "-B", build, f"-DCMAKE_CXX_COMPILER={COMPILER[-1]}", **self.pkg)
        run("cmake", "--build", build)
        self.assertEqual(run(build / "use_autograd", **self.run_env), "12\n")


class Half(unittest.TestCase):
    """What is missing, cut off or of another version is told in a sentence that names it."""

    def setUp(self):
        self.tree = install(folder(self, "half"))
        self.lib = self.tree / LIBDIR
        self.plugin = self.lib / "mushin/plugins-0/mushin-onednn.so"

    def pkg_config_says(self):
        done = start("pkg-config", "--cflags", "mushin-autograd", PKG_CONFIG_LIBDIR=str(self.lib / "pkgconfig"))
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def device_says(self):
        done = start(self.tree / "bin/mushin-info", "--ops", "onednn", LD_LIBRARY_PATH=str(self.lib))
        self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (1, "", 1), done.stderr)
        return done.stderr

    def test_a_lower_layer_is_missing_or_of_another_version(self):
        pc = self.lib / "pkgconfig/mushin-tensor.pc"
        pc.write_text(pc.read_text().replace("\nVersion: ", "\nVersion: 9"))
        self.assertRegex(self.pkg_config_says(), r"mushin-tensor.*9\d")
        pc.unlink()
        self.assertRegex(self.pkg_config_says(), r"mushin-tensor.*not found")

    def test_a_plugin_is_missing_or_cut_off(self):
        self.plugin.write_bytes(self.plugin.read_bytes()[:5000])
        self.assertRegex(self.device_says(), r"mushin-onednn\.so.*truncated")
        self.plugin.unlink()
        self.assertRegex(self.device_says(), r"onednn")

    def test_a_plugin_of_another_boundary(self):
        elf = bytearray(self.plugin.read_bytes())
        at = elf.index(b"mushin\0\0", elf.index((0x6D750001).to_bytes(4, sys.byteorder)))
        elf[at + 12 : at + 14] = (7).to_bytes(2, sys.byteorder)  # behind the owner: size, abi_major
        self.plugin.write_bytes(elf)
        self.assertIn("speaks plugin ABI 7, this mushin speaks 0", self.device_says())


class Installing(unittest.TestCase):
    def says(self, build, **environment):
        done = start(f"{SOURCE}/tools/install", build, "--no-rebuild", **environment)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
        return done.stderr

    def test_a_place_that_cannot_be_written(self):
        file = folder(self, "place") / "file"
        file.touch()
        self.assertIn(f"{file} is not a folder that", self.says(BUILD, DESTDIR=str(file)))

    def test_no_build(self):
        self.assertIn("/no/such/build is no build folder", self.says("/no/such/build"))


class Subproject(unittest.TestCase):
    def test_a_wrap_provides_the_layers(self):
        outer, build = folder(self, "subproject") / "outer", folder(self, "subproject-build")
        shutil.copytree(HERE / "with_meson", outer)
        shutil.copy(HERE / "use_autograd.cpp", outer)
        (outer / "subprojects/mushin").symlink_to(SOURCE)
        run("meson", "setup", build, outer, "--wrap-mode=forcefallback", "--force-fallback-for=mushin-autograd", "-Dmushin:nn=disabled")
        targets = {t["name"]: t for t in json.loads(run("meson", "introspect", "--targets", build))}
        # The layers, and none of what mushin's developers need.
        self.assertEqual({n for n, t in targets.items() if t["type"] == "executable"}, {"use_autograd"})
        self.assertIn("mushin-autograd", targets)
        run("ninja", "-C", build, "use_autograd.p/use_autograd.cpp.o")


class Packages(unittest.TestCase):
    """The packages' versions are mushin's, and they are split by layers."""

    def setUp(self):
        about = json.loads(run("meson", "introspect", "--projectinfo", BUILD))
        self.version = about["version"]

    def test_debian(self):
        self.assertTrue((Path(SOURCE) / "debian/changelog").read_text().startswith(f"mushin ({self.version}"))

    def configured(self, *packages, **environment):
        """The features that debian/rules asks Meson for when these packages are built."""
        if not shutil.which("make"):
            self.skipTest("no make")
        tools = folder(self, "rules")
        (tools / "dh_listpackages").write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(packages) + "\n")
        (tools / "dh_listpackages").chmod(0o755)
        none = {"DEB_BUILD_OPTIONS": "", "DEB_BUILD_PROFILES": "", "MAKEFLAGS": "", "PATH": f"{tools}:{os.environ['PATH']}"}
        said = run("make", "-n", "-C", SOURCE, "-f", "debian/rules", "override_dh_auto_configure", **{**none, **environment})
        return dict(re.findall(r"-D(\w+)=([\w-]+)", said))

    def test_rules(self):
        """What nocheck, nodoc, the profile for CUDA, and builds of documents alone leave out."""
        libraries = ("libmushin-tensor0", "mushin-plugin-onednn")
        usual = self.configured(*libraries, "mushin-doc")
        self.assertEqual({f for f, state in usual.items() if state == "disabled"}, {"cuda"})
        self.assertEqual(usual["nvcc_arch"], "all-major")
        for how in ("DEB_BUILD_OPTIONS", "DEB_BUILD_PROFILES"):
            self.assertEqual(self.configured(*libraries, "mushin-doc", **{how: "nocheck"}), {**usual, "tests": "disabled", "examples": "disabled"})
            self.assertEqual(self.configured(*libraries, "mushin-doc", **{how: "nodoc"}), {**usual, "docs": "disabled"})
        self.assertEqual(self.configured(*libraries), {**usual, "docs": "disabled"})
        self.assertEqual(self.configured("mushin-doc"), {**usual, "onednn": "disabled", "tests": "disabled", "examples": "disabled"})
        self.assertEqual(self.configured(*libraries, "mushin-plugin-cuda", "mushin-doc"), {**usual, "cuda": "enabled"})

    def test_one_address(self):
        """Whom the packages name; a release names somebody whom mail reaches."""
        files = {"debian/control": r"^Maintainer: (.*)$", "debian/changelog": r"^ -- (.*>)  ", "packaging/mushin.spec": r"^\* \w+ \w+ \d+ \d+ (.*>) - "}
        named = {re.search(rule, (Path(SOURCE) / name).read_text(), re.M)[1] for name, rule in files.items()}
        self.assertEqual(len(named), 1, named)
        if shutil.which("git") and start("git", "-C", SOURCE, "describe", "--tags", "--exact-match", "--match", "v[0-9]*").returncode == 0:
            self.assertNotIn(".invalid>", named.pop(), "a release needs an address in debian/control, debian/changelog and packaging/mushin.spec")

    def test_spec(self):
        if not shutil.which("rpmspec"):
            self.skipTest("no rpmspec")
        said = run("rpmspec", "-q", "--queryformat", "%{name} %{version}\n", f"{SOURCE}/packaging/mushin.spec").splitlines()
        for layer in ("tensor", "autograd", "nn"):
            self.assertIn(f"libmushin-{layer} {self.version}", said)
        self.assertIn(f"mushin-plugin-onednn {self.version}", said)
        header = (Path(SOURCE) / "tensor/plugin_api/include/mushin/plugin.h").read_text()
        major, minor = (re.search(rf"#define MU_ABI_{n} (\d+)u", header)[1] for n in ("MAJOR", "MINOR"))
        for asked in ("--provides", "--requires"):
            self.assertIn(f"mushin-plugin-abi-{major} = {minor}\n", run("rpmspec", "-q", asked, f"{SOURCE}/packaging/mushin.spec"))
        run("rpmspec", "-P", "--without", "tests", "--without", "onednn", f"{SOURCE}/packaging/mushin.spec")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
