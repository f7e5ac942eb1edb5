//! A bake file with every target of a project.

use std::fmt::Write as _;

/// The text of `docker-bake.hcl`: images by default, `checks` apart. `file` is what `-f` would name; none for `Dockerfile`, which
/// need not be named.
pub fn text(targets: &[String], checks: &[String], file: Option<&str>) -> String {
    let quoted = |target: &String| format!("\"{}\"", bake_name(target));
    let group = |name: &str, targets: &[String]| {
        let targets: Vec<String> = targets.iter().map(quoted).collect();
        format!("group \"{name}\" {{\n  targets = [{}]\n}}\n", targets.join(", "))
    };
    let (checks, images): (Vec<_>, Vec<_>) = targets.iter().cloned().partition(|target| checks.contains(target));
    let mut text = group("default", &images);
    if !checks.is_empty() {
        text += &format!("\n{}", group("checks", &checks));
    }
    for target in targets {
        let name = quoted(target);
        // A check leaves reports, which nobody asked for here.
        let mut body = match checks.contains(target) {
            true => format!("  target = \"{target}\"\n  output = [\"type=cacheonly\"]\n"),
            false => format!("  target = \"{target}\"\n  tags = [\"{}\"]\n", target.to_lowercase()),
        };
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
        insta::assert_snapshot!(super::text(&["api", "api.debug", "test"].map(str::to_owned), &["test".to_owned()], Some("uv.build.toml")), @r#"
        group "default" {
          targets = ["api", "api_debug"]
        }

        group "checks" {
          targets = ["test"]
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

        target "test" {
          context = "."
          dockerfile = "uv.build.toml"
          target = "test"
          output = ["type=cacheonly"]
        }
        "#);
    }
}
