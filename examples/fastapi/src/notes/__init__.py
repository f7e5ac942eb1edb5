"""Keeps notes in memory, and shows them as JSON and as HTML."""

import orjson
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader
from pydantic_settings import BaseSettings
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool


class Settings(BaseSettings):
    """From the environment."""

    port: int = 8000
    title: str = "notes"


class Base(DeclarativeBase):
    """Tables."""


class Note(Base):
    """One note."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


settings = Settings()
app = FastAPI(title=settings.title)
pages = Environment(loader=PackageLoader("notes"), autoescape=True)
# One connection for all threads: another one would be another database.
engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
Base.metadata.create_all(engine)
with Session(engine) as session, session.begin():
    session.add_all([Note(text="buy <tea>"), Note(text="call Ada")])


def all_notes() -> list[str]:
    """Texts in the order in which they were written."""
    with Session(engine) as session:
        return list(session.scalars(select(Note.text).order_by(Note.id)))


@app.get("/notes")
def notes() -> Response:
    """As JSON."""
    return Response(orjson.dumps(all_notes()), media_type="application/json")


@app.get("/notes/{number}")
def note(number: int) -> dict[str, str]:
    """One of them; pydantic refuses what is no number."""
    return {"text": all_notes()[number - 1]}


@app.get("/", response_class=HTMLResponse)
def index() -> str:
    """As HTML, by a template inside the package."""
    return pages.get_template("index.html").render(title=settings.title, notes=all_notes())


def main() -> None:
    """Serves until it is stopped."""
    uvicorn.run(app, host="0.0.0.0", port=settings.port, log_level="warning")
