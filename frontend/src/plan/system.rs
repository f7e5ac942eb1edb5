//! Whether an image's distribution is one whose packages can be installed.

use crate::config::table::Located;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::interpreter::{Interpreter, LibcName};
use crate::project::Target;

/// Refuses packages of Debian for images with musl: no distribution that has it has apt.
pub(super) fn check(target: &Target, base: &Interpreter, builder: &Interpreter) -> Result<(), Diagnostics> {
    let asked = [("apt", &target.apt, base, &target.base), ("build-apt", &target.build_apt, builder, &target.builder)];
    let wrong = asked.into_iter().filter(|(_, _, python, _)| python.libc.name == LibcName::Musl);
    let errors = wrong.filter_map(|(key, packages, _, image)| Some(no_apt(key, packages.first()?, image)));
    Diagnostics::check(errors.collect())
}

fn no_apt(key: &str, package: &Located<String>, image: &Located<String>) -> Diagnostic {
    let problem =
        format!("`{key}` installs packages of Debian and Ubuntu, and `{}` has musl: it is of neither", image.value);
    Diagnostic::new("system::no_apt", problem)
        .at(package.span.clone())
        .at(image.span.clone())
        .help("make a base with what `apk` installs (`FROM python:3.13-alpine`, `RUN apk add --no-cache …`), and name that")
        .help("or choose a base of Debian, such as `python:3.13-slim-bookworm`")
}
