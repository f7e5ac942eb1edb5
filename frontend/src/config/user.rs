//! `user`: who runs in an image.

use super::path::require_absolute;
use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};

/// `user = "NAME"`, or a table of what is to be told apart from the base's own user of that name, or from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserConfig {
    /// Login name; default: that of the base's user with this uid, else [`DEFAULT_NAME`].
    pub name: Option<String>,
    /// Numeric user id; default: that of the base's user, else [`DEFAULT_ID`].
    pub uid: Option<u32>,
    /// Numeric group id; default: that of the base's user or group with this name, else the uid, if no other group has it.
    pub gid: Option<u32>,
    /// Home directory; default: that of the base's user, else `/home/NAME`.
    pub home: Option<String>,
}

/// Who runs where nobody else is named.
pub const DEFAULT_NAME: &str = "app";

/// The id that images conventionally give their first system user.
pub const DEFAULT_ID: u32 = 999;

impl UserConfig {
    /// As every image has it.
    pub fn root() -> Self {
        Self { name: Some("root".to_owned()), ..Self::default() }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<UserConfig>> {
    match reader.string_or_table(table, "user")? {
        Ok(name) => {
            check_user_name(reader, &name);
            Some(name.map(|name| UserConfig { name: Some(name), ..UserConfig::default() }))
        }
        Err(mut table) => {
            let span = reader.span(table.range.clone());
            let name = reader.string(&mut table, "name");
            if let Some(name) = &name {
                check_user_name(reader, name);
            }
            let uid = reader.integer(&mut table, "uid", u32::MAX);
            let gid = reader.integer(&mut table, "gid", u32::MAX);
            let home = reader.string(&mut table, "home");
            if let Some(home) = &home {
                require_absolute(reader, home, "user.home");
                if home.value.contains([':', '\n']) {
                    let error =
                        Diagnostic::new("config::bad_path", format!("`{}` is not a valid home directory", home.value))
                            .at(home.span.clone())
                            .help("a path in `/etc/passwd` cannot contain `:` or line breaks");
                    reader.errors.push(error);
                }
            }
            reader.finish(&table);
            let value = UserConfig {
                name: name.map(|name| name.value),
                uid: uid.map(|uid| uid.value),
                gid: gid.map(|gid| gid.value),
                home: home.map(|home| home.value),
            };
            Some(Located { value, span })
        }
    }
}

/// Names become a line of `/etc/passwd`, and tools that read it want them plain (shadow: `is_valid_user_name`).
fn check_user_name(reader: &mut Reader<'_>, name: &Located<String>) {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || ['_', '-', '.'].contains(&char);
    let text = name.value.as_str();
    let starts_well = text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    if starts_well && text.chars().all(is_plain) {
        return;
    }
    let mut error = Diagnostic::new("config::bad_user", format!("`{text}` is not a valid user name"))
        .at(name.span.clone())
        .help("use letters, digits, `_`, `-` and `.`, and start with a letter or `_`");
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    if let (Ok(uid), Ok(gid)) = (uid.parse::<u32>(), gid.parse::<u32>()) {
        error = error.help(format!("to set ids, write `user = {{ name = \"app\", uid = {uid}, gid = {gid} }}`"));
    }
    reader.errors.push(error);
}
