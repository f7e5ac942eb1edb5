//! The projects that the Dockerfiles build, and the packages that the projects need.

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::index::Index;
use crate::project::UV_BUILD;

/// What a Dockerfile builds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A package with a script.
    Package,
    /// An application in a directory, which is no package.
    Application,
    /// A project of Django, which is no package.
    Site,
    /// Modules beside the manifest.
    Modules,
    /// An application with scripts for its containers.
    Scripts,
    /// A service and a library.
    Workspace,
}

/// Packages of the index, and whether each has a program.
const PACKAGES: [(&str, bool); 7] = [
    ("celery", true),
    ("django", false),
    ("fastapi", false),
    ("flask", false),
    ("gunicorn", true),
    ("streamlit", true),
    ("uvicorn", true),
];

/// Builds the packages, and offers them.
pub fn offer(index: &Index) -> Result<()> {
    for (name, has_program) in PACKAGES {
        let project = index.project(name, "1.0", UV_BUILD, "def main():\n    pass\n")?;
        project.add(&format!("src/{name}/data.json"), "{}\n")?;
        if has_program {
            let scripts = format!("scripts = {{ {name} = \"{name}:main\" }}\nrequires-python");
            project.edit("pyproject.toml", "requires-python", &scripts)?;
        }
        let (file, wheel) = project.wheel()?;
        index.serve(&format!("packages/{file}"), wheel);
    }
    Ok(())
}

fn manifest(name: &str, dependencies: &[&str], rest: &str) -> String {
    format!(
        "[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = {dependencies:?}\n{rest}"
    )
}

/// What makes a package of a project, with a script.
fn built(script: &str, module: &str) -> String {
    format!("scripts = {{ {script} = \"{module}:main\" }}\n\n[build-system]\n{UV_BUILD}")
}

/// Files of each kind of project, by path.
fn files(kind: Kind) -> Vec<(&'static str, String)> {
    let texts: &[(&'static str, &str)] = match kind {
        Kind::Package => &[
            ("README.md", "A desk.\n"),
            ("src/desk/__init__.py", "def main():\n    print(\"desk\")\n"),
            ("src/desk/__main__.py", "import desk\n\ndesk.main()\n"),
            ("src/desk/lamp.txt", "on\n"),
            ("static/site.css", "body {}\n"),
        ],
        Kind::Application => &[
            ("app/__init__.py", ""),
            ("app/main.py", "app = None\n"),
            ("app/templates/index.html", "<p>\n"),
            ("docker/entrypoint.sh", "#!/bin/sh\nset -e\nexec \"$@\"\n"),
            ("static/site.css", "body {}\n"),
        ],
        Kind::Site => &[
            ("manage.py", COLLECT),
            ("kiosk/__init__.py", ""),
            ("kiosk/settings.py", "STATIC_ROOT = \"staticfiles\"\n"),
            ("kiosk/wsgi.py", "application = None\n"),
            ("static/site.css", "body {}\n"),
        ],
        Kind::Modules => &[
            ("tasks.py", "app = None\n"),
            ("dashboard.py", "import streamlit\n"),
            ("shop/__init__.py", "def create_app():\n    return None\n"),
            ("shop/pages/home.html", "<p>\n"),
        ],
        Kind::Scripts => &[
            ("bin/entrypoint-web", "#!/usr/bin/env bash\nset -e\nexec \"$@\"\n"),
            ("bin/uv-install", "#!/usr/bin/env bash\nset -o errexit\nuv sync --frozen --no-install-project --no-dev\n"),
            ("config/gunicorn.py", "bind = \"0.0.0.0:8000\"\n"),
            ("hello/app.py", "def create_app():\n    return None\n"),
            ("static/site.css", "body {}\n"),
        ],
        Kind::Workspace => &[
            ("services/api/src/yard_api/__init__.py", "def main():\n    print(\"yard\")\n"),
            ("services/api/templates/index.html", "<p>\n"),
            ("libs/core/src/yard_core/__init__.py", "SIZE = 1\n"),
        ],
    };
    let mut files: Vec<_> = texts.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
    files.extend(match kind {
        Kind::Package => vec![("pyproject.toml", manifest("desk", &["fastapi"], &built("desk", "desk")))],
        Kind::Application => vec![("pyproject.toml", manifest("board", &["fastapi", "uvicorn"], ""))],
        Kind::Site => vec![("pyproject.toml", manifest("kiosk", &["django", "gunicorn"], ""))],
        Kind::Modules => {
            vec![("pyproject.toml", manifest("shop", &["celery", "flask", "gunicorn", "streamlit"], ""))]
        }
        Kind::Scripts => vec![("pyproject.toml", manifest("hello", &["flask", "gunicorn"], ""))],
        Kind::Workspace => vec![
            ("pyproject.toml", WORKSPACE.to_owned()),
            (
                "services/api/pyproject.toml",
                manifest("yard-api", &["yard-core", "uvicorn"], &built("yard-api", "yard_api")),
            ),
            ("libs/core/pyproject.toml", manifest("yard-core", &[], &format!("\n[build-system]\n{UV_BUILD}"))),
        ],
    });
    files
}

const COLLECT: &str = r#"import shutil

import django

if __name__ == "__main__":
    shutil.copytree("static", "staticfiles")
"#;

const WORKSPACE: &str = r#"[tool.uv.workspace]
members = ["libs/*", "services/*"]

[tool.uv.sources]
yard-core = { workspace = true }
"#;

/// Writes a project, with a lock.
pub fn write(context: &Context<'_>, kind: Kind, index: &Index) -> Result<()> {
    for (path, text) in files(kind) {
        let text = match path {
            "pyproject.toml" => {
                format!("{text}\n[[tool.uv.index]]\nname = \"fixture\"\nurl = \"{}\"\ndefault = true\n", index.url())
            }
            _ => text,
        };
        context.write(path, text)?;
    }
    context.write(".dockerignore", ".venv\n*.Dockerfile\nDockerfile\nuv.build.toml\n.dockerignore\n")?;
    if matches!(kind, Kind::Scripts) {
        for script in ["bin/entrypoint-web", "bin/uv-install"] {
            make_executable(&context.directory.join(script))?;
        }
    }
    context.lock()
}

/// As git keeps a script that is started.
fn make_executable(path: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).context("permissions of a script")
}
