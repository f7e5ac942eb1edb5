//! `uv.build.toml`: text and build args in, checked [`Config`] out. Members, extras and groups are checked later, against
//! the lock, by [`crate::project`].

pub mod access;
pub mod check;
mod inheritance;
mod lock;
pub mod members;
mod runtime;
pub mod schema;
pub mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::DeTable;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
pub use access::AccessConfig;
use check::CheckConfig;
use members::MemberConfig;
pub use runtime::Healthcheck;
use table::{Located, Reader, Table};

/// The default name of the config file.
pub const FILE_NAME: &str = "uv.build.toml";

/// A checked config file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file, for diagnostics that are found later.
    pub file: Arc<SourceFile>,
    /// `[args]` with the values of this build.
    pub args: BTreeMap<String, Located<String>>,
    /// `python.version`.
    pub python_version: Option<Located<String>>,
    /// `uv.image`.
    pub uv_image: Option<Located<String>>,
    /// `[indexes]`, `[mirrors]` and `[ca]`.
    pub access: AccessConfig,
    /// `lock.check`: manifests are compared with the lock unless it is `"off"`.
    pub checks_lock: bool,
    /// `default-target`.
    pub default_target: Option<Located<String>>,
    /// `[members.*]` in file order.
    pub members: Vec<MemberConfig>,
    /// `[targets.*]` in file order, with what they inherit already merged in.
    pub targets: Vec<TargetConfig>,
    /// `[defaults]`, for the targets that exist without being named.
    pub defaults: Settings,
}

/// One `[targets.NAME]`.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    /// Its name and the place of its header.
    pub name: Located<String>,
    /// Its keys.
    pub settings: Settings,
    /// What it runs, if it is a check, and the checks that it requires.
    pub check: CheckConfig,
}

/// The keys of a target, each absent unless written by it, by what it inherits or by `[defaults]`.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    inherits: Option<Located<String>>,
    /// Workspace member to install.
    pub package: Option<Located<String>>,
    /// The lock that it is made from.
    pub lock: Option<Located<String>>,
    /// Extras of that member.
    pub extras: Option<Vec<Located<String>>>,
    /// Dependency groups of that member.
    pub groups: Option<Vec<Located<String>>>,
    /// Members are installed as links to their sources, which the image holds.
    pub editable: Option<bool>,
    /// Image under the result.
    pub base: Option<Located<String>>,
    /// Image in which members are built.
    pub builder: Option<Located<String>>,
    /// Packages of the base's distribution that the image holds.
    pub apt: Option<Vec<Located<String>>>,
    /// The same for the image in which members are built.
    pub build_apt: Option<Vec<Located<String>>>,
    /// Image `Cmd`.
    pub cmd: Option<Vec<Located<String>>>,
    /// Image `Entrypoint`.
    pub entrypoint: Option<Vec<Located<String>>>,
    /// Image `Env`, over the base's.
    pub env: BTreeMap<String, Located<String>>,
    /// Image `WorkingDir`.
    pub workdir: Option<Located<String>>,
    /// Who runs.
    pub user: Option<Located<UserConfig>>,
    /// Image `Healthcheck`.
    pub healthcheck: Option<Healthcheck>,
    /// Image `StopSignal`.
    pub stop_signal: Option<Located<String>>,
    /// Directories of the user, and image `Volumes`.
    pub volumes: Option<Vec<Located<String>>>,
    /// Image `ExposedPorts`, as `PORT/PROTOCOL`.
    pub expose: Option<Vec<Located<String>>>,
    /// Image `Labels`, over the base's.
    pub labels: BTreeMap<String, Located<String>>,
    /// Files of the context that the image holds.
    pub files: Option<Vec<FileConfig>>,
    /// Packages that the image must not have: names, or prefixes that end in `*`.
    pub deny: Option<Vec<Located<String>>>,
    /// Bounds of the layers.
    pub layers: Option<LayersConfig>,
}

