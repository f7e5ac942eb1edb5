//! The Go programs of the lab, each built once per version from its own module: BuildKit, buildx and crane have no
//! packages of these versions, and `go install` refuses modules with `exclude` directives.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::layout;
use super::machine::find_program;
use super::places::Places;
use super::process::run_logged;
use super::report::report;

pub const BUILDKIT_VERSION: &str = "0.34.2";
pub const BUILDX_VERSION: &str = "0.38.2";
pub const CRANE_VERSION: &str = "0.22.1";
pub const ACTIONLINT_VERSION: &str = "1.7.12";
pub const COMPOSE_VERSION: &str = "2.40.3";

/// Programs of one Go module at one version.
struct Toolset {
    name: &'static str,
    version: &'static str,
    module: &'static str,
    packages: &'static [&'static str],
    /// A program of the lab's own that uses the packages, which are none themselves.
    source: Option<&'static str>,
    /// The variable that holds the version which the programs report.
    version_variable: Option<&'static str>,
}

const BUILDKIT: Toolset = Toolset {
    name: "buildkit",
    version: BUILDKIT_VERSION,
    module: "github.com/moby/buildkit",
    packages: &["cmd/buildkitd", "cmd/buildctl", "frontend/dockerfile/cmd/dockerfile-frontend"],
    source: None,
    version_variable: Some("github.com/moby/buildkit/version.Version"),
};

const BUILDX: Toolset = Toolset {
    name: "buildx",
    version: BUILDX_VERSION,
    module: "github.com/docker/buildx",
    packages: &["cmd/buildx"],
    source: None,
    version_variable: Some("github.com/docker/buildx/version.Version"),
};

const CRANE: Toolset = Toolset {
    name: "crane",
    version: CRANE_VERSION,
    module: "github.com/google/go-containerregistry",
    packages: &["cmd/crane"],
    source: None,
    version_variable: None,
};

const ACTIONLINT: Toolset = Toolset {
    name: "actionlint",
    version: ACTIONLINT_VERSION,
    module: "github.com/rhysd/actionlint",
    packages: &["cmd/actionlint"],
    source: None,
    version_variable: None,
};

const COMPOSE: Toolset = Toolset {
    name: "compose",
    version: COMPOSE_VERSION,
    module: "github.com/docker/compose/v2",
    packages: &["cmd"],
    source: None,
    version_variable: Some("github.com/docker/compose/v2/internal.Version"),
};

const APK: Toolset = Toolset {
    name: "apk",
    version: "0.0.0-20240605175618-f3471089c263",
    module: "github.com/chainguard-dev/go-apk",
    packages: &["pkg/apk"],
    source: Some(include_str!("apk/main.go")),
    version_variable: None,
};

/// Builds the stand-in for Alpine's `apk`, unless it is built, and gives back its path: a program that needs no library.
pub fn apk(places: &Places) -> Result<PathBuf> {
    Ok(APK.build(places)?.join("apk"))
}

/// Builds Docker Compose, unless it is built, and gives back its path. It is no part of a lab: it is a client.
pub fn compose(places: &Places) -> Result<PathBuf> {
    Ok(COMPOSE.build(places)?.join("cmd"))
}

/// Builds actionlint, unless it is built, and gives back its path. It is no part of a lab: it runs nothing.
pub fn actionlint(places: &Places) -> Result<PathBuf> {
    Ok(ACTIONLINT.build(places)?.join("actionlint"))
}

/// Builds what is not built yet, and puts the programs in one directory: crane, which also serves the registry, and
/// with `buildkit` also buildkitd, buildctl, dockerfile-frontend and buildx.
pub fn install(places: &Places, buildkit: bool) -> Result<()> {
    let toolsets: &[Toolset] = if buildkit { &[CRANE, BUILDKIT, BUILDX] } else { &[CRANE] };
    let directory = places.programs();
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    for toolset in toolsets {
        for program in fs::read_dir(toolset.build(places)?)? {
            let program = program?;
            symlink(program.path(), directory.join(program.file_name()))?;
        }
    }
    Ok(())
}

impl Toolset {
    fn build(&self, places: &Places) -> Result<PathBuf> {
        let mut key = format!("{}-{}", self.name, self.version);
        if let Some(source) = self.source {
            key += &format!("-{}", &layout::hexadecimal(&Sha256::digest(source))[..12]);
        }
        let directory = places.tools().join(key);
        let programs = directory.join("bin");
        if programs.is_dir() {
            return Ok(programs);
        }
        let go = find_program("go").with_context(|| {
            format!(
                "the lab builds {} {} with Go: install Go 1.26 or newer and put `go` on PATH",
                self.name, self.version
            )
        })?;
        report(format_args!(
            "building {} {} with Go (minutes the first time, seconds with a warm build cache)",
            self.name, self.version
        ));
        let module = directory.join("module");
        let _ = fs::remove_dir_all(&module);
        fs::create_dir_all(&module).with_context(|| format!("cannot create {}", module.display()))?;
        let unfinished = module.join("bin");
        self.compile(&go, &module, &unfinished, &places.log("tools"))?;
        // The rename comes last: a directory of that name always holds all the programs.
        fs::rename(&unfinished, &programs)?;
        Ok(programs)
    }

    fn compile(&self, go: &Path, module: &Path, output: &Path, log: &Path) -> Result<()> {
        let in_module = |arguments: &[&str]| {
            let mut command = Command::new(go);
            command.current_dir(module).args(arguments).env("CGO_ENABLED", "0").env("GOWORK", "off");
            command
        };
        run_logged(&mut in_module(&["mod", "init", self.name]), log)?;
        let packages: Vec<String> = self.packages.iter().map(|package| format!("{}/{package}", self.module)).collect();
        let mut get = match self.source {
            Some(source) => {
                fs::write(module.join("main.go"), source)?;
                in_module(&["get"])
            }
            None => in_module(&["get", "-tool"]),
        };
        get.args(packages.iter().map(|package| format!("{package}@v{}", self.version)));
        run_logged(&mut get, log)?;
        let mut build = in_module(&["build", "-o"]);
        build.arg(format!("{}/", output.display()));
        let version = self.version_variable.map(|variable| format!(" -X {variable}=v{}", self.version));
        build.arg(format!("-ldflags=-s -w{}", version.unwrap_or_default()));
        match self.source {
            Some(_) => build.arg("."),
            None => build.args(&packages),
        };
        run_logged(&mut build, log)
    }
}
