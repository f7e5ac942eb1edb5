//! The kinds, each as an application that has packages of it.

use anyhow::Result;

use super::{Application, BUILDER, Fixture, Write, repository};
use crate::index::Told;
use crate::project::{Project, SETUPTOOLS, UV_BUILD};

/// By name.
pub const KINDS: [(&str, Write); 22] = [
    ("index_sdist", index_sdist),
    ("git_tag", git_tag),
    ("git_subdirectory", git_subdirectory),
    ("url_wheel", url_wheel),
    ("url_archive", url_archive),
    ("url_archive_subdirectory", url_archive_subdirectory),
    ("path_wheel", path_wheel),
    ("path_sdist", path_sdist),
    ("local_projects", local_projects),
    ("circle_of_members", circle_of_members),
    ("flat_index", flat_index),
    ("forks", forks),
    ("conflicts", conflicts),
    ("no_hash", no_hash),
    ("sha512", sha512),
    ("git_versions", git_versions),
    ("no_binary", no_binary),
    ("build_settings", build_settings),
    ("settings_in_uv_toml", settings_in_uv_toml),
    ("exclude_newer", exclude_newer),
    ("extra_build_dependencies", extra_build_dependencies),
    ("backend_of_the_workspace", backend_of_the_workspace),
];

/// Those with a file of the context that can be another than the one that was locked.
/// Of a flat index the lock has no hashes.
pub const TAMPERED: [(&str, Write); 2] = [("path_wheel", path_wheel), ("path_sdist", path_sdist)];

/// The files.
pub const TAMPERED_FILES: [&str; 2] = ["third party/heron-1.0-py3-none-any.whl", "third party/heron-1.0.tar.gz"];

/// A package that its index has as a source distribution only, with a backend that comes from the usual index.
fn index_sdist(fixture: &Fixture<'_>) -> Result<Application> {
    let project = fixture.index.project("heron", "1.0", SETUPTOOLS, &fixture.nonce)?;
    fixture.index.offer_sdist(&project)?;
    Ok(Application {
        dependencies: vec!["heron".to_owned()],
        modules: vec!["heron"],
        manifest: format!("[tool.uv.sources]\nheron = {{ index = \"fixture\" }}\n\n{}", fixture.explicit_index()),
        ..Application::default()
    })
}

/// A repository with one project, at a tag.
pub fn git_tag(fixture: &Fixture<'_>) -> Result<Application> {
    let directory = fixture.beside("git-tag-repository");
    Project::write(&directory, "heron", "1.0", UV_BUILD, &fixture.nonce)?;
    repository::serve(&fixture.index, "heron.git", &directory, "v1.0")?;
    Ok(Application {
        dependencies: vec!["heron".to_owned()],
        modules: vec!["heron"],
        manifest: format!(
            "[tool.uv.sources]\nheron = {{ git = \"{}\", tag = \"v1.0\" }}\n",
            fixture.index.url_of("heron.git")
        ),
        base: BUILDER,
        ..Application::default()
    })
}

/// A `setup.py` that reads a file of its repository, so many directories above.
fn setup_that_reads_above(levels: usize) -> String {
    format!(
        "from pathlib import Path\n\nfrom setuptools import setup\n\n\
         assert Path(__file__).resolve().parents[{levels}].joinpath(\"VERSION\").read_text() == \"1.0\"\nsetup()\n"
    )
}

/// A project that lies in a directory of a repository, and reads another file of that, asked for by commit; another one of the same repository
/// by branch.
fn git_subdirectory(fixture: &Fixture<'_>) -> Result<Application> {
    let directory = fixture.beside("git-subdirectory-repository");
    let heron = Project::write(&directory.join("python/heron"), "heron", "1.0", SETUPTOOLS, &fixture.nonce)?;
    heron.add("setup.py", &setup_that_reads_above(2))?;
    heron.add("../../VERSION", "1.0")?;
    Project::write(&directory.join("python/lily"), "lily", "1.0", UV_BUILD, &fixture.nonce)?;
    let commit = repository::serve(&fixture.index, "birds.git", &directory, "v1.0")?;
    let url = fixture.index.url_of("birds.git");
    Ok(Application {
        dependencies: vec!["heron".to_owned(), "lily".to_owned()],
        modules: vec!["heron", "lily"],
        manifest: format!(
            "[tool.uv.sources]\nheron = {{ git = \"{url}\", rev = \"{commit}\", subdirectory = \"python/heron\" }}\n\
             lily = {{ git = \"{url}\", branch = \"main\", subdirectory = \"python/lily\" }}\n"
        ),
        base: BUILDER,
        ..Application::default()
    })
}

