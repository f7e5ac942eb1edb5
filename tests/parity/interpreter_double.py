# Stands in for a python that this machine does not have: answers uv's query about the interpreter with the facts in
# `facts.json` beside it, and with its real ones for all else. uv then resolves, evaluates markers and ranks tags by itself.
# The machine's own python, which runs this, is named in the first line that the test puts above.
import json
import os
import subprocess
import sys

query = subprocess.run([sys.executable, *sys.argv[1:]], stdout=subprocess.PIPE)
answer = query.stdout
if query.returncode == 0 and answer.startswith(b"{"):
    double = os.path.realpath(sys.argv[0])
    with open(os.path.join(os.path.dirname(double), "facts.json")) as file:
        facts = json.load(file)
    told = json.loads(answer)
    told.update({key: facts[key] for key in ("markers", "os", "arch", "gil_disabled")})
    told["sys_base_executable"] = double
    told["sys_executable"] = os.path.abspath(sys.argv[0])
    library = "lib/python" + facts["library"] + "/site-packages"
    told["virtualenv"].update({"purelib": library, "platlib": library})
    prefix = os.path.dirname(os.path.dirname(told["sys_executable"]))
    if os.path.exists(os.path.join(prefix, "pyvenv.cfg")):
        told["sys_prefix"] = prefix
        told["scheme"] = {kind: os.path.join(prefix, path) for kind, path in told["virtualenv"].items()}
        told["site_packages"] = [told["scheme"]["purelib"]]
    answer = json.dumps(told).encode()
sys.stdout.buffer.write(answer)
sys.exit(query.returncode)
