//! The user that a container runs as, made without a shell: the base's `passwd` and `group` texts, extended.

use crate::config::UserConfig;
use crate::diagnostic::{Diagnostic, Span};

/// What has to be written into the image for its user to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: UserConfig,
    /// New text of `/etc/passwd`; absent when the base has the user already.
    pub passwd: Option<String>,
    /// New text of `/etc/group`; absent when the base has the group already.
    pub group: Option<String>,
    /// The home directory is to be made.
    pub make_home: bool,
}

/// A shell that refuses to run, so that nobody logs in as the user.
const NO_LOGIN: &str = "/usr/sbin/nologin";

/// Extends the base's texts. A name or an id that the base gives to someone else is refused: files in the base would change
/// hands.
pub fn plan(user: &UserConfig, passwd: &str, group: &str, span: Option<&Span>) -> Result<Account, Diagnostic> {
    let conflict = |what: &str, holder: &str| {
        Diagnostic::new(
            "config::user_taken",
            format!(
                "user `{}` ({}:{}) cannot be added: {what} belongs to `{holder}` in the base image",
                user.name, user.uid, user.gid
            ),
        )
        .at_some(span.cloned())
        .help("choose another name or id, or spell out the base's own user: `user = { name, uid, gid, home }`")
    };
    let mut known = false;
    for entry in passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()) {
        let [name, _, uid, gid, ..] = entry[..] else { continue };
        let same_ids = uid == user.uid.to_string() && gid == user.gid.to_string();
        if name == user.name && same_ids {
            known = true;
        } else if name == user.name {
            return Err(conflict(&format!("the name (with ids {uid}:{gid})"), name));
        } else if uid == user.uid.to_string() && user.uid != 0 {
            return Err(conflict(&format!("uid {uid}"), name));
        }
    }
    let mut group_known = false;
    for entry in group.lines().map(|line| line.split(':').collect::<Vec<_>>()) {
        let [name, _, gid, ..] = entry[..] else { continue };
        if gid == user.gid.to_string() {
            group_known = true;
        } else if name == user.name {
            return Err(conflict(&format!("the group name (with gid {gid})"), name));
        }
    }
    let line = |text: &str, line: String| {
        let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        format!("{text}{separator}{line}\n")
    };
    let UserConfig { name, uid, gid, home } = user;
    Ok(Account {
        user: user.clone(),
        passwd: (!known).then(|| line(passwd, format!("{name}:x:{uid}:{gid}::{home}:{NO_LOGIN}"))),
        group: (!group_known).then(|| line(group, format!("{name}:x:{gid}:"))),
        make_home: !known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\nwww-data:x:33:\n";

    fn user(name: &str, id: u32) -> UserConfig {
        UserConfig { name: name.to_owned(), uid: id, gid: id, home: format!("/home/{name}") }
    }

    #[test]
    fn adds_a_line_to_each_file() {
        let account = plan(&user("app", 999), PASSWD, GROUP, None).unwrap();
        assert_eq!(account.passwd.unwrap(), format!("{PASSWD}app:x:999:999::/home/app:/usr/sbin/nologin\n"));
        assert_eq!(account.group.unwrap(), format!("{GROUP}app:x:999:\n"));
        assert!(account.make_home);
    }

    #[test]
    fn leaves_a_user_of_the_base_alone() {
        let account = plan(&user("www-data", 33), PASSWD, GROUP, None).unwrap();
        assert_eq!((account.passwd, account.group, account.make_home), (None, None, false));
    }

    #[test]
    fn refuses_what_is_taken() {
        insta::assert_snapshot!(plan(&user("app", 33), PASSWD, GROUP, None).unwrap_err().message, @"user `app` (33:33) cannot be added: uid 33 belongs to `www-data` in the base image");
        insta::assert_snapshot!(plan(&user("www-data", 999), PASSWD, GROUP, None).unwrap_err().message, @"user `www-data` (999:999) cannot be added: the name (with ids 33:33) belongs to `www-data` in the base image");
    }
}
