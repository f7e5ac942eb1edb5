"""Notes a visit, and says how many there were and who the program is."""

import os
import pathlib
import sqlite3


def main() -> None:
    """Needs to write the database, its journal beside it, and a cache in the home."""
    database = sqlite3.connect(os.environ.get("DATABASE", "guestbook.db"))
    with database:
        database.execute("CREATE TABLE IF NOT EXISTS visits (uid INTEGER)")
        database.execute("INSERT INTO visits VALUES (?)", [os.getuid()])
    (count,) = database.execute("SELECT count(*) FROM visits").fetchone()
    cache = pathlib.Path("~/.cache/guestbook").expanduser()
    if os.environ.get("CACHE") != "off":
        cache.mkdir(parents=True)
    sources = "can" if os.access(__file__, os.W_OK) else "cannot"
    print(f"visits: {count}; uid {os.getuid()}, home {cache.parent.parent}; sources {sources} be changed")


if __name__ == "__main__":
    main()
