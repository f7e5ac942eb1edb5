//! What a program writes beside its sources: a database of sqlite, whose directory the user has to be able to write to.

use super::project::Modules;
use super::source::{below, depth};
use super::syntax::Module;

/// Names of modules that often say where data is, beside those that something is started from.
const USUAL: [&str; 12] = [
    "base",
    "config",
    "connection",
    "database",
    "db",
    "dev",
    "engine",
    "local",
    "models",
    "session",
    "settings",
    "storage",
];

/// Ends of names of databases.
const ENDS: [&str; 4] = [".db", ".sqlite", ".sqlite3", ".duckdb"];

/// Whether a module may say it, by its path.
pub(super) fn is_usual(stem: &str) -> bool {
    USUAL.contains(&stem)
}

/// The module of a project that has such data, by its path in the context. `is_package`: it is installed, and lies elsewhere than what is
/// relative to the working directory.
pub fn beside(modules: &Modules, directory: &str, is_package: bool) -> Option<String> {
    modules.iter().find_map(|(path, file)| {
        depth(below(path, directory)?)?;
        has_data(&Module::parse(&file.text), is_package).then(|| path.clone())
    })
}

fn has_data(module: &Module, is_package: bool) -> bool {
    let named = |text: &String| ENDS.iter().any(|end| text.ends_with(end));
    let is_absolute = |text: &String| text.starts_with('/');
    let has_name_elsewhere = module.texts.iter().any(|text| named(text) && is_absolute(text));
    // `BASE_DIR / "db.sqlite3"`, as Django's own template has it.
    let of_django = module.texts.iter().any(|text| text == "django.db.backends.sqlite3" || text == "sqlite3");
    let is_of_django = of_django && module.texts.iter().any(|text| text.starts_with("django."));
    if is_of_django && !is_package && !has_name_elsewhere {
        return true;
    }
    let connects = module.called.iter().any(|called| {
        matches!(module.resolve(called).as_str(), "sqlite3.connect" | "aiosqlite.connect" | "duckdb.connect")
    });
    module.texts.iter().any(|text| is_relative_url(text, is_package))
        || connects && module.texts.iter().any(|text| named(text) && !is_absolute(text) && !text.contains(':'))
}

/// `sqlite:///./app.db`: with one more slash it would be absolute.
fn is_relative_url(text: &str, is_package: bool) -> bool {
    let Some((scheme, path)) = text.split_once(":///") else { return false };
    let is_sqlite = ["sqlite", "sqlite+aiosqlite", "sqlite+pysqlite", "duckdb"].contains(&scheme);
    let is_computed = path.is_empty() || path.starts_with(['{', '%']);
    is_sqlite && !path.starts_with('/') && path != ":memory:" && !(is_computed && is_package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_package: bool) -> bool {
        has_data(&Module::parse(text), is_package)
    }

    #[test]
    fn knows_sqlite_beside_the_sources() {
        let django =
            "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}";
        let fastapi = "engine = create_engine(\"sqlite:///./app.db\")";
        let setting = "class Settings:\n    url: str = \"sqlite+aiosqlite:///notes.db\"";
        let plain = "import sqlite3\ndef db():\n    return sqlite3.connect('books.sqlite3')";
        for text in [django, fastapi, setting, plain] {
            assert!(check(text, false), "{text}");
        }
        assert!(check(fastapi, true) && !check(django, true));
        for text in [
            "url = 'sqlite://'",
            "url = 'sqlite:///:memory:'",
            "url = 'sqlite:////data/app.db'",
            "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '/data/db.sqlite3'}}",
            "import sqlite3\ndb = sqlite3.connect(path)",
            "url = 'postgresql:///app'",
        ] {
            assert!(!check(text, false), "{text}");
        }
    }
}
