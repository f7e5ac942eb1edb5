#!/bin/sh
# As that of the official image: the handler is the only argument.
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
exec /var/lang/bin/python3 /var/runtime/emulator.py "$1"
