//! Counts, for people.

use std::collections::BTreeMap;
use std::fmt;

/// Of one workspace and one python.
#[derive(Debug, Default)]
pub struct Row {
    /// Path of the workspace in the corpus.
    pub workspace: String,
    /// The python.
    pub environment: String,
    /// Members of the workspace.
    pub members: usize,
    /// Selections on which both answered, or both refused a conflict.
    pub selections: usize,
    /// Of those, the ones that both refused.
    pub conflicts: usize,
    /// Of those, the ones that uv installs on that python only without a package that has nothing to install there.
    pub uninstallable: usize,
    /// Of those, the ones that `uv sync` takes two versions of a package for: only `uv export` is compared.
    pub impossible: usize,
    /// Complaints of uv about selections that could not be compared, without names.
    pub refusals: BTreeMap<String, usize>,
    /// Packages whose wheel was compared: (name, version) pairs.
    pub wheels: usize,
    /// Packages that both have no wheel of.
    pub without_wheel: usize,
    /// Where the compiler and uv differ.
    pub differences: Vec<String>,
}

/// All rows.
#[derive(Debug, Default)]
pub struct Report(Vec<Row>);

impl Report {
    /// Adds a row.
    pub fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Selections that were compared.
    pub fn selections(&self) -> usize {
        self.0.iter().map(|row| row.selections).sum()
    }

    /// All differences.
    pub fn differences(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|row| &row.differences).map(String::as_str)
    }

    fn total(&self) -> Row {
        let mut workspaces = BTreeMap::new();
        let mut total = Row { workspace: "total".to_owned(), ..Row::default() };
        for row in &self.0 {
            workspaces.insert(row.workspace.as_str(), row.members);
            total.selections += row.selections;
            total.conflicts += row.conflicts;
            total.uninstallable += row.uninstallable;
            total.impossible += row.impossible;
            total.wheels += row.wheels;
            total.without_wheel += row.without_wheel;
            total.differences.extend_from_slice(&row.differences);
            for (class, count) in &row.refusals {
                *total.refusals.entry(class.clone()).or_default() += count;
            }
        }
        total.members = workspaces.values().sum();
        total
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = ["members", "compared", "conflicts", "no artifact", "uv refuses", "wheels", "no wheel", "differ"];
        write!(out, "{:20} {:29}", "workspace", "python")?;
        for title in titles {
            write!(out, " {title:>11}")?;
        }
        writeln!(out)?;
        let total = self.total();
        for row in self.0.iter().chain([&total]) {
            write!(out, "{:20} {:29}", row.workspace, row.environment)?;
            let refused = row.refusals.values().sum();
            let counts = [row.members, row.selections, row.conflicts, row.uninstallable, refused];
            for count in counts.into_iter().chain([row.wheels, row.without_wheel]) {
                write!(out, " {count:>11}")?;
            }
            writeln!(out, " {:>11}", row.differences.len())?;
        }
        if total.impossible > 0 {
            writeln!(
                out,
                "uv sync takes two versions of a package {} times: only uv export is compared",
                total.impossible
            )?;
        }
        for (class, count) in &total.refusals {
            writeln!(out, "uv refuses {count}: {class}")?;
        }
        for difference in self.differences() {
            writeln!(out, "DIFFERS {difference}")?;
        }
        Ok(())
    }
}
