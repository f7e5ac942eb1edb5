//! A bake file with every target of a project.

use std::fmt::Write as _;

/// The text of `docker-bake.hcl`. `file` is what `-f` would name; none for `Dockerfile`, which need not be named.
pub fn text(targets: &[String], file: Option<&str>) -> String {
    let names: Vec<String> = targets.iter().map(|target| format!("\"{}\"", bake_name(target))).collect();
    let mut text = format!("group \"default\" {{\n  targets = [{}]\n}}\n", names.join(", "));
    for (target, name) in targets.iter().zip(&names) {
        let mut body = format!("  target = \"{target}\"\n  tags = [\"{}\"]\n", target.to_lowercase());
        if let Some(file) = file {
            body.insert_str(0, &format!("  dockerfile = \"{file}\"\n"));
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "\ntarget {name} {{\n  context = \".\"\n{body}}}\n");
    }
    text
}

/// Names in bake have no dots.
fn bake_name(target: &str) -> String {
    target.chars().map(|char| if char.is_ascii_alphanumeric() || char == '-' { char } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_every_target() {
        insta::assert_snapshot!(super::text(&["api".to_owned(), "api.debug".to_owned()], Some("uv.build.toml")), @r#"
        group "default" {
          targets = ["api", "api_debug"]
        }

        target "api" {
          context = "."
          dockerfile = "uv.build.toml"
          target = "api"
          tags = ["api"]
        }

        target "api_debug" {
          context = "."
          dockerfile = "uv.build.toml"
          target = "api.debug"
          tags = ["api.debug"]
        }
        "#);
    }
}
