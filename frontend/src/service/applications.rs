//! Applications of web frameworks.

use super::project::{Found, PORT, Project, Start};
use super::servers::{self, Interface, Object};
use super::source::Source;
use crate::paths::directory_of;

/// What a framework's application is made by, and how it is called.
const CLASSES: [(&str, Interface); 19] = [
    ("apiflask.APIFlask", Interface::Wsgi),
    ("blacksheep.Application", Interface::Asgi),
    ("bottle.Bottle", Interface::Wsgi),
    ("connexion.AsyncApp", Interface::Asgi),
    ("connexion.FlaskApp", Interface::Wsgi),
    ("dash.Dash", Interface::Dash),
    ("dash.dash.Dash", Interface::Dash),
    ("falcon.App", Interface::Wsgi),
    ("falcon.asgi.App", Interface::Asgi),
    ("fastapi.FastAPI", Interface::Asgi),
    ("fastapi.applications.FastAPI", Interface::Asgi),
    ("flask.Flask", Interface::Wsgi),
    ("flask.app.Flask", Interface::Wsgi),
    ("flask_openapi3.OpenAPI", Interface::Wsgi),
    ("litestar.Litestar", Interface::Asgi),
    ("litestar.app.Litestar", Interface::Asgi),
    ("quart.Quart", Interface::Asgi),
    ("starlette.applications.Starlette", Interface::Asgi),
    ("starlite.Starlite", Interface::Asgi),
];

/// Packages whose applications are of one interface, in the order in which a project that has several is more likely one of theirs.
const FRAMEWORKS: [(&str, Interface); 7] = [
    ("fastapi", Interface::Asgi),
    ("litestar", Interface::Asgi),
    ("quart", Interface::Asgi),
    ("dash", Interface::Dash),
    ("flask", Interface::Wsgi),
    ("starlette", Interface::Asgi),
    ("falcon", Interface::Wsgi),
];

/// Names of functions that make an application.
const FACTORIES: [&str; 8] = [
    "build_app",
    "create_app",
    "create_application",
    "get_app",
    "get_application",
    "init_app",
    "make_app",
    "make_application",
];

/// Whether applications of a package are found here.
pub(super) fn is_framework(package: &str) -> bool {
    let is_of = |name: &str| name.split('.').next() == Some(package);
    ["django", "gradio", "streamlit"].contains(&package) || CLASSES.iter().any(|(class, _)| is_of(class))
}

/// What is served: one thing, or several that are equally likely.
pub(super) fn find(project: &Project<'_>, sources: &[Source]) -> Found {
    let mut starts: Vec<Start> = Vec::new();
    let mut lacking = None;
    if project.has("django") {
        starts.extend(django(project, sources));
    }
    // Those of Django are made by it.
    if starts.is_empty() {
        let objects = objects(project, sources);
        for object in objects {
            match servers::of(project, &object) {
                Ok(start) => starts.push(start),
                Err(found) => lacking = Some(found),
            }
        }
    }
    starts.extend(streamlit(project, sources));
    starts.extend(gradio(project, sources));
    match (starts.len(), lacking) {
        (0, Some(lacking)) => lacking,
        (0, None) => Found::Nothing,
        (1, _) => Found::Start(starts.remove(0)),
        _ => Found::Several(starts),
    }
}

