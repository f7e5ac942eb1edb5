//! The names of layers, in progress displays and in the history of an image.

use crate::account::User;
use crate::plan::{Contents, Copied, Layer, Member};
use crate::rootfs::VENV;

/// Whether a layer is that of every target with the same base, whose step has no number in any of them.
pub(super) fn is_shared(layer: &Layer) -> bool {
    matches!(layer.contents, Contents::Python { .. } | Contents::Bytecode | Contents::Venv)
}

/// What a layer is, after "step i of n": also the line of the image's history.
pub(super) fn describe(layer: &Layer) -> String {
    match &layer.contents {
        Contents::Account { account, .. } => {
            let User { name, uid, gid, .. } = &account.user;
            match (&account.replaces, &account.passwd) {
                (Some(replaced), _) => format!("add user {name} ({uid}:{gid}) in the place of {replaced}"),
                (None, Some(_)) => format!("add user {name} ({uid}:{gid})"),
                (None, None) => format!("make directories of {name} ({uid}:{gid})"),
            }
        }
        Contents::Writable(directories) => {
            format!("let the user write to {}", Vec::from_iter(directories.iter().map(String::as_str)).join(" "))
        }
        Contents::System(packages) => format!("install {}", packages.names.join(" ")),
        Contents::Python { version } => format!("install python {version}"),
        Contents::Bytecode => "compile its standard library".to_owned(),
        Contents::Venv => format!("create {}", VENV),
        Contents::ThirdParty(packages) => match &packages[..] {
            [only] => format!("install {} {}", only.name, only.version),
            [first, last] => {
                format!("install {} {} and {} {}", first.name, first.version, last.name, last.version)
            }
            [first, .., last] => format!("install {} packages, {} to {}", packages.len(), first.name, last.name),
            [] => "install nothing".to_owned(),
        },
        Contents::Members(members) => match &members[..] {
            [only] => build_and_install(only),
            [first, ..] if first.editable => format!("link {} projects", members.len()),
            [first, last] => format!("build and install {} and {}", first.name, last.name),
            [first, .., last] => {
                format!("build and install {} projects, {} to {}", members.len(), first.name, last.name)
            }
            [] => "build nothing".to_owned(),
        },
        Contents::Sources { trees, .. } => match &trees[..] {
            [only] => format!("copy sources of {}", only.name),
            several => format!("copy sources of {} projects", several.len()),
        },
        Contents::Application(application) => format!("copy the files of {}", application.name),
        Contents::Files(files) => format!("copy {}", files.iter().map(Copied::from).collect::<Vec<_>>().join(", ")),
        Contents::Step(step) => {
            let outputs: Vec<&str> = step.outputs.iter().map(|output| output.to.as_str()).collect();
            format!("keep {} of {}", outputs.join(", "), step.name)
        }
    }
}

/// What becomes of one project of the workspace.
pub(super) fn build_and_install(member: &Member) -> String {
    let version = member.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let how = if member.editable { "link" } else { "build and install" };
    format!("{how} {}{version}", member.name)
}
