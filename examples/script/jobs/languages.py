# /// script
# requires-python = ">=3.12"
# dependencies = ["phrasebook"]
#
# [[tool.uv.index]]
# name = "wheels"
# url = "../wheels"
# format = "flat"
# default = true
# ///
"""Says in which languages there are greetings: another script, which needs less, and a newer python."""

import phrasebook

print(*sorted(phrasebook.GREETINGS))
