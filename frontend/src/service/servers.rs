//! What serves an application: the first of the servers that the lock has.

use super::project::{Found, PORT, Project, Start};
use super::source::Source;

/// How an application is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interface {
    Asgi,
    Wsgi,
    /// Of Dash, which serves itself.
    Dash,
}

/// An application, in a module.
pub(super) struct Object<'a> {
    pub(super) source: &'a Source,
    pub(super) name: &'a str,
    pub(super) interface: Interface,
    /// By what it is made.
    pub(super) class: String,
    /// It is made by a function, which nobody called yet.
    pub(super) is_factory: bool,
}

/// What starts an application.
pub(super) fn of(project: &Project<'_>, object: &Object<'_>) -> Result<Start, Found> {
    let Object { source, name, interface, class, is_factory } = object;
    let place = format!("{}:{name}", source.name);
    let what = match is_factory {
        true => format!("`{name}` of `{}` makes an application of {class}", source.path),
        false => format!("`{name}` of `{}` is made by {class}", source.path),
    };
    let reason = |server: &str| format!("{what}, and the lockfile has {server}");
    let root = source.root.as_str();
    let itself = || {
        let start = if project.is_package {
            project.start(&["python", "-m", &source.name], root, what.clone())
        } else {
            project.start(&["python", &source.path], root, what.clone())
        };
        start.env("HOST", "0.0.0.0").listening().finish()
    };
    let (found, package) = match interface {
        Interface::Dash => return Ok(itself()),
        Interface::Asgi => (asgi(project, &place, root, &reason, *is_factory), "uvicorn"),
        Interface::Wsgi => (wsgi(project, &place, root, &reason, *is_factory), "gunicorn"),
    };
    if let Some(start) = found {
        return Ok(start);
    }
    if *interface == Interface::Wsgi && project.has("flask") && class.starts_with("flask") {
        let reason =
            format!("{what}; it is served by Flask's own server for development, since the lockfile has no other");
        let words = ["flask", "--app", &place, "run", "--host", "0.0.0.0", "--port", PORT];
        return Ok(project.start(&words, root, reason).listening().finish());
    }
    match source.module.is_program || class == "dash.Dash.server" {
        true => Ok(itself()),
        false => Err(Found::NoServer { problem: format!("{what}, but nothing in the lockfile can serve it"), package }),
    }
}

/// A server, by its name in the reason, with what it is given.
fn listening(
    project: &Project<'_>,
    (name, words): (&str, &[&str]),
    root: &str,
    reason: &dyn Fn(&str) -> String,
) -> Start {
    project.start(&[name], root, reason(name)).words(words).listening().finish()
}

/// A server for an application with the asynchronous interface.
pub(super) fn asgi(
    project: &Project<'_>,
    place: &str,
    root: &str,
    reason: &dyn Fn(&str) -> String,
    is_factory: bool,
) -> Option<Start> {
    let factory: &[&str] = if is_factory { &["--factory"] } else { &[] };
    let listen = format!("0.0.0.0:{PORT}");
    let start = |name: &str, words: &[&str]| listening(project, (name, words), root, reason);
    if project.has("uvicorn") {
        return Some(start("uvicorn", &[&[place, "--host", "0.0.0.0", "--port", PORT], factory].concat()));
    }
    if project.has("hypercorn") {
        let place = if is_factory { format!("{place}()") } else { place.to_owned() };
        return Some(start("hypercorn", &["--bind", &listen, &place]));
    }
    if project.has("granian") {
        let words = ["--interface", "asgi", "--host", "0.0.0.0", "--port", PORT];
        return Some(start("granian", &[&words[..], factory, &[place]].concat()));
    }
    (project.has("daphne") && !is_factory).then(|| start("daphne", &["-b", "0.0.0.0", "-p", PORT, place]))
}

/// A server for an application with the other one.
pub(super) fn wsgi(
    project: &Project<'_>,
    place: &str,
    root: &str,
    reason: &dyn Fn(&str) -> String,
    is_factory: bool,
) -> Option<Start> {
    let called = if is_factory { format!("{place}()") } else { place.to_owned() };
    let listen = format!("0.0.0.0:{PORT}");
    let start = |name: &str, words: &[&str]| listening(project, (name, words), root, reason);
    if project.has("gunicorn") {
        // It listens at `PORT`, in all interfaces, by itself.
        return Some(start("gunicorn", &[&called]));
    }
    if project.has("waitress") {
        let words = [format!("--listen={listen}")];
        let call: &[&str] = if is_factory { &["--call"] } else { &[] };
        let words = [&[words[0].as_str()], call, &[place]].concat();
        return Some(listening(project, ("waitress-serve", &words), root, &|_| reason("waitress")));
    }
    if project.has("uwsgi") {
        return Some(start("uwsgi", &["--master", "--http", &listen, "--module", &called]));
    }
    project.has("granian").then(|| {
        let factory: &[&str] = if is_factory { &["--factory"] } else { &[] };
        let words = ["--interface", "wsgi", "--host", "0.0.0.0", "--port", PORT];
        start("granian", &[&words[..], factory, &[place]].concat())
    })
}
