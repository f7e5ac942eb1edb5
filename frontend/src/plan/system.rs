//! Packages of an image's distribution: whether it has what installs them, and what is installed.

use std::collections::BTreeSet;

use crate::config::system::Manager;
use crate::diagnostic::{Diagnostic, Diagnostics, Located, Span};
use crate::interpreter::{Interpreter, LibcName};
use crate::project::Target;

/// Packages of an image's distribution, as `apt-get install` and `apk add` take them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemPackages {
    /// What installs them.
    pub manager: Manager,
    /// Sorted: `libpq5`, `libpq5=15.18-0`.
    pub names: Vec<String>,
    /// The place of the first.
    pub span: Span,
}

impl SystemPackages {
    /// Those that the image is to have; none where nothing is asked for.
    pub(super) fn of_base(target: &Target, base: &Interpreter) -> Option<Self> {
        let manager = manager(base);
        let packages = match manager {
            Manager::Apt => &target.apt,
            Manager::Apk => &target.apk,
        };
        let init = target.init.iter().map(|span| (INIT_PACKAGE, span));
        Self::of(manager, packages.iter().map(|name| (name.value.as_str(), &name.span)).chain(init))
    }

    /// Those of the image that members are built in.
    pub(super) fn of_builder(target: &Target, builder: &Interpreter) -> Option<Self> {
        let manager = manager(builder);
        let packages = match manager {
            Manager::Apt => &target.build_apt,
            Manager::Apk => &target.build_apk,
        };
        Self::of(manager, packages.iter().map(|name| (name.value.as_str(), &name.span)))
    }

    fn of<'a>(manager: Manager, names: impl Iterator<Item = (&'a str, &'a Span)>) -> Option<Self> {
        let names: Vec<(&str, &Span)> = names.collect();
        let span = names.first()?.1.clone();
        let names: BTreeSet<&str> = names.into_iter().map(|(name, _)| name).collect();
        Some(Self { manager, names: names.into_iter().map(ToOwned::to_owned).collect(), span })
    }
}

/// The package that has an init for containers, in both distributions.
const INIT_PACKAGE: &str = "tini";

/// Where its program is, in an image with that python.
pub fn init(python: &Interpreter) -> &'static str {
    match manager(python) {
        Manager::Apt => "/usr/bin/tini",
        Manager::Apk => "/sbin/tini",
    }
}

/// No distribution with musl has apt, and apk is Alpine's, which has no other C library.
pub fn manager(python: &Interpreter) -> Manager {
    match python.libc.name {
        LibcName::Glibc => Manager::Apt,
        LibcName::Musl => Manager::Apk,
    }
}

/// Refuses packages of a distribution that an image is not of.
pub(super) fn check(target: &Target, base: &Interpreter, builder: &Interpreter) -> Result<(), Diagnostics> {
    let asked = [
        (Manager::Apt, "apt", &target.apt, base, &target.base),
        (Manager::Apk, "apk", &target.apk, base, &target.base),
        (Manager::Apt, "build-apt", &target.build_apt, builder, &target.builder),
        (Manager::Apk, "build-apk", &target.build_apk, builder, &target.builder),
    ];
    let wrong = asked.into_iter().filter(|(wanted, _, _, python, _)| *wanted != manager(python));
    let errors = wrong.filter_map(|(wanted, key, packages, _, image)| {
        let package = packages.first()?;
        Some(match wanted {
            Manager::Apt => no_apt(key, package, image),
            Manager::Apk => no_apk(key, package, image),
        })
    });
    Diagnostics::check(errors.collect())
}

fn no_apt(key: &str, package: &Located<String>, image: &Located<String>) -> Diagnostic {
    let problem = format!("`{key}` installs Debian and Ubuntu packages, but `{}` is neither: it has musl", image.value);
    let instead = key.replace("apt", "apk");
    Diagnostic::new("system::no_apt", problem)
        .at(package.span.clone())
        .at(image.span.clone())
        .help(format!("use `{instead} = [\"…\"]` with names of Alpine packages; if `{key}` is inherited, reset it with `{key} = []`"))
        .help("or choose a Debian image, such as `python:3.13-slim-bookworm`")
}

fn no_apk(key: &str, package: &Located<String>, image: &Located<String>) -> Diagnostic {
    let problem =
        format!("`{key}` installs Alpine packages, but `{}` is not an Alpine image: it has glibc", image.value);
    let instead = key.replace("apk", "apt");
    Diagnostic::new("system::no_apk", problem)
        .at(package.span.clone())
        .at(image.span.clone())
        .help(format!("use `{instead} = [\"…\"]` with names of Debian packages; if `{key}` is inherited, reset it with `{key} = []`"))
        .help("or choose an Alpine image, such as `python:3.13-alpine`")
}
