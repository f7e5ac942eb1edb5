"""Needed by nobody on Linux."""
