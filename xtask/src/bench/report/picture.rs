//! The results as a picture for the README: for each scenario two bars, as long as the builds took. It is readable on a light and on a
//! dark page.

use std::fmt::Write as _;

use super::{Report, Row, seconds, size};

/// In pixels.
const WIDTH: f64 = 880.0;
/// What the longest bar may have: its figures stand to the right.
const LONGEST: f64 = 660.0;
const HEAD: f64 = 44.0;
const ROW: f64 = 66.0;
const BAR: f64 = 15.0;
const FOOT: f64 = 30.0;

/// Colours that both kinds of page can show, by class, and those of dark pages.
const STYLE: &str = "text{font:13px system-ui,-apple-system,\"Segoe UI\",Helvetica,Arial,sans-serif;fill:#24292f}\
                     .name{font-weight:600}.soft{fill:#59636e}.ours{fill:#1f6f9f}.other{fill:#c3c8ce}\
                     @media (prefers-color-scheme:dark){text{fill:#e6edf3}.soft{fill:#9da7b1}.ours{fill:#58a6d6}.other{fill:#4b535d}}";

/// What is compared with ours in a row.
struct Pair<'a> {
    row: &'a Row,
    ours: (f64, u64),
    other: (f64, u64),
}

impl<'a> Pair<'a> {
    /// The best Dockerfile, or the guide's where only that was measured.
    fn of(row: &'a Row) -> Option<Self> {
        let ours = row.ours_s.zip(row.ours_bytes_pushed)?;
        let other = row.best_s.zip(row.best_bytes_pushed).or(row.guide_s.zip(row.guide_bytes_pushed))?;
        Some(Self { row, ours, other })
    }
}

/// The picture. Scenarios that one of the two has not built are left out.
pub fn svg(report: &Report) -> String {
    let pairs: Vec<Pair<'_>> = report.scenarios.iter().filter_map(Pair::of).collect();
    let slowest = pairs.iter().flat_map(|pair| [pair.ours.0, pair.other.0]).fold(0.0, f64::max);
    let height = HEAD + ROW * pairs.len() as f64 + FOOT;
    let (machine, workload) = (&report.machine, &report.workload);
    let built = format!(
        "{} members, {} packages, {} of wheels, on {} cores; pushes included",
        workload.members,
        workload.packages,
        size(workload.wheel_bytes),
        machine.cores
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"title\">\n<title id=\"title\">Seconds and bytes of builds by uv-buildkit and by Dockerfiles</title>\n\
         <style>{STYLE}</style>\n"
    );
    for (x, class, name) in [(0.0, "ours", "uv-buildkit"), (110.0, "other", "best documented Dockerfile")] {
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"4\" width=\"12\" height=\"12\" rx=\"2\"/><text x=\"{}\" y=\"15\">{name}</text>",
            x + 18.0
        );
    }
    for (index, pair) in pairs.iter().enumerate() {
        let top = HEAD + ROW * index as f64;
        let _ = writeln!(svg, "<text class=\"name\" x=\"0\" y=\"{}\">{}</text>", top + 10.0, pair.row.description);
        for (class, (time, bytes), y) in [("ours", pair.ours, top + 18.0), ("other", pair.other, top + 20.0 + BAR)] {
            let length = if slowest > 0.0 { (time / slowest * LONGEST).max(1.5) } else { 1.5 };
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"0\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\"/>\
                 <text class=\"{}\" x=\"{:.1}\" y=\"{}\">{}, {} pushed</text>",
                if class == "ours" { "figures" } else { "soft" },
                length + 8.0,
                y + BAR - 3.0,
                seconds(time),
                size(bytes)
            );
        }
    }
    let _ = writeln!(svg, "<text class=\"soft\" x=\"0\" y=\"{}\">{built}</text>\n</svg>", height - 8.0);
    svg
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::super::contender::Sample;
    use super::super::super::recipes::Contestant;
    use super::super::super::scenario::Scenario;
    use super::super::{Machine, Workload};
    use super::*;

    fn row(scenario: Scenario, contestants: &[(Contestant, f64, u64)]) -> Row {
        let samples: BTreeMap<_, _> = contestants
            .iter()
            .map(|(contestant, seconds, bytes_pushed)| {
                (*contestant, vec![Sample { seconds: *seconds, bytes_pushed: *bytes_pushed, digest: None }])
            })
            .collect();
        Row::new(scenario, 0.0, samples)
    }

    #[test]
    fn bars_are_as_long_as_builds_took() {
        let report = Report {
            machine: Machine {
                cores: 2,
                processor: "<P>".to_owned(),
                memory_gib: 1.0,
                kernel: "6".to_owned(),
                buildkit: "v1".to_owned(),
                buildx: "v2".to_owned(),
                uv: "0".to_owned(),
            },
            workload: Workload { members: 3, services: 1, packages: 7, wheel_bytes: 4_000_000 },
            scenarios: vec![
                row(Scenario::MemberEdit, &[(Contestant::Ours, 2.0, 20_000), (Contestant::Best, 80.0, 5_000_000)]),
                row(Scenario::Cold, &[(Contestant::Ours, 40.0, 1), (Contestant::Guide, 60.0, 2)]),
                row(Scenario::Nochange, &[(Contestant::Best, 1.0, 0)]),
            ],
        };
        let svg = svg(&report);
        let bars: Vec<&str> = svg.split(" height=\"15\"").filter_map(|part| part.rsplit("width=\"").next()).collect();
        assert_eq!(&bars[..4], ["16.5\"", "660.0\"", "330.0\"", "495.0\""], "{svg}");
        assert!(
            svg.contains(">2.00 s, 20.0 kB pushed</text>") && svg.contains(">80.0 s, 5.0 MB pushed</text>"),
            "{svg}"
        );
        assert!(svg.contains("3 members, 7 packages, 4.0 MB of wheels, on 2 cores"), "{svg}");
        // A scenario that was measured of one alone has no bar, and nothing of the machine is markup.
        assert!(!svg.contains(Scenario::Nochange.description()) && !svg.contains("<P>"), "{svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        for (open, close) in [("<svg", "</svg>"), ("<style", "</style>"), ("<title", "</title>")] {
            assert!(svg.matches(open).count() == 1 && svg.matches(close).count() == 1, "{svg}");
        }
    }
}
