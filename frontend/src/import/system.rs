//! Images under a target and its builds, and what system packages each has.

use uv_pep440::Version;

use super::filling::{Filling, Shared};
use super::packages::bare;
use super::reader::Reader;
use super::runtime;
use super::stage::{Added, Stage};
use super::text::Text;

/// Images of a target.
pub struct Images {
    /// The one under it.
    pub base: Text,
    /// The one that members are built in, where it is another.
    pub builder: Option<Text>,
}

/// The image under a target, and the one that members are built in where it is another.
pub fn images(reader: &mut Reader<'_>, stage: &Stage, filling: &Filling, shared: &mut Shared) -> Images {
    let mut base = runtime::split(&stage.base);
    let of_dockerfile = plain(&base.base);
    if let Some(admitted) = admitted(reader, &base.base) {
        let what = format!(
            "the Python of `{}` does not satisfy `requires-python`, so uv installs another one; here the base is `{admitted}`",
            base.base.shown()
        );
        reader.differs(&stage.range, what, "");
        base.base = Text::from(admitted.as_str()).with_words_of(&base.base);
    }
    let mut builder = None;
    for index in &filling.stages {
        let other = reader.stages[*index].clone();
        let split = runtime::split(&other.base);
        let uv = other.uv.as_ref().and_then(runtime::uv_image).or(split.uv);
        shared.uv = shared.uv.take().or(uv);
        if plain(&split.base) == of_dockerfile || split.has_no_python {
            reader.replaced([&other.base]);
        } else if builder.as_ref().is_none_or(|known| *known == split.base) {
            builder = Some(split.base);
        } else {
            let what = format!("the image `{}` of a stage that builds: there is one `builder`", other.base.shown());
            reader.left_out(&other.range, what, "");
        }
        let version = other.env.get("UV_PYTHON").map(|(text, _)| text.clone()).filter(Text::is_known);
        let wants_managed =
            other.env.get("UV_PYTHON_PREFERENCE").is_some_and(|(text, _)| text.shown().contains("managed"));
        let installed = other.managed_python.as_ref();
        if installed.is_some() || wants_managed || split.has_no_python {
            let version = installed.cloned().flatten().or(version);
            let known = shared.managed_python.take().flatten();
            shared.managed_python = Some(known.or(version));
        }
    }
    Images { base: base.base, builder }
}

/// The name of an image, without that of the registry which is meant anyway.
fn plain(image: &Text) -> String {
    let shown = image.shown();
    let name = shown.strip_prefix("docker.io/").unwrap_or(&shown);
    name.strip_prefix("library/").unwrap_or(name).to_owned()
}

/// The image of Python's nearest version that the lock admits, where a base is one that it does not.
fn admitted(reader: &Reader<'_>, base: &Text) -> Option<String> {
    let (specifiers, _) = reader.surroundings.project?.lock.requires_python.as_ref()?;
    let shown = plain(base);
    let (name, tag) = shown.split_once(':').filter(|_| base.is_constant() && !shown.contains('@'))?;
    if name != "python" {
        return None;
    }
    let (version, flavour) =
        tag.split_once('-').map_or((tag, String::new()), |(version, rest)| (version, format!("-{rest}")));
    let minor: u64 = version.strip_prefix("3.")?.split('.').next()?.parse().ok()?;
    let admits = |minor: &u64| (0..100).any(|patch| specifiers.contains(&Version::new([3, *minor, patch])));
    if admits(&minor) {
        return None;
    }
    let found = (minor..minor + 10).find(admits).or_else(|| (8..minor).rev().find(admits))?;
    Some(format!("{name}:3.{found}{flavour}"))
}

