//! What a container of a stage is: base, user and variables, as keys of a target.

use std::ops::Range;

use super::account::Account;
use super::reader::Reader;
use super::stage::Stage;
use super::text::Text;
use super::value::Value;
use super::variables::is_of_steps;
use crate::plan::version::variables;

/// Where images of uv are.
const UV: &str = "ghcr.io/astral-sh/uv";

/// What an image with uv in it is made from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The image without uv.
    pub base: Text,
    /// Image of uv alone, where its version is told.
    pub uv: Option<Text>,
    /// The base has no python: uv would install one.
    pub has_no_python: bool,
}

/// Takes uv out of an image. uv's own images are those of Python and Debian with uv in them.
pub fn split(image: &Text) -> Split {
    let plain = || Split { base: image.clone(), uv: None, has_no_python: has_no_python(&image.shown()) };
    let named = [UV, "docker.io/astral/uv", "astral/uv"].into_iter();
    let tag = named.map(|name| format!("{name}:")).find_map(|name| image.strip_prefix(&name));
    let Some(tag) = tag else { return plain() };
    // A digest is that of the image with uv.
    let tag = tag.split_once('@').map_or(tag.clone(), |(tag, _)| tag);
    let (uv, flavour) = match tag.strip_prefix("python") {
        Some(_) => (None, tag),
        None => match tag.split_once('-') {
            Some((version, flavour)) if version.shown().starts_with(|char: char| char.is_ascii_digit()) => {
                let mut uv = Text::from(format!("{UV}:").as_str());
                uv.extend(version);
                (Some(uv), flavour)
            }
            _ => (None, tag),
        },
    };
    if let Some(python) = flavour.strip_prefix("python") {
        let (version, system) = python.split_once('-').unwrap_or((python, Text::default()));
        let mut base = Text::from("python:").with_words_of(image);
        base.extend(version);
        let system = system.shown();
        let suffix = match system.strip_suffix("-slim") {
            Some(release) => format!("-slim-{release}"),
            None if system.is_empty() => String::new(),
            None => format!("-{system}"),
        };
        base.extend(Text::from(suffix.as_str()));
        return Split { base, uv, has_no_python: false };
    }
    let system = match flavour.shown().as_str() {
        "debian" => "debian:bookworm".to_owned(),
        "debian-slim" => "debian:bookworm-slim".to_owned(),
        "alpine" => "alpine:3".to_owned(),
        release if release.starts_with("alpine") => format!("alpine:{}", &release["alpine".len()..]),
        release if release.starts_with(|char: char| char.is_ascii_alphabetic()) && release != "latest" => {
            format!("debian:{release}")
        }
        _ => return plain(),
    };
    Split { base: Text::from(system.as_str()).with_words_of(image), uv, has_no_python: true }
}

/// Whether an image is known to have no python: those of systems and of CUDA.
fn has_no_python(image: &str) -> bool {
    let name = image.split(['@', ':']).next().unwrap_or(image);
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    ["debian", "ubuntu", "alpine", "nvidia/cuda", "busybox", "buildpack-deps"].contains(&name)
}

/// The image of uv alone, as `[uv]` names it.
pub fn uv_image(image: &Text) -> Option<Text> {
    let split = split(image);
    if split.base == *image { Some(image.clone()) } else { split.uv }
}

/// The variables of a stage's containers.
pub fn env(reader: &mut Reader<'_>, stage: &Stage) -> Vec<(String, Value)> {
    let mut env = Vec::new();
    for (name, (value, range)) in &stage.env {
        let shown = value.shown();
        match name.as_str() {
            "PATH" => path(reader, stage, &shown, range),
            "PYTHONDONTWRITEBYTECODE" | "PYTHONUNBUFFERED" if shown == "1" => reader.implied(range),
            // What `uv sync` is told is read there; the image has no uv that would read it.
            name if is_of_steps(name) || name == "UV_PYTHON" => reader.implied(range),
            name if is_version(name) => {}
            name if name.starts_with("UV_") => of_uv(reader, name, range),
            _ if !value.is_known() => {
                let help = "write the whole value, with the part that comes from the base image";
                reader.left_out(range, format!("`{name}={shown}`, which uses a variable of unknown value"), help);
            }
            _ => env.push((name.clone(), Value::Text(value.clone()))),
        }
    }
    env
}

/// A variable of uv that changes what it does.
pub fn of_uv(reader: &mut Reader<'_>, name: &str, range: &Range<usize>) {
    let help = match name.contains("INDEX") {
        true => "declare the index in `[[tool.uv.index]]`, or a mirror of it in `[mirrors]`",
        false => "`tool.uv` in `pyproject.toml` has a setting for most of uv's variables",
    };
    reader.left_out(range, format!("`{name}`"), help);
}

