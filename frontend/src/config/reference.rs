//! Names of images.

use buildkit_llb::normalize_image_ref;

use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};

/// What a registry or a named context may be asked for.
pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>, key: &'static str) -> Option<Located<String>> {
    let image = reader.string(table, key)?;
    if let Err(error) = normalize_image_ref(&image.value) {
        let error = Diagnostic::new("config::bad_image", error.to_string()).at(image.span);
        reader
            .errors
            .push(error.help(format!("write `{key} = \"REPOSITORY:TAG\"`, in the form that `docker pull` accepts")));
        return None;
    }
    Some(image)
}
