# /// script
# dependencies = ["idna>=1"]

# ///
import idna