fn url_wheel(fixture: &Fixture<'_>) -> Result<Application> {
    let (file, wheel) = fixture.index.project("heron", "1.0", UV_BUILD, &fixture.nonce)?.wheel()?;
    fixture.index.serve(&format!("files/{file}"), wheel);
    from_url(fixture, &format!("files/{file}"), "")
}

fn url_archive(fixture: &Fixture<'_>) -> Result<Application> {
    let (file, archive) = fixture.index.project("heron", "1.0", UV_BUILD, &fixture.nonce)?.sdist()?;
    fixture.index.serve(&format!("files/{file}"), archive);
    from_url(fixture, &format!("files/{file}"), "")
}

/// As a forge serves the archive of a repository: the project lies in a directory of it, and reads a file beside that.
fn url_archive_subdirectory(fixture: &Fixture<'_>) -> Result<Application> {
    let directory = fixture.beside("url-archive-repository");
    let heron = Project::write(&directory.join("python"), "heron", "1.0", SETUPTOOLS, &fixture.nonce)?;
    heron.add("setup.py", &setup_that_reads_above(1))?;
    let repository = Project::write(&directory, "birds", "1.0", UV_BUILD, "")?;
    repository.add("VERSION", "1.0")?;
    fixture.index.serve("archive/v1.0.tar.gz", repository.archive("birds-1.0")?);
    from_url(fixture, "archive/v1.0.tar.gz", ", subdirectory = \"python\"")
}

fn from_url(fixture: &Fixture<'_>, path: &str, more: &str) -> Result<Application> {
    Ok(Application {
        dependencies: vec!["heron".to_owned()],
        modules: vec!["heron"],
        manifest: format!("[tool.uv.sources]\nheron = {{ url = \"{}\"{more} }}\n", fixture.index.url_of(path)),
        ..Application::default()
    })
}

fn path_wheel(fixture: &Fixture<'_>) -> Result<Application> {
    let packed = fixture.index.project("heron", "1.0", UV_BUILD, &fixture.nonce)?.wheel()?;
    from_path(fixture, packed)
}

fn path_sdist(fixture: &Fixture<'_>) -> Result<Application> {
    let packed = fixture.index.project("heron", "1.0", UV_BUILD, &fixture.nonce)?.sdist()?;
    from_path(fixture, packed)
}

/// In a directory whose name a URL cannot hold as it is.
fn from_path(fixture: &Fixture<'_>, (file, content): (String, Vec<u8>)) -> Result<Application> {
    let path = format!("third party/{file}");
    fixture.context.write(&path, content)?;
    Ok(Application {
        dependencies: vec!["heron".to_owned()],
        modules: vec!["heron"],
        manifest: format!("[tool.uv.sources]\nheron = {{ path = \"{path}\" }}\n"),
        ..Application::default()
    })
}

/// Beside the project: a package of each kind that a directory can be. Of the virtual one, only what it depends on is installed.
fn local_projects(fixture: &Fixture<'_>) -> Result<Application> {
    let libraries = fixture.context.directory.join("libraries");
    for (name, build_system) in [("heron", UV_BUILD), ("lily", SETUPTOOLS), ("reed", UV_BUILD)] {
        Project::write(&libraries.join(name), name, "1.0", build_system, &fixture.nonce)?;
    }
    fixture.context.write(
        "libraries/pond/pyproject.toml",
        "[project]\nname = \"pond\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = [\"reed\"]\n\n\
         [tool.uv.sources]\nreed = { path = \"../reed\" }\n",
    )?;
    Ok(Application {
        dependencies: ["heron", "lily", "pond"].map(ToOwned::to_owned).to_vec(),
        modules: vec!["heron", "lily", "reed"],
        manifest: "[tool.uv.sources]\nheron = { path = \"libraries/heron\", editable = true }\n\
                   lily = { path = \"libraries/lily\", editable = false }\n\
                   pond = { path = \"libraries/pond\", package = false }\n"
            .to_owned(),
        ..Application::default()
    })
}

