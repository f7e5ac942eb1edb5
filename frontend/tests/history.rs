//! `uv-buildkit history` over a real git repository.

mod repository;

use std::fs;

use serde_json::Value;

/// A repository with the project in `services/app`.
struct Repository(repository::Repository);

impl Repository {
    fn new() -> Self {
        Self(repository::Repository::new())
    }

    /// Commits a file of the project.
    fn commit(&self, name: &str, text: &str) {
        let directory = self.0.path().join("services/app");
        fs::create_dir_all(&directory).expect("a directory in the repository");
        fs::write(directory.join(name), text).expect("a file in the repository");
        self.0.commit(name);
    }

    fn history(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = self.0.run(["history"].iter().chain(arguments), "services/app");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        (output.status.success(), text(output.stdout), text(output.stderr))
    }
}

const MANIFEST: &str = "[project]\nname = \"app\"\nversion = \"1\"\n";

/// A lock of a large, a middling and two small packages; `small` and `middling` are versions.
fn lock(middling: u32, small: u32) -> String {
    let packages =
        [("large", 1, 90_000_000), ("middling", middling, 400_000), ("small", small, 9_000), ("tiny", 1, 8_000)];
    let mut text =
        "version = 1\n\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = { virtual = \".\" }\ndependencies = [\n"
            .to_owned();
    text.extend(packages.iter().map(|(name, ..)| format!("    {{ name = \"{name}\" }},\n")));
    text += "]\n";
    for (name, version, size) in packages {
        text += &format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"https://index.example/simple\" }}\n\
             wheels = [{{ url = \"https://files.example/{name}-{version}-py3-none-any.whl\", hash = \"sha256:{version:064}\", \
             size = {size} }}]\n"
        );
    }
    text
}

#[test]
fn commits_are_planned_and_pushes_are_summed() {
    let repository = Repository::new();
    repository.commit("README.md", "before there is a project\n");
    repository.commit("pyproject.toml", MANIFEST);
    repository.commit("uv.lock", &lock(1, 1));
    repository.commit("uv.lock", &lock(2, 1));
    repository.commit("README.md", "nothing that an image holds\n");
    repository.commit("uv.lock", "this is no lock\n");
    repository.commit("uv.lock", &lock(2, 2));

    let (is_success, json, errors) = repository.history(&["--format=json"]);
    assert!(is_success, "{errors}");
    let report: Value = serde_json::from_str(&json).expect("a report");
    // The manifest alone has no lock; that and the broken lock are the commits without an image.
    assert_eq!(report["commits"], 5);
    assert_eq!(report["changed_locks"], 4);
    assert_eq!(report["changed_images"], 2);
    assert_eq!(report["skipped"].as_array().map(Vec::len), Some(2), "{report:#}");
    assert_eq!(report["packages"]["max"], 4);
    let pushed = |cut: usize| report["cuts"][cut]["pushed_bytes"].as_u64();
    assert_eq!(pushed(0), Some(400_000 + 9_000), "a layer for each package");
    assert_eq!(pushed(3), Some(2 * 90_417_000), "one layer of all");
    let (ours, per_package) = (pushed(1), pushed(0));
    assert!(ours >= per_package && ours <= per_package.map(|bytes| bytes + 8_000), "{report:#}");

    let (is_success, text, errors) = repository.history(&["--max-commits=1"]);
    assert!(is_success, "{errors}");
    assert!(text.starts_with("commits                 1\n"), "{text}");
}

#[test]
fn a_lock_that_the_config_names() {
    let repository = Repository::new();
    repository.commit("uv.build.toml", "[targets.app]\npackage = \"app\"\nlock = \"inner/uv.lock\"\n");
    fs::create_dir_all(repository.0.path().join("services/app/inner")).expect("a directory in the repository");
    repository.commit("inner/pyproject.toml", MANIFEST);
    repository.commit("inner/uv.lock", &lock(1, 1));
    repository.commit("inner/uv.lock", &lock(2, 1));
    let (is_success, json, errors) = repository.history(&["--format=json"]);
    assert!(is_success, "{errors}");
    let report: Value = serde_json::from_str(&json).expect("a report");
    assert_eq!(
        (&report["commits"], &report["changed_locks"], &report["changed_images"]),
        (&4.into(), &2.into(), &1.into())
    );
}

/// A target of another kind has no layers that a registry is sent, and neither has a check.
#[test]
fn targets_that_are_no_images_are_skipped() {
    for (keys, reason) in [
        ("kind = \"venv\"", "makes files"),
        ("kind = \"lambda-zip\"", "makes files"),
        ("kind = \"requirements\"", "makes files"),
        ("kind = \"wheels\"", "makes files"),
        ("run = [[\"pytest\"]]", "is a check"),
    ] {
        let repository = Repository::new();
        repository.commit("pyproject.toml", &format!("{MANIFEST}\n[build-system]\nrequires = [\"uv_build\"]\n"));
        repository.commit("uv.lock", &lock(1, 1).replace("virtual", "editable"));
        repository.commit("uv.build.toml", &format!("[targets.app]\n{keys}\n"));
        repository.commit("uv.lock", &lock(2, 1).replace("virtual", "editable"));
        let reason = format!("`app` {reason}, not an image that can be pushed");

        let (is_success, text, errors) = repository.history(&["--max-commits=2"]);
        assert!(!is_success, "{keys}: {text}");
        assert!(errors.contains(&reason) && errors.contains("help: name a target"), "{keys}: {errors}");

        // Where it has been an image, the others are told.
        let (is_success, json, errors) = repository.history(&["--format=json"]);
        assert!(is_success, "{keys}: {errors}");
        let report: Value = serde_json::from_str(&json).expect("a report");
        let skipped = report["skipped"].as_array().expect("commits without an image");
        assert_eq!(
            skipped.iter().filter(|commit| commit["reason"] == reason.as_str()).count(),
            2,
            "{keys}: {report:#}"
        );
        assert_eq!(report["packages"]["max"], 4, "{keys}: {report:#}");
    }
}

#[test]
fn a_revision_that_does_not_exist_is_said() {
    let repository = Repository::new();
    repository.commit("pyproject.toml", MANIFEST);
    let (is_success, _, errors) = repository.history(&["--since=v9.9"]);
    assert!(!is_success);
    assert!(errors.contains("v9.9..HEAD"), "{errors}");
}

#[test]
fn a_directory_outside_of_git_is_said() {
    let repository = Repository(repository::Repository::of_nothing());
    fs::create_dir_all(repository.0.path().join("services/app")).expect("a directory in it");
    let (is_success, _, errors) = repository.history(&[]);
    assert!(!is_success);
    assert!(errors.contains("not a git repository"), "{errors}");
}
