# /// script
# requires-python = ">=3.11"
# dependencies = ["boxtext>=0.3"]
#
# [[tool.uv.index]]
# name = "wheels"
# url = "../wheels"
# format = "flat"
# default = true
# ///
"""Writes a line for each name in a file: a job that is one script, with its own lock beside it."""

import os
import pathlib

import boxtext

for name in pathlib.Path(os.environ.get("NAMES", "data/names.txt")).read_text().split():
    print(boxtext.boxed_greeting(name))
