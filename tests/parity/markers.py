# Evaluates PEP 508 markers with pip's copy of `packaging`: {"environment": {…}, "markers": […]} in, [true, false, …] out.
import json
import sys

from pip._vendor.packaging.markers import Marker

asked = json.load(sys.stdin)
json.dump([Marker(marker).evaluate(asked["environment"]) for marker in asked["markers"]], sys.stdout)
