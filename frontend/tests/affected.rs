//! `uv-buildkit affected` over a real git repository.

mod repository;

use std::fs;
use std::path::{Path, PathBuf};

/// The example with several services, committed below a directory of a repository.
struct Repository(repository::Repository);

impl Repository {
    fn new() -> Self {
        let repository = Self(repository::Repository::new());
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monorepo"), &repository.project());
        repository.commit();
        repository
    }

    fn project(&self) -> PathBuf {
        self.0.path().join("shop")
    }

    fn commit(&self) {
        self.0.commit("change");
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.project().join(file);
        let text = fs::read_to_string(&path).expect("a file of the example");
        assert!(text.contains(from), "`{from}` is not in {file}");
        fs::write(path, text.replace(from, to)).expect("a file of the example");
    }

    fn affected(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.0.run(["affected"].iter().chain(arguments), "shop");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).expect("output is UTF-8"))
    }

    /// Text of a run that succeeds.
    fn told(&self) -> String {
        let (succeeded, text) = self.affected(&["--base", "HEAD"]);
        assert!(succeeded, "{text}");
        text
    }
}

fn copy(source: &Path, target: &Path) {
    fs::create_dir_all(target).expect("a directory");
    for entry in fs::read_dir(source).expect("the example").flatten() {
        let to = target.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("a file of the example")),
        }
    }
}

#[test]
fn only_what_a_change_concerns() {
    let repository = Repository::new();
    assert_eq!(repository.told(), "");

    repository.edit("packages/legacy/src/acme_legacy/__init__.py", "\n", "\n\n");
    assert_eq!(repository.told(), "", "no target has this member");
    repository.commit();

    // A file that git does not know yet.
    fs::write(repository.project().join("packages/catalog/src/acme_catalog/new.py"), "").expect("a file");
    let names = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
    };
    let with_catalog = ["api", "api-metrics", "api-checks", "api-dev", "api-test"];
    let told = repository.told();
    assert_eq!(names(&told), with_catalog, "{told}");
    assert!(told.starts_with("api: packages/catalog/src/acme_catalog/new.py\n"), "{told}");
    let (_, json) = repository.affected(&["--base", "HEAD", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let members: Vec<_> = json["members"].as_array().expect("a list").iter().map(|member| &member["name"]).collect();
    assert_eq!(members, ["acme-api", "acme-catalog"]);
    // Who asks for a member is told of it, in either form.
    let (_, told) = repository.affected(&["--base", "HEAD", "--package", "acme-catalog"]);
    assert_eq!(told, "acme-catalog: packages/catalog/src/acme_catalog/new.py\n");
    repository.commit();

    repository.edit("uv.build.toml", "cmd = [\"125\", \"250\"]", "cmd = [\"126\", \"250\"]");
    assert_eq!(repository.told(), "worker: its plan\nworker-dev: its plan\n");
    repository.commit();

    // A wheel of the flat index, which one target has.
    repository.edit("uv.lock", "name = \"tallyho\"\nversion = \"2.0.1\"", "name = \"tallyho\"\nversion = \"2.0.2\"");
    repository.edit("uv.lock", "tallyho-2.0.1-py3", "tallyho-2.0.2-py3");
    let told = repository.told();
    assert_eq!(told, "api-metrics: tallyho 2.0.1 -> 2.0.2\n");
}

#[test]
fn members_of_the_locks_that_targets_name() {
    let repository = Repository(repository::Repository::new());
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monorepo"), &repository.project().join("backend"));
    let config = "[targets.worker]\npackage = \"acme-worker\"\nlock = \"backend/uv.lock\"\n";
    fs::write(repository.project().join("uv.build.toml"), config).expect("a file");
    repository.commit();
    repository.edit("backend/services/worker/src/acme_worker/__init__.py", "\n", "\n\n");
    let (_, json) = repository.affected(&["--base", "HEAD", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap_or_else(|_| panic!("{json}"));
    assert_eq!((&json["targets"][0]["name"], &json["members"][0]["name"]), (&"worker".into(), &"acme-worker".into()));
    assert_eq!(json["members"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_revision_that_is_not_there() {
    let repository = Repository::new();
    let (succeeded, text) = repository.affected(&["--base", "nowhere"]);
    assert!(!succeeded, "{text}");
    assert_eq!(text, "git rev-parse: fatal: Needed a single revision\n");
}
