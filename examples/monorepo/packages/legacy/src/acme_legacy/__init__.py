"""Needed by no service."""
