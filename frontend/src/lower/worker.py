"""Starts a step of an image build: a command of one of the modules that lie beside this script, which its step mounts.

    worker.py COMMAND ARGUMENT...

Python compiles the script that it is started with, and keeps bytecode of modules only. So there is little here.
"""

import importlib
import os
import sys

import step

# The module of each command.
MODULES = {
    "venv": "environment", "install": "install", "prepare": "builder",
    "member": "member", "link": "member", "wheel": "member",
    "backend": "requirements", "requirements": "requirements", "more": "requirements",
    "build": "source", "finish": "source",
}

command, *arguments = sys.argv[1:]
step.start(command, arguments)
importlib.import_module(MODULES[command]).STEPS[command](*arguments)
# All is written: what python would still do takes as long as to import a module.
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
