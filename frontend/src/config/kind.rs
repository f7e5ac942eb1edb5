//! What a build of a target leaves: `kind`, and which keys go with it.

use super::layout::Layout;
use super::table::{Reader, Table};
use super::{Settings, TargetConfig};
use crate::diagnostic::{Diagnostic, Located, quoted};

/// `kind`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// An image that runs.
    #[default]
    Image,
    /// The wheels of the local projects.
    Wheels,
    /// A virtual environment that may be moved.
    Venv,
    /// A deployment package of AWS Lambda.
    LambdaZip,
    /// A requirements file with hashes.
    Requirements,
}

/// Kinds by their names.
pub const KINDS: [(&str, Kind); 5] = [
    ("image", Kind::Image),
    ("wheels", Kind::Wheels),
    ("venv", Kind::Venv),
    ("lambda-zip", Kind::LambdaZip),
    ("requirements", Kind::Requirements),
];

/// As many mistakes are collected.
const MOST_FOUND: usize = 200;

/// Keys that say what is installed, which every kind has.
const COMMON: [&str; 10] =
    ["base", "deny", "extras", "groups", "inherits", "kind", "lock", "package", "requires", "script"];

/// Keys of builds, where something is built.
const BUILDS: [&str; 3] = ["build-apk", "build-apt", "builder"];

impl Kind {
    /// As the config spells it.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("image", |(name, _)| name)
    }

    /// Whether a key says something about such a target.
    fn takes(self, key: &str) -> bool {
        let own: &[&str] = match self {
            Self::Image => return true,
            Self::Wheels | Self::Venv => &BUILDS,
            Self::LambdaZip => &["build-apk", "build-apt", "builder", "files", "layout", "sources"],
            Self::Requirements => &[],
        };
        COMMON.contains(&key) || own.contains(&key)
    }
}

impl Kind {
    /// What a target of the kind is made of. What else it inherits is of another kind, and left aside.
    pub fn own(self, settings: &Settings) -> Settings {
        if self == Self::Image {
            return settings.clone();
        }
        let settings = settings.clone();
        let is_zip = self == Self::LambdaZip;
        Settings {
            package: settings.package,
            script: settings.script,
            lock: settings.lock,
            kind: settings.kind,
            extras: settings.extras,
            groups: settings.groups,
            base: settings.base,
            builder: settings.builder,
            build_apt: settings.build_apt,
            build_apk: settings.build_apk,
            layout: settings.layout.filter(|_| is_zip),
            files: settings.files.filter(|_| is_zip),
            sources: settings.sources.filter(|_| is_zip),
            deny: settings.deny,
            // What an image and files of the same packages share is made once.
            layers: settings.layers,
            ..Settings::default()
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<Kind>> {
    let name = reader.string(table, "kind")?;
    let kind = KINDS.iter().find(|(known, _)| *known == name.value);
    if kind.is_none() {
        let error = Diagnostic::new("config::bad_kind", format!("`{}` is not a valid target kind", name.value))
            .at(name.span.clone())
            .did_you_mean(&name.value, KINDS.map(|(known, _)| known));
        reader.errors.push(error);
    }
    kind.map(|(_, kind)| Located { value: *kind, span: name.span })
}

/// Refuses keys that a target writes itself and that are none of its kind. What it inherits may be of another kind, and is left
/// aside.
pub(super) fn check(target: &TargetConfig, written: &[Located<String>], errors: &mut Vec<Diagnostic>) {
    let Some(kind) = &target.settings.kind else { return };
    let name = kind.value.name();
    for key in written.iter().filter(|key| !kind.value.takes(&key.value)) {
        // More are not told, and each is looked for among those before it.
        if errors.len() > MOST_FOUND {
            return;
        }
        // Nobody has an unknown key.
        if errors.iter().any(|error| error.spans.first() == Some(&key.span)) {
            continue;
        }
        let takes = KINDS.iter().filter(|(_, kind)| kind.takes(&key.value)).map(|(name, _)| *name).collect::<Vec<_>>();
        let problem = format!("`{}` is not supported for targets of kind `{name}`", key.value);
        errors.push(
            Diagnostic::new("config::key_of_another_kind", problem)
                .at(key.span.clone())
                .at(kind.span.clone())
                .help(format!("remove it, or use a `kind` that supports it: {}", quoted(&takes))),
        );
    }
    if let (Kind::LambdaZip, Some(layout)) = (kind.value, &target.settings.layout)
        && layout.value == Layout::Venv
        && written.iter().any(|key| key.value == "layout")
    {
        errors.push(
            Diagnostic::new("config::bad_layout", "AWS Lambda does not import modules from a virtual environment")
                .at(layout.span.clone())
                .at(kind.span.clone())
                .help("write `layout = \"target\"`, or remove `layout`"),
        );
    }
}
