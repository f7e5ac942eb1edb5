//! Environment markers of any length.
//!
//! uv keeps a marker as a decision diagram, in which equal markers are one. Such a diagram can double with each clause, and uv
//! calls itself for each parenthesis. So a [`Marker`] is a list of comparisons and of what joins them: reading and evaluating
//! it takes as long as its text is. A diagram is made only of a marker that is small enough ([`Marker::diagram`],
//! [`requirement`]); where it is not, callers do as with what they do not understand.

use std::collections::BTreeMap;

use uv_normalize::ExtraName;
use uv_pep508::{MarkerEnvironment, MarkerTree, Requirement, VerbatimUrl};

/// A marker, in the order in which it is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    steps: Vec<Step>,
    weight: u64,
}

/// A step of the evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A comparison; `None` for one without a meaning, which uv ignores with what joins it.
    Compare(Option<MarkerTree>),
    /// The last two values.
    Join(Operator),
}

/// By how tightly they bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Or,
    And,
}

/// What is open while a marker is read.
enum Open {
    Parenthesis,
    Operator(Operator),
}

/// Nodes that a diagram may have, by the estimate of [`weight`]. Markers that people write are below 100.
const HEAVIEST: u64 = 1 << 10;

/// How deep parentheses may be nested in what uv reads by itself.
const DEEPEST: usize = 64;

impl Marker {
    /// A marker that always holds.
    pub fn always() -> Self {
        Self { steps: vec![Step::Compare(None)], weight: 1 }
    }

    /// Reads a marker as uv does, or says why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut comparisons = BTreeMap::new();
        let mut steps = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut rest = text.trim_start();
        loop {
            // A value …
            while let Some(inner) = rest.strip_prefix('(') {
                open.push(Open::Parenthesis);
                rest = inner.trim_start();
            }
            let (comparison, after) = rest.split_at(comparison_length(rest));
            let tree = match comparisons.get(comparison) {
                Some(known) => *known,
                None => {
                    let tree = comparison.parse::<MarkerTree>().map_err(|error| error.message.to_string())?;
                    comparisons.insert(comparison, tree);
                    tree
                }
            };
            steps.push(Step::Compare((!tree.is_true()).then_some(tree)));
            rest = after.trim_start();
            // … and what comes after one.
            while let Some(outer) = rest.strip_prefix(')') {
                loop {
                    match open.pop() {
                        Some(Open::Operator(operator)) => steps.push(Step::Join(operator)),
                        Some(Open::Parenthesis) => break,
                        None => return Err("a `)` has no `(`".to_owned()),
                    }
                }
                rest = outer.trim_start();
            }
            let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
            let operator = match word {
                "" => break,
                "and" => Operator::And,
                "or" => Operator::Or,
                word => return Err(format!("expected `and`, `or` or its end, found `{word}`")),
            };
            while let Some(Open::Operator(before)) = open.last()
                && *before >= operator
            {
                steps.push(Step::Join(*before));
                open.pop();
            }
            open.push(Open::Operator(operator));
            rest = after.trim_start();
        }
        for open in open.into_iter().rev() {
            match open {
                Open::Operator(operator) => steps.push(Step::Join(operator)),
                Open::Parenthesis => return Err("a `(` has no `)`".to_owned()),
            }
        }
        Ok(Self { steps, weight: weight(text) })
    }

    /// Whether it holds in an environment, with these extras.
    pub fn evaluate(&self, environment: &MarkerEnvironment, extras: &[ExtraName]) -> bool {
        let value = self.fold(
            |tree| tree.evaluate(environment, extras),
            |operator, one, other| match operator {
                Operator::And => one && other,
                Operator::Or => one || other,
            },
        );
        value.unwrap_or(true)
    }

    /// As uv has it, to compare it with others; `None` when it would be too large.
    pub fn diagram(&self) -> Option<MarkerTree> {
        let joined = |operator, one: MarkerTree, other| match operator {
            Operator::And => one.and(other),
            Operator::Or => one.or(other),
        };
        (self.weight <= HEAVIEST).then(|| self.fold(|tree| tree, joined).unwrap_or(MarkerTree::TRUE))
    }

    fn fold<T>(&self, of: impl Fn(MarkerTree) -> T, joined: impl Fn(Operator, T, T) -> T) -> Option<T> {
        let mut values: Vec<Option<T>> = Vec::new();
        for step in &self.steps {
            let value = match step {
                Step::Compare(tree) => tree.map(&of),
                Step::Join(operator) => match (values.pop().flatten(), values.pop().flatten()) {
                    (Some(other), Some(one)) => Some(joined(*operator, one, other)),
                    (one, other) => one.or(other),
                },
            };
            values.push(value);
        }
        values.pop().flatten()
    }
}

