use super::*;
use crate::diagnostic::SourceFile;

/// What a project with these files and packages starts. The first line of a file is its path.
fn started(packages: &[&str], files: &[(&str, &str)]) -> String {
    of(packages, files, false, &[])
}

fn of(packages: &[&str], files: &[(&str, &str)], is_package: bool, scripts: &[(&str, &str)]) -> String {
    let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
    let wanted = wanted(paths, ".", &[]);
    let modules: Modules = files
        .iter()
        .filter(|(path, _)| wanted.contains(*path))
        .map(|(path, text)| ((*path).to_owned(), SourceFile::new(*path, *text)))
        .collect();
    let scripts = scripts.iter().map(|(name, called)| ((*name).to_owned(), (*called).to_owned())).collect();
    let found = find(&Project {
        name: "kiosk",
        directory: ".",
        is_package,
        manifest: "",
        scripts: &scripts,
        packages: &packages.iter().copied().collect(),
        modules: &modules,
        workdir: "/app",
        port: 8000,
        has_shell: true,
    });
    let line = |start: &Start| {
        let env = start.env.iter().filter(|(name, _)| *name != "PORT").map(|(name, value)| format!("{name}={value} "));
        env.collect::<String>()
            + &start.cmd.last().filter(|_| start.cmd[0] == "sh").cloned().unwrap_or_else(|| shown(&start.cmd))
    };
    match found {
        Found::Start(start) => line(&start),
        Found::Several(starts) => starts.iter().map(line).collect::<Vec<_>>().join(" | "),
        Found::NoServer { problem, .. } => problem,
        Found::Nothing => "nothing".to_owned(),
    }
}

const FASTAPI: &str = "from fastapi import FastAPI\napp = FastAPI()\n";
const FLASK: &str = "import flask\n\napp = flask.Flask(__name__)\n";
const PLAIN: &str = "def main():\n    print(1)\n\nif __name__ == '__main__':\n    main()\n";

#[test]
fn applications_have_the_servers_of_the_lock() {
    let uvicorn = "exec uvicorn main:app --host 0.0.0.0 --port $PORT";
    assert_eq!(started(&["fastapi", "uvicorn"], &[("main.py", FASTAPI)]), uvicorn);
    assert_eq!(
        started(&["fastapi", "hypercorn"], &[("main.py", FASTAPI)]),
        "exec hypercorn --bind 0.0.0.0:$PORT main:app"
    );
    assert_eq!(started(&["flask", "gunicorn"], &[("app.py", FLASK)]), "gunicorn app:app");
    assert_eq!(started(&["flask"], &[("app.py", FLASK)]), "exec flask --app app:app run --host 0.0.0.0 --port $PORT");
    assert_eq!(
        started(&["fastapi"], &[("main.py", FASTAPI)]),
        "`app` of `main.py` is made by fastapi.FastAPI, but nothing in the lockfile can serve it"
    );
    let litestar = "from litestar import Litestar as L, get\n\napi = L(route_handlers=[])\n";
    assert_eq!(
        started(&["litestar", "uvicorn"], &[("src/service/asgi.py", litestar)]),
        "PYTHONPATH=/app/src exec uvicorn service.asgi:api --host 0.0.0.0 --port $PORT"
    );
    // Its own modules know it by this name.
    let with_src = format!("from src.routes import home\n{FASTAPI}");
    assert_eq!(
        started(&["fastapi", "uvicorn"], &[("src/main.py", &with_src)]),
        "exec uvicorn src.main:app --host 0.0.0.0 --port $PORT"
    );
}

#[test]
fn the_nearest_and_plainest_application_is_meant() {
    let other = "from fastapi import FastAPI\nsub = FastAPI()\n";
    let files = [
        ("main.py", "from app.core import app\n"),
        ("app/core.py", "x = 1\n"),
        ("app/main.py", FASTAPI),
        ("app/api/web.py", FASTAPI),
    ];
    assert_eq!(started(&["fastapi", "uvicorn"], &files), "exec uvicorn app.main:app --host 0.0.0.0 --port $PORT");
    let files = [("main.py", FASTAPI), ("admin.py", FASTAPI), ("tests/main.py", FASTAPI), ("other.py", other)];
    assert_eq!(started(&["fastapi", "uvicorn"], &files), "exec uvicorn main:app --host 0.0.0.0 --port $PORT");
    let files = [("main.py", FASTAPI), ("app.py", FASTAPI)];
    assert_eq!(
        started(&["fastapi", "uvicorn"], &files),
        "exec uvicorn app:app --host 0.0.0.0 --port $PORT | exec uvicorn main:app --host 0.0.0.0 --port $PORT"
    );
}

