"""Says why a step failed: a file in the output of the step, which the frontend reads. What a step that failed leaves goes into no image
and no cache.
"""

import collections
import json
import os
import subprocess
import sys

REPORT = "/.uv-buildkit-failure.json"

# The output of the step, and what is known about the step however it fails.
OUTPUT = [""]
KNOWN = {}


def report_to(output, **known):
    """Says where the output of this step is. From here on, an exception that nobody catches is in the report as well."""
    OUTPUT[0] = output
    KNOWN.update(known)
    sys.excepthook = report_exception


def report(**facts):
    """Leaves why the step failed."""
    try:
        with open(OUTPUT[0] + REPORT, "w", encoding="utf-8") as file:
            json.dump(dict(KNOWN, **facts), file)
    except OSError:
        pass


def report_exception(*exception):
    """Shows an exception as python does, and leaves it in the report. A disk that is full, or an archive with names that cannot be, is
    no mistake of the script: its message is enough."""
    import traceback

    text = "".join(traceback.format_exception(*exception))
    sys.stderr.write(text)
    report(words=text, **({"error": str(exception[1])} if issubclass(exception[0], OSError) else {}))


def fail(problem, *advice):
    """Ends the step with words of our own."""
    sys.stderr.write("".join(line + "\n" for line in ["error: " + problem] + ["help: " + text for text in advice]))
    report(error=problem, help=advice)
    sys.exit(1)


def run(command, is_shown=True, **options):
    """Runs a program: its exit code, as a shell has it, and its last words, which are the log of the step. Of a program that succeeds
    nobody wants to read them, unless it takes long."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    words = collections.deque(maxlen=2000)
    for line in process.stdout:
        words.append(line)
        if is_shown:
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()
    code = process.wait()
    if code != 0 and not is_shown:
        sys.stderr.buffer.writelines(words)
        sys.stderr.buffer.flush()
    text = b"".join(words).decode(errors="replace")
    if code < 0:
        text += "\nerror: %s was ended by the signal %d\n" % (os.path.basename(command[0]), -code)
    return code if code >= 0 else 128 - code, text


def last(text, count=500):
    """The last lines of a text."""
    return "\n".join(text.splitlines()[-count:])