/// Members that need each other, and the application among them: a circle at run time is none when they are built.
fn circle_of_members(fixture: &Fixture<'_>) -> Result<Application> {
    let members = fixture.context.directory.join("members");
    for (name, needs) in [("heron", "lily"), ("lily", "app")] {
        let project = Project::write(&members.join(name), name, "1.0", UV_BUILD, &fixture.nonce)?;
        project.edit("pyproject.toml", ">=3.11\"\n", &format!(">=3.11\"\ndependencies = [\"{needs}\"]\n"))?;
    }
    Ok(Application {
        dependencies: vec!["heron".to_owned()],
        modules: vec!["heron", "lily"],
        manifest: "[tool.uv.workspace]\nmembers = [\"members/*\"]\n\n[tool.uv.sources]\napp = { workspace = true }\n\
                   heron = { workspace = true }\nlily = { workspace = true }\n"
            .to_owned(),
        ..Application::default()
    })
}

/// A directory of wheels and source distributions in the workspace.
fn flat_index(fixture: &Fixture<'_>) -> Result<Application> {
    let (wheel, content) = fixture.index.project("heron", "1.0", UV_BUILD, &fixture.nonce)?.wheel()?;
    fixture.context.write(&format!("vendor/{wheel}"), content)?;
    let (sdist, content) = fixture.index.project("lily", "1.0", UV_BUILD, &fixture.nonce)?.sdist()?;
    fixture.context.write(&format!("vendor/{sdist}"), content)?;
    Ok(Application {
        dependencies: vec!["heron".to_owned(), "lily".to_owned()],
        modules: vec!["heron", "lily"],
        manifest: "[tool.uv.sources]\nheron = { index = \"vendor\" }\nlily = { index = \"vendor\" }\n\n\
                   [[tool.uv.index]]\nname = \"vendor\"\nurl = \"vendor\"\nformat = \"flat\"\nexplicit = true\n"
            .to_owned(),
        ..Application::default()
    })
}

/// Two versions of one package, for different platforms.
fn forks(fixture: &Fixture<'_>) -> Result<Application> {
    for version in ["1.0", "2.0"] {
        fixture.index.offer("heron", version, &format!("{}VERSION = \"{version}\"\n", fixture.nonce))?;
    }
    Ok(Application {
        dependencies: ["heron<2 ; sys_platform == 'linux'", "heron>=2 ; sys_platform != 'linux'"]
            .map(ToOwned::to_owned)
            .to_vec(),
        modules: vec!["heron"],
        manifest: format!("[tool.uv.sources]\nheron = {{ index = \"fixture\" }}\n\n{}", fixture.explicit_index()),
        ..Application::default()
    })
}

/// Two versions of one package, by extras of which only one can be had.
fn conflicts(fixture: &Fixture<'_>) -> Result<Application> {
    for version in ["1.0", "2.0"] {
        fixture.index.offer("heron", version, &format!("{}VERSION = \"{version}\"\n", fixture.nonce))?;
    }
    Ok(Application {
        modules: vec!["heron"],
        manifest: format!(
            "[project.optional-dependencies]\nold = [\"heron<2\"]\nnew = [\"heron>=2\"]\n\n\
             [tool.uv]\nconflicts = [[{{ extra = \"old\" }}, {{ extra = \"new\" }}]]\n\n\
             [tool.uv.sources]\nheron = {{ index = \"fixture\" }}\n\n{}",
            fixture.explicit_index()
        ),
        target: "extras = [\"old\"]\n",
        selection: "--extra old",
        ..Application::default()
    })
}

/// An index that tells neither hashes nor sizes.
fn no_hash(fixture: &Fixture<'_>) -> Result<Application> {
    fixture.index.tell(Told::Nothing);
    fixture.index.offer("heron", "1.0", &fixture.nonce)?;
    let application = from_index(fixture)?;
    Ok(Application { warning: "`heron` has no hash in the lock", ..application })
}

/// An index with hashes that BuildKit cannot verify.
fn sha512(fixture: &Fixture<'_>) -> Result<Application> {
    fixture.index.tell(Told::Sha512);
    fixture.index.offer("heron", "1.0", &fixture.nonce)?;
    from_index(fixture)
}

fn from_index(fixture: &Fixture<'_>) -> Result<Application> {
    Ok(Application {
        dependencies: vec!["heron".to_owned()],
        modules: vec!["heron"],
        manifest: format!("[tool.uv.sources]\nheron = {{ index = \"fixture\" }}\n\n{}", fixture.explicit_index()),
        ..Application::default()
    })
}

