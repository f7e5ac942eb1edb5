//! A readable form of a definition, for goldens, bug reports and people.
//!
//! ```text
//! %python = source docker-image://docker.io/library/python:3.13-slim linux/amd64
//! %fetch-idna = source https://files.example/idna-3.10-py3-none-any.whl  # "fetch idna 3.10" uv.lock:88
//! %install-idna = exec ["uv", "pip", "install", "idna"] linux/amd64  # "install idna" export-cache=no
//!     env UV_OFFLINE=1
//!     mount / <- %python ro
//!     mount /out <- scratch -> out 0
//!     mount /w <- %fetch-idna ro
//! return %install-idna.0
//! ```
//!
//! - One op after the other, in the order of the definition. An op starts at the margin; what
//!   belongs to it is indented, one thing a line.
//! - **Labels instead of digests.** A label is made of the words of the custom name (without a
//!   `[prefix]` and without words that start with a digit, so that a new version keeps it), else
//!   of the op itself; the second op of the same words has `-2`, and so on in order. A new op in
//!   the middle therefore renames nothing else, unless it has the same words.
//! - An output is a label, with the number of the output if the op is an exec (`%x.0`) or the
//!   number is not 0.
//! - **Text hides nothing of an op**: equal text means equal op bytes. Only default values are
//!   left out. What has no readable form is shown as `raw=<hex>`.
//! - After `#` comes what is not in the op's digest: name, places in source files, cache flags,
//!   progress group, and capabilities if they are not those that the op and the metadata imply.
//!   What the source files contain is not shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use prost::Message as _;

use crate::caps;
use crate::definition::Definition;
use crate::error::LlbError;
use crate::validate::kind;
use buildkit_proto::canonical::canonical_op_bytes;
use buildkit_proto::pb;

mod exec;
mod file;
mod label;
mod word;

use label::Labels;
use word::{hex, list, quoted, word};

impl Definition {
    /// A readable form, in which equal text means equal ops: see [`text`](mod@crate::text).
    ///
    /// ```
    /// # use buildkit_llb::{Bind, Exec, Image, Metadata, marshal};
    /// let base = Image::new("python:3.13").build();
    /// let exec = Exec::new(["pip", "list"])
    ///     .mount(Bind::new("/", &base))
    ///     .metadata(Metadata::named("list packages"))
    ///     .build();
    /// assert_eq!(marshal(exec.root())?.text()?, "\
    /// %python = source docker-image://docker.io/library/python:3.13
    /// %list-packages = exec [\"pip\", \"list\"]  # \"list packages\"
    ///     mount / <- %python -> out 0
    /// return %list-packages.0
    /// ");
    /// # Ok::<(), buildkit_llb::LlbError>(())
    /// ```
    pub fn text(&self) -> Result<String, LlbError> {
        text(self)
    }
}

/// The text of a definition: see the module. Scratch is the one line `return scratch`.
///
/// It fails if an op cannot be decoded or refers to none before it.
pub fn text(definition: &Definition) -> Result<String, LlbError> {
    let message = definition.as_pb();
    let ops = definition.ops()?;
    let mut text = String::new();
    let mut labels = Labels::default();
    let mut outputs: BTreeMap<&str, String> = BTreeMap::new();
    let last = ops.len().saturating_sub(1);
    for (position, (digest, op)) in ops.iter().enumerate() {
        let inputs = op
            .inputs
            .iter()
            .map(|input| match outputs.get(input.digest.as_str()) {
                Some(label) => Ok(output_name(label, input.index)),
                None => Err(LlbError::MissingInput { op: position, digest: input.digest.clone() }),
            })
            .collect::<Result<Vec<String>, LlbError>>()?;
        let metadata = message.metadata.get(digest).cloned().unwrap_or_default();
        let is_last = position == last;
        let mut lines = if is_last {
            terminal_lines(op, &message.def[position], &inputs)
        } else {
            let label = labels.add(op, &metadata);
            let mut lines = op_lines(op, &message.def[position], inputs);
            lines[0] = format!("%{label} = {}", lines[0]);
            let is_exec = matches!(op.op, Some(pb::op::Op::Exec(_)));
            let plural = if is_exec { "." } else { "" };
            outputs.insert(digest, format!("%{label}{plural}"));
            lines
        };
        let expected = if is_last {
            let others = message.metadata.iter().filter(|(key, _)| *key != digest);
            caps::required_by_metadata(others.map(|(_, metadata)| metadata))
        } else {
            caps::required_by_op(op)
        };
        let locations = message.source.as_ref().and_then(|source| {
            let locations = source.locations.get(digest)?;
            Some((source, locations))
        });
        let comment = comment(&metadata, &expected, locations);
        if !comment.is_empty() {
            let _ = write!(lines[0], "  # {comment}");
        }
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
    }
    if ops.is_empty() {
        text.push_str("return scratch\n");
    }
    Ok(text)
}

