"""Builds mushin in several ways and runs the tests of each; what tools/check calls."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

from device_check import check_device

ROOT = Path(__file__).resolve().parents[2]
FEATURES = ["-Dtests=enabled", "-Dnn=enabled", "-Donednn=enabled", "-Dtools=enabled", "-Dexamples=enabled"]
# What compiles programs by itself, installs, or measures the machine, and other tests of the suite "once".
ONCE = ["compile_fail", "compile_cost", "headers", "install", "hygiene", "once"]

# Of debug information lines alone: the rest takes the compiler up to a third of its time, and nobody looks at it here.
LINES = "-g1"


def clang_sanitizers():
    """Meson's options for both sanitizers by Clang: half of GCC's time to compile, and it checks more (leaks of static objects, conversions)."""
    # One runtime for programs and what they load. Pointers that wrap aren't looked for: kernels take twice as long to compile with that.
    clang = shutil.which("clang-14")  # else setup says that it is missing
    found = clang and subprocess.run([clang, "-print-runtime-dir"], stdout=subprocess.PIPE, text=True).stdout.strip()
    link = f"-shared-libasan -Wl,-rpath,{found}"
    compile_ = f"{LINES} -fno-sanitize=pointer-overflow"
    return ["-Db_sanitize=address,undefined", "-Db_lundef=false", *(f"-D{c}_args={compile_}" for c in ("c", "cpp")),
            *(f"-D{c}_link_args={link}" for c in ("c", "cpp"))]


# name: (what it proves, environment, Meson options, arguments of `meson test`)
LEGS = {
    "gcc": ("GCC, warnings are errors, every test", {"CC": "gcc", "CXX": "g++"}, lambda: ["-Dbuildtype=debugoptimized", "-Dwerror=true"], []),
    "clang": ("Clang, warnings are errors, address and undefined-behaviour sanitizers", {"CC": "clang-14", "CXX": "clang++-14"},
              lambda: ["-Dbuildtype=debugoptimized", "-Dcuda=disabled", "-Doptimization=1", "-Dwerror=true", *clang_sanitizers()],
              [f"--wrapper={ROOT}/tools/dev/rerun_broken_leak_check", *(f"--no-suite={s}" for s in ONCE)]),
    "tsan": ("thread sanitizer, over what has threads", {"CC": "gcc", "CXX": "g++"},
             lambda: ["-Dbuildtype=debugoptimized", "-Dcuda=disabled", "-Doptimization=1", "-Db_sanitize=thread", "-Db_lundef=false",
                      f"-Dc_args={LINES}", f"-Dcpp_args={LINES}"], ["--suite=threads"]),
}


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add_junit(self, path):
        """Counts the cases of one run; returns in how many programs a case failed."""
        broken = 0
        for suite in xml.parse(path).getroot().iter("testsuite"):
            failed = 0
            for case in suite.iter("testcase"):
                if case.find("failure") is not None or case.find("error") is not None:
                    failed += 1
                elif case.find("skipped") is not None or case.get("result") == "skipped":
                    self.skipped += 1
                else:
                    self.passed += 1
            self.failed += failed
            broken += failed > 0
        return broken


def run(command, env=None, log=None):
    environment = {**os.environ, **(env or {})}
    if log is None:
        return subprocess.run(command, env=environment, cwd=ROOT).returncode
    with open(log, "w") as out:
        code = subprocess.run(command, env=environment, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT).returncode
    if code != 0:
        sys.stdout.write("".join(open(log).readlines()[-60:]))
    return code


def suite_targets(build, suite):
    """The files that the tests of a suite run or load, when the build is set up."""

    def targets():
        info = build / "meson-info"
        outputs = {t["id"]: t["filename"] for t in json.loads((info / "intro-targets.json").read_text())}
        tests = json.loads((info / "intro-tests.json").read_text())
        needed = {d for t in tests if any(s.split(":")[-1] == suite for s in t["suite"]) for d in t["depends"]}
        return sorted(os.path.relpath(f, build) for d in needed for f in outputs[d])

    return targets


def leg(name, build_root, totals, jobs):
    what, env, options, test_args = LEGS[name]
    build = build_root / name
    begin = time.monotonic()
    print(f"== {name}: {what}", flush=True)
    build.parent.mkdir(parents=True, exist_ok=True)
    setup = ["meson", "setup", str(build), *FEATURES, *options()]
    if build.exists():
        setup.append("--reconfigure" if (build / "build.ninja").exists() else "--wipe")
    # The thread sanitizer's tests are few: what they need is built, not everything.
    targets = suite_targets(build, "threads") if name == "tsan" else lambda: []
    for step, command in (("setup", lambda: setup), ("build", lambda: ["ninja", "-C", str(build), f"-j{jobs}", "-k0", *targets()])):
        if run(command(), env, build_root / f"{name}-{step}.log") != 0:
            print(f"{name}: {step} failed, see {build_root / f'{name}-{step}.log'}")
            totals.failed += 1
            return
    built = time.monotonic()
    log = build / "meson-logs" / "-".join(["testlog", *(a.rpartition("/")[2] for a in test_args if a.startswith("--wrapper="))])
    log.with_suffix(".junit.xml").unlink(missing_ok=True)
    # Limits of time are there for what hangs: a slow machine that checks every access takes several times as long as the tests' own say.
    code = run(["meson", "test", "-C", str(build), "--no-rebuild", "--print-errorlogs", f"--num-processes={jobs}", "--timeout-multiplier=4", "--quiet", *test_args], env)
    broken = totals.add_junit(log.with_suffix(".junit.xml"))
    bad = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}
    failing = [json.loads(line) for line in open(log.with_suffix(".json"))]
    failing = [t["name"] for t in failing if t["result"] in bad]
    # A program may fail although each of its cases passed: a leak, a crash at exit, a time-out.
    totals.failed += max(0, len(failing) - broken, 1 if code != 0 and broken == 0 else 0)
    print(f"   built in {built - begin:.0f} s, tested in {time.monotonic() - built:.0f} s" + (f"; failing: {', '.join(failing)}" if failing else ""), flush=True)


# name: (what it proves, what is missing where it is skipped)
SCRIPTS = {
    "wraps": ("GoogleTest, Google Benchmark, libpng and libjpeg-turbo from source, without the network of their authors", "the package archive gives no sources"),
    "docs": ("the documentation without warnings, no public name without words nor words without their name, the compile errors as the tests have them", "there is no Doxygen"),
    "fuzz": ("the readers of files against bad input, with Clang's fuzzer", "Clang has no libFuzzer"),
    "abi": ("what the libraries export, against the last release", "there is no release yet, or no abidiff"),
    "onednn3": ("the onednn plugin with oneDNN 3", "PyPI gives no oneDNN 3"),
}


def script(name, build_root, totals, jobs):
    """Runs tools/dev/check_NAME, which ends with 77 where what it needs can't be had."""
    what, missing = SCRIPTS[name]
    begin = time.monotonic()
    print(f"== {name}: {what}", flush=True)
    junit = build_root / name / "build" / "meson-logs" / "testlog.junit.xml"
    junit.unlink(missing_ok=True)
    code = run([str(ROOT / f"tools/dev/check_{name}"), str(build_root / name), str(jobs)], log=build_root / f"{name}.log")
    if code == 77:
        totals.skipped += 1
        print(f"   skipped: {missing}")
        return
    broken = totals.add_junit(junit) if junit.exists() else 0
    totals.passed += code == 0 and not junit.exists()
    totals.failed += code != 0 and broken == 0
    print(f"   {time.monotonic() - begin:.0f} s", flush=True)


