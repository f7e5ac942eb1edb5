//! What people write who know Dockerfiles and compose files → what a config has instead.

use toml::de::DeValue;

/// Whether a text has something in it that only a shell understands.
pub fn needs_a_shell(text: &str) -> bool {
    text.contains(['|', '&', ';', '<', '>', '$', '`', '*', '"', '\''])
}

/// What to write for a value that has the shape of a Dockerfile's or a compose file's.
pub fn shape(path: &str, value: &DeValue<'_>) -> Option<String> {
    let key = path.rsplit('.').next()?;
    let texts: Vec<&str> = match value {
        DeValue::String(text) => vec![text.as_ref()],
        DeValue::Array(items) => items.iter().filter_map(|item| item.get_ref().as_str()).collect(),
        _ => return None,
    };
    match key {
        "files" | "inputs" => {
            let from = texts.first()?;
            let name = from.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty() && *name != ".");
            let to = name.map_or("/app".to_owned(), |name| format!("/app/{name}"));
            Some(format!("{key} = [{{ from = {from:?}, to = {to:?} }}]"))
        }
        "args" | "env" | "labels" => {
            let pairs = texts.iter().filter_map(|text| text.split_once('='));
            let pairs: Vec<String> =
                pairs.map(|(name, value)| format!("{} = {:?}", quoted_key(name.trim()), value.trim())).collect();
            (!pairs.is_empty()).then(|| format!("{key} = {{ {} }}", pairs.join(", ")))
        }
        _ => None,
    }
}

/// A key as TOML has it.
fn quoted_key(name: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || ['-', '_'].contains(&char);
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { format!("{name:?}") }
}

/// Keys for which something else than a key does the same.
pub const ADVICE: [(&str, &str); 5] = [
    ("exclude", WITHOUT),
    ("no-install-package", WITHOUT),
    ("provided", WITHOUT),
    (
        "system-site-packages",
        "to import the packages of the base image, add their directory to `PYTHONPATH`, such as `env = { PYTHONPATH = \
         \"/usr/local/lib/python3.13/site-packages\" }`",
    ),
    ("without", WITHOUT),
];

const WITHOUT: &str = "to exclude a package from an image, add `override-dependencies = [\"NAME; sys_platform == \
                       'never'\"]` to `[tool.uv]` in `pyproject.toml`, and run `uv lock`";

/// Keys as Dockerfiles, compose files and others call them, too far from ours to be taken for a slip of the pen: of those with
/// several meanings, the first that the table has.
pub const FOREIGN_KEYS: [(&str, &str); 50] = [
    ("add", "files"),
    ("app", "package"),
    ("apt-get", "apt"),
    ("apt-packages", "apt"),
    ("assets", "files"),
    ("base-image", "base"),
    ("build-packages", "build-apt"),
    ("checksum", "sha256"),
    ("chmod", "mode"),
    ("chown", "owner"),
    ("command", "cmd"),
    ("commands", "run"),
    ("copy", "files"),
    ("cwd", "workdir"),
    ("dependency-groups", "groups"),
    ("dest", "to"),
    ("destination", "to"),
    ("digest", "sha256"),
    ("dir", "workdir"),
    ("dst", "to"),
    ("environment", "env"),
    ("exec", "cmd"),
    ("extends", "inherits"),
    ("from", "base"),
    ("hash", "sha256"),
    ("image", "base"),
    ("include", "files"),
    ("maintainer", "labels"),
    ("member", "package"),
    ("mount", "caches"),
    ("mounts", "caches"),
    ("optional-dependencies", "extras"),
    ("packages", "apt"),
    ("path", "from"),
    ("permissions", "mode"),
    ("port", "expose"),
    ("ports", "expose"),
    ("project", "package"),
    ("script", "cmd"),
    ("source", "from"),
    ("src", "from"),
    ("start", "cmd"),
    ("system-packages", "apt"),
    ("target", "to"),
    ("test", "run"),
    ("tmpfs", "writable"),
    ("uid", "user"),
    ("username", "user"),
    ("volumes", "files"),
    ("working-dir", "workdir"),
];
