"""Compiling small programs as tests: what compile_fail, static and headers share. Prints TAP, which Meson reads."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = {layer: ROOT / layer / "include" for layer in ("tensor", "autograd", "nn")}
FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-fno-diagnostics-color"]


def compile_text(compiler, source, layers, *flags, text=None):
    """Runs `compiler` over the file `source` (or over `text`), seeing the include roots of `layers` alone: (exit status, messages)."""
    includes = [f"-I{INCLUDE[layer]}" for layer in layers]
    command = [*compiler, *FLAGS, *flags, *includes, "-x", "c++", "-" if text is not None else str(source)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return done.returncode, done.stdout + done.stderr


def kind(compiler):
    """gcc or clang."""
    banner = subprocess.run([*compiler, "--version"], capture_output=True, text=True).stdout
    return "clang" if "clang" in banner else "gcc"


def precompile(compiler, layers, folder):
    """Compiles the header of the last of `layers` into `folder`: the flags with which programs that begin with it use that."""
    layer = layers[-1]
    header, is_clang = INCLUDE[layer] / "mushin" / f"{layer}.hpp", kind(compiler) == "clang"
    made = Path(folder) / "mushin" / (f"{layer}.pch" if is_clang else f"{layer}.hpp.gch")
    made.parent.mkdir(parents=True, exist_ok=True)
    flags = [f for f in FLAGS if f not in ("-fsyntax-only", "-Werror")]  # GCC warns of `#pragma once` in a main file
    includes = [f"-I{INCLUDE[each]}" for each in layers]
    done = subprocess.run([*compiler, *flags, *includes, "-x", "c++-header", str(header), "-o", str(made)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{header} does not compile:\n{done.stderr[:4000]}")
    return ["-include-pch", str(made)] if is_clang else ["-Winvalid-pch", f"-I{folder}"]


def spell(name):
    return name.stem if isinstance(name, Path) else " ".join(map(str, name))


def report(names, check):
    """Runs `check(name)`, which returns why it failed or None, for each name, two at a time. Exits."""
    if not names:
        sys.exit("nothing to check")
    print(f"1..{len(names)}")
    sys.stdout.flush()
    failed = False
    with ThreadPoolExecutor(2) as pool:
        for i, (name, why) in enumerate(zip(names, pool.map(check, names)), 1):
            print(f"{'not ok' if why else 'ok'} {i} - {spell(name)}", flush=True)
            for line in (why or "").splitlines():
                print("#", line)
            failed |= bool(why)
    sys.exit(failed)
