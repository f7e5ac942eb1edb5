//! What an installed package says of where it came from, when that is no index: its `direct_url.json` (PEP 610), as uv writes it.

use serde::Serialize;
use url::Url;

use crate::lock::Source;
use crate::rootfs::APP_DIR;

/// Fields are in uv's order: a `RECORD` has the hash of the text.
#[derive(Serialize)]
struct DirectUrl<'source> {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vcs_info: Option<VcsInfo<'source>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_info: Option<ArchiveInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dir_info: Option<DirInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subdirectory: Option<&'source str>,
}

#[derive(Serialize)]
struct VcsInfo<'source> {
    vcs: &'static str,
    commit_id: &'source str,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_revision: Option<&'source str>,
}

#[derive(Serialize)]
struct ArchiveInfo {}

#[derive(Serialize)]
struct DirInfo {
    editable: bool,
}

/// The file's text; none for packages of an index. A path in the context becomes what it is where the context lies in
/// [`APP_DIR`], as in uv's documented images: it is the same on every machine.
pub fn text(source: &Source) -> Option<String> {
    let nothing =
        DirectUrl { url: String::new(), vcs_info: None, archive_info: None, dir_info: None, subdirectory: None };
    let origin = match source {
        Source::Registry(_) | Source::FlatRegistry(_) | Source::Virtual(_) | Source::Script(_) => return None,
        Source::Git(git) => DirectUrl {
            url: git.url.clone(),
            vcs_info: Some(VcsInfo {
                vcs: "git",
                commit_id: &git.commit,
                requested_revision: git.requested.as_deref(),
            }),
            subdirectory: git.subdirectory.as_deref(),
            ..nothing
        },
        Source::Url { url, subdirectory } => DirectUrl {
            url: url.to_string(),
            archive_info: Some(ArchiveInfo {}),
            subdirectory: subdirectory.as_deref(),
            ..nothing
        },
        Source::Path(path) => DirectUrl { url: file_url(path)?, archive_info: Some(ArchiveInfo {}), ..nothing },
        Source::Directory(path) | Source::Editable(path) => {
            DirectUrl { url: file_url(path)?, dir_info: Some(DirInfo { editable: false }), ..nothing }
        }
    };
    serde_json::to_string(&origin).ok()
}

fn file_url(path: &str) -> Option<String> {
    let path = if path == "." { APP_DIR.to_owned() } else { format!("{APP_DIR}/{path}") };
    Url::from_file_path(path).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_a_context_in_the_image() {
        let directory = |path: &str| text(&Source::Editable(path.to_owned())).unwrap();
        assert_eq!(directory("."), r#"{"url":"file:///app","dir_info":{"editable":false}}"#);
        assert_eq!(directory("a b/c"), r#"{"url":"file:///app/a%20b/c","dir_info":{"editable":false}}"#);
    }
}
