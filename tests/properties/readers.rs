//! Whatever is in the files of a project, the compiler refuses it or compiles it: it does not panic, and it ends.
//!
//! `PROPTEST_CASES=100000` tries more than a usual run does.

use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;
use uv_buildkit::diagnostic::SourceFile;
use uv_buildkit::plan::Contents;
use uv_buildkit::{config, lock, manifest};
use uv_buildkit_tests::checkout::{Checkout, Selection};
use uv_buildkit_tests::filler;

/// Words that the readers know, and values that are nearly right.
const WORDS: [&str; 111] = [
    "version",
    "revision",
    "requires-python",
    "resolution-markers",
    "supported-markers",
    "conflicts",
    "manifest",
    "members",
    "constraints",
    "overrides",
    "package",
    "distribution",
    "name",
    "source",
    "registry",
    "git",
    "url",
    "path",
    "directory",
    "editable",
    "virtual",
    "subdirectory",
    "dependencies",
    "optional-dependencies",
    "dev-dependencies",
    "metadata",
    "requires-dist",
    "provides-extras",
    "requires-dev",
    "extra",
    "extras",
    "group",
    "groups",
    "marker",
    "specifier",
    "index",
    "sdist",
    "wheels",
    "hash",
    "size",
    "filename",
    "project",
    "dynamic",
    "scripts",
    "build-system",
    "requires",
    "build-backend",
    "tool",
    "uv",
    "sources",
    "workspace",
    "exclude",
    "dependency-groups",
    "include-group",
    "constraint-dependencies",
    "override-dependencies",
    "targets",
    "defaults",
    "inherits",
    "base",
    "builder",
    "cmd",
    "env",
    "user",
    "uid",
    "files",
    "from",
    "to",
    "layers",
    "budget",
    "max-size",
    "together",
    "lock",
    "check",
    "args",
    "python",
    "default-target",
    "steps",
    "run",
    "outputs",
    "inputs",
    "image",
    "when",
    "secrets",
    "caches",
    "mode",
    "owner",
    "url",
    "sha256",
    "writable",
    "labels-from",
    "max-image-size",
    "1",
    "-1",
    "18446744073709551616",
    "true",
    "\"\"",
    "\".\"",
    "\"..\"",
    "\"/\"",
    "\"a\"",
    "\"1.0\"",
    "\">=3.11\"",
    "\"python_version < '3'\"",
    "\"extra == 'a'\"",
    "\"https://files.example/a-1-py3-none-any.whl\"",
    "\"a-1-py3-none-any.whl\"",
    "\"https://git.example/a?rev=b#0123456789012345678901234567890123456789\"",
    "\"sha256:00\"",
    "\"${args.A}\"",
    "\"%\"",
];

/// The files that are read.
const FILES: [&str; 3] = [lock::FILE_NAME, config::FILE_NAME, manifest::FILE_NAME];

/// What every reader makes of a text.
fn read(text: &str) {
    for name in FILES {
        let file = SourceFile::new(name, text);
        let refused = match name {
            lock::FILE_NAME => lock::parse(&file).err(),
            config::FILE_NAME => config::parse(&file, &[("A".to_owned(), "${args.A}".to_owned())].into()).err(),
            _ => manifest::parse(&file).err(),
        };
        // Places are in the text, too.
        refused.map(|errors| errors.render());
    }
    let project = FILES.iter().fold(Checkout::default(), |checkout, name| checkout.with(*name, text));
    compile(&project);
}

/// Everything that a project can be asked for.
fn compile(project: &Checkout) {
    let names = project.target_names().unwrap_or_default();
    let selections = names.iter().map(|name| Selection::target(name)).chain([Selection::default()]);
    for selection in selections {
        match project.compile(&selection) {
            Ok(compiled) => drop(buildkit_llb::marshal(compiled.image).map(|graph| graph.to_bytes())),
            Err(errors) => drop(errors.render()),
        }
    }
}

