//! The text of a file op.

use std::fmt::Write as _;

use prost::Message as _;

use super::Inputs;
use super::word::{hex, quoted, word};
use crate::vertex::to_index;
use buildkit_proto::pb;
use buildkit_proto::pb::file_action::Action;
use buildkit_proto::pb::user_opt::User;

/// The indices that the actions refer to, in the order of the text.
pub(crate) fn inputs_used(file: &pb::FileOp) -> Vec<i64> {
    let indices = file.actions.iter();
    indices.flat_map(|action| [action.input, action.secondary_input]).collect()
}

pub(crate) fn lines(file: &pb::FileOp, inputs: &Inputs) -> Vec<String> {
    let base = file.actions.first().map_or(-1, |action| action.input);
    let refs = Refs { inputs, base };
    let mut lines = vec![format!("file on {}", refs.name(base))];
    let last = file.actions.len().saturating_sub(1);
    for (position, action) in file.actions.iter().enumerate() {
        let readable = action_lines(action, &refs);
        let says_from = readable.is_some() && matches!(action.action, Some(Action::Copy(_)));
        let mut action_lines = readable.unwrap_or_else(|| {
            let raw = hex(&action.encode_to_vec());
            vec![format!("action raw={raw}")]
        });
        let expected_input = match position {
            0 => base,
            _ => to_index(inputs.len() + position - 1),
        };
        if action.input != expected_input {
            let _ = write!(action_lines[0], " on={}", refs.name(action.input));
        }
        if !says_from && action.secondary_input != -1 {
            let _ = write!(action_lines[0], " from={}", refs.name(action.secondary_input));
        }
        let expected_output = if position == last { 0 } else { -1 };
        if action.output != expected_output {
            let _ = write!(action_lines[0], " -> out {}", action.output);
        }
        lines.extend(action_lines.iter().map(|line| format!("    {line}")));
    }
    lines
}

/// What an index of an action stands for.
struct Refs<'a> {
    inputs: &'a Inputs,
    base: i64,
}

impl Refs<'_> {
    /// An input, or `@n` for the result of the action `n`.
    fn name(&self, index: i64) -> String {
        match usize::try_from(index) {
            Ok(position) if position >= self.inputs.len() => {
                format!("@{}", position - self.inputs.len())
            }
            _ => self.inputs.name(index),
        }
    }

    /// ` owner=user:group`: numbers plain, names in quotes, with `@` and the input where the name
    /// is looked up, if that is not the base.
    fn owner(&self, owner: Option<&pb::ChownOpt>) -> Option<String> {
        let Some(owner) = owner else {
            return Some(String::new());
        };
        let user = |user: Option<&pb::UserOpt>| match user.map(|user| user.user.as_ref()) {
            None => Some(String::new()),
            Some(None) => None,
            Some(Some(User::ById(id))) => Some(id.to_string()),
            Some(Some(User::ByName(user))) if user.input == self.base => Some(quoted(&user.name)),
            Some(Some(User::ByName(user))) => Some(format!("{}@{}", quoted(&user.name), self.name(user.input))),
        };
        let (user, group) = (user(owner.user.as_ref())?, user(owner.group.as_ref())?);
        Some(format!(" owner={user}:{group}"))
    }
}

/// `None` if the action has something that has no readable form.
fn action_lines(action: &pb::FileAction, refs: &Refs<'_>) -> Option<Vec<String>> {
    match action.action.as_ref()? {
        Action::Copy(copy) => copy_lines(copy, action.secondary_input, refs),
        Action::Mkfile(mkfile) => {
            let mut head = format!("mkfile {}{}", word(&mkfile.path), mode(mkfile.mode)?);
            head.push_str(&refs.owner(mkfile.owner.as_ref())?);
            head.push_str(&time(mkfile.timestamp));
            let mut lines = vec![head];
            match std::str::from_utf8(&mkfile.data) {
                Ok(text) => {
                    let text_lines = text.split_inclusive('\n');
                    lines.extend(text_lines.map(|line| format!("  | {}", quoted(line))));
                }
                Err(_) => lines.push(format!("  hex {}", hex(&mkfile.data))),
            }
            Some(lines)
        }
        Action::Mkdir(mkdir) => {
            let mut head = format!("mkdir {}{}", word(&mkdir.path), mode(mkdir.mode)?);
            if mkdir.make_parents {
                head.push_str(" parents");
            }
            head.push_str(&refs.owner(mkdir.owner.as_ref())?);
            head.push_str(&time(mkdir.timestamp));
            Some(vec![head])
        }
        Action::Symlink(symlink) => {
            let (path, target) = (word(&symlink.newpath), word(&symlink.oldpath));
            let mut head = format!("symlink {path} -> {target}");
            head.push_str(&refs.owner(symlink.owner.as_ref())?);
            head.push_str(&time(symlink.timestamp));
            Some(vec![head])
        }
        Action::Rm(rm) => {
            let mut head = format!("rm {}", word(&rm.path));
            if rm.allow_not_found {
                head.push_str(" allow-not-found");
            }
            if rm.allow_wildcard {
                head.push_str(" wildcard");
            }
            Some(vec![head])
        }
    }
}

fn copy_lines(copy: &pb::FileActionCopy, from: i64, refs: &Refs<'_>) -> Option<Vec<String>> {
    let (src, dest) = (word(&copy.src), word(&copy.dest));
    let mut head = format!("copy {} {src} -> {dest}", refs.name(from));
    match (copy.mode, copy.mode_str.as_str()) {
        (-1, "") => {}
        (bits, "") => head.push_str(&mode(bits)?),
        (0, change) => {
            let _ = write!(head, " mode={}", quoted(change));
        }
        _ => return None,
    }
    head.push_str(&refs.owner(copy.owner.as_ref())?);
    head.push_str(&time(copy.timestamp));
    for (flag, set) in [
        ("follow-symlinks", copy.follow_symlink),
        ("contents-only", copy.dir_copy_contents),
        ("unpack", copy.attempt_unpack_docker_compatibility),
        ("create-dest-path", copy.create_dest_path),
        ("wildcard", copy.allow_wildcard),
        ("allow-empty-wildcard", copy.allow_empty_wildcard),
        ("replace-existing", copy.always_replace_existing_dest_paths),
    ] {
        if set {
            let _ = write!(head, " {flag}");
        }
    }
    let mut lines = vec![head];
    for (name, patterns) in
        [("include", &copy.include_patterns), ("exclude", &copy.exclude_patterns), ("required", &copy.required_paths)]
    {
        let patterns = patterns.iter();
        lines.extend(patterns.map(|pattern| format!("  {name} {}", quoted(pattern))));
    }
    Some(lines)
}

fn mode(mode: i32) -> Option<String> {
    let mode = u32::try_from(mode).ok()?;
    Some(format!(" mode=0{mode:o}"))
}

fn time(timestamp: i64) -> String {
    match timestamp {
        -1 => String::new(),
        timestamp => format!(" time={timestamp}"),
    }
}