#[test]
fn factories_are_called_by_servers() {
    let factory =
        "from flask import Flask\n\ndef create_app(test_config=None):\n    app = Flask(__name__)\n    return app\n";
    let files = [("flaskr/__init__.py", factory)];
    assert_eq!(started(&["flask", "gunicorn"], &files), "gunicorn 'flaskr:create_app()'");
    assert_eq!(
        started(&["flask", "waitress"], &files),
        "exec waitress-serve --listen=0.0.0.0:$PORT --call flaskr:create_app"
    );
    // What is called already is served.
    let files = [("flaskr/__init__.py", factory), ("wsgi.py", "from flaskr import create_app\napp = create_app()\n")];
    assert_eq!(started(&["flask", "gunicorn"], &files), "gunicorn wsgi:app");
}

#[test]
fn django_is_known_by_what_manages_it() {
    let manage =
        "import os, sys\n\ndef main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings.dev')\n";
    let wsgi = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n";
    let files = [("manage.py", manage), ("config/wsgi.py", wsgi), ("other/wsgi.py", wsgi), ("config/asgi.py", "")];
    assert_eq!(started(&["django", "gunicorn"], &files), "gunicorn config.wsgi");
    assert_eq!(
        started(&["django", "uvicorn"], &files),
        "exec uvicorn config.asgi:application --host 0.0.0.0 --port $PORT"
    );
    assert_eq!(started(&["django"], &files), "exec python manage.py runserver 0.0.0.0:$PORT");
    let files = [("site/manage.py", manage), ("site/config/wsgi.py", wsgi)];
    assert_eq!(started(&["django", "gunicorn"], &files), "PYTHONPATH=/app/site gunicorn config.wsgi");
}

#[test]
fn what_shows_itself_is_run_by_its_own_program() {
    let streamlit = "import streamlit as st\nst.title('a')\n";
    let env = "STREAMLIT_SERVER_ADDRESS=0.0.0.0 STREAMLIT_SERVER_HEADLESS=true";
    let files = [("streamlit_app.py", streamlit), ("util.py", streamlit), ("pages/one.py", streamlit)];
    assert_eq!(
        started(&["streamlit"], &files),
        format!("{env} exec streamlit run streamlit_app.py --server.port $PORT")
    );
    let gradio = "import gradio as gr\n\ndemo = gr.Interface(fn=len)\ndemo.launch()\n";
    assert_eq!(
        started(&["gradio"], &[("app.py", gradio)]),
        "GRADIO_SERVER_NAME=0.0.0.0 export GRADIO_SERVER_PORT=\"$PORT\"; exec python app.py"
    );
    let dash = "from dash import Dash\napp = Dash(__name__)\nif __name__ == '__main__':\n    app.run()\n";
    assert_eq!(started(&["dash", "flask"], &[("app.py", dash)]), "HOST=0.0.0.0 python app.py");
    let with_server = format!("{dash}server = app.server\n");
    assert_eq!(started(&["dash", "flask", "gunicorn"], &[("app.py", &with_server)]), "gunicorn app:server");
}

#[test]
fn programs_are_files_of_usual_names() {
    assert_eq!(started(&[], &[("main.py", "print(1)\n")]), "python main.py");
    assert_eq!(started(&[], &[("report.py", "print(1)\n"), ("test_report.py", PLAIN)]), "python report.py");
    assert_eq!(started(&[], &[("app.py", "import main\n"), ("main.py", PLAIN)]), "python app.py");
    assert_eq!(started(&[], &[("app.py", PLAIN), ("main.py", PLAIN)]), "python main.py | python app.py");
    assert_eq!(started(&[], &[("one.py", "x = 1\n"), ("two.py", PLAIN)]), "python two.py");
    assert_eq!(started(&[], &[("readme.md", "")]), "nothing");
}

#[test]
fn the_own_script_is_started_unless_a_service_knows_nothing_of_it() {
    let cli = "import typer\napp = typer.Typer()\n";
    let serving = "import uvicorn\n\ndef main():\n    uvicorn.run('kiosk.main:app')\n";
    let files = [("src/kiosk/main.py", FASTAPI), ("src/kiosk/cli.py", cli), ("src/kiosk/serve.py", serving)];
    let packages = ["fastapi", "uvicorn"];
    let uvicorn = "exec uvicorn kiosk.main:app --host 0.0.0.0 --port $PORT";
    assert_eq!(of(&packages, &files, true, &[("kiosk", "kiosk.serve:main")]), "kiosk");
    assert_eq!(of(&packages, &files, true, &[("kiosk", "kiosk.cli:app")]), format!("{uvicorn} | kiosk"));
    assert_eq!(of(&packages, &files, true, &[("seed", "kiosk.cli:app")]), uvicorn);
    assert_eq!(of(&[], &files, true, &[("seed", "kiosk.cli:app")]), "seed");
    assert_eq!(of(&packages, &files, true, &[]), uvicorn);
    // Beside the package lies what is not in it.
    assert_eq!(of(&packages, &[("main.py", FASTAPI)], true, &[]), "nothing");
    assert_eq!(of(&[], &[("src/kiosk/__main__.py", PLAIN)], true, &[]), "python -m kiosk");
}
