"""run.py FOLDER: builds a fuzzer for each reader of files, and of DLPack tensors, with Clang and lets each look for bad input, with the
address and undefined-behaviour sanitizers. Prints TAP. Ends with 77 where Clang or its fuzzing library is missing.

Each begins with the files of seeds.py, the inputs that once were wrong (found/<reader>) and what earlier runs left in FOLDER. An input that
breaks a reader is left in FOLDER and named: mend the reader, and put the input into found/<reader>.
"""
import argparse
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as xml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
import seeds  # noqa: E402

COMPILER = shutil.which("clang++-14") or shutil.which("clang++")
SANITIZE = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"]
FLAGS = ["-std=c++20", "-O1", "-g", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-DMUSHIN_PNG", "-DMUSHIN_JPEG", *SANITIZE,
         *(f"-I{ROOT / p}" for p in ("tensor/include", "tensor/src", "tensor/plugin_api/include", "autograd/include", "nn/include", "nn/src"))]
SOURCE, DATA = ROOT / "tensor/src", ROOT / "nn/src/data"
# What a reader is made of, beside its own file here.
IO = [HERE / "arrays.cpp", SOURCE / "core/error.cpp", SOURCE / "core/fail.cpp", *(SOURCE / f"io/{n}.cpp" for n in ("contents", "files", "text"))]
NPY = [*IO, SOURCE / "io/npy.cpp", SOURCE / "io/npy_header.cpp"]
READERS = {
    "npy": NPY,
    "npz": [*NPY, *(SOURCE / f"io/{n}.cpp" for n in ("npz", "zip_reader", "zip_writer"))],
    "safetensors": [*IO, SOURCE / "io/safetensors.cpp", SOURCE / "io/safetensors_header.cpp"],
    "idx": [*IO, *(DATA / f"{n}.cpp" for n in ("idx", "stream"))],
    "csv": [*IO, *(DATA / f"{n}.cpp" for n in ("csv", "csv_scan", "stream"))],
    "image": [*IO, *(DATA / f"{n}.cpp" for n in ("image", "picture", "png", "jpeg", "stream"))],
    "dlpack": [*IO, SOURCE / "io/dlpack.cpp"],
    "note": [SOURCE / "loader/note_probe.cpp"],
}
LIBRARIES = ["-lfmt", "-lminizip", "-lz", "-lpng", "-ljpeg"]
# No input needs more: memory is asked for what a file holds, not for what it says.
LIMITS = ["-max_len=16384", "-timeout=20", "-rss_limit_mb=2048", "-malloc_limit_mb=64", "-print_final_stats=1"]


def compile_object(job):
    source, out = job
    return subprocess.run([COMPILER, *FLAGS, "-c", str(source), "-o", str(out)], capture_output=True, text=True)


def build(folder, readers, jobs):
    """Compiles each source once; returns why it failed, or None."""
    sources = {s for r in readers for s in [*READERS[r], HERE / f"{r}.cpp"]}
    objects = {s: folder / ("-".join(s.relative_to(ROOT).parts) + ".o") for s in sources}
    with ThreadPoolExecutor(jobs) as pool:
        for done in pool.map(compile_object, objects.items()):
            if done.returncode:
                return done.stderr
    for r in readers:
        parts = [str(objects[s]) for s in [*READERS[r], HERE / f"{r}.cpp"]]
        done = subprocess.run([COMPILER, *SANITIZE, *parts, *LIBRARIES, "-o", str(folder / f"fuzz-{r}")], capture_output=True, text=True)
        if done.returncode:
            return done.stderr
    return None


def fuzz(folder, reader, seconds):
    """Why the reader failed, or None."""
    corpus, found = folder / "corpus" / reader, HERE / "found" / reader
    seeds.write(reader, corpus)
    if found.exists():
        for f in found.iterdir():
            shutil.copy(f, corpus / f"found-{f.name}")
    begin = [str(folder / f"fuzz-{reader}"), *LIMITS, f"-artifact_prefix={folder}/{reader}-"]
    for more in (["-runs=0"], [f"-max_total_time={seconds}"]):
        done = subprocess.run([*begin, *more, str(corpus)], capture_output=True, text=True, errors="replace")
        if done.returncode:
            return "\n".join(done.stderr.splitlines()[-60:])
    runs = [line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    print(f"# {reader}: {runs[0] if runs else '?'} inputs", flush=True)
    return None


def write_junit(path, results):
    """One case for each reader, as `meson test` writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    suites = xml.Element("testsuites")
    suite = xml.SubElement(suites, "testsuite", name="fuzz")
    for reader, why in results.items():
        case = xml.SubElement(suite, "testcase", name=reader)
        if why:
            xml.SubElement(case, "failure")
    xml.ElementTree(suites).write(path)


def probe():
    """Whether there is a Clang that builds fuzzers."""
    text = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
    return COMPILER and subprocess.run([COMPILER, *SANITIZE, "-x", "c++", "-", "-o", "/dev/null"], input=text, text=True, capture_output=True).returncode == 0


def main():
    parser = argparse.ArgumentParser(description="Fuzzes the readers of files.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=15, help="for each reader")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--reader", action="append", choices=list(READERS), help="this one only (may be repeated)")
    parser.add_argument("--junit", type=Path, help="where to write the results")
    args = parser.parse_args()
    if not probe():
        print("1..0 # SKIP no Clang with libFuzzer")
        sys.exit(77)
    readers = args.reader or list(READERS)
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if why := build(folder, readers, args.jobs):
        sys.exit(f"Bail out! the fuzzers do not build:\n{why}")
    print(f"1..{len(readers)}", flush=True)
    results = {}
    with ThreadPoolExecutor(args.jobs) as pool:
        for reader, why in zip(readers, pool.map(lambda r: fuzz(folder, r, args.seconds), readers)):
            results[reader] = why
            print(f"{'not ok' if why else 'ok'} {len(results)} - {reader}", flush=True)
            for line in (why or "").splitlines():
                print("#", line)
    if args.junit:
        write_junit(args.junit, results)
    sys.exit(any(results.values()))


if __name__ == "__main__":
    main()
