//! How planning and lowering grow with a workspace: generated ones, from text to plan and to the bytes of the graph.
//!
//! `cargo bench -p uv-buildkit` measures times. `SCALE_DIRECTORY=DIR cargo bench -p uv-buildkit` writes the workspaces there
//! instead, for counting instructions: `valgrind --tool=callgrind uv-buildkit plan DIR/5000x1000 --package member-0000`.
//! Each is a git repository then, in which one module was edited: `/usr/bin/time -v uv-buildkit affected --base HEAD DIR/268x50` and
//! `uv-buildkit check DIR/268x50` tell time and memory of those. `cargo bench -p uv-buildkit -- command` measures the time of these commands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion};
use uv_buildkit::compile::{Compiled, Inputs, compile};
use uv_buildkit::config::Request;
use uv_buildkit::diagnostic::SourceFile;
use uv_buildkit::image_config::ImageConfig;
use uv_buildkit::interpreter::Interpreter;
use uv_buildkit::interpreter::choice::Declared;
use uv_buildkit::plan::{Image, Outside};
use uv_buildkit::project::{Files, Project};
use uv_buildkit::stale::vicinity::Vicinity;
use uv_buildkit::{lower, manifest, stale};

/// Third-party packages and members.
const SIZES: [(usize, usize); 7] =
    [(100, 10), (268, 50), (1_000, 10), (1_000, 100), (1_000, 1_000), (5_000, 100), (5_000, 1_000)];

/// Those that whole commands run over.
const OF_COMMANDS: [(usize, usize); 2] = [(268, 50), (1_000, 1_000)];

/// What is measured of the program. A check of this workspace finds nothing.
const COMMANDS: [&[&str]; 3] =
    [&["plan", "--package=member-0000"], &["check"], &["affected", "--base=HEAD", "--format=json"]];

/// A file of a member in the middle.
const EDITED: &str = "members/member-0007/module.py";

/// The files of a workspace, by path.
type Workspace = BTreeMap<String, Arc<SourceFile>>;

fn main() -> std::io::Result<()> {
    if let Some(directory) = std::env::var_os("SCALE_DIRECTORY") {
        let directory = Path::new(&directory);
        return SIZES.iter().try_for_each(|size| write_repository(&directory.join(name(*size)), &workspace(*size)));
    }
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for (what, run) in [("plan", plan as fn(&Workspace)), ("llb", llb)] {
        let mut group = criterion.benchmark_group(what);
        for size in SIZES {
            let workspace = workspace(size);
            group.bench_with_input(BenchmarkId::from_parameter(name(size)), &workspace, |bencher, workspace| {
                bencher.iter(|| run(workspace));
            });
        }
        group.finish();
    }
    commands(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// The program as somebody runs it, over a repository with a change.
fn commands(criterion: &mut Criterion) -> std::io::Result<()> {
    let directory = tempfile::tempdir()?;
    let mut group = criterion.benchmark_group("command");
    for size in OF_COMMANDS {
        let repository = directory.path().join(name(size));
        write_repository(&repository, &workspace(size))?;
        for arguments in COMMANDS {
            group.bench_function(BenchmarkId::new(arguments[0], name(size)), |bencher| {
                bencher.iter(|| {
                    let mut program = Command::new(env!("CARGO_BIN_EXE_uv-buildkit"));
                    program.args(arguments).arg(&repository).stdout(Stdio::null());
                    assert!(program.status().expect("the program").success(), "{arguments:?}");
                });
            });
        }
    }
    group.finish();
    Ok(())
}

/// Writes a workspace, commits it and edits a file.
fn write_repository(directory: &Path, workspace: &Workspace) -> std::io::Result<()> {
    write(directory, workspace)?;
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(directory).args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
        let status = command.env("GIT_CONFIG_GLOBAL", "/dev/null").status();
        status.map(|status| assert!(status.success(), "git {arguments:?}"))
    };
    std::fs::write(directory.join(EDITED), "x = 1\n")?;
    git(&["init", "--quiet"])?;
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "--message=all"])?;
    std::fs::write(directory.join(EDITED), "x = 2\n")
}