/// `layers = { budget, max-size, together }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayersConfig {
    /// How many layers the image may have, the base's among them.
    pub budget: Option<usize>,
    /// Compressed bytes that a layer should not exceed.
    pub max_size: Option<u64>,
    /// Packages that share a layer: names, or prefixes that end in `*`.
    pub together: Vec<Vec<String>>,
}

/// `user = "root"` or `user = { name, uid, gid, home }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserConfig {
    /// Login name.
    pub name: String,
    /// Numeric user id.
    pub uid: u32,
    /// Numeric group id.
    pub gid: u32,
    /// Home directory; made, owned by the user, unless it exists.
    pub home: String,
}

/// One entry of `files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    /// Path in the context, file or directory.
    pub from: Located<String>,
    /// Absolute path in the image.
    pub to: Located<String>,
}

/// Parses a config file; `build_args` override the defaults of `[args]`. Every mistake is reported, not only the first.
pub fn parse(file: &Arc<SourceFile>, build_args: &BTreeMap<String, String>) -> Result<Config, Diagnostics> {
    let (document, errors) = DeTable::parse_recoverable(&file.text);
    let mut errors: Vec<Diagnostic> = errors.iter().map(|error| syntax_error(file, error)).collect();
    errors.sort_by_key(start);
    Diagnostics::check(errors)?;

    let mut reader = Reader::new(file);
    let mut root = Table::root(&document);
    // Args first: every other string may use them.
    let mut args = reader.string_map(&mut root, "args").unwrap_or_default();
    for (name, arg) in &mut args {
        if let Some(given) = build_args.get(name) {
            arg.value.clone_from(given);
        }
    }
    reader.args = args.iter().map(|(name, arg)| (name.clone(), arg.value.clone())).collect();

    let python_version = reader.table(&mut root, "python").and_then(|mut table| {
        let version = reader.string(&mut table, "version");
        reader.finish(&table);
        version.filter(|version| check_python_version(&mut reader, version))
    });
    let uv_image = reader.table(&mut root, "uv").and_then(|mut table| {
        let image = reader.string(&mut table, "image");
        reader.finish(&table);
        image
    });
    let checks_lock = reader.table(&mut root, "lock").is_none_or(|table| lock::read_check(&mut reader, table));
    let access = access::read(&mut reader, &mut root);
    let members = members::read(&mut reader, &mut root);
    let default_target = reader.string(&mut root, "default-target");
    let mut defaults = Settings::default();
    if let Some(table) = reader.table(&mut root, "defaults") {
        defaults = read_settings(&mut reader, table, false);
    }
    let own: Vec<TargetConfig> = reader
        .named_tables(&mut root, "targets")
        .into_iter()
        .map(|(name, mut table)| {
            let check = check::read(&mut reader, &mut table);
            TargetConfig { name, settings: read_settings(&mut reader, table, true), check }
        })
        .collect();
    reader.finish(&root);

    let targets = inheritance::resolve(&own, &defaults, &mut reader.errors);
    if let Some(name) = &default_target {
        check_target_name(name, &own, "config::unknown_target", &mut reader.errors);
    }
    reader.errors.sort_by_key(start);
    Diagnostics::check(reader.errors)?;
    Ok(Config {
        file: Arc::clone(file),
        args,
        python_version,
        uv_image,
        access,
        checks_lock,
        default_target,
        members,
        targets,
        defaults,
    })
}

/// Mistakes are told in the order of the file.
fn start(error: &Diagnostic) -> usize {
    error.spans.first().map_or(0, |span| span.range.start)
}

/// A diagnostic for text that is not TOML.
pub fn syntax_error(file: &Arc<SourceFile>, error: &toml::de::Error) -> Diagnostic {
    let span = Span::new(file, error.span().unwrap_or(0..0));
    Diagnostic::new("toml::syntax", format!("`{}` is not valid TOML: {}", file.name, error.message())).at(span)
}