/// `%label`, `%label.1`; a label of an exec comes with its dot.
fn output_name(label: &str, index: i64) -> String {
    match (label.ends_with('.'), index) {
        (true, index) => format!("{label}{index}"),
        (false, 0) => label.to_owned(),
        (false, index) => format!("{label}.{index}"),
    }
}

fn terminal_lines(op: &pb::Op, bytes: &[u8], inputs: &[String]) -> Vec<String> {
    let plain = pb::Op { inputs: op.inputs.clone(), ..pb::Op::default() };
    match inputs {
        [root] if plain.encode_to_vec() == bytes => vec![format!("return {root}")],
        _ => vec![format!("return raw={}", hex(bytes))],
    }
}

/// The head of an op, without its label and comment, and its details.
fn op_lines(op: &pb::Op, bytes: &[u8], inputs: Vec<String>) -> Vec<String> {
    let raw = || vec![format!("{} raw={}", kind(op), hex(bytes))];
    if canonical_op_bytes(op) != bytes {
        return raw();
    }
    let inputs = Inputs::new(op, inputs);
    let mut lines = match &op.op {
        Some(pb::op::Op::Source(source)) => source_lines(source),
        Some(pb::op::Op::Exec(exec)) => match exec::lines(exec, &inputs) {
            Some(lines) => lines,
            None => return raw(),
        },
        Some(pb::op::Op::File(file)) => file::lines(file, &inputs),
        Some(pb::op::Op::Merge(merge)) => {
            let layers = merge.inputs.iter().map(|input| inputs.name(input.input));
            let layer_lines = layers.map(|layer| format!("    layer {layer}"));
            std::iter::once("merge".to_owned()).chain(layer_lines).collect()
        }
        Some(pb::op::Op::Diff(diff)) => match (diff.lower, diff.upper) {
            (Some(lower), Some(upper)) => {
                let (lower, upper) = (inputs.name(lower.input), inputs.name(upper.input));
                vec![format!("diff {lower} -> {upper}")]
            }
            _ => return raw(),
        },
        Some(pb::op::Op::Build(_)) | None => return raw(),
    };
    if let Some(platform) = &op.platform {
        lines[0].push(' ');
        lines[0].push_str(&platform_word(platform));
    }
    match &op.constraints {
        None => lines[0].push_str(" no-constraints"),
        Some(constraints) => {
            let filters = constraints.filter.iter();
            lines.extend(filters.map(|filter| format!("    constraint {}", quoted(filter))));
        }
    }
    if !inputs.in_order {
        lines.push(format!("    inputs {}", inputs.names.join(" ")));
    }
    lines
}

fn platform_word(platform: &pb::Platform) -> String {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
    let part = |text: &str| {
        if plain(text) && !text.is_empty() { text.to_owned() } else { quoted(text) }
    };
    let mut words = format!("{}/{}", part(&platform.os), part(&platform.architecture));
    if !platform.variant.is_empty() {
        let _ = write!(words, "/{}", part(&platform.variant));
    }
    if !platform.os_version.is_empty() {
        let _ = write!(words, " os.version={}", quoted(&platform.os_version));
    }
    if !platform.os_features.is_empty() {
        let _ = write!(words, " os.features={}", list(&platform.os_features));
    }
    words
}

fn source_lines(source: &pb::SourceOp) -> Vec<String> {
    let mut lines = vec![format!("source {}", word(&source.identifier))];
    for (key, value) in &source.attrs {
        match word::json_list(value) {
            Some(items) => {
                let items = items.iter();
                lines.extend(items.map(|item| format!("    {}={}", word::key(key), quoted(item))));
            }
            None => {
                let _ = write!(lines[0], " {}={}", word::key(key), word(value));
            }
        }
    }
    lines
}