fn name((packages, members): (usize, usize)) -> String {
    format!("{packages}x{members}")
}

fn write(directory: &Path, workspace: &Workspace) -> std::io::Result<()> {
    for (path, file) in workspace {
        let path = directory.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, &file.text)?;
    }
    Ok(())
}

fn plan(workspace: &Workspace) {
    compiled(workspace);
}

fn llb(workspace: &Workspace) {
    let graph = buildkit_llb::marshal(compiled(workspace).image).expect("a graph");
    assert!(!graph.to_bytes().is_empty());
}

fn compiled(workspace: &Workspace) -> Compiled {
    let file = |path: &str| workspace.get(path).cloned();
    let files = Files {
        config: None,
        lock: file("uv.lock").expect("a lock"),
        manifest: file("pyproject.toml"),
        uv_toml: None,
        python_version: None,
        above: Vec::new(),
    };
    let project = Project::parse(&files, &BTreeMap::new()).expect("a project");
    // Member 0 reaches all others.
    let request = Request::Package("member-0000".to_owned());
    let paths = project.manifest_paths(&request, &BTreeMap::new()).expect("paths");
    let parsed = paths.iter().map(|(id, path)| {
        (*id, manifest::parse(&file(path).expect("a manifest")).expect("a manifest that can be read"))
    });
    let manifests = parsed.collect();
    stale::check(&project, &manifests, &Vicinity::default()).expect("a fresh lock");
    let target = project.target(&request, &manifests).expect("a target");
    let interpreter =
        Interpreter::declared(&Declared::of("3.13.5"), "amd64", "glibc-2.36".parse().expect("a libc"), "0.13.9");
    let image = |reference: &str| Image {
        reference: reference.to_owned(),
        config: ImageConfig::default(),
        interpreter: Some(interpreter.clone()),
    };
    let outside = Outside {
        platform: "linux/amd64".parse().expect("a platform"),
        base: image("python:3.13"),
        builder: image("python:3.13"),
        uv: image("uv:0.13.9"),
        steps: BTreeMap::new(),
        host: None,
        surroundings: Default::default(),
        modules: Default::default(),
    };
    let options = lower::Options { merge: true, ..lower::Options::default() };
    let (project, target, manifests, outside) = (&project, &target, &manifests, &outside);
    compile(Inputs { project, target, manifests, outside, options, epoch: None }).expect("a compilation")
}

