//! What an error says of the exec that failed: the detail `errdefs.Solve`, as far as it is read here. Its JSON is that of
//! `protojson`: 64 bit numbers are strings, and what is 0 or empty is not there.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// An exec that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedExec {
    /// The name that clients show, if it has one.
    pub name: String,
    /// Its command.
    pub args: Vec<String>,
    /// Where its outputs were mounted, and results that hold what is in them now. They live as long as the build.
    pub outputs: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Solve {
    #[serde(default, rename = "mountIDs")]
    mount_ids: Vec<String>,
    #[serde(default)]
    op: Op,
    #[serde(default)]
    description: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Op {
    exec: Option<Exec>,
}

#[derive(Deserialize)]
struct Exec {
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    mounts: Vec<Mount>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    args: Vec<String>,
}

#[derive(Deserialize)]
struct Mount {
    #[serde(default)]
    dest: String,
    #[serde(default)]
    output: Value,
}

impl Mount {
    /// Only the first output has a number that is left out.
    fn is_output(&self) -> bool {
        self.output.as_str().is_none_or(|number| !number.starts_with('-'))
    }
}

/// The exec in the value of a detail, if it is one about an exec.
pub(super) fn from_json(json: &[u8]) -> Option<FailedExec> {
    let Solve { mount_ids, op, mut description } = serde_json::from_slice(json).ok()?;
    let exec = op.exec?;
    // An id for each mount; none for one that holds nothing.
    let ids = mount_ids.into_iter().map(Some).chain(std::iter::repeat(None));
    let outputs = exec.mounts.into_iter().zip(ids).filter(|(mount, _)| mount.is_output());
    Some(FailedExec {
        name: description.remove("llb.customname").unwrap_or_default(),
        args: exec.meta.args,
        outputs: outputs.filter_map(|(mount, id)| Some((mount.dest, id.filter(|id| !id.is_empty())?))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_buildkit_says_of_an_exec() {
        let json = br#"{"inputIDs":["a",""],"mountIDs":["root","","out","cache"],"op":{"inputs":[{"digest":"sha256:ab"}],
            "exec":{"meta":{"args":["python","x.py"],"cwd":"/"},"mounts":[{"dest":"/","output":"-1","readonly":true},
            {"dest":"/tmp","input":"-1","output":"-1","mountType":"TMPFS"},{"input":"-1","dest":"/out"},
            {"dest":"/cache","output":"-1"}]},"platform":{"OS":"linux"}},"description":{"llb.customname":"[a 1/2] build b"}}"#;
        let exec = FailedExec {
            name: "[a 1/2] build b".to_owned(),
            args: vec!["python".to_owned(), "x.py".to_owned()],
            outputs: vec![("/out".to_owned(), "out".to_owned())],
        };
        assert_eq!(from_json(json), Some(exec));
    }

    #[test]
    fn tells_nothing_of_other_ops() {
        assert_eq!(from_json(br#"{"inputIDs":["a"],"op":{"file":{"actions":[]}},"file":{"index":"1"}}"#), None);
        assert_eq!(from_json(b"{}"), None);
        assert_eq!(from_json(b"["), None);
        assert_eq!(from_json(br#"{"op":{"exec":{}}}"#), Some(FailedExec::default()));
    }
}
