//! `user`: who runs in an image.

use super::path::require_absolute;
use super::table::{Located, Reader, Table};
use crate::diagnostic::Diagnostic;

/// `user = "root"` or `user = { name, uid, gid, home }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserConfig {
    /// Login name.
    pub name: String,
    /// Numeric user id.
    pub uid: u32,
    /// Numeric group id.
    pub gid: u32,
    /// Home directory; made, owned by the user, unless it exists.
    pub home: String,
}

/// The id that images conventionally give their first system user.
pub const DEFAULT_ID: u32 = 999;

impl UserConfig {
    /// As every image has it.
    pub fn root() -> Self {
        Self { name: "root".to_owned(), uid: 0, gid: 0, home: "/root".to_owned() }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<UserConfig>> {
    match reader.string_or_table(table, "user")? {
        Ok(name) if name.value == "root" => Some(name.map(|_| UserConfig::root())),
        Ok(name) => {
            check_user_name(reader, &name);
            Some(name.map(|name| {
                let home = format!("/home/{name}");
                UserConfig { name, uid: DEFAULT_ID, gid: DEFAULT_ID, home }
            }))
        }
        Err(mut table) => {
            let span = reader.span(table.range.clone());
            let name = reader.string(&mut table, "name");
            if let Some(name) = &name {
                check_user_name(reader, name);
            }
            let name = name.map_or_else(|| "app".to_owned(), |name| name.value);
            let uid = reader.integer(&mut table, "uid", u32::MAX).map_or(DEFAULT_ID, |uid| uid.value);
            let gid = reader.integer(&mut table, "gid", u32::MAX).map_or(uid, |gid| gid.value);
            let home = reader.string(&mut table, "home");
            if let Some(home) = &home {
                require_absolute(reader, home, "user.home");
                if home.value.contains([':', '\n']) {
                    let error = Diagnostic::new("config::bad_path", format!("`{}` cannot be a home", home.value))
                        .at(home.span.clone())
                        .help("`/etc/passwd` has no room for `:` and line breaks");
                    reader.errors.push(error);
                }
            }
            reader.finish(&table);
            let home = home.map_or_else(|| format!("/home/{name}"), |home| home.value);
            Some(Located { value: UserConfig { name, uid, gid, home }, span })
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
    let mut error = Diagnostic::new("config::bad_user", format!("`{text}` is not a user name"))
        .at(name.span.clone())
        .help("use letters, digits, `_`, `-` and `.`, with a letter or `_` in front");
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    if let (Ok(uid), Ok(gid)) = (uid.parse::<u32>(), gid.parse::<u32>()) {
        error = error.help(format!("ids are written `user = {{ name = \"app\", uid = {uid}, gid = {gid} }}`"));
    }
    reader.errors.push(error);
}
