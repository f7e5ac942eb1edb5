//! Short names for ops.

use std::collections::BTreeMap;

use crate::validate::kind;
use buildkit_proto::pb;
use buildkit_proto::pb::file_action::Action;

const MAX_WORDS: usize = 5;
const MAX_LENGTH: usize = 40;

/// The labels given so far.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    counts: BTreeMap<String, usize>,
}

impl Labels {
    /// A label that no other op has. A number is told from the words before it, since no word
    /// starts with a digit.
    pub(crate) fn add(&mut self, op: &pb::Op, metadata: &pb::OpMetadata) -> String {
        let name = metadata.description.get("llb.customname");
        let mut label = name.map(|name| slug(without_prefix(name))).unwrap_or_default();
        if label.is_empty() {
            label = slug(&own_words(op));
        }
        if label.is_empty() {
            label = kind(op).to_owned();
        }
        let count = self.counts.entry(label.clone()).or_default();
        *count += 1;
        match *count {
            1 => label,
            count => format!("{label}-{count}"),
        }
    }
}

/// `[linux/amd64 api 3/7] install numpy` without its bracket, whose numbers change all the time.
fn without_prefix(name: &str) -> &str {
    let rest = name.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    rest.map_or(name, |(_, rest)| rest)
}

/// The first words in lower case, without those that start with a digit.
fn slug(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    let mut slug = String::new();
    for word in words.take(MAX_WORDS) {
        if slug.is_empty() {
            slug.extend(word.chars().take(MAX_LENGTH));
        } else if slug.len() + 1 + word.len() <= MAX_LENGTH {
            slug.push('-');
            slug.push_str(word);
        }
    }
    slug
}

/// Words for an op without a custom name.
fn own_words(op: &pb::Op) -> String {
    match &op.op {
        Some(pb::op::Op::Source(source)) => source_words(&source.identifier),
        Some(pb::op::Op::Exec(exec)) => {
            let command = exec.meta.as_ref().and_then(|meta| meta.args.first());
            last_part(command.map_or("", String::as_str)).to_owned()
        }
        Some(pb::op::Op::File(file)) => {
            let action = file.actions.first().and_then(|action| action.action.as_ref());
            match action {
                Some(Action::Copy(copy)) => format!("copy {}", last_part(&copy.dest)),
                Some(Action::Mkfile(mkfile)) => format!("mkfile {}", last_part(&mkfile.path)),
                Some(Action::Mkdir(mkdir)) => format!("mkdir {}", last_part(&mkdir.path)),
                Some(Action::Symlink(link)) => format!("symlink {}", last_part(&link.newpath)),
                Some(Action::Rm(rm)) => format!("rm {}", last_part(&rm.path)),
                None => String::new(),
            }
        }
        _ => String::new(),
    }
}

fn source_words(identifier: &str) -> String {
    let (scheme, rest) = identifier.split_once("://").unwrap_or(("", identifier));
    let rest = rest.split(['@', '#', '?']).next().unwrap_or_default();
    let last = last_part(rest);
    match scheme {
        "local" => format!("local {rest}"),
        "http" | "https" => {
            // `idna-3.10-py3-none-any.whl` is `idna`.
            let mut words = last.split(|c: char| !c.is_ascii_alphanumeric());
            let first = words.next().unwrap_or_default();
            let words = words.take_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
            words.fold(first.to_owned(), |words, word| format!("{words} {word}"))
        }
        "git" => last.strip_suffix(".git").unwrap_or(last).to_owned(),
        _ => last.split(':').next().unwrap_or_default().to_owned(),
    }
}

fn last_part(path: &str) -> &str {
    let path = path.trim_end_matches(['/', '.']);
    path.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_made_of_words_that_last() {
        for (name, label) in [
            ("fetch idna 3.10", "fetch-idna"),
            ("[linux/amd64 api 3/7] install numpy", "install-numpy"),
            ("Copy `/etc/passwd`", "copy-etc-passwd"),
            ("one two three four five six", "one-two-three-four-five"),
            ("3.10", ""),
        ] {
            assert_eq!(slug(without_prefix(name)), label, "{name}");
        }
    }

    #[test]
    fn a_source_is_known_by_its_last_part() {
        for (identifier, label) in [
            ("docker-image://docker.io/library/python:3.13@sha256:00", "python"),
            ("https://h/a/idna-3.10-py3-none-any.whl?x", "idna"),
            ("https://h/typing_extensions-4.0.tar.gz", "typing-extensions"),
            ("git://github.com/pallets/flask.git#main", "flask"),
            ("local://context", "local-context"),
        ] {
            assert_eq!(slug(&source_words(identifier)), label, "{identifier}");
        }
    }
}