/// The most likely objects; several only where one is as likely as another.
fn objects<'a>(project: &Project<'_>, sources: &'a [Source]) -> Vec<Object<'a>> {
    let mut found: Vec<((usize, usize, usize), Object<'a>)> = Vec::new();
    for source in sources {
        for (name, called) in &source.module.calls {
            let Some((interface, class)) = made_by(project, source, called) else { continue };
            let object = Object { source, name, interface, class, is_factory: false };
            found.push(((source.depth(), rank(source), rank_of_name(name)), object));
        }
        // Dash has the one that servers want within its own.
        let dash: Vec<&str> = names_of(project, source, Interface::Dash);
        for (name, called) in &source.module.calls {
            if dash.iter().any(|app| *called == format!("={app}.server")) {
                let object = Object {
                    source,
                    name,
                    interface: Interface::Wsgi,
                    class: "dash.Dash.server".to_owned(),
                    is_factory: false,
                };
                found.push(((source.depth(), rank(source), 0), object));
                found.retain(|(_, object)| object.interface != Interface::Dash || object.source.path != source.path);
            }
        }
    }
    if found.is_empty() {
        for source in sources {
            let factories = source.module.functions.iter().filter(|function| function.takes_nothing);
            for function in factories.filter(|function| FACTORIES.contains(&function.name.as_str())) {
                let used = FRAMEWORKS.iter().find(|(package, _)| project.has(package) && source.module.uses(package));
                let Some((package, interface)) = used.filter(|(_, interface)| *interface != Interface::Dash) else {
                    continue;
                };
                let object = Object {
                    source,
                    name: &function.name,
                    interface: *interface,
                    class: (*package).to_owned(),
                    is_factory: true,
                };
                found.push(((source.depth(), rank(source), 0), object));
            }
        }
    }
    let best = found.iter().map(|(rank, _)| *rank).min();
    found.into_iter().filter(|(rank, _)| Some(*rank) == best).map(|(_, object)| object).collect()
}

fn names_of<'a>(project: &Project<'_>, source: &'a Source, wanted: Interface) -> Vec<&'a str> {
    let calls = source.module.calls.iter();
    let wanted = calls.filter(|(_, called)| made_by(project, source, called).is_some_and(|(found, _)| found == wanted));
    wanted.map(|(name, _)| name.as_str()).collect()
}

/// What a call makes, if that is an application: by a class of a framework, or by a function of the project that has such a name.
fn made_by(project: &Project<'_>, source: &Source, called: &str) -> Option<(Interface, String)> {
    let resolved = source.module.resolve(called);
    if let Some((class, interface)) = CLASSES.iter().find(|(class, _)| *class == resolved) {
        return Some((*interface, (*class).to_owned()));
    }
    let last = resolved.rsplit('.').next().unwrap_or_default();
    if !FACTORIES.contains(&last) {
        return None;
    }
    let (package, interface) = FRAMEWORKS.iter().find(|(package, _)| project.has(package))?;
    Some((*interface, format!("{package} by `{last}`")))
}

/// How likely a module is the one that is started.
fn rank(source: &Source) -> usize {
    match source.stem() {
        "main" | "app" | "asgi" | "wsgi" => 0,
        "__init__" | "__main__" | "api" | "application" | "index" | "run" | "serve" | "server" | "start" | "web" => 1,
        _ => 2,
    }
}

fn rank_of_name(name: &str) -> usize {
    match name {
        "app" | "application" => 0,
        "api" | "asgi" | "asgi_app" | "server" | "wsgi" | "wsgi_app" => 1,
        _ => 2,
    }
}

const SETTINGS: &str = "DJANGO_SETTINGS_MODULE";

/// A project of Django, by its `manage.py`.
fn django(project: &Project<'_>, sources: &[Source]) -> Vec<Start> {
    let manages: Vec<&Source> = sources.iter().filter(|source| source.stem() == "manage").collect();
    let shallowest = manages.iter().map(|source| source.path.matches('/').count()).min();
    let manages = manages.into_iter().filter(|source| Some(source.path.matches('/').count()) == shallowest);
    manages.map(|manage| of_django(project, sources, manage)).collect()
}

fn of_django(project: &Project<'_>, sources: &[Source], manage: &Source) -> Start {
    let root = match directory_of(&manage.path) {
        "." => "",
        directory => directory,
    };
    let texts = &manage.module.texts;
    let settings = texts.iter().position(|text| text == SETTINGS).and_then(|at| texts.get(at + 1));
    let settings = settings.map_or("", String::as_str);
    // `config.settings.production` is one of `config.wsgi`.
    let beside = |stem: &str| {
        let prefix = if root.is_empty() { String::new() } else { format!("{root}/") };
        let of_stem = sources.iter().filter(|source| source.stem() == stem && source.path.starts_with(&prefix));
        let names = of_stem.map(|source| source.path[prefix.len()..].trim_end_matches(".py").replace('/', "."));
        let names: Vec<String> = names.collect();
        let package = |name: &str| name.rsplit_once('.').map_or(String::new(), |(package, _)| format!("{package}."));
        let is_of_settings = |name: &&String| !package(name).is_empty() && settings.starts_with(&package(name));
        let only = if let [only] = &names[..] { Some(only.clone()) } else { None };
        names.iter().filter(is_of_settings).max_by_key(|name| name.len()).cloned().or(only)
    };
    let reason = |server: &str| format!("`{}` is of Django, and the lockfile has {server}", manage.path);
    if let (true, Some(wsgi)) = (project.has("gunicorn"), beside("wsgi")) {
        return project.start(&["gunicorn", &wsgi], root, reason("gunicorn")).listening().finish();
    }
    if let Some(asgi) = beside("asgi")
        && let Some(start) = servers::asgi(project, &format!("{asgi}:application"), root, &reason, false)
    {
        return start;
    }
    if let Some(wsgi) = beside("wsgi")
        && let Some(start) = servers::wsgi(project, &format!("{wsgi}:application"), root, &reason, false)
    {
        return start;
    }
    let reason =
        format!("`{}` is of Django, whose server for development it is: the lockfile has no other", manage.path);
    project
        .start(&["python", &manage.path, "runserver"], "", reason)
        .words(&[&format!("0.0.0.0:{PORT}")])
        .listening()
        .finish()
}

/// The first page of a Streamlit application.
fn streamlit(project: &Project<'_>, sources: &[Source]) -> Vec<Start> {
    if !project.has("streamlit") || project.is_package {
        return Vec::new();
    }
    let using = |source: &&Source| source.module.uses("streamlit");
    let pages: Vec<&Source> = sources.iter().filter(using).collect();
    let of_name = |name: &str| pages.iter().filter(|source| source.stem().to_lowercase() == name).collect::<Vec<_>>();
    let shallowest = pages.iter().map(|source| source.path.matches('/').count()).min();
    let top: Vec<&&Source> = pages.iter().filter(|page| Some(page.path.matches('/').count()) == shallowest).collect();
    let named = ["streamlit_app", "app", "main", "home"].map(of_name).into_iter().find(|named| !named.is_empty());
    let chosen = match (&named, &top[..]) {
        (_, [only]) => vec![*only],
        // The one that imports the other is the one to start.
        (Some(named), top) => {
            let first = named[0];
            let rivals: Vec<_> = top.iter().filter(|page| ["app", "main"].contains(&page.stem())).copied().collect();
            let importing: Vec<_> = rivals
                .iter()
                .filter(|page| rivals.iter().any(|other| page.module.uses(&other.name)))
                .copied()
                .collect();
            match (first.stem(), &importing[..], rivals.len()) {
                ("streamlit_app", _, _) | (_, _, 0 | 1) => vec![first],
                (_, [only], _) => vec![*only],
                _ => rivals,
            }
        }
        (None, top) => top.to_vec(),
    };
    let start = |page: &&Source| {
        let reason = format!("`{}` uses Streamlit", page.path);
        project
            .start(&["streamlit", "run", &page.path, "--server.port", PORT], "", reason)
            .env("STREAMLIT_SERVER_ADDRESS", "0.0.0.0")
            .env("STREAMLIT_SERVER_HEADLESS", "true")
            .listening()
            .finish()
    };
    chosen.into_iter().map(start).collect()
}

/// A program that launches an interface of Gradio.
fn gradio(project: &Project<'_>, sources: &[Source]) -> Vec<Start> {
    if !project.has("gradio") || project.is_package {
        return Vec::new();
    }
    let launches = |source: &&Source| {
        source.module.uses("gradio") && source.module.called.iter().any(|called| called.ends_with(".launch"))
    };
    let all: Vec<&Source> = sources.iter().filter(launches).collect();
    let best = all.iter().map(|source| (source.path.matches('/').count(), rank(source))).min();
    let best = all.into_iter().filter(|source| Some((source.path.matches('/').count(), rank(source))) == best);
    let start = |source: &Source| {
        let reason = format!("`{}` launches an interface of Gradio", source.path);
        project
            .start(&["python", &source.path], &source.root, reason)
            .env("GRADIO_SERVER_NAME", "0.0.0.0")
            .export("GRADIO_SERVER_PORT")
            .finish()
    };
    best.map(start).collect()
}
