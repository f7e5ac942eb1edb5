//! Files that are kept private, in trees that an image has whole: nobody named them.

use std::collections::BTreeSet;

use crate::config::FileSource;
use crate::config::kind::Kind;
use crate::diagnostic::{Diagnostic, Span};
use crate::paths::{file_in, joined};
use crate::plan::{self, Application, Contents, Copied, Layer, Plan};
use crate::project::Target;

/// What the name of a file says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// It holds variables or passwords.
    Certain,
    /// It holds a private key, or else a certificate: [`is_private_key`] knows.
    OfKeys,
}

/// Variables of an application, and one set of them for each place where it runs.
const VARIABLES: &str = ".env";

/// Words in the names of such files that are there to be read by everyone.
const TEMPLATES: [&str; 12] =
    ["d", "default", "defaults", "dist", "example", "md", "sample", "schema", "template", "tmpl", "tpl", "vault"];

/// Files of passwords, for programs that look for these names.
const PASSWORDS: [&str; 4] = [".git-credentials", ".netrc", ".pgpass", ".pypirc"];

/// Names that `ssh-keygen` gives to private keys.
const SSH_KEYS: [&str; 6] = ["id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_rsa"];

/// Ends of the names of files with keys or certificates.
const KEY_ENDS: [&str; 2] = [".key", ".pem"];

/// How the first line of a private key ends, whatever its kind (RFC 7468, and OpenSSH's own).
const KEY_MARK: &[u8] = b"PRIVATE KEY-----";

/// What the name of a file says, if it says anything.
pub fn suspicion(path: &str) -> Option<Suspicion> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let rest = name.strip_prefix(VARIABLES);
    if rest == Some("") || PASSWORDS.contains(&name) {
        return Some(Suspicion::Certain);
    }
    if let Some(words) = rest.and_then(|rest| rest.strip_prefix('.')) {
        let is_template = words.split(['.', '-', '_']).any(|word| TEMPLATES.contains(&word));
        return (!is_template).then_some(Suspicion::Certain);
    }
    let may_be_a_key = SSH_KEYS.contains(&name) || KEY_ENDS.iter().any(|end| name.ends_with(end));
    may_be_a_key.then_some(Suspicion::OfKeys)
}

/// Whether a file holds a private key.
pub fn is_private_key(content: &[u8]) -> bool {
    content.windows(KEY_MARK.len()).any(|window| window == KEY_MARK)
}

/// Patterns of the names that say something, anywhere below a directory; and of what lies in directories that have such names.
pub fn patterns(tree: &str) -> (Vec<String>, Vec<String>) {
    let names = [VARIABLES.to_owned(), format!("{VARIABLES}.*")].into_iter();
    let names = names.chain(PASSWORDS.into_iter().chain(SSH_KEYS).map(ToOwned::to_owned));
    let names: Vec<String> = names.chain(KEY_ENDS.map(|end| format!("*{end}"))).collect();
    let below = |name: &String| file_in(tree, &format!("**/{name}"));
    (names.iter().map(below).collect(), names.iter().map(|name| below(name) + "/*").collect())
}

/// The same before there is a plan: all that its target may have.
pub fn expected_paths(target: &Target) -> BTreeSet<String> {
    if target.kind != Kind::Image && target.kind != Kind::LambdaZip || !target.check.run.is_empty() {
        return BTreeSet::new();
    }
    // The sources of every project that it installs: which these are is not known yet.
    if target.editable {
        return BTreeSet::from([".".to_owned()]);
    }
    let paths = target.files.iter().filter_map(|file| match &file.source {
        FileSource::Context(path) => Some(joined(".", &path.value)),
        FileSource::Url { .. } | FileSource::Step { .. } => None,
    });
    paths.chain(target.sources.clone()).collect()
}

/// The code of warnings of such files.
const CODE: &str = "files::private";

/// Whether a warning is of such files.
pub fn is_about(warning: &Diagnostic) -> bool {
    warning.code == CODE
}

/// A directory of the context, or a file, that an image has.
struct Tree<'a> {
    path: String,
    /// Directories below it that it is without.
    nested: Vec<String>,
    /// It is a project, without what is left out of those.
    application: Option<&'a Application>,
    span: &'a Span,
}

impl Tree<'_> {
    fn holds(&self, path: &str) -> bool {
        let is_held = self.application.is_none_or(|application| application.holds(path));
        is_held && is_below(path, &self.path) && !self.nested.iter().any(|nested| is_below(path, nested))
    }
}

fn is_below(path: &str, directory: &str) -> bool {
    directory == "." || path.strip_prefix(directory).is_some_and(|below| below.starts_with('/'))
}

