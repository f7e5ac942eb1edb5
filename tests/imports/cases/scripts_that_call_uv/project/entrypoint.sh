#!/bin/sh
set -e
uv run --no-sync python -c "print(1)"
exec "$@"
