//! `--format html` of `uv-buildkit plan`, over a small workspace.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A workspace of two members: a large wheel, a family, small wheels, and one that is built from source.
fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("a file");
    };
    let packages = [
        ("boto3", 140_158, "botocore"),
        ("botocore", 4_900_000, "six"),
        ("idna", 70_000, ""),
        ("numpy", 16_700_000, ""),
        ("six", 11_050, ""),
    ];
    let needs = |names: &[&str]| names.iter().map(|name| format!("{{ name = \"{name}\" }}, ")).collect::<String>();
    let mut lock = format!(
        "version = 1\nrevision = 3\nrequires-python = \">=3.11\"\n\n[manifest]\nmembers = [\"api\", \"core\"]\n\n\
         [[package]]\nname = \"api\"\nversion = \"1.0\"\nsource = {{ editable = \"api\" }}\ndependencies = [{}]\n\n\
         [[package]]\nname = \"core\"\nsource = {{ editable = \"core\" }}\ndependencies = [{}]\n\n\
         [[package]]\nname = \"docopt\"\nversion = \"0.6.2\"\nsource = {{ registry = \"https://index.example/simple\" }}\n\
         sdist = {{ url = \"https://files.example/docopt-0.6.2.tar.gz\", size = 25901 }}\n",
        needs(&["boto3", "core", "idna"]),
        needs(&["docopt", "numpy", "six"]),
    );
    for (name, size, needed) in packages {
        lock += &format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"2.0\"\nsource = {{ registry = \"https://index.example/simple\" }}\n\
             dependencies = [{}]\nwheels = [{{ url = \"https://files.example/{name}-2.0-py3-none-any.whl\", size = {size} }}]\n",
            needs(&needed.split_whitespace().collect::<Vec<_>>())
        );
    }
    write("uv.lock", &lock);
    write("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"api\", \"core\"]\n");
    write(
        "uv.build.toml",
        "[lock]\ncheck = \"off\"\n\n[targets.api]\npackage = \"api\"\ncmd = [\"api\"]\n\
         files = [{ from = \"api/templates\", to = \"/app/templates\" }]\n",
    );
    write("api/templates/index.html", "<h1>");
    let build_system = "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n";
    write("api/pyproject.toml", &format!("[project]\nname = \"api\"\nversion = \"1.0\"\n{build_system}"));
    write("core/pyproject.toml", &format!("[project]\nname = \"core\"\ndynamic = [\"version\"]\n{build_system}"));
    directory
}

fn run(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_uv-buildkit"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a page is UTF-8")
}

/// What stands between two texts.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(start).unwrap_or_else(|| panic!("no {start} in {page}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} after {start}")).0
}

#[test]
fn a_plan_as_a_page() {
    let workspace = workspace();
    let page = run(workspace.path(), &["plan", "--format=html"]);
    assert_eq!(page, run(workspace.path(), &["plan", "--format=html"]), "the same plan is the same page");

    // The policy names what is in the page.
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\">");
    for (part, directive) in [("style", "style-src"), ("script", "script-src")] {
        let text = between(&page, &format!("<{part}>"), &format!("</{part}>"));
        let hash = STANDARD.encode(Sha256::digest(text));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    for outside in ["http:", "https:", "src=\"", "style=\"", "onclick", "@import", "url("] {
        assert!(!page.contains(outside), "the page has {outside:?}");
    }
    // Every link leads to something.
    for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert_eq!(page.matches(&format!(" id=\"{link}\"")).count(), 1, "{link}");
    }

    let body = between(&page, "<body>\n", "<script>");
    let version = concat!("uv-buildkit ", env!("CARGO_PKG_VERSION"));
    // A line for each element: a difference is then seen.
    let lines = body.replace(version, "uv-buildkit VERSION").replace("><", ">\n<");
    insta::assert_snapshot!("a_plan_as_a_page", lines);
    let places = between(&page, "<style>", "</style>").lines().filter(|line| line.starts_with("#t"));
    insta::assert_snapshot!("places_of_tiles", places.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_target_without_layers_has_a_page() {
    let workspace = workspace();
    let config = "[lock]\ncheck = \"off\"\n[targets.api]\npackage = \"api\"\nkind = \"requirements\"\n";
    fs::write(workspace.path().join("uv.build.toml"), config).expect("a file");
    let page = run(workspace.path(), &["plan", "--format=html"]);
    assert!(page.contains("This target makes a requirements file. It has no layers."), "{page}");
}
