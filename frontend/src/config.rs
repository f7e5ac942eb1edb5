//! `uv.build.toml`: text and build args in, checked [`Config`] out. Members, extras and groups are checked later, against
//! the lock, by [`crate::project`].

pub mod access;
pub mod check;
mod env;
mod file;
mod files;
mod inheritance;
mod keys;
pub mod kind;
mod labels;
mod layers;
pub mod layout;
mod lock;
pub mod members;
pub mod path;
pub mod python;
mod reference;
mod request;
mod runtime;
pub mod sbom;
pub mod schema;
mod script;
mod settings;
mod size;
pub mod step;
mod steps;
pub mod system;
pub mod table;
mod target;
mod user;

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::DeTable;
use uv_normalize::PackageName;

use crate::diagnostic::{Diagnostic, Diagnostics, Located, SourceFile, Span, syntax_error};
use crate::paths::LOCK;
pub use access::AccessConfig;
pub use file::{FileConfig, FileSource};
pub use labels::LabelSource;
pub use layers::LayersConfig;
use lock::LockCheck;
use members::{MemberConfig, PackageConfig};
use python::PythonConfig;
pub use request::Request;
pub use runtime::Healthcheck;
pub use settings::{Settings, TargetConfig};
pub use step::StepConfig;
use table::{Reader, Table};
pub use user::{DEFAULT_ID, DEFAULT_NAME, UserConfig};

/// The default name of the config file.
pub const FILE_NAME: &str = "uv.build.toml";

/// Syntax errors that are collected.
const MOST_FOUND: usize = 100;

/// A checked config file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file, for diagnostics that are found later.
    pub file: Arc<SourceFile>,
    /// `[args]` with the values of this build.
    pub args: BTreeMap<String, Located<String>>,
    /// `[python]`.
    pub python: PythonConfig,
    /// `uv.image`.
    pub uv_image: Option<Located<String>>,
    /// `[indexes]`, `[mirrors]` and `[ca]`.
    pub access: AccessConfig,
    /// `lock.check`: which locks are compared with the manifests.
    pub lock_check: LockCheck,
    /// `default-target`.
    pub default_target: Option<Located<String>>,
    /// `[members.*]` in file order.
    pub members: Vec<MemberConfig>,
    /// `[packages.*]` in file order.
    pub packages: Vec<PackageConfig>,
    /// `[targets.*]` in file order, with what they inherit already merged in.
    pub targets: Vec<TargetConfig>,
    /// `[defaults]`, for the targets that exist without being named.
    pub defaults: Settings,
}

/// Bytes that a config may have: some of its tables are compared with all others.
const LONGEST: usize = 256 << 10;

/// Parses a config file; `build_args` override the defaults of `[args]`. Every mistake is reported, not only the first.
pub fn parse(file: &Arc<SourceFile>, build_args: &BTreeMap<String, String>) -> Result<Config, Diagnostics> {
    if file.text.len() > LONGEST {
        let problem = format!("`{}` has more than {} kB", file.name, LONGEST >> 10);
        return Err(Diagnostic::new("config::too_large", problem)
            .at(Span::whole(file))
            .help("move shared keys to `[defaults]`, and files to the build context")
            .into());
    }
    let (document, errors) = DeTable::parse_recoverable(&file.text);
    let mut errors: Vec<Diagnostic> = errors.iter().take(MOST_FOUND).map(|error| syntax_error(file, error)).collect();
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

    let python = python::read(&mut reader, &mut root);
    let uv_image = reader.table(&mut root, "uv").and_then(|mut table| {
        let image = reference::read(&mut reader, &mut table, "image");
        reader.finish(&table);
        image
    });
    let lock_check = reader.table(&mut root, "lock").map(|table| lock::read_check(&mut reader, table));
    let lock_check = lock_check.unwrap_or_default();
    let access = access::read(&mut reader, &mut root);
    let members = members::read(&mut reader, &mut root);
    let packages = members::read_packages(&mut reader, &mut root);
    let default_target = reader.string(&mut root, "default-target");
    let mut defaults = Settings::default();
    if let Some(table) = reader.table(&mut root, "defaults") {
        defaults = target::read(&mut reader, table, false);
    }
    let (own, written): (Vec<TargetConfig>, Vec<_>) = reader
        .named_tables(&mut root, "targets")
        .into_iter()
        .map(|(name, mut table)| {
            let written = reader.keys(&table);
            let check = check::read(&mut reader, &mut table);
            (TargetConfig { name, settings: target::read(&mut reader, table, true), check }, written)
        })
        .unzip();
    reader.finish(&root);

    let targets = inheritance::resolve(&own, &defaults, &mut reader.errors);
    for (target, written) in targets.iter().zip(&written) {
        keys::check_kind(target, written, &mut reader.errors);
        keys::check_script(target, written, &mut reader.errors);
    }
    lock::require_known(&lock_check, &targets, &mut reader.errors);
    if let Some(name) = &default_target {
        target::check_name(name, &own, "config::unknown_target", &mut reader.errors);
    }
    reader.errors.sort_by_key(start);
    Diagnostics::check(reader.errors)?;
    Ok(Config {
        file: Arc::clone(file),
        args,
        python,
        uv_image,
        access,
        lock_check,
        default_target,
        members,
        packages,
        targets,
        defaults,
    })
}

impl Config {
    /// The locks that targets are made from, each once, that of the defaults first; none stands for the root's.
    pub fn locks(&self) -> Vec<Option<&Located<String>>> {
        let mut locks: Vec<Option<&Located<String>>> = Vec::new();
        let path = |named: Option<&Located<String>>| named.map_or(LOCK.to_owned(), |named| named.value.clone());
        for settings in std::iter::once(&self.defaults).chain(self.targets.iter().map(|target| &target.settings)) {
            let named = settings.lock.as_ref();
            if !locks.iter().any(|known| path(*known) == path(named)) {
                locks.push(named);
            }
        }
        locks
    }

    /// The lock that a build starts from, where one is named. What cannot be built is told later, by whatever lock.
    pub fn lock_of(&self, request: &Request) -> Option<&Located<String>> {
        let wanted = match request {
            Request::Package(_) => return self.defaults.lock.as_ref(),
            Request::Target(name) => Some(name),
            Request::Default => self.default_target.as_ref().map(|name| &name.value),
        };
        let named = self.targets.iter().find(|target| Some(&target.name.value) == wanted);
        match named.or(self.targets.first()) {
            Some(target) => target.settings.lock.as_ref(),
            None => self.defaults.lock.as_ref(),
        }
    }

    /// Whether the build of somebody else's package is given a network.
    pub fn has_network(&self, name: &PackageName) -> bool {
        let is_it =
            |package: &&PackageConfig| package.name.value.parse::<PackageName>().is_ok_and(|other| other == *name);
        self.packages.iter().find(is_it).is_some_and(|package| package.network)
    }
}

/// Mistakes are told in the order of the file.
fn start(error: &Diagnostic) -> usize {
    error.spans.first().map_or(0, |span| span.range.start)
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
                        settings.user.as_ref().and_then(|user| user.value.name.as_ref()),
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