/// Projects whose versions are those of git's tags, which one backend each asks for.
fn git_versions(fixture: &Fixture<'_>) -> Result<Application> {
    let directory = fixture.beside("git-versions-repository");
    let backends = [
        (
            "heron",
            "requires = [\"setuptools==80.9.0\", \"setuptools-scm==8.3.1\"]\nbuild-backend = \"setuptools.build_meta\"\n\n[tool.setuptools_scm]\nroot = \"..\"\n",
        ),
        (
            "lily",
            "requires = [\"hatchling==1.27.0\", \"hatch-vcs==0.5.0\"]\nbuild-backend = \"hatchling.build\"\n\n[tool.hatch.version]\nsource = \"vcs\"\nraw-options = { root = \"..\" }\n",
        ),
    ];
    let mut sources = String::new();
    for (name, build_system) in backends {
        let project = Project::write(&directory.join(name), name, "0", build_system, &fixture.nonce)?;
        project.edit("pyproject.toml", "version = \"0\"", "dynamic = [\"version\"]")?;
        let url = fixture.index.url_of("birds.git");
        sources += &format!("{name} = {{ git = \"{url}\", tag = \"v1.2.3\", subdirectory = \"{name}\" }}\n");
    }
    repository::serve(&fixture.index, "birds.git", &directory, "v1.2.3")?;
    Ok(Application {
        dependencies: vec!["heron".to_owned(), "lily".to_owned()],
        modules: vec!["heron", "lily"],
        manifest: format!("[tool.uv.sources]\n{sources}"),
        base: BUILDER,
        ..Application::default()
    })
}

/// A package with a wheel that is not to be used.
fn no_binary(fixture: &Fixture<'_>) -> Result<Application> {
    fixture.index.offer("heron", "1.0", &format!("{}IS_WHEEL = True\n", fixture.nonce))?;
    fixture.index.offer_sdist(&fixture.index.project("heron", "1.0", UV_BUILD, &fixture.nonce)?)?;
    let application = from_index(fixture)?;
    Ok(Application {
        manifest: format!("[tool.uv]\nno-binary-package = [\"heron\"]\n\n{}", application.manifest),
        ..application
    })
}

/// A build that tells, in a file of what it makes, how it was made.
const TELLING_SETUP: &str = r#"
import importlib.util
import os
import sys
from importlib.metadata import version

import setuptools

told = [setuptools.__version__, sorted(argument for argument in sys.argv if argument.startswith("-")), os.environ.get("HERON")]
if importlib.util.find_spec("iniconfig"):
    told.append(version("iniconfig"))
with open("src/heron/told.py", "w") as file:
    file.write("TOLD = %r\n" % told)
setuptools.setup()
"#;

fn telling(fixture: &Fixture<'_>, manifest: &str) -> Result<Application> {
    let unbound = "requires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n";
    let project = fixture.index.project("heron", "1.0", unbound, &fixture.nonce)?;
    project.add("setup.py", TELLING_SETUP)?;
    fixture.index.offer_sdist(&project)?;
    let application = from_index(fixture)?;
    Ok(Application {
        modules: vec!["heron", "heron.told"],
        manifest: format!("[tool.uv]\n{manifest}\n\n{}", application.manifest),
        ..application
    })
}

/// Settings for all packages and for one, and of a local project, too.
fn build_settings(fixture: &Fixture<'_>) -> Result<Application> {
    let lily = fixture.context.directory.join("libraries/lily");
    Project::write(
        &lily,
        "lily",
        "1.0",
        "requires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n",
        &fixture.nonce,
    )?;
    let mut application = telling(
        fixture,
        "build-constraint-dependencies = [\"setuptools==80.8.0\"]\n\
         config-settings = { \"--build-option\" = \"--quiet\" }\n\
         config-settings-package = { heron = { \"--build-option\" = [\"--verbose\"] } }\n\
         extra-build-variables = { heron = { HERON = \"grey\" } }\n",
    )?;
    application.dependencies.push("lily".to_owned());
    application.modules.push("lily");
    application.manifest = application
        .manifest
        .replace("[tool.uv.sources]\n", "[tool.uv.sources]\nlily = { path = \"libraries/lily\" }\n");
    Ok(application)
}

/// Settings beside the manifest, which take the place of all that it has, but for constraints.
fn settings_in_uv_toml(fixture: &Fixture<'_>) -> Result<Application> {
    fixture.context.write(
        "uv.toml",
        "no-binary-package = [\"heron\"]\nextra-build-variables = { heron = { HERON = \"grey\" } }\n\
         build-constraint-dependencies = [\"setuptools==75.8.0\"]\n",
    )?;
    telling(
        fixture,
        "build-constraint-dependencies = [\"setuptools==80.8.0\"]\n\
         config-settings-package = { heron = { \"--build-option\" = [\"--verbose\"] } }\n\
         extra-build-variables = { heron = { HERON = \"blue\" } }\n",
    )
}

