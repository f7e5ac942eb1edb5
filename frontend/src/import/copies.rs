//! `COPY` and `ADD`: what a stage has of the context, and of other stages.

use std::ops::Range;

use parse_dockerfile::{self as dockerfile, Flag, Source};

use super::reader::Reader;
use super::stage::{Copy, Stage, Taken};
use super::text::Text;

/// What becomes of a mode that is not carried over.
pub const KEPT: &str = "files keep the mode that they have in the context";

impl Reader<'_> {
    /// `COPY` and `ADD`.
    pub fn copy(
        &mut self,
        options: &[Flag<'_>],
        sources: &[Source<'_>],
        destination: &dockerfile::UnescapedString<'_>,
        start: usize,
        stage: &mut Stage,
    ) {
        let range = start..destination.span.end;
        let mut place = None;
        let (mut owner, mut mode) = (None, None);
        // What a path says is said by what becomes of its sources.
        self.implied(&destination.span);
        for flag in options {
            let value = flag.value.as_ref().map(|value| self.expand(value, stage).shown()).unwrap_or_default();
            match flag.name.value.as_ref() {
                "from" => {
                    place = Some(value);
                    self.implied(&flag.span());
                }
                // Links are what layers are made of.
                "link" => self.implied(&flag.span()),
                "chown" => owner = Some((value, flag.span())),
                "keep-git-dir" | "checksum" => {
                    self.left_out(&flag.span(), format!("`--{}`", flag.name.value), "it is only for downloads")
                }
                "chmod" => match permissions(&value) {
                    Some(bits) => mode = Some((bits, flag.span())),
                    None => self.left_out(&flag.span(), "`--chmod`", KEPT),
                },
                other => self.left_out(&flag.span(), format!("`--{other}`"), ""),
            }
        }
        let to = self.expand(destination, stage).shown();
        let mut paths = Vec::new();
        for source in sources {
            match source {
                Source::Path(path) => paths.push((self.expand(path, stage).shown(), path.span.clone())),
                Source::HereDoc(document) => {
                    self.left_out(
                        &document.span,
                        "a file that is written in the Dockerfile",
                        "put it into the build context, and copy it with `files`",
                    );
                }
                _ => {}
            }
        }
        let is_into = to.ends_with('/') || to == "." || paths.len() > 1;
        let to = stage.absolute(&to);
        let lands = |path: &str, is_directory: bool| {
            let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
            if is_directory || !is_into { to.clone() } else { super::stage::absolute(&to, name) }
        };
        match place {
            None => {
                for (path, word) in paths {
                    if path.contains("://") || path.ends_with(".git") {
                        self.left_out(
                            &range,
                            format!("`{path}`, which is downloaded"),
                            "put its content into the build context, and copy it with `files`",
                        );
                        continue;
                    }
                    let from = super::stage::absolute("/", &path).trim_start_matches('/').to_owned();
                    let from = if from.is_empty() { ".".to_owned() } else { from };
                    let to = lands(&from, self.surroundings.is_directory(&from));
                    if let Some((name, _)) = &owner {
                        stage.note_parents(&to, name);
                    }
                    let (owner, mode) = (owner.clone(), mode.clone());
                    stage.copies.push(Copy { from, to, range: range.clone(), word, owner, mode });
                }
            }
            Some(place) => {
                self.copy_from(&place, &paths, owner.as_ref(), lands, &range, stage);
            }
        }
    }

    fn copy_from(
        &mut self,
        place: &str,
        paths: &[(String, Range<usize>)],
        owner: Option<&(String, Range<usize>)>,
        lands: impl Fn(&str, bool) -> String,
        range: &Range<usize>,
        stage: &mut Stage,
    ) {
        let is_uv = |path: &str| ["uv", "uvx"].contains(&path.rsplit('/').next().unwrap_or_default());
        match self.find(place) {
            Some(from) => {
                let other = self.stages[from].clone();
                for (path, word) in paths {
                    // What other stages have are directories, but for programs.
                    let path = super::stage::absolute("/", path);
                    let is_program = path.contains("/bin/");
                    let to = lands(&path, !is_program);
                    if other.origin(&path).is_none() && is_uv(&path) {
                        stage.uv = stage.uv.take().or(other.uv.clone());
                        self.implied(word);
                        continue;
                    }
                    if other.is_environment(&path) {
                        stage.environments.push(to.clone());
                    }
                    if let Some((name, _)) = owner {
                        stage.note_parents(&to, name);
                    }
                    let (range, word) = (range.clone(), word.clone());
                    stage.taken.push(Taken { stage: from, from: path, to, range, word, owner: owner.cloned() });
                }
            }
            None if !paths.is_empty() && paths.iter().all(|(path, _)| is_uv(path)) => {
                stage.uv = Some(Text::from(place));
                self.implied(range);
            }
            None => {
                self.left_out(range, format!("files of the image `{place}`"), "use a `base` that has these files");
            }
        }
    }
}

/// Permission bits as a config has them, of what `chmod` is given: digits, or that a file can be started.
pub fn permissions(mode: &str) -> Option<String> {
    let is_octal = (3..=4).contains(&mode.len()) && mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match mode {
        "+x" | "a+x" | "u+x" | "ug+x" | "ugo+x" | "+rx" | "a+rx" => Some("0755".to_owned()),
        _ if is_octal && mode.len() == 3 => Some(format!("0{mode}")),
        _ if is_octal => Some(mode.to_owned()),
        _ => None,
    }
}
