//! Whatever a Dockerfile says, importing it refuses it or writes a config that is read again.

use std::collections::BTreeMap;

use proptest::prelude::*;
use uv_buildkit::config;
use uv_buildkit::diagnostic::{Diagnostics, SourceFile};
use uv_buildkit::import::{Surroundings, import};

/// Pieces that mean something, in the right place or in another.
const PIECES: [&str; 100] = [
    "FROM ",
    "FROM python:3.13-slim AS a\n",
    "FROM a AS b\n",
    "FROM a\n",
    "\nRUN ",
    "\nCOPY ",
    "\nADD ",
    "\nENV ",
    "\nARG ",
    "\nUSER ",
    "\nWORKDIR ",
    "\nCMD ",
    "\nENTRYPOINT ",
    "\nENTRYPOINT []\n",
    "\nHEALTHCHECK ",
    "--interval=1s ",
    "--retries=x ",
    "CMD ",
    "NONE",
    "\nLABEL ",
    "\nEXPOSE ",
    "\nVOLUME ",
    "\nSTOPSIGNAL ",
    "\nSHELL ",
    "\nONBUILD ",
    "\nMAINTAINER ",
    "# escape=`\n",
    "# c\n",
    "`\n",
    "\\\n",
    " \\\n  ",
    "\n",
    "uv sync --frozen --package a",
    "uv sync ",
    "uv export ",
    "uv pip install --target ",
    "uv run -m ",
    "uv python install ",
    "--package",
    "--extra=",
    "--group ",
    "--directory x ",
    "--no-dev ",
    " && ",
    " || ",
    " | ",
    "; ",
    "( ",
    " )",
    "if ",
    "then ",
    "fi ",
    "for x in ",
    "do ",
    "done ",
    "apt-get install -y ",
    "apk add ",
    "apk del a ",
    "--virtual a ",
    "useradd -u 1 ",
    "groupadd -g 4294967296 ",
    "--from=a ",
    "--from=0 ",
    "--mount=type=secret,id=a ",
    "--mount=from=ghcr.io/astral-sh/uv ",
    "ghcr.io/astral-sh/uv:0.9-python3.12-bookworm-slim",
    "/app/.venv ",
    "/uv /bin/ ",
    ". ",
    "./a/ ",
    "/ ",
    "..",
    "$",
    "${",
    "}",
    "$A",
    "${A:-",
    "${A:+b}",
    "$(",
    "`",
    "'",
    "\"",
    "[\"",
    "\", \"",
    "\"]",
    "A=1 ",
    "B=$A ",
    "<<END\n",
    "END\n",
    "<<-'E'\n",
    "\tE\n",
    "8080 ",
    "1-65535/udp ",
    "${args.A}",
    "é\u{7f}\u{0}",
    "\u{feff}",
    "\r\n",
    "=",
    "pytest ",
    ":",
];

fn dockerfile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        12 => prop::sample::select(&PIECES[..]).prop_map(ToOwned::to_owned),
        1 => "\\PC{0,4}",
    ];
    (any::<bool>(), prop::collection::vec(piece, 0..60)).prop_map(|(begins, pieces)| {
        let text = pieces.concat();
        if begins { format!("FROM python:3.13-slim AS a\nRUN uv sync\n{text}") } else { text }
    })
}

fn check(text: &str) {
    let manifests = BTreeMap::new();
    let surroundings = Surroundings { project: None, manifests: &manifests, is_directory: &|_| None };
    match import(&SourceFile::new("Dockerfile", text), &surroundings) {
        Ok(imported) => {
            let read = config::parse(&SourceFile::new(config::FILE_NAME, imported.config.as_str()), &BTreeMap::new());
            read.unwrap_or_else(|errors| panic!("{}\n{}", errors.render(), imported.config));
            // Places are in the text.
            drop(Diagnostics::check(imported.warnings).map_err(|warnings| warnings.render()));
        }
        Err(errors) => drop(errors.render()),
    }
}

proptest! {
    #[test]
    fn any_dockerfile_is_refused_or_becomes_a_config(text in dockerfile()) {
        check(&text);
    }
}

#[test]
fn deep_variables_come_to_an_end() {
    check(&format!(
        "FROM a\nARG A\nENV B={}{}\nRUN uv sync {}\n",
        "${A:-".repeat(20_000),
        "}".repeat(20_000),
        "$(".repeat(20_000)
    ));
}