/// Whether build backends take a version from a variable.
pub fn is_version(name: &str) -> bool {
    name.starts_with("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_") || variables("").iter().any(|known| known == name)
}

/// Only the environment's programs are added here.
pub fn path(reader: &mut Reader<'_>, stage: &Stage, value: &str, range: &Range<usize>) {
    let is_usual = |part: &str| {
        let of_environment = part.strip_suffix("/bin").is_some_and(|directory| stage.is_environment(directory));
        let of_uv = part.ends_with("/.local/bin") || part.ends_with("/.cargo/bin");
        ["", "$PATH", "${PATH}"].contains(&part) || of_environment || of_uv || SYSTEM_PATH.contains(&part)
    };
    reader.implied(range);
    for part in value.split(':').filter(|part| !is_usual(part)) {
        reader.left_out(
            range,
            format!("`{part}` in `PATH`"),
            "write the whole `PATH` into `env`, or write programs with their paths",
        );
    }
}

const SYSTEM_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Who runs.
pub fn user(reader: &mut Reader<'_>, stage: &Stage) -> Option<Value> {
    let Some((text, range)) = &stage.user else {
        // Images of Lambda start as whom Lambda wants.
        if !stage.is_for_lambda() {
            let what = "the Dockerfile has no `USER`, so its containers run as root; here the user is `app`, which can \
                        write to the working directory and below `/home/app`";
            reader.differs(&stage.range.clone(), what, "to keep root, write `user = \"root\"`");
        }
        return None;
    };
    let Account { name, uid, gid, home } = stage.accounts.find(&text.shown());
    if name == "root" {
        reader.written(range);
        return Some(Value::text("root"));
    }
    if !text.is_known() || !is_plain(&name) {
        reader.left_out(
            range,
            format!("the user `{}`", text.shown()),
            "write `user = { name = \"app\", uid = 1000, gid = 1000 }`",
        );
        return None;
    }
    reader.written(range);
    if uid.is_none() && stage.accounts.has(&name) {
        let what = format!("the base chooses the uid of `{name}`; here it is 999");
        reader.differs(
            range,
            what,
            "write `user = { name = \"NAME\", uid = UID }` with the uid that `id` prints in the old image",
        );
    }
    let gid = gid.filter(|gid| Some(*gid) != uid);
    let home = home.filter(|home| home.starts_with('/') && *home != format!("/home/{name}"));
    let mut entries = vec![("name".to_owned(), Value::text(&name))];
    entries.extend(uid.map(|uid| ("uid".to_owned(), Value::Number(uid))));
    entries.extend(gid.map(|gid| ("gid".to_owned(), Value::Number(gid))));
    entries.extend(home.map(|home| ("home".to_owned(), Value::text(&home))));
    Some(if entries.len() == 1 { Value::text(&name) } else { Value::Table(entries) })
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || "_-.".contains(char))
}

/// A stage that only names the image of uv.
pub fn is_of_uv(stage: &Stage) -> bool {
    uv_image(&stage.base).is_some_and(|image| image == stage.base) && stage.base.shown().contains("/uv:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(image: &str) -> String {
        let split = split(&Text::from(image));
        let uv = split.uv.map(|uv| format!(" with {}", uv.shown())).unwrap_or_default();
        format!("{}{uv}{}", split.base.shown(), if split.has_no_python { ", no python" } else { "" })
    }

    #[test]
    fn images_of_uv_are_others_with_uv() {
        assert_eq!(check("ghcr.io/astral-sh/uv:python3.12-bookworm-slim"), "python:3.12-slim-bookworm");
        assert_eq!(
            check("ghcr.io/astral-sh/uv:0.9.2-python3.13-trixie@sha256:00"),
            "python:3.13-trixie with ghcr.io/astral-sh/uv:0.9.2"
        );
        assert_eq!(check("ghcr.io/astral-sh/uv:python3.12-alpine"), "python:3.12-alpine");
        assert_eq!(check("ghcr.io/astral-sh/uv:bookworm-slim"), "debian:bookworm-slim, no python");
        assert_eq!(check("ghcr.io/astral-sh/uv:0.9.2"), "ghcr.io/astral-sh/uv:0.9.2");
        assert_eq!(check("astral/uv:python3.12-alpine"), "python:3.12-alpine");
        assert_eq!(
            check("docker.io/astral/uv:0.9-python3.12-alpine"),
            "python:3.12-alpine with ghcr.io/astral-sh/uv:0.9"
        );
        assert_eq!(check("python:3.13-slim"), "python:3.13-slim");
    }
}