/// The inputs of an op by their names, and whether the order of the list shows in the op itself.
struct Inputs {
    names: Vec<String>,
    in_order: bool,
}

impl Inputs {
    fn new(op: &pb::Op, names: Vec<String>) -> Self {
        let (mut used, repeats_allowed): (Vec<i64>, bool) = match &op.op {
            Some(pb::op::Op::Exec(exec)) => (exec::inputs_used(exec), false),
            Some(pb::op::Op::File(file)) => (file::inputs_used(file), false),
            Some(pb::op::Op::Merge(merge)) => (merge.inputs.iter().map(|input| input.input).collect(), true),
            Some(pb::op::Op::Diff(diff)) => {
                let lower = diff.lower.map(|lower| lower.input);
                let upper = diff.upper.map(|upper| upper.input);
                (lower.into_iter().chain(upper).collect(), true)
            }
            _ => (Vec::new(), false),
        };
        let count = i64::try_from(names.len()).unwrap_or(i64::MAX);
        used.retain(|index| (0..count).contains(index));
        if !repeats_allowed {
            let mut seen = BTreeSet::new();
            used.retain(|index| seen.insert(*index));
        }
        let distinct = names.iter().collect::<BTreeSet<_>>().len() == names.len();
        let in_order = used.into_iter().eq(0..count) && (distinct || repeats_allowed);
        Self { names, in_order }
    }

    fn len(&self) -> usize {
        self.names.len()
    }

    /// The input at `index`: its name if that says the index too, else `#index`.
    fn name(&self, index: i64) -> String {
        match usize::try_from(index) {
            Err(_) if index == -1 => "scratch".to_owned(),
            Ok(position) if self.in_order && position < self.names.len() => self.names[position].clone(),
            _ => format!("#{index}"),
        }
    }
}

fn comment(
    metadata: &pb::OpMetadata,
    expected_caps: &BTreeSet<&'static str>,
    locations: Option<(&pb::Source, &pb::Locations)>,
) -> String {
    let mut words = Vec::new();
    if let Some(name) = metadata.description.get("llb.customname") {
        words.push(quoted(name));
    }
    if let Some((source, locations)) = locations {
        words.extend(locations.locations.iter().map(|location| place(source, location)));
    }
    if metadata.ignore_cache {
        words.push("ignore-cache".to_owned());
    }
    match metadata.export_cache {
        Some(pb::ExportCache { value: true }) => words.push("export-cache=yes".to_owned()),
        Some(pb::ExportCache { value: false }) => words.push("export-cache=no".to_owned()),
        None => {}
    }
    if let Some(group) = &metadata.progress_group {
        let weak = if group.weak { " weak" } else { "" };
        words.push(format!("group={} {}{weak}", word(&group.id), quoted(&group.name)));
    }
    for (key, value) in &metadata.description {
        if key != "llb.customname" {
            words.push(format!("{}={}", word::key(key), quoted(value)));
        }
    }
    for (cap, needed) in &metadata.caps {
        match (expected_caps.contains(cap.as_str()), needed) {
            (true, true) => {}
            (false, true) => words.push(format!("cap+{}", word(cap))),
            (_, false) => words.push(format!("cap-{}=false", word(cap))),
        }
    }
    for cap in expected_caps {
        if !metadata.caps.contains_key(*cap) {
            words.push(format!("cap-{}", word(cap)));
        }
    }
    words.join(" ")
}

/// `uv.lock:88`, `uv.lock:88-90`, `uv.lock:88:2-90:5`.
fn place(source: &pb::Source, location: &pb::Location) -> String {
    let info = usize::try_from(location.source_index).ok();
    let info = info.and_then(|index| source.infos.get(index));
    let mut place = match info {
        Some(info) => word(&info.filename),
        None => format!("?{}", location.source_index),
    };
    for (number, range) in location.ranges.iter().enumerate() {
        let (start, end) = (range.start.unwrap_or_default(), range.end.unwrap_or_default());
        place.push(if number == 0 { ':' } else { ',' });
        if start.character == 0 && end.character == 0 {
            let _ = write!(place, "{}", start.line);
            if end.line != start.line {
                let _ = write!(place, "-{}", end.line);
            }
        } else {
            let (start_character, end_character) = (start.character, end.character);
            let _ = write!(place, "{}:{start_character}-{}:{end_character}", start.line, end.line);
        }
    }
    place
}