/// Debian packages of the image, and those of the steps that build.
pub fn packages(
    reader: &mut Reader<'_>,
    stage: &Stage,
    filling: &Filling,
    shared: &mut Shared,
) -> (Vec<Text>, Vec<Text>) {
    let mut of_builds: Vec<Text> = Vec::new();
    for index in filling.stages.iter().filter(|index| filling.stages.last() != Some(index)) {
        let other = reader.stages[*index].clone();
        for package in other.packages.iter().chain(&other.removed) {
            // BuildKit fetches what these are for.
            if IN_STEPS.contains(&bare(&package.shown())) {
                reader.replaced([package]);
            } else if !is_python(reader, package, &other.base, shared) {
                of_builds.push(package.clone());
            }
        }
    }
    let is_made_here = filling.stages.len() == 1;
    let mut runtime = Vec::new();
    for package in &stage.packages {
        if is_python(reader, package, &stage.base, shared) {
            continue;
        }
        let name = package.shown();
        if is_made_here && is_compiler(&name) {
            let what = format!("`{name}` is installed where members are built, and not in the image");
            package.origins().iter().last().into_iter().for_each(|range| {
                reader.differs(range, what.clone(), "to also have it in the image, add it to `apt`");
            });
            of_builds.push(package.clone());
        } else {
            // Headers come with the library itself.
            if is_made_here && bare(&name).ends_with("-dev") {
                of_builds.push(package.clone());
            }
            runtime.push(package.clone());
        }
    }
    if is_made_here {
        of_builds.extend(stage.removed.iter().cloned());
    }
    (runtime, distinct(of_builds))
}

/// Whether a package is the python of an image that has none: uv installs one there.
fn is_python(reader: &mut Reader<'_>, package: &Text, base: &Text, shared: &mut Shared) -> bool {
    let name = package.shown();
    let Some(rest) = bare(&name).strip_prefix("python3") else { return false };
    let (version, kind) = rest.split_once('-').unwrap_or((rest, ""));
    let is_version = version.is_empty() || version.strip_prefix('.').is_some_and(|minor| minor.parse::<u8>().is_ok());
    if !is_version || !["", "venv", "dev", "pip", "distutils", "full", "minimal"].contains(&kind) {
        return false;
    }
    if !runtime::split(base).has_no_python {
        return false;
    }
    let version = (!version.is_empty()).then(|| Text::from(format!("3{version}").as_str()));
    let known = shared.managed_python.take().flatten();
    shared.managed_python = Some(version.or(known));
    package.origins().iter().last().into_iter().for_each(|range| {
        reader.differs(
            range,
            format!("uv installs Python, instead of the package `{name}`"),
            "to use the Python of an image, set `base`",
        );
    });
    true
}

/// The same of Alpine.
pub fn added(reader: &mut Reader<'_>, stage: &Stage, filling: &Filling) -> (Vec<Text>, Vec<Text>) {
    let others = filling.stages.iter().filter(|index| filling.stages.last() != Some(index));
    let mut of_builds: Vec<Text> =
        others.flat_map(|index| &reader.stages[*index].added).map(|added| added.name.clone()).collect();
    let is_made_here = filling.stages.len() == 1;
    let (tools, runtime): (Vec<&Added>, Vec<&Added>) =
        stage.added.iter().partition(|added| added.is_deleted || is_made_here && is_compiler(&added.name.shown()));
    for added in tools.iter().filter(|added| !added.is_deleted) {
        let what = format!("`{}` is installed where members are built, and not in the image", added.name.shown());
        added.name.origins().iter().last().into_iter().for_each(|range| {
            reader.differs(range, what.clone(), "to also have it in the image, add it to `apk`");
        });
    }
    let names = |added: Vec<&Added>| added.into_iter().map(|added| added.name.clone()).collect::<Vec<_>>();
    of_builds.extend(names(tools));
    let headers = runtime.iter().filter(|added| is_made_here && bare(&added.name.shown()).ends_with("-dev"));
    of_builds.extend(headers.map(|added| added.name.clone()));
    let (fetchers, of_builds): (Vec<Text>, Vec<Text>) =
        of_builds.into_iter().partition(|package| IN_STEPS.contains(&bare(&package.shown())));
    reader.replaced(&fetchers);
    (names(runtime), distinct(of_builds))
}

/// Each once, where it is first.
fn distinct(texts: Vec<Text>) -> Vec<Text> {
    let mut kept: Vec<Text> = Vec::new();
    for text in texts {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// What a Dockerfile needs to fetch uv and sources, which BuildKit does here.
const IN_STEPS: [&str; 4] = ["curl", "wget", "git", "ca-certificates"];

/// Compilers: what they compile does not need them.
fn is_compiler(package: &str) -> bool {
    let compilers = [
        "build-essential",
        "build-base",
        "gcc",
        "g++",
        "make",
        "cmake",
        "pkg-config",
        "pkgconf",
        "clang",
        "ninja-build",
        "samurai",
        "cargo",
        "rust",
        "rustc",
        "linux-headers",
        "python3-dev",
        "musl-dev",
        "libc6-dev",
        "libc-dev",
    ];
    compilers.contains(&bare(package))
}