/// The diagram of a marker; `None` where it is no marker, or too large.
pub fn diagram(text: &str) -> Option<MarkerTree> {
    Marker::parse(text).ok()?.diagram()
}

/// Whether markers are small enough for a diagram of all of them.
pub fn are_small<'a>(markers: impl IntoIterator<Item = &'a str>) -> bool {
    weight(&markers.into_iter().collect::<Vec<_>>().join(" or ")) <= HEAVIEST
}

/// A requirement, PEP 508; `None` where it is none, or its marker is too large for a diagram.
pub fn requirement(text: &str) -> Option<Requirement<VerbatimUrl>> {
    if is_of_small_marker(text) { text.parse().ok() } else { None }
}

/// Whether a diagram can be made of the marker of a requirement.
pub fn is_of_small_marker(requirement: &str) -> bool {
    // A `;` of a URL makes it weigh no less.
    let marker = requirement.split_once(';').map_or("", |(_, marker)| marker);
    weight(marker) <= HEAVIEST && depth(marker) <= DEEPEST
}

/// Bytes of `VALUE OPERATOR VALUE` at the start of a text, as far as it is that.
fn comparison_length(text: &str) -> usize {
    let start = text.len();
    let skip_space = |rest: &mut &str| *rest = rest.trim_start();
    let mut rest = text;
    skip_value(&mut rest);
    skip_space(&mut rest);
    let is_word = |rest: &str| rest.starts_with(char::is_alphabetic);
    let word_end = |char: char| char.is_whitespace() || "'\"".contains(char);
    if is_word(rest) {
        let is_not = rest.starts_with("not") && rest[3..].starts_with(char::is_whitespace);
        rest = &rest[rest.find(word_end).unwrap_or(rest.len())..];
        if is_not {
            skip_space(&mut rest);
            rest = rest.strip_prefix("in").unwrap_or(rest);
        }
    } else {
        rest = rest.trim_start_matches(['<', '=', '>', '~', '!']);
    }
    skip_space(&mut rest);
    skip_value(&mut rest);
    start - rest.len()
}

/// A quoted string or a name.
fn skip_value(rest: &mut &str) {
    match rest.chars().next().filter(|quote| "'\"".contains(*quote)) {
        Some(quote) => *rest = rest[1..].split_once(quote).map_or("", |(_, after)| after),
        None => {
            let end = |char: char| char.is_whitespace() || "><=!~)".contains(char);
            *rest = &rest[rest.find(end).unwrap_or(rest.len())..];
        }
    }
}

/// How large the diagram of a marker may be: for each name, a level with an edge for each value that it is compared with; for
/// each `in` of other texts than versions, and each extra, a level with two.
fn weight(text: &str) -> u64 {
    let mut values: BTreeMap<&str, u64> = BTreeMap::new();
    let mut levels = 0;
    let mut rest = text.trim_start_matches(['(', ' ']);
    while !rest.is_empty() {
        let (comparison, after) = rest.split_at(comparison_length(rest));
        // What joins it with the next, or one character of what is no marker.
        let skipped = after.trim_start_matches([')', '(', ' ']);
        let skipped = ["and ", "or "].iter().find_map(|word| skipped.strip_prefix(word)).unwrap_or(skipped);
        let next = skipped.trim_start_matches(['(', ' ']);
        let is_stuck = next.len() == rest.len();
        rest = if is_stuck { &rest[rest.chars().next().map_or(0, char::len_utf8)..] } else { next };

        let unquoted = comparison.split(['\'', '"']).step_by(2);
        let mut words =
            unquoted.flat_map(|text| text.split(|char: char| !char.is_alphanumeric() && !"._".contains(char)));
        let name = words.clone().find(|word| !["", "in", "not"].contains(word)).unwrap_or_default();
        let is_version = ["python_version", "python_full_version", "implementation_version"].contains(&name);
        if ["extra", "extras", "dependency_groups"].contains(&name) || (!is_version && words.any(|word| word == "in")) {
            levels += 1;
        } else {
            // `python_version in '3.12 3.13'`
            let listed = comparison.split([' ', ',']).count() as u64;
            // The two are one level.
            let name = if name == "python_version" { "python_full_version" } else { name };
            *values.entry(name).or_default() += if is_version { listed.max(3) - 2 } else { 1 };
        }
    }
    let of_values = values.values().fold(1_u64, |weight, count| weight.saturating_mul(count + 1));
    of_values.saturating_mul(1_u64.checked_shl(levels).unwrap_or(u64::MAX))
}

