#!/usr/bin/env -S uv run --script
# Reports.
#
# /// script
# requires-python = ">=3.12"
# dependencies = [
#   "idna>=2",
#   "click[fast]; sys_platform != 'win32'",
#   "branch",
#   "array<2; python_version < '3.12'",
# ]
#
# [tool.uv]
# exclude-newer = "2026-01-01T00:00:00Z"
# resolution = "lowest"
# constraint-dependencies = ["idna<4"]
# index-url = "https://other.example/simple"
#
# [tool.uv.sources]
# branch = { git = "https://git.example/branch", tag = "v1" }
# ///
import idna
