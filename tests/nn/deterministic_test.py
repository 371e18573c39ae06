"""Deterministic mode: one training run gives equal bits for any number of threads, in processes of their own, on every backend."""
import os
import subprocess
import sys

program, devices = sys.argv[1], sys.argv[2].split(",")


def run(device, threads, *arguments, **environment):
    settings = dict(os.environ, MUSHIN_DEVICE=device, MUSHIN_THREADS=str(threads), **environment)
    done = subprocess.run([program, *arguments], env=settings, capture_output=True, text=True, timeout=300)
    return done.returncode, (done.stdout + done.stderr).strip()


failures = []


def expect(what, condition, seen):
    if not condition:
        failures.append(f"{what}: {seen}")


for device in devices:
    seen = {threads: run(device, threads, MUSHIN_DETERMINISTIC="1") for threads in (1, 2, 3, 7)}
    expect(f"{device}: equal for each number of threads", len(set(seen.values())) == 1 and seen[1][0] == 0, seen)
    again = [run(device, 2, MUSHIN_DETERMINISTIC="1"), run(device, 2, "switched on")]
    expect(f"{device}: equal in each run, and by either switch", set(again) == {seen[1]}, (seen[1], again))

if "fakegpu:0" in devices:
    # Both devices promise nothing for scatter_add: an error that says so, or the host's result.
    refused = run("fakegpu:0", 2, MUSHIN_DETERMINISTIC="1", MUSHIN_FAKEGPU_UNORDERED="8")
    expect("an op without the promise", refused == (3, "[scatter_add] device fakegpu:0 has no such op that promises equal bits, as "
           "deterministic_algorithms(true) demands; MUSHIN_FALLBACK=allow computes it on the host, with copies"), refused)
    host = run("fakegpu:0", 2, MUSHIN_DETERMINISTIC="1", MUSHIN_FAKEGPU_UNORDERED="8", MUSHIN_FALLBACK="allow")
    expect("the host computes it", host[0] == 0 and host == run("fakegpu:0", 2, MUSHIN_DETERMINISTIC="1"), host)
    free = run("fakegpu:0", 2, MUSHIN_FAKEGPU_UNORDERED="8")
    expect("without the mode it is taken", free[0] == 0, free)

for failure in failures:
    print(failure)
sys.exit(bool(failures))
