"""Runs functions named `check_*` of the modules named on the command line: `python -m checkrunner MODULE...`."""

import importlib
import sys


def main(modules):
    """Runs every check and prints how many passed."""
    checks = [
        check for module in modules for name, check in vars(importlib.import_module(module)).items()
        if name.startswith("check_")
    ]
    for check in checks:
        check()
    print(f"{len(checks)} checks passed")


if __name__ == "__main__":
    main(sys.argv[1:])
