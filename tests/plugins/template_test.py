"""template_test.py SOURCE BUILD PREFIX INCLUDEDIR LIBDIR INFO CHILD: builds plugins/template as an outsider would, from the installed header alone,
and follows docs/adding-a-plugin.md, whose commands and changes it takes from the page."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, BUILD, PREFIX, INCLUDEDIR, LIBDIR, INFO, CHILD = sys.argv[1:]


def run(*command, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MUSHIN_")}
    done = subprocess.run(list(map(str, command)), env={**clean, **environment}, text=True, capture_output=True)
    if done.returncode != 0:
        raise AssertionError(f"{command}\n{done.stdout}{done.stderr}")
    return done.stdout


def changed(text, diff):
    """`text` with the lines of a diff without places, which fits there once."""
    lines = diff.splitlines(keepends=True)
    before, after = ("".join(line[1:] for line in lines if line[0] != other) for other in "+-")
    if text.count(before) != 1:
        raise AssertionError(f"stands {text.count(before)} times in the file:\n{before}")
    return text.replace(before, after)


class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mushin-template-")
        root = Path(cls.folder.name)
        prefix = root / PREFIX.lstrip("/")
        header, pc = prefix / INCLUDEDIR / "mushin", prefix / LIBDIR / "pkgconfig"
        header.mkdir(parents=True)
        pc.mkdir(parents=True)
        for name in ("plugin.h", "plugin_collectives.h", "plugin_graph.h", "plugin_many.h", "plugin_ops.h"):
            shutil.copy(f"{SOURCE}/tensor/plugin_api/include/mushin/{name}", header)
        shutil.copy(f"{BUILD}/meson-private/mushin-plugin.pc", pc)
        shutil.copytree(f"{SOURCE}/plugins/template", root / "template", ignore=shutil.ignore_patterns("build*"))
        cls.plugins = root / "template/build"
        cls.pkg = {"PKG_CONFIG_PATH": str(pc), "PKG_CONFIG_SYSROOT_DIR": str(root)}
        run("meson", "setup", "--werror", cls.plugins, root / "template", **cls.pkg)
        run("meson", "compile", "-C", cls.plugins)
        cls.environment = {"MUSHIN_PLUGIN_PATH": str(cls.plugins), "MUSHIN_PLUGIN_PATH_ONLY": "1"}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_exports_its_entry_alone(self):
        symbols = run("nm", "-D", "--defined-only", self.plugins / "mushin-template.so").split()
        self.assertEqual([s for s in symbols if not s.startswith("0") and len(s) > 1], ["mushin_plugin_entry_v0"])

    def test_is_listed_as_loaded(self):
        report = json.loads(run(INFO, "--json", **self.environment))
        self.assertEqual([(p["name"], p["state"], p["reason"]) for p in report["plugins"]], [("template", "loaded", "")])
        self.assertEqual([d["name"] for d in report["devices"]], ["builtin", "template"])
        self.assertIn("template   loaded", run(INFO, **self.environment))

    def test_adds_by_itself_and_inherits_the_rest(self):
        ops = json.loads(run(INFO, "--json", "--ops", "template", **self.environment))["ops"]
        self.assertEqual(ops.pop("pointwise"), "native")
        self.assertEqual(set(ops.values()), {"inherited from builtin"}, ops)

    def sums(self, device, folder=None):
        return run(CHILD, "add", device, **{**self.environment, "MUSHIN_PLUGIN_PATH": str(folder or self.plugins)}).split()

    def test_computes_what_builtin_computes(self):
        self.assertEqual(self.sums("template"), self.sums("builtin"))

    def test_the_page_leads_to_a_plugin_that_multiplies(self):
        here = self.plugins.parent.parent / "page"
        shutil.copytree(self.plugins.parent, here / "mushin/plugins/template", ignore=shutil.ignore_patterns("build"))
        (here / "bin").mkdir()
        (here / "bin/mushin-info").symlink_to(Path(INFO).resolve())
        program, state, source = here / "bin/your-program", here / "state", here / "mushin-abacus/abacus.c"
        program.write_text(f'#!/bin/sh\nexec {Path(CHILD).resolve()} multiply "${{MUSHIN_DEVICE:-builtin}}"\n')
        program.chmod(0o755)
        state.write_text(f"cd {here}\n")  # what a shell knows goes on from block to block
        environment = {**self.pkg, "MUSHIN_PLUGIN_PATH_ONLY": "1", "PATH": f"{here}/bin:{os.environ['PATH']}"}

        def shell(commands):
            return run("sh", "-euc", f'. {state}\n{commands}\n{{ echo "cd $PWD"; export -p; }} > {state}', **environment)

        steps = (Path(SOURCE) / "docs/adding-a-plugin.md").read_text().split("## Step by step\n")[1].split("\n## ")[0]
        told, done = "", []
        for kind, text in re.findall(r"^```(\w+)\n(.*?)^```$", steps, re.M | re.S):
            done.append(kind)
            if kind == "sh":
                told = shell(text)
            elif kind == "text":
                for line in text.splitlines():
                    self.assertIn(line.split(), [said.split()[: len(line.split())] for said in told.splitlines()], told)
            else:
                source.write_text(changed(source.read_text(), text))
        self.assertEqual((done.count("sh"), done.count("text"), done.count("diff")), (3, 1, 5))
        products = told.splitlines()[-1].split()
        self.assertEqual(products, run(CHILD, "multiply", "builtin").split())
        # And it was the plugin's loop that made them.
        self.assertIn("o->a[i] * o->b[i]", source.read_text())
        source.write_text(source.read_text().replace("o->a[i] * o->b[i]", "o->a[i] * o->b[i] + 1000"))
        self.assertNotEqual(shell("meson compile -C build >&2; MUSHIN_DEVICE=abacus your-program").split(), products)

    # A kernel that is wrong on purpose shows where it runs: for contiguous float32, and nowhere else.
    def test_its_kernel_runs_where_it_said_and_nowhere_else(self):
        wrong = self.plugins.parent.parent / "wrong"
        shutil.copytree(self.plugins.parent, wrong, ignore=shutil.ignore_patterns("build"))
        text = (wrong / "template.c").read_text()
        self.assertIn("o->a[i] + o->b[i]", text)
        (wrong / "template.c").write_text(text.replace("o->a[i] + o->b[i]", "o->a[i] + o->b[i] + 1000"))
        run("meson", "setup", wrong / "build", wrong, **self.pkg)
        run("meson", "compile", "-C", wrong / "build")
        changed = [a != b for a, b in zip(self.sums("template", wrong / "build"), self.sums("builtin"))]
        self.assertEqual(changed, [True] * 6 + [False] * 21 + [True] * 6)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