/// How deep parentheses are nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for char in text.chars() {
        match char {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpreter::Interpreter;
    use crate::interpreter::choice::Declared;

    fn environment() -> MarkerEnvironment {
        let libc = "glibc-2.36".parse().unwrap();
        Interpreter::declared(&Declared::of("3.13.5"), "amd64", libc, "0.13.9").environment().unwrap()
    }

    /// What is read here is what uv reads.
    #[test]
    fn as_uv_evaluates_them() {
        let leaves = [
            "python_version >= '3.12'",
            "python_full_version<'3.13.1'",
            "'x86_64' == platform_machine",
            "sys_platform not in 'win32 darwin'",
            "sys_platform not  in \"linux\"",
            "python_version in '3.12 3.13'",
            "extra == 'a'",
            "extra != \"b\"",
            "os_name == sys_platform",
            "'nt' in os_name",
        ];
        let mut texts: Vec<String> = Vec::new();
        for (index, one) in leaves.iter().enumerate() {
            let other = leaves[(index + 3) % leaves.len()];
            let third = leaves[(index + 7) % leaves.len()];
            texts.extend([
                (*one).to_owned(),
                format!("({one})"),
                format!("{one} and {other} or {third}"),
                format!("{one} or {other} and {third}"),
                format!("({one} or {other}) and {third}"),
                format!("({one})and ({other})or {third}"),
                format!(" ( ({one}  or {other} ) and ( {third} or ({other}) )) "),
            ]);
        }
        let extras = ["a".parse().unwrap(), "c".parse().unwrap()];
        for text in texts {
            let uv: MarkerTree = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            let marker = Marker::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(marker.diagram(), Some(uv), "{text}");
            for extras in [&extras[..], &[]] {
                let expected = uv.evaluate(&environment(), extras);
                assert_eq!(marker.evaluate(&environment(), extras), expected, "{text}");
            }
        }
    }

    #[test]
    fn what_uv_refuses() {
        for text in [
            "",
            "(",
            ")",
            "()",
            "and",
            "python_version >= '3' and",
            "(python_version >= '3'",
            "python_version >= '3')",
            "python_version >= '3' python_version >= '3'",
            "python_version >= '3' or (and)",
            "python_version",
            "python_version >=",
            "'a' = os_name",
            "nonsense == 'a'",
            "os_name not 'a'",
            "os_name == 'a",
        ] {
            assert!(text.parse::<MarkerTree>().is_err(), "{text}");
            assert!(Marker::parse(text).is_err(), "{text}");
        }
    }

    /// As a diagram it would have as many nodes as there are sets of its clauses, and uv's parser would end the stack.
    #[test]
    fn size_is_no_matter() {
        let clauses = |count: usize| {
            let pairs = (0..count).map(|index| format!("'{index}' in os_name and '{index}' in sys_platform"));
            pairs.collect::<Vec<_>>().join(" or ")
        };
        let many = Marker::parse(&clauses(20_000)).unwrap();
        assert!(!many.evaluate(&environment(), &[]));
        assert_eq!(many.diagram(), None);
        assert!(Marker::parse(&clauses(4)).unwrap().diagram().is_some());

        let deep = format!("{}os_name == 'posix'{}", "(".repeat(200_000), ")".repeat(200_000));
        assert!(Marker::parse(&deep).unwrap().evaluate(&environment(), &[]));
        assert!(requirement(&format!("x ; {deep}")).is_none());
        assert!(requirement(&format!("x ; {}", clauses(30))).is_none());
        assert!(requirement("x >= 1 ; os_name == 'posix'").is_some());
    }

    #[test]
    fn markers_that_people_write_are_light() {
        let chain = (0..16).map(|index| format!("platform_machine == '{index}'")).collect::<Vec<_>>().join(" or ");
        for text in [
            format!("python_version < '3.14' and ({chain})"),
            "python_full_version >= '3.11' and python_full_version < '3.13' and sys_platform == 'linux' and \
             platform_machine == 'x86_64' and implementation_name == 'cpython'"
                .to_owned(),
            "(os_name == 'nt' or sys_platform == 'cygwin') and python_version in '3.10 3.11 3.12'".to_owned(),
        ] {
            assert!(weight(&text) <= HEAVIEST / 8, "{text}: {}", weight(&text));
        }
    }
}