fn read_settings(reader: &mut Reader<'_>, mut table: Table<'_>, is_target: bool) -> Settings {
    let table = &mut table;
    let mut settings = Settings {
        lock: lock::read_path(reader, table),
        extras: reader.strings(table, "extras"),
        groups: reader.strings(table, "groups"),
        editable: reader.boolean(table, "editable"),
        base: reader.string(table, "base"),
        builder: reader.string(table, "builder"),
        apt: read_system_packages(reader, table, "apt"),
        build_apt: read_system_packages(reader, table, "build-apt"),
        cmd: reader.strings(table, "cmd"),
        entrypoint: reader.strings(table, "entrypoint"),
        env: read_env(reader, table),
        workdir: reader.string(table, "workdir"),
        user: read_user(reader, table),
        healthcheck: runtime::read_healthcheck(reader, table),
        stop_signal: runtime::read_stop_signal(reader, table),
        volumes: runtime::read_volumes(reader, table),
        expose: reader.ports(table, "expose"),
        labels: reader.string_map(table, "labels").unwrap_or_default(),
        files: read_files(reader, table),
        deny: reader.strings(table, "deny"),
        layers: read_layers(reader, table),
        ..Settings::default()
    };
    if is_target {
        settings.package = reader.string(table, "package");
        settings.inherits = reader.string(table, "inherits");
    }
    if let Some(workdir) = &settings.workdir {
        require_absolute(reader, workdir, "workdir");
    }
    reader.finish(table);
    settings
}

/// Names become arguments of apt-get, which takes what starts with `-` for an option and what ends with it for a removal (Debian
/// policy 5.6.1 for names, 5.6.12 for versions).
fn read_system_packages(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    key: &'static str,
) -> Option<Vec<Located<String>>> {
    let names = reader.strings(table, key)?;
    for name in &names {
        let (package, version) = name.value.split_once('=').unwrap_or((&name.value, "0"));
        let (package, architecture) = package.split_once(':').unwrap_or((package, "any"));
        let is_plain =
            |text: &str, more: &str| text.chars().all(|char| char.is_ascii_alphanumeric() || more.contains(char));
        let is_package = package.len() > 1
            && package.starts_with(|char: char| char.is_ascii_alphanumeric())
            && is_plain(package, "+-.")
            && (!package.ends_with(['-', '+']) || package.ends_with("++"));
        let is_version = !version.is_empty() && is_plain(version, ".+-:~");
        if !(is_package && is_plain(architecture, "-") && is_version) {
            let error = Diagnostic::new("config::bad_package", format!("`{}` is not a package of Debian", name.value))
                .at(name.span.clone())
                .help("write a name, or `NAME=VERSION`; each is a string of its own");
            reader.errors.push(error);
        }
    }
    Some(names)
}

/// It becomes part of an image's tag, and is compared with the python that the image has.
fn check_python_version(reader: &mut Reader<'_>, version: &Located<String>) -> bool {
    let text = &version.value;
    let is_plain = |char: char| char.is_ascii_alphanumeric() || char == '.';
    let is_version = text.starts_with(|char: char| char.is_ascii_digit()) && text.chars().all(is_plain);
    if !is_version {
        let error = Diagnostic::new("config::bad_version", format!("`{text}` is not a version of python"))
            .at(version.span.clone())
            .help("write `3.13`, or `3.13.5` to insist on a patch; ranges belong to `requires-python`");
        reader.errors.push(error);
    }
    is_version
}

fn read_env(reader: &mut Reader<'_>, table: &mut Table<'_>) -> BTreeMap<String, Located<String>> {
    let env = reader.string_map(table, "env").unwrap_or_default();
    for (name, value) in &env {
        if name.is_empty() || name.contains(['=', '\0']) {
            let error = Diagnostic::new("config::bad_env", format!("`{name}` cannot be the name of a variable"))
                .at(value.span.clone())
                .help("write `env = { NAME = \"value\" }`");
            reader.errors.push(error);
        }
    }
    env
}

