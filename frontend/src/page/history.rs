//! A replayed history as a page: what a push after each commit would have sent, in these layers and in one.

use std::fmt::Write as _;

use super::{Bytes, Count, Page, Text};
use crate::history::{Push, Report};
use crate::plan::layers;

pub(super) const STYLE: &str = include_str!("history/history.css");

/// How wide and high a chart is, in its own unit. It is stretched to the width of the page.
const WIDTH: u64 = 100_000;
const HEIGHT: u64 = 1_000;

/// Marks on the axis of a chart, of which the first is zero.
const MARKS: u64 = 4;

/// The page of a history. It has no script: each bar is a link to its row in the table.
pub fn html(report: &Report) -> String {
    let mut body = String::new();
    let sum = |bytes: fn(&Push) -> u64| report.pushes.iter().map(bytes).sum::<u64>();
    let (ours, one_layer) = (sum(|push| push.pushed_bytes), sum(|push| push.one_layer_bytes));
    head(&mut body, report, ours, one_layer);
    body.push_str("<main>");
    if report.pushes.is_empty() {
        body.push_str("<p class=\"empty\">No commit changed a wheel of the image after the first.</p>");
    } else {
        body.push_str(
            "<p class=\"legend\"><span class=\"here\">these layers</span> <span class=\"one\">one layer of all packages</span></p>",
        );
        each(&mut body, &report.pushes);
        sums(&mut body, &report.pushes);
        table(&mut body, &report.pushes);
    }
    skipped(&mut body, report);
    body.push_str("</main>");
    foot(&mut body, report);
    Page { title: format!("{} – what pushes sent", report.target), style: STYLE.to_owned(), script: "", body }.html()
}

fn head(out: &mut String, report: &Report, ours: u64, one_layer: u64) {
    let _ = write!(
        out,
        "<header><h1>{}</h1><p>{} that touched the lock, the config or a manifest</p><dl class=\"totals\">",
        Text(&report.target),
        Count(report.commits, "commit")
    );
    let mut total = |value: &str, name: &str, more: &str| {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd><dd class=\"more\">{more}</dd></div>");
    };
    let more = format!("{} changed in the median", Count(report.changed_packages_median, "package"));
    total(&report.changed_images.to_string(), "pushes", &more);
    total(&Bytes(ours).to_string(), "pushed", "in these layers, after the first image");
    total(&Bytes(one_layer).to_string(), "with one layer", "of all packages");
    if let Some(tenths) = (u128::from(one_layer) * 10).checked_div(u128::from(ours)) {
        total(&format!("{}.{}×", tenths / 10, tenths % 10), "less", "than with one layer of all");
    }
    out.push_str("</dl></header>");
}

/// Bars, two for each push, the smaller in front of the larger.
fn each(out: &mut String, pushes: &[Push]) {
    let most = pushes.iter().map(|push| push.one_layer_bytes.max(push.pushed_bytes)).max().unwrap_or_default();
    open(out, "Each push", "Bytes of each push. The table below has the same figures.", most);
    let count = pushes.len() as u64;
    for (index, push) in (0_u64..).zip(pushes) {
        let (left, right) = (index * WIDTH / count, (index + 1) * WIDTH / count);
        let width = right - left;
        let bar = |class: &str, bytes: u64| {
            let height = scaled(bytes, most);
            format!(
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\"/>",
                left + width / 10,
                HEIGHT - height,
                (width * 8 / 10).max(1)
            )
        };
        let _ = write!(
            out,
            "<a href=\"#push-{number}\"><title>{date} {subject}: {here} here, {one} with one layer</title>\
             <rect class=\"hit\" x=\"{left}\" y=\"0\" width=\"{width}\" height=\"{HEIGHT}\"/>{}{}</a>",
            bar("one", push.one_layer_bytes),
            bar("here", push.pushed_bytes),
            number = index + 1,
            date = Text(&push.date),
            subject = Text(&push.subject),
            here = Bytes(push.pushed_bytes),
            one = Bytes(push.one_layer_bytes)
        );
    }
    close(out, pushes);
}

/// What was pushed up to each commit.
fn sums(out: &mut String, pushes: &[Push]) {
    let most: u64 = pushes.iter().map(|push| push.one_layer_bytes.max(push.pushed_bytes)).sum();
    open(out, "All pushes so far", "Sum of the bytes of all pushes up to each commit.", most);
    for (class, bytes) in
        [("one", (|push| push.one_layer_bytes) as fn(&Push) -> u64), ("here", |push| push.pushed_bytes)]
    {
        let (mut sum, mut points) = (0, format!("0,{HEIGHT}"));
        let count = pushes.len() as u64;
        for (index, push) in (0_u64..).zip(pushes) {
            sum += bytes(push);
            let height = HEIGHT - scaled(sum, most);
            // Steps: nothing is pushed between two commits.
            let _ = write!(points, " {},{height} {},{height}", index * WIDTH / count, (index + 1) * WIDTH / count);
        }
        let _ = write!(out, "<polygon class=\"{class}\" points=\"{points} {WIDTH},{HEIGHT}\"/>");
    }
    close(out, pushes);
}