def interchange_python(build_root):
    """A Python with the packages that files and ops are compared with; None where PyPI doesn't give them, and those tests are skipped."""
    venv = build_root / "interchange"
    packages = ["numpy==2.2.6", "safetensors==0.5.3"]
    steps = [["/usr/bin/python3", "-m", "venv", "--clear", str(venv)],
             [str(venv / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", *packages]]
    if not (venv / "ready").exists():
        if any(subprocess.run(step, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode for step in steps):
            return None
        (venv / "ready").touch()
    return str(venv / "bin/python")


def finish(totals):
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped", flush=True)
    return 1 if totals.failed or not totals.passed else 0


def main():
    parser = argparse.ArgumentParser(description="Builds mushin with both compilers and the sanitizers and runs all tests.")
    parser.add_argument("--quick", action="store_true", help="the GCC build only")
    parser.add_argument("--leg", action="append", choices=[*LEGS, *SCRIPTS], help="this build only (may be repeated)")
    parser.add_argument("--build", type=Path, default=ROOT / "build-check", help="where to build")
    parser.add_argument("--device", help="builds nothing: runs the tests of the folder that --build names (or its gcc) on this device")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    totals = Totals()
    if args.device:
        check_device(args.build if (args.build / "meson-info").exists() else args.build / "gcc", ROOT, args.device, totals)
        return finish(totals)
    chosen = args.leg or (["gcc"] if args.quick else [*LEGS, *SCRIPTS])
    args.build.mkdir(parents=True, exist_ok=True)
    if set(chosen) & {"gcc", "clang"} and (found := interchange_python(args.build)):
        os.environ["MUSHIN_TEST_PYTHON"] = found
    for name in chosen:
        if name in SCRIPTS:
            script(name, args.build, totals, args.jobs)
        else:
            leg(name, args.build, totals, args.jobs)
    return finish(totals)


if __name__ == "__main__":
    sys.exit(main())
