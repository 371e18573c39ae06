"""Runs the tests of a build that was made elsewhere on one device, with neither Meson nor a compiler; what tools/check --device calls."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# What computes on whichever device is the default, or on each one there is.
SUITES = {"ops", "autograd", "nn", "parity", "plugins"}
SECONDS = 1800


def described(build, name):
    return json.loads((build / "meson-info" / f"{name}.json").read_text())


class Build:
    """A build folder and its source, wherever they were when it was made."""

    def __init__(self, build, source):
        self.build = build.resolve()
        was = described(self.build, "meson-info")["directories"]
        self.moves = [(was["build"], str(self.build)), (was["source"], str(source))]

    def moved(self, text):
        for was, now in self.moves:
            if was in text:
                return text.replace(was, now)
        return text

    def tests(self):
        for test in described(self.build, "intro-tests"):
            suites = {s.split(":")[-1] for s in test["suite"]}
            if test["protocol"] == "gtest" and suites & SUITES and "MUSHIN_DEVICE" not in test["env"]:
                env = {k: self.moved(v) for k, v in test["env"].items()}
                env.update((k, v) for k, v in self.environment(env).items() if k not in env or os.environ.get(k) or k == "LD_LIBRARY_PATH")
                yield test["name"], [self.moved(word) for word in test["cmd"]], env

    def environment(self, of_test=None):
        """What programs here find plugins by, and the libraries that tools/dev/gather_build put beside them."""
        folders = sorted({str(f.parent) for f in (self.build / "plugins").glob("*/mushin-*.so")})
        libraries = [str(self.build / "lib"), *(e.get("LD_LIBRARY_PATH") for e in (of_test or {}, os.environ))]
        return {"MUSHIN_PLUGIN_PATH": os.environ.get("MUSHIN_PLUGIN_PATH") or ":".join(folders), "MUSHIN_PLUGIN_PATH_ONLY": "1",
                "LD_LIBRARY_PATH": ":".join(filter(None, libraries))}


def state_of(build, device):
    """Whether the device is there, and where not, why."""
    if device == "builtin":
        return True, ""
    program = build.build / "tools" / "mushin-info" / "mushin-info"
    if not program.exists():
        return False, f"{program} is missing: build with -Dtools=enabled"
    done = subprocess.run([str(program), "--json"], env={**os.environ, **build.environment()}, capture_output=True, text=True)
    if done.returncode != 0:
        return False, done.stderr.strip()
    found = {p["name"]: p for p in json.loads(done.stdout)["plugins"]}
    plugin = found.get(device.split(":")[0])
    if plugin is None:
        return False, f"no plugin {device.split(':')[0]} in {build.environment()['MUSHIN_PLUGIN_PATH']}"
    return plugin["state"] in ("loaded", "linked in"), plugin.get("reason") or plugin["state"]


def heed_interrupts():
    """What a shell starts in the background ignores them, and so would the tests that raise one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def check_device(folder, source, device, totals):
    build = Build(folder, source)
    there, reason = state_of(build, device)
    if not there:
        totals.skipped += 1
        print(f"skipped: no device: {reason}", flush=True)
        return
    for name, command, env in build.tests():
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as out:
            report = Path(out) / "report.xml"
            try:
                done = subprocess.run([*command, f"--gtest_output=xml:{report}"], cwd=build.build, stdout=subprocess.PIPE, timeout=SECONDS,
                                      stderr=subprocess.STDOUT, text=True, errors="replace", preexec_fn=heed_interrupts,
                                      env={**os.environ, **env, "MUSHIN_DEVICE": device})
                code, text = done.returncode, done.stdout
            except (OSError, subprocess.TimeoutExpired) as error:
                code, text = 1, str(error)
            broken = totals.add_junit(report) if report.exists() else 0
        totals.failed += code != 0 and broken == 0
        print(f"   {'failed' if code else 'ok':6} {time.monotonic() - begin:6.1f} s  {name}", flush=True)
        if code:
            sys.stdout.write("".join(line + "\n" for line in text.splitlines()[-40:]))