/// Members form a tree of ten branches a node, and each needs five packages; a package needs up to three later ones, and has eight
/// wheels, as a compiled one does. Every package is reached.
fn workspace((packages, members): (usize, usize)) -> Workspace {
    let mut lock = "version = 1\nrevision = 3\nrequires-python = \">=3.11\"\n\n[manifest]\nmembers = [\n".to_owned();
    for index in 0..members {
        let _ = writeln!(lock, "    \"member-{index:04}\",");
    }
    lock += "]\n";
    let mut workspace = Workspace::new();
    for index in 0..members {
        let children = (index * 10 + 1..index * 10 + 11)
            .filter(|child| *child < members)
            .map(|child| format!("member-{child:04}"));
        let children: Vec<String> = children.collect();
        let needed = (0..packages.div_ceil(members).max(5))
            .map(|step| format!("package-{:04}", (index + step * members) % packages));
        let needed: Vec<String> = needed.collect();
        let (mut edges, mut noted, mut required) = (String::new(), String::new(), String::new());
        for name in &children {
            let _ = writeln!(edges, "    {{ name = \"{name}\" }},");
            let _ = writeln!(noted, "    {{ name = \"{name}\", editable = \"members/{name}\" }},");
            let _ = writeln!(required, "    \"{name}\",");
        }
        for name in &needed {
            let _ = writeln!(edges, "    {{ name = \"{name}\" }},");
            let _ = writeln!(noted, "    {{ name = \"{name}\", specifier = \">=1.0\" }},");
            let _ = writeln!(required, "    \"{name}>=1.0\",");
        }
        let _ = write!(
            lock,
            "\n[[package]]\nname = \"member-{index:04}\"\nversion = \"1.0.0\"\nsource = {{ editable = \"members/member-{index:04}\" }}\n\
             dependencies = [\n{edges}]\n\n[package.metadata]\nrequires-dist = [\n{noted}]\n"
        );
        // Every fifth is a service.
        let scripts = match index % 5 {
            0 => format!("[project.scripts]\nmember-{index:04} = \"member:main\"\n\n"),
            _ => String::new(),
        };
        let sources: String = children.iter().map(|name| format!("{name} = {{ workspace = true }}\n")).collect();
        let manifest = format!(
            "[project]\nname = \"member-{index:04}\"\nversion = \"1.0.0\"\nrequires-python = \">=3.11\"\ndependencies = [\n{required}]\n\n\
             {scripts}[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n\n[tool.uv.sources]\n{sources}"
        );
        add(&mut workspace, &format!("members/member-{index:04}/pyproject.toml"), manifest);
    }
    for index in 0..packages {
        package(&mut lock, index, packages);
    }
    add(&mut workspace, "uv.lock", lock);
    add(&mut workspace, "pyproject.toml", "[tool.uv.workspace]\nmembers = [\"members/*\"]\n".to_owned());
    workspace
}

fn add(workspace: &mut Workspace, path: &str, text: String) {
    workspace.insert(path.to_owned(), SourceFile::new(path, text));
}

fn package(lock: &mut String, index: usize, packages: usize) {
    const MARKERS: [&str; 4] = [
        "",
        "sys_platform == 'linux'",
        "python_full_version < '3.13'",
        "platform_machine != 'aarch64' and sys_platform != 'win32'",
    ];
    const PLATFORMS: [&str; 4] = [
        "macosx_11_0_arm64",
        "manylinux_2_17_aarch64.manylinux2014_aarch64",
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "win_amd64",
    ];
    let _ = write!(
        lock,
        "\n[[package]]\nname = \"package-{index:04}\"\nversion = \"1.{index}.0\"\nsource = {{ registry = \"https://index.example/simple\" }}\n\
         dependencies = [\n"
    );
    for (step, marker) in [1, 7, 50].into_iter().zip(MARKERS.iter().cycle().skip(index % 4)) {
        let other = index + step;
        if other < packages {
            let marker = if marker.is_empty() { String::new() } else { format!(", marker = \"{marker}\"") };
            let _ = writeln!(lock, "    {{ name = \"package-{other:04}\"{marker} }},");
        }
    }
    lock.push_str("]\n");
    let artifact = |file: &str| {
        // Not a hash of anything, but as long, and another one for each file.
        let hash: String = file.bytes().rev().map(|byte| format!("{byte:02x}")).collect();
        let folder = &hash[..8];
        format!(
            "{{ url = \"https://files.example/packages/{folder}/{hash:.64}/{file}\", hash = \"sha256:{hash:.64}\", size = {}, \
             upload-time = \"2025-01-01T00:00:00.000Z\" }}",
            10_000 + index * 37
        )
    };
    let _ = writeln!(
        lock,
        "sdist = {}\nwheels = [",
        artifact(&format!("package_{index:04}-1.{index}.0-source-of-it.tar.gz"))
    );
    for python in ["cp312", "cp313"] {
        for platform in PLATFORMS {
            let wheel = artifact(&format!("package_{index:04}-1.{index}.0-{python}-{python}-{platform}.whl"));
            let _ = writeln!(lock, "    {wheel},");
        }
    }
    lock.push_str("]\n");
}
