# /// script
# requires-python = ">=3.11"
# dependencies = ["idna>=1"
# ///
import idna
