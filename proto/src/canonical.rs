//! Op bytes and digests as the daemon computes them.
