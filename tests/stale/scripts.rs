//! Locks of scripts: uv is asked about each change of a block, and must agree.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use uv_buildkit_tests::checkout::{Checkout, Selection};

use crate::oracle::{Oracle, Verdict};

/// A script of an example, with its lock beside it.
const SCRIPT: &str = "jobs/report.py";

/// Texts that take the place of others in the script, one change each. uv says which of them matter. Without `requires-python` it asks the
/// python that it runs with, and nothing can be said.
const CHANGES: [(&str, &str); 16] = [
    ("boxtext>=0.3", "boxtext"),
    ("boxtext>=0.3", "Box_Text>=0.3"),
    ("boxtext>=0.3", "boxtext >= 0.3"),
    ("boxtext>=0.3", "boxtext>=0.3.0"),
    ("boxtext>=0.3", "boxtext>=0.3; sys_platform == 'linux'"),
    ("boxtext>=0.3", "boxtext>=0.3; python_version >= '3.9'"),
    ("[\"boxtext>=0.3\"]", "[\"boxtext>=0.3\", \"phrasebook\"]"),
    ("[\"boxtext>=0.3\"]", "[\"boxtext>=0.3\", \"boxtext\"]"),
    ("[\"boxtext>=0.3\"]", "[]"),
    ("# dependencies = [\"boxtext>=0.3\"]\n", ""),
    (">=3.11", ">=3.12"),
    (">=3.11", ">=3.10"),
    ("# ///\n", "#\n# [tool.uv]\n# constraint-dependencies = [\"phrasebook<2\"]\n# ///\n"),
    ("# ///\n", "#\n# [tool.uv]\n# override-dependencies = [\"phrasebook>=1\"]\n# ///\n"),
    ("# ///\n", "#\n# [tool.uv]\n# resolution = \"lowest\"\n# ///\n"),
    ("import os\n", "import os\nimport sys\n"),
];

#[test]
fn uv_and_we_agree_about_scripts() -> Result<()> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/script");
    let checkout = Checkout::read(&example)?;
    let (copy, home) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let oracle = Oracle::new(home.path())?;
    copy_all(&example, copy.path())?;
    let original = fs::read_to_string(example.join(SCRIPT))?;
    let mut stale = 0;
    for (from, to) in std::iter::once(("", "")).chain(CHANGES) {
        ensure!(original.contains(from), "`{from}` is not in {SCRIPT}");
        let text = original.replacen(from, to, 1);
        fs::write(copy.path().join(SCRIPT), &text)?;
        let verdict = oracle.judge_script(copy.path(), SCRIPT)?;
        stale += usize::from(verdict == Verdict::Stale);
        let ours = checkout.clone().with(SCRIPT, text).compile(&Selection::target("report")).err();
        let complaints: Vec<_> = ours.iter().flat_map(|errors| errors.iter()).map(ToString::to_string).collect();
        let is_stale = ours.iter().flat_map(|errors| errors.iter()).any(|error| error.code == "lock::stale");
        let expected = if is_stale { Verdict::Stale } else { Verdict::Fresh };
        ensure!(verdict == expected, "`{from}` -> `{to}`: uv says {verdict:?}, we say {complaints:?}");
    }
    ensure!(stale > 8, "uv refuses {stale} changes only");
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
