"""Compiles installed packages again and again, each time in new processes, and says where the bytes differ.

    table.py SCRIPTS SITE WORK COUNTS TIMES ALONE    all together, then each package alone
    table.py SCRIPTS one SITE TARGET COUNT [PACKAGE...]    one round: a line of JSON

SCRIPTS is where `bytecode.py` is, SITE a directory with packages and their metadata, COUNTS numbers of processes as `1,2,8`, TIMES how
often each of them is tried with all packages, ALONE how often each package is tried, with the next number of processes each time.
"""

import csv
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time


def packages(site):
    """The modules of each package, as paths in the site."""
    found = {}
    for record in sorted(glob.glob(site + "/*.dist-info/RECORD")):
        with open(record, encoding="utf-8", newline="") as file:
            modules = {path for path, *_ in csv.reader(file) if path.endswith(".py") and not path.startswith("..")}
        found[os.path.basename(os.path.dirname(record))] = sorted(modules)
    return found


def round_of(site, target, processes, *names):
    """Compiles packages into a directory that is not there yet; the digest of each of their files."""
    import bytecode

    known = packages(site)
    modules = sorted({module for name in names or known for module in known[name]})
    if processes % 2 == 0:
        modules.reverse()
    os.mkdir(target)
    files = [(os.path.join(site, module), os.path.join(target, module + "c"), "/app/" + module) for module in modules]
    for _, path, _ in files:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    started = time.monotonic()
    bytecode.compile_all(files, processes)
    seconds, times = time.monotonic() - started, os.times()
    digests = {}
    for module, (_, path, _) in zip(modules, files):
        if os.path.exists(path):
            with open(path, "rb") as file:
                digests[module] = hashlib.sha256(file.read()).hexdigest()
    shutil.rmtree(target)
    cpu = times.user + times.system + times.children_user + times.children_system
    print(json.dumps({"digests": digests, "seconds": seconds, "cpu": cpu}))


def table(scripts, site, work, counts, times, alone):
    """Every round. A round that differs from the first is told at once."""
    first, differences = {}, set()

    def compile_again(what, count, *names):
        target = os.path.join(work, "target")
        shutil.rmtree(target, ignore_errors=True)
        command = [sys.executable, __file__, scripts, "one", site, target, str(count), *names]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        differing = [path for path, digest in result["digests"].items() if first.setdefault(path, digest) != digest]
        differences.update(differing)
        if not names or differing:
            figures = len(result["digests"]), result["seconds"], result["cpu"]
            print("%s, %d processes: %d modules in %.1f s (%.1f s of CPU)" % (what, count, *figures), end="")
            print(", %d differ: %s" % (len(differing), " ".join(differing[:5])) if differing else ", none differs", flush=True)

    for _ in range(times):
        for count in counts:
            compile_again("all together", count)
    together = len(first)
    for number, name in enumerate(packages(site)):
        for turn in range(alone):
            compile_again(name, counts[(number + turn) % len(counts)], name)
    print("each package alone, %d times" % alone)
    print("%d packages, %d modules, %d of which differ" % (len(packages(site)), together, len(differences)))
    sys.exit(1 if differences or not together else 0)


os.environ["PYTHONHASHSEED"] = "0"
sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "one":
    round_of(sys.argv[3], sys.argv[4], int(sys.argv[5]), *sys.argv[6:])
else:
    table(sys.argv[1], *sys.argv[2:4], [int(count) for count in sys.argv[4].split(",")], int(sys.argv[5]), int(sys.argv[6]))