/// TOML of words that mean something in another place.
fn nonsense() -> impl Strategy<Value = String> {
    let word = || prop::sample::select(&WORDS[..]);
    let value = word().prop_map(ToOwned::to_owned).prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((word(), inner), 0..5).prop_map(|pairs| {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                format!("{{ {} }}", pairs.join(", "))
            }),
        ]
    });
    let line = prop_oneof![
        6 => (word(), value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => word().prop_map(|word| format!("[[{word}]]")),
        1 => (word(), word()).prop_map(|(word, other)| format!("[{word}.{other}]")),
    ];
    prop::collection::vec(line, 0..20)
        .prop_map(|lines| format!("version = 1\nrequires-python = \">=3.11\"\n{}\n", lines.join("\n")))
}

/// What is done to a file.
#[derive(Clone, Debug)]
enum Damage {
    Cut(Index, usize),
    Repeat(Index, usize),
    Insert(Index, &'static str),
    DropLine(Index),
    SwapLines(Index, Index),
    ReplaceWord(Index, &'static str),
}

fn damage() -> impl Strategy<Value = Damage> {
    let word = || prop::sample::select(&WORDS[..]);
    let at = any::<Index>;
    prop_oneof![
        (at(), 1..80_usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        (at(), 1..400_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        (at(), word()).prop_map(|(at, word)| Damage::Insert(at, word)),
        at().prop_map(Damage::DropLine),
        (at(), at()).prop_map(|(one, other)| Damage::SwapLines(one, other)),
        (at(), word()).prop_map(|(at, word)| Damage::ReplaceWord(at, word)),
    ]
}

impl Damage {
    fn apply(&self, text: &str) -> String {
        let place = |at: &Index| text.floor_char_boundary(at.index(text.len() + 1));
        let range =
            |at: &Index, length: usize| (place(at), text.floor_char_boundary((place(at) + length).min(text.len())));
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        match self {
            Self::Cut(at, length) => {
                let (start, end) = range(at, *length);
                format!("{}{}", &text[..start], &text[end..])
            }
            Self::Repeat(at, length) => {
                let (start, end) = range(at, *length);
                format!("{}{}", &text[..end], &text[start..])
            }
            Self::Insert(at, word) => format!("{}{word}{}", &text[..place(at)], &text[place(at)..]),
            Self::DropLine(at) if !lines.is_empty() => {
                lines.remove(at.index(lines.len()));
                lines.concat()
            }
            Self::SwapLines(one, other) if !lines.is_empty() => {
                let count = lines.len();
                lines.swap(one.index(count), other.index(count));
                lines.concat()
            }
            Self::ReplaceWord(at, word) => {
                // A whole string or key, so that the rest stays TOML.
                let is_end = |char: char| char == '"' || char.is_whitespace();
                let start = text[..place(at)].rfind(is_end).map_or(0, |start| start + 1);
                let end = text[start..].find(is_end).map_or(text.len(), |end| start + end);
                format!("{}{}{}", &text[..start], word.trim_matches('"'), &text[end..])
            }
            Self::DropLine(_) | Self::SwapLines(..) => text.to_owned(),
        }
    }
}

/// Projects that compile.
fn projects() -> &'static [Checkout] {
    static PROJECTS: OnceLock<Vec<Checkout>> = OnceLock::new();
    PROJECTS.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directories = ["../examples/hello", "../examples/monorepo", "parity/workspaces/conflicts"];
        directories.iter().map(|directory| Checkout::read(&here.join(directory)).expect("a project")).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn characters(text in "[\\[\\]{}=\",.#\n a-z0-9é'\\\\\u{0}-\u{1f}]{0,200}") {
        read(&text);
    }

    #[test]
    fn toml_of_no_sense(text in nonsense()) {
        read(&text);
    }

    #[test]
    fn damaged_projects(
        project in any::<Index>(),
        harm in prop::collection::vec((any::<Index>(), damage()), 1..5),
    ) {
        let mut damaged = project.get(projects()).clone();
        for (file, damage) in &harm {
            let paths: Vec<String> = damaged.files.keys().cloned().collect();
            let path = file.get(&paths);
            let text = damage.apply(&damaged.files[path]);
            damaged = damaged.with(path.clone(), text);
        }
        compile(&damaged);
    }
}

/// Far larger than any that is known; its packages are all installed.
#[test]
fn a_lock_of_20_megabytes() {
    let names = filler::names();
    let edges: String = names.iter().map(|name| format!("    {{ name = \"{name}\" }},\n")).collect();
    let lock = format!(
        "version = 1\nrevision = 5\n\n[[package]]\nname = \"app\"\nversion = \"1.0\"\nsource = {{ virtual = \".\" }}\n\
         dependencies = [\n{edges}]\n{}",
        filler::packages(names.iter().map(String::as_str))
    );
    assert!(lock.len() > 20_000_000, "{}", lock.len());
    let manifest = format!("[project]\nname = \"app\"\nversion = \"1.0\"\ndependencies = {names:?}\n");
    let project = Checkout::default().with("uv.lock", lock).with("pyproject.toml", manifest);
    let compiled = project.compile(&Selection::default()).unwrap_or_else(|error| panic!("{}", error.render()));
    let installed: usize = compiled
        .plan
        .layers
        .iter()
        .map(|layer| if let Contents::ThirdParty(packages) = &layer.contents { packages.len() } else { 0 })
        .sum();
    assert_eq!(installed, names.len());
}

/// A request for the files of a million would be larger than BuildKit takes.
#[test]
fn a_lock_of_many_local_projects() {
    let projects: String = (0..10_001)
        .map(|index| {
            format!("\n[[package]]\nname = \"p{index}\"\nversion = \"1\"\nsource = {{ virtual = \"p{index}\" }}\n")
        })
        .collect();
    let project = Checkout::default().with("uv.lock", format!("version = 1\nrevision = 5\n{projects}"));
    let error = project.compile(&Selection::default()).expect_err("more than a build takes").to_string();
    assert!(error.contains("the lockfile has more than 10000 local projects"), "{error}");
}

/// Each compared with all others, they would take minutes.
#[test]
fn thousands_of_targets_and_groups() {
    let hello = &projects()[0];
    let targets: String = (0..6_000).map(|index| format!("[targets.t{index}]\ninherits = \"hello\"\n")).collect();
    let config = format!("default-target = \"hello\"\n[targets.hello]\npackage = \"hello\"\n{targets}");
    let project = hello.clone().with(config::FILE_NAME, config);
    project.compile(&Selection::target("t5999")).unwrap_or_else(|error| panic!("{}", error.render()));

    let manifest = &hello.files[manifest::FILE_NAME];
    let groups: String = (0..2_000).map(|index| format!("g{index} = [\"boxtext\"]\n")).collect();
    let project = hello.clone().with(manifest::FILE_NAME, format!("{manifest}\n[dependency-groups]\n{groups}"));
    let error = project.compile(&Selection::default()).expect_err("groups that were not locked").to_string();
    assert!(error.contains("was locked without the group `g0`") && error.ends_with("more"), "{error}");

    // Each includes the one before it twice: as many requirements as there are atoms.
    let doubled: String = (1..200)
        .map(|index| {
            format!("g{index} = [{{ include-group = \"g{0}\" }}, {{ include-group = \"g{0}\" }}]\n", index - 1)
        })
        .collect();
    let manifest = format!("{manifest}\n[dependency-groups]\ng0 = [\"boxtext\"]\n{doubled}");
    compile(&hello.clone().with(manifest::FILE_NAME, manifest));
}

/// Parentheses that would end the stack, and clauses of which a diagram would have more nodes than there is memory.
#[test]
fn markers_of_any_size() {
    let hello = &projects()[0];
    let clauses: Vec<String> =
        (0..64).map(|index| format!("'{index}' in os_name and '{index}' in sys_platform")).collect();
    let deep = format!("{}os_name == 'posix'{}", "(".repeat(8_000), ")".repeat(8_000));
    for marker in [clauses.join(" or "), deep] {
        let edge = format!("{{ name = \"boxtext\", marker = \"{marker}\"");
        let lock = hello.files[lock::FILE_NAME].replacen("{ name = \"boxtext\"", &edge, 1);
        assert_ne!(lock, hello.files[lock::FILE_NAME]);
        compile(&hello.clone().with(lock::FILE_NAME, lock));
        let requirement = format!("\"boxtext>=0.3; {marker}\"");
        let manifest = hello.files[manifest::FILE_NAME].replacen("\"boxtext>=0.3\"", &requirement, 1);
        compile(&hello.clone().with(manifest::FILE_NAME, manifest));
    }
}