fn read_user(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<UserConfig>> {
    match reader.string_or_table(table, "user")? {
        Ok(name) if name.value == "root" => {
            Some(name.map(|name| UserConfig { name, uid: 0, gid: 0, home: "/root".to_owned() }))
        }
        Ok(name) => {
            check_user_name(reader, &name);
            Some(name.map(|name| {
                let home = format!("/home/{name}");
                UserConfig { name, uid: DEFAULT_ID, gid: DEFAULT_ID, home }
            }))
        }
        Err(mut table) => {
            let span = reader.span(table.range.clone());
            let name = reader.string(&mut table, "name");
            if let Some(name) = &name {
                check_user_name(reader, name);
            }
            let name = name.map_or_else(|| "app".to_owned(), |name| name.value);
            let uid = reader.integer(&mut table, "uid", u32::MAX).map_or(DEFAULT_ID, |uid| uid.value);
            let gid = reader.integer(&mut table, "gid", u32::MAX).map_or(uid, |gid| gid.value);
            let home = reader.string(&mut table, "home");
            if let Some(home) = &home {
                require_absolute(reader, home, "user.home");
                if home.value.contains([':', '\n']) {
                    let error = Diagnostic::new("config::bad_path", format!("`{}` cannot be a home", home.value))
                        .at(home.span.clone())
                        .help("`/etc/passwd` has no room for `:` and line breaks");
                    reader.errors.push(error);
                }
            }
            reader.finish(&table);
            let home = home.map_or_else(|| format!("/home/{name}"), |home| home.value);
            Some(Located { value: UserConfig { name, uid, gid, home }, span })
        }
    }
}

/// Names become a line of `/etc/passwd`, and tools that read it want them plain (shadow: `is_valid_user_name`).
fn check_user_name(reader: &mut Reader<'_>, name: &Located<String>) {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || ['_', '-', '.'].contains(&char);
    let text = name.value.as_str();
    let starts_well = text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    if starts_well && text.chars().all(is_plain) {
        return;
    }
    let mut error = Diagnostic::new("config::bad_user", format!("`{text}` is not a user name"))
        .at(name.span.clone())
        .help("use letters, digits, `_`, `-` and `.`, with a letter or `_` in front");
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    if let (Ok(uid), Ok(gid)) = (uid.parse::<u32>(), gid.parse::<u32>()) {
        error = error.help(format!("ids are written `user = {{ name = \"app\", uid = {uid}, gid = {gid} }}`"));
    }
    reader.errors.push(error);
}

/// The id that images conventionally give their first system user.
pub const DEFAULT_ID: u32 = 999;

fn read_files(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Vec<FileConfig>> {
    let tables = reader.tables(table, "files")?;
    let mut files = Vec::new();
    for mut table in tables {
        let span = reader.span(table.range.clone());
        let from = reader.string(&mut table, "from");
        let to = reader.string(&mut table, "to");
        reader.finish(&table);
        let (Some(from), Some(to)) = (from, to) else {
            let error = Diagnostic::new("config::missing_key", "an entry of `files` needs `from` and `to`")
                .at(span)
                .help("write `{ from = \"PATH IN THE CONTEXT\", to = \"/PATH/IN/THE/IMAGE\" }`");
            reader.errors.push(error);
            continue;
        };
        require_absolute(reader, &to, "files.to");
        if from.value.is_empty() {
            let error = Diagnostic::new("config::bad_path", "`files.from` is empty")
                .at(from.span.clone())
                .help("write `.` for the whole context");
            reader.errors.push(error);
        }
        require_inside(reader, &from, "from");
        files.push(FileConfig { from, to });
    }
    Some(files)
}

fn read_layers(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<LayersConfig> {
    let mut table = reader.table(table, "layers")?;
    let budget = reader.integer(&mut table, "budget", MAX_BUDGET);
    let max_size = reader.string(&mut table, "max-size").and_then(|text| {
        let size = parse_size(&text.value);
        if size.is_none() {
            let error = Diagnostic::new("config::bad_size", format!("`{}` is not a size", text.value))
                .at(text.span)
                .help("write a number and a unit: `\"500MB\"` or `\"1GiB\"`");
            reader.errors.push(error);
        }
        size
    });
    let together = reader.string_lists(&mut table, "together").unwrap_or_default();
    let together = together.into_iter().map(|family| family.value).collect();
    reader.finish(&table);
    Some(LayersConfig { budget: budget.and_then(|budget| usize::try_from(budget.value).ok()), max_size, together })
}

/// Containers run with 127 layers at most.
const MAX_BUDGET: u32 = 127;

/// Bytes of `500MB`, `1.5GiB` or `800000`.
fn parse_size(text: &str) -> Option<u64> {
    let split = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let factor = match unit.trim() {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    // Positive and far below the range in which a float cannot hold an integer.
    Some((number * factor) as u64)
}

fn require_absolute(reader: &mut Reader<'_>, path: &Located<String>, key: &str) {
    if !path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
        let problem = format!("`{key}` must be an absolute path without `..`, not `{}`", path.value);
        let mut error = Diagnostic::new("config::bad_path", problem).at(path.span.clone());
        if path.value.starts_with(|char: char| char.is_ascii_alphanumeric()) && !path.value.contains("..") {
            error = error.help(format!("write `/app/{}`, if it is to lie beside the application", path.value));
        }
        reader.errors.push(error);
    }
}

fn require_inside(reader: &mut Reader<'_>, path: &Located<String>, key: &str) {
    if path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
        let error =
            Diagnostic::new("config::outside_context", format!("`{}` is outside the build context", path.value))
                .at(path.span.clone())
                .help(format!("`{key}` is a path relative to the root of the context, without `..`"));
        reader.errors.push(error);
    }
}

fn check_target_name(
    name: &Located<String>,
    targets: &[TargetConfig],
    code: &'static str,
    errors: &mut Vec<Diagnostic>,
) -> bool {
    let known = targets.iter().any(|target| target.name.value == name.value);
    if !known {
        errors.push(
            Diagnostic::new(code, format!("unknown target `{}`", name.value))
                .at(name.span.clone())
                .did_you_mean(&name.value, targets.iter().map(|target| target.name.value.as_str())),
        );
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let args = BTreeMap::from([("BASE".to_owned(), "debian".to_owned())]);
        match parse(&SourceFile::new(FILE_NAME, text), &args) {
            Ok(config) => config
                .targets
                .iter()
                .map(|target| {
                    let settings = &target.settings;
                    format!(
                        "{}: base={:?} env={:?} user={:?}\n",
                        target.name.value,
                        settings.base.as_ref().map(|base| &base.value),
                        settings.env.iter().map(|(name, value)| (name, &value.value)).collect::<Vec<_>>(),
                        settings.user.as_ref().map(|user| &user.value.name),
                    )
                })
                .collect(),
            Err(errors) => errors.render(),
        }
    }

    #[test]
    fn targets_inherit_from_targets_then_from_defaults() {
        insta::assert_snapshot!(check(r#"
            [args]
            BASE = "alpine"
            [defaults]
            base = "${args.BASE}:1"
            user = "web"
            env = { A = "0", C = "0" }
            [targets.a]
            env = { A = "1", B = "1" }
            [targets.b]
            inherits = "a"
            user = { name = "root", uid = 0 }
            env = { A = "2" }
        "#), @r#"
        a: base=Some("debian:1") env=[("A", "1"), ("B", "1"), ("C", "0")] user=Some("web")
        b: base=Some("debian:1") env=[("A", "2"), ("B", "1"), ("C", "0")] user=Some("root")
        "#);
    }

    #[test]
    fn reports_every_mistake_in_file_order() {
        insta::assert_snapshot!(check(
            "[defaults]\nbsae = \"x\"\n[targets.a]\ninherits = \"b\"\nexpose = [\"http\"]\n[targets.b]\ninherits = \"a\"\ncmd = \"run\"\nbase = \"${args.NO}\"\n"
        ));
    }
}