/// What builds are built with is of before a day, but for what is exempt: this index does not say when it got its files.
fn exclude_newer(fixture: &Fixture<'_>) -> Result<Application> {
    telling(
        fixture,
        "exclude-newer = \"2025-05-01T00:00:00Z\"\nexclude-newer-package = { heron = false, setuptools = \"2025-03-10T00:00:00Z\" }\n",
    )
}

/// Requirements of a build that the package does not declare; one is to be of the application's version, which is not the newest.
fn extra_build_dependencies(fixture: &Fixture<'_>) -> Result<Application> {
    let mut application = telling(
        fixture,
        "extra-build-dependencies = { heron = [{ requirement = \"iniconfig\", match-runtime = true }, \"setuptools==80.8.0\"] }\n",
    )?;
    application.dependencies.push("iniconfig==2.0.0".to_owned());

    // One that does not say its name before it is built: a `setup.py`, and nothing else.
    let unnamed = fixture.index.project("bittern", "1.0", "", &fixture.nonce)?;
    unnamed.remove("pyproject.toml")?;
    unnamed.add("setup.py", UNNAMED_SETUP)?;
    fixture.index.offer_sdist(&unnamed)?;
    application.dependencies.push("bittern".to_owned());
    application.modules.push("bittern");
    application.manifest = application
        .manifest
        .replace("[tool.uv.sources]\n", "[tool.uv.sources]\nbittern = { index = \"fixture\" }\n")
        .replace(
            "extra-build-dependencies = {",
            "extra-build-dependencies = { bittern = [{ requirement = \"iniconfig\", match-runtime = true }],",
        );
    // uv notes the index that it took them from.
    application.except = &[
        "lib/python3.13/site-packages/heron-1.0.dist-info/uv_build.json",
        "lib/python3.13/site-packages/bittern-1.0.dist-info/uv_build.json",
    ];
    Ok(application)
}

/// A build that imports what it does not require, and says which version it found.
const UNNAMED_SETUP: &str = r#"
from importlib.metadata import version

import iniconfig
from setuptools import setup

with open("src/bittern/__init__.py", "a") as file:
    file.write("BUILT_WITH = %r\n" % version("iniconfig"))
setup(name="bittern", version="1.0", packages=["bittern"], package_dir={"": "src"})
"#;

/// A build backend that is a member of the workspace, and needs another.
const BACKEND: &str = r#"
import zipfile

from twigs import twig


def get_requires_for_build_wheel(config_settings=None):
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "lily-1.0-py3-none-any.whl"
    files = {
        "lily/__init__.py": open("lily.py").read() + "TWIG = %r\n" % twig(),
        "lily-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lily\nVersion: 1.0\n",
        "lily-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: nest\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join("%s,,\n" % path for path in files) + "lily-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        for path, text in (files | {"lily-1.0.dist-info/RECORD": record}).items():
            wheel.writestr(path, text)
    return name
"#;

fn backend_of_the_workspace(fixture: &Fixture<'_>) -> Result<Application> {
    let members = fixture.context.directory.join("members");
    let twigs = format!("{}\n\ndef twig():\n    return \"hazel\"\n", fixture.nonce);
    Project::write(&members.join("twigs"), "twigs", "1.0", SETUPTOOLS, &twigs)?;
    let nest = Project::write(&members.join("nest"), "nest", "1.0", UV_BUILD, BACKEND)?;
    nest.edit("pyproject.toml", "version = \"1.0\"\n", "version = \"1.0\"\ndependencies = [\"twigs\"]\n")?;
    let lily = Project::write(
        &members.join("lily"),
        "lily",
        "1.0",
        "requires = [\"nest\"]\nbuild-backend = \"nest\"\n\n[tool.uv.sources]\nnest = { workspace = true }\n",
        "",
    )?;
    lily.add("lily.py", &fixture.nonce)?;
    Ok(Application {
        dependencies: vec!["lily".to_owned()],
        modules: vec!["lily"],
        manifest: "[tool.uv.workspace]\nmembers = [\"members/*\"]\n\n\
                   [tool.uv.sources]\nlily = { workspace = true }\ntwigs = { workspace = true }\n"
            .to_owned(),
        ..Application::default()
    })
}