fn scaled(bytes: u64, most: u64) -> u64 {
    u64::try_from(u128::from(bytes) * u128::from(HEIGHT) / u128::from(most.max(1))).unwrap_or(HEIGHT)
}

/// The start of a chart, with its axis.
fn open(out: &mut String, title: &str, description: &str, most: u64) {
    let _ = write!(
        out,
        "<figure><figcaption><h2>{title}</h2><p>{description}</p></figcaption><div class=\"chart\"><ol class=\"axis\">"
    );
    for mark in (0..=MARKS).rev() {
        let bytes = if mark == 0 { "0".to_owned() } else { Bytes(most / MARKS * mark).to_string() };
        let _ = write!(out, "<li>{bytes}</li>");
    }
    let _ = write!(
        out,
        "</ol><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"group\" aria-label=\"{title}\"><g class=\"grid\">"
    );
    for mark in 0..=MARKS {
        let at = HEIGHT * mark / MARKS;
        let _ = write!(out, "<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{at}\" y2=\"{at}\"/>");
    }
    out.push_str("</g>");
}

/// The end of a chart, with the days of the first and the last push.
fn close(out: &mut String, pushes: &[Push]) {
    let date = |push: Option<&Push>| push.map(|push| Text(&push.date).to_string()).unwrap_or_default();
    let (first, last) = (date(pushes.first()), date(pushes.last()));
    let _ = write!(out, "</svg><p class=\"days\"><span>{first}</span><span>{last}</span></p></div></figure>");
}

/// The newest first.
fn table(out: &mut String, pushes: &[Push]) {
    out.push_str(
        "<section><h2>Pushes, the newest first</h2><table><thead><tr><th>day</th><th>commit</th><th>packages</th>\
         <th class=\"number\">pushed</th><th class=\"number\">with one layer</th></tr></thead><tbody>",
    );
    for (index, push) in pushes.iter().enumerate().rev() {
        let _ = write!(
            out,
            "<tr id=\"push-{}\"><td class=\"day\">{}</td><td>{} <code>{}</code></td><td>{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td></tr>",
            index + 1,
            Text(&push.date),
            Text(&push.subject),
            Text(short(&push.commit)),
            Text(&push.changes.join(", ")),
            Bytes(push.pushed_bytes),
            Bytes(push.one_layer_bytes)
        );
    }
    out.push_str("</tbody></table></section>");
}

fn skipped(out: &mut String, report: &Report) {
    if report.skipped.is_empty() {
        return;
    }
    let _ = write!(out, "<details><summary>{} without an image</summary><ul>", Count(report.skipped.len(), "commit"));
    for skipped in &report.skipped {
        let _ = write!(out, "<li><code>{}</code> {}</li>", Text(short(&skipped.commit)), Text(&skipped.reason));
    }
    out.push_str("</ul></details>");
}

fn foot(out: &mut String, report: &Report) {
    out.push_str(
        "<footer><p>Sizes are those of the wheels in <code>uv.lock</code>. The layers of local projects and of the base are \
         left out: the lock does not have their sizes.",
    );
    if !report.guessed_sizes.is_empty() {
        let _ = write!(
            out,
            " {} no size in some lock, and count as {}.",
            match report.guessed_sizes.len() {
                1 => "1 package has".to_owned(),
                count => format!("{count} packages have"),
            },
            Bytes(layers::UNKNOWN_SIZE)
        );
    }
    let _ = write!(out, "</p><p>uv-buildkit {}</p></footer>", env!("CARGO_PKG_VERSION"));
}

/// The start of a commit's name.
fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Commit, Replay, Wheel};

    #[test]
    fn a_page_of_two_pushes() {
        let wheel = |name: &str, version: &str, size| Wheel {
            name: name.to_owned(),
            version: version.to_owned(),
            artifact: format!("{name}-{version}"),
            size,
            is_guessed: false,
        };
        let mut replay = Replay::default();
        replay.of("api <b>");
        for (version, subject) in [("1", "first"), ("2", "Update </title> & more"), ("3", "again")] {
            let commit = Commit {
                id: "0123456789abcdef".to_owned(),
                date: "2026-01-02".to_owned(),
                subject: subject.to_owned(),
            };
            replay.image(
                &commit,
                vec![vec![wheel("large", "1", 9_000_000)], vec![wheel("small", version, 1_000_000)]],
                true,
            );
        }
        let page = html(&replay.report());
        assert!(page.contains("<dt>pushed</dt><dd>2.0 MB</dd>") && page.contains("<dd>20.0 MB</dd>"), "{page}");
        assert!(page.contains("<dt>less</dt><dd>10.0×</dd>"), "{page}");
        assert!(
            page.contains(
                "<td>Update &lt;/title&gt; &amp; more <code>0123456789ab</code></td><td>small 1 -&gt; 2</td>"
            ),
            "{page}"
        );
        assert!(
            page.contains("script-src 'none'") && !page.contains("<script") && !page.contains("style=\""),
            "{page}"
        );
        assert_eq!(page.matches("<a href=\"#push-").count(), 2);
    }

    #[test]
    fn a_page_of_nothing() {
        let page = html(&Replay::default().report());
        assert!(page.contains("No commit changed a wheel"), "{page}");
    }
}