/// What of the context an image has as it lies there.
fn trees_of(plan: &Plan) -> Vec<Tree<'_>> {
    // What is run in an image is what is wanted of a check.
    if plan.check.is_some() {
        return Vec::new();
    }
    plan.layers.iter().flat_map(|layer| of_layer(layer, plan)).collect()
}

fn of_layer<'a>(layer: &'a Layer, plan: &'a Plan) -> Vec<Tree<'a>> {
    match &layer.contents {
        Contents::Application(application) => vec![of_application(application)],
        Contents::Files(files) => files.iter().filter_map(of_file).collect(),
        Contents::Sources { trees, .. } => trees.iter().filter_map(|tree| of_sources(tree, plan)).collect(),
        _ => Vec::new(),
    }
}

fn of_file(file: &Copied) -> Option<Tree<'_>> {
    Some(Tree { path: joined(".", file.context_path()?), nested: Vec::new(), application: None, span: &file.span })
}

fn of_application(application: &Application) -> Tree<'_> {
    let Application { directory, span, .. } = application;
    Tree { path: directory.clone(), application: Some(application), nested: Vec::new(), span }
}

fn of_sources<'a>(tree: &plan::Tree, plan: &'a Plan) -> Option<Tree<'a>> {
    let nested = tree.nested.iter().map(|nested| file_in(&tree.directory, nested)).collect();
    Some(Tree { path: tree.directory.clone(), nested, application: None, span: plan.span.as_ref()? })
}

/// Paths of what of the context an image has as it lies there.
pub fn paths(plan: &Plan) -> BTreeSet<String> {
    trees_of(plan).into_iter().map(|tree| tree.path).collect()
}

/// A warning for each tree of a plan that holds some of these files. One that is named by itself is wanted.
pub fn check(plan: &Plan, private: &BTreeSet<String>) -> Vec<Diagnostic> {
    let trees = trees_of(plan);
    let is_named = |path: &str| trees.iter().any(|tree| tree.path == path);
    let warn = |tree: &Tree<'_>| {
        let held: Vec<&String> = private.iter().filter(|path| tree.holds(path) && !is_named(path)).collect();
        let first = held.first()?;
        let whole = if tree.path == "." { "the build context".to_owned() } else { format!("`{}`", tree.path) };
        let (others, are) = match held.len() {
            1 => (String::new(), "is"),
            several => (format!(" and {} more", several - 1), "are"),
        };
        let problem =
            format!("`{first}`{others} {are} copied with the rest of {whole}, but {are} usually kept private");
        let lines: Vec<String> = held.iter().take(3).map(|path| format!("`{path}`")).collect();
        let warning = Diagnostic::new(CODE, problem)
            .at(tree.span.clone())
            .help(format!("add files that no image should have to `.dockerignore`: {}", lines.join(", ")))
            .help("if the image needs one of these files, name the file itself in `files`");
        Some(warning)
    };
    trees.iter().filter_map(warn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_private() {
        for name in [".env", "a/.env", ".env.local", ".env.production.local", "b/.netrc", ".pypirc"] {
            assert_eq!(suspicion(name), Some(Suspicion::Certain), "{name}");
        }
        for name in ["tls/server.key", "ca.pem", ".ssh/id_ed25519"] {
            assert_eq!(suspicion(name), Some(Suspicion::OfKeys), "{name}");
        }
        for name in [
            ".env.example",
            ".env.sample",
            ".env.template",
            ".env.dist",
            ".env.local.example",
            ".env.test-sample",
            ".env.d.ts",
            ".environment",
            "env",
            ".envrc",
            "id_rsa.pub",
            "monkey",
            ".env/bin/activate",
        ] {
            assert_eq!(suspicion(name), None, "{name}");
        }
    }

    #[test]
    fn private_keys_are_told_from_certificates() {
        let mark = |kind: &str| format!("comment\n-----BEGIN {kind}-----\nMII\n-----END {kind}-----\n");
        for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
            assert!(is_private_key(mark(kind).as_bytes()), "{kind}");
        }
        for kind in ["CERTIFICATE", "PUBLIC KEY", "DH PARAMETERS", "CERTIFICATE REQUEST"] {
            assert!(!is_private_key(mark(kind).as_bytes()), "{kind}");
        }
    }

    #[test]
    fn patterns_are_of_a_tree() {
        let (names, below) = patterns("web");
        assert!(names.contains(&"web/**/.env".to_owned()) && names.contains(&"web/**/*.pem".to_owned()));
        assert!(below.contains(&"web/**/.env/*".to_owned()));
        assert!(patterns(".").0.contains(&"**/.env.*".to_owned()));
    }
}
