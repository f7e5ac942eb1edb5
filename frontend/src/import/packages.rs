//! Commands of apt and apk: which packages a stage has, and which it had for a while.

use super::reader::Reader;
use super::stage::{Added, Stage};
use super::words::{Command, Word, shown};
use crate::config::system::Manager;

/// Options of apt that a value follows.
const APT_WITH_VALUE: [&str; 8] =
    ["-t", "-o", "-c", "-q", "--target-release", "--option", "--config-file", "--default-release"];

/// Commands of apt that leave nothing in an image made here: lists and archives are never in it.
const APT_IDLE: [&str; 8] = ["update", "clean", "autoclean", "autoremove", "autopurge", "list", "show", "policy"];

/// `apt-get` and its kin.
pub fn apt(reader: &mut Reader<'_>, command: &Command, stage: &mut Stage) {
    let (mut names, mut strange) = (Vec::new(), Vec::new());
    let mut words = command.words.iter().skip(1);
    while let Some(word) = words.next() {
        let text = word.shown();
        if APT_WITH_VALUE.contains(&text.as_str()) && text != "-q" {
            // Another release has other packages.
            let value = words.next();
            if text.starts_with("-t") || text.contains("release") {
                strange.extend([Some(word), value].into_iter().flatten());
            }
        } else if text.starts_with("--target-release=") || text.starts_with("--default-release=") {
            strange.push(word);
        } else if !text.starts_with('-') {
            names.push(word);
        }
    }
    let Some((applet, names)) = names.split_first() else { return };
    reader.implied(&command.range());
    for word in strange {
        reader.left_out(&word.range, shown(&[word.shown()]), "packages come from the repositories of the image");
    }
    match applet.shown().as_str() {
        "install" => names.iter().for_each(|word| add(reader, word, stage)),
        "remove" | "purge" => {
            for word in names {
                let name = word.shown();
                let is_it = |package: &super::text::Text| bare(&package.shown()) == name.trim_end_matches('-');
                let (removed, kept) = std::mem::take(&mut stage.packages).into_iter().partition(is_it);
                stage.packages = kept;
                if Vec::is_empty(&removed) {
                    let help = "use a `base` without it";
                    reader.left_out(&word.range, format!("the removal of the package `{name}`"), help);
                }
                stage.removed.extend::<Vec<_>>(removed);
            }
        }
        applet if APT_IDLE.contains(&applet) => {}
        _ => {
            reader.left_out(&command.range(), shown(&command.shown()), "use a `base` in which this is already done");
        }
    }
}

fn add(reader: &mut Reader<'_>, word: &Word, stage: &mut Stage) {
    let text = word.shown();
    if !word.text.is_known() || text.contains(['*', '?', '/']) {
        reader.left_out(&word.range, format!("the package `{text}`"), "write a name, or `NAME=VERSION`");
    } else if !text.is_empty() && !stage.packages.contains(&word.text) {
        stage.packages.push(word.text.clone());
    }
}

/// The name of a package, without its version.
pub fn bare(package: &str) -> &str {
    package.split(['=', ':', '<', '>', '~', '@']).next().unwrap_or(package)
}

/// Options of apk that a value follows.
const APK_WITH_VALUE: [&str; 13] = [
    "-p",
    "--root",
    "-t",
    "--virtual",
    "-X",
    "--repository",
    "--arch",
    "--cache-dir",
    "--cache-max-age",
    "--keys-dir",
    "--progress-fd",
    "--repositories-file",
    "--wait",
];

/// `apk`.
pub fn apk(reader: &mut Reader<'_>, command: &Command, stage: &mut Stage) {
    let (mut names, mut group, mut repositories) = (Vec::new(), None, Vec::new());
    let mut words = command.words.iter().skip(1);
    while let Some(word) = words.next() {
        let text = word.shown();
        let (option, value) = match text.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
            _ => (text.as_str(), None),
        };
        if APK_WITH_VALUE.contains(&option) {
            let end = word.range.clone();
            let (value, end) = match value {
                Some(value) => (value, end),
                None => words.next().map_or((String::new(), end), |next| (next.shown(), next.range.clone())),
            };
            match option {
                "-t" | "--virtual" => group = Some(value),
                "-X" | "--repository" => repositories.push((value, word.range.start..end.end)),
                _ => {}
            }
        } else if !text.starts_with('-') {
            names.push(word);
        }
    }
    let Some((applet, names)) = names.split_first() else { return };
    reader.implied(&command.range());
    for (value, range) in repositories {
        reader.left_out(
            &range,
            format!("the repository `{value}`"),
            "packages come from the repositories of the image: use a `base` with this one in `/etc/apk/repositories`",
        );
    }
    match applet.shown().as_str() {
        "add" => {
            for word in names {
                let text = word.shown();
                if !word.text.is_known() || word.text.is_constant() && !Manager::Apk.takes(&text) {
                    reader.left_out(&word.range, format!("the package `{text}`"), "write a name, or `NAME=VERSION`");
                } else if !stage.added.iter().any(|added| added.name == word.text) {
                    stage.added.push(Added { name: word.text.clone(), group: group.clone(), is_deleted: false });
                }
            }
        }
        "del" => {
            for word in names {
                let name = word.shown();
                let mut is_known = false;
                for added in &mut stage.added {
                    let is_it = added.group.as_ref() == Some(&name) || added.name.shown() == name;
                    added.is_deleted |= is_it;
                    is_known |= is_it;
                }
                if !is_known {
                    let help = "use a `base` without it";
                    reader.left_out(&word.range, format!("the removal of the package `{name}`"), help);
                }
            }
        }
        "update" | "info" | "search" | "cache" => {}
        _ => reader.left_out(&command.range(), shown(&command.shown()), "use a `base` in which this is already done"),
    }
}
