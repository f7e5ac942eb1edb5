//! Entries of a lock, to make it as long as one may become.

/// Packages of an index, with 60 wheels each: 2,000 of them are more than 20 MB.
pub fn packages<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let wheels: String = (0..60)
        .map(|build| {
            format!(
                "    {{ url = \"https://files.example/aa/bb/NAME-1.0-{build}-py3-none-any.whl\", hash = \"sha256:{:064}\", size = \
                 {build}, upload-time = \"2025-01-01T00:00:00.000Z\" }},\n",
                0
            )
        })
        .collect();
    let package = |name: &str| {
        format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"1.0\"\nsource = {{ registry = \"https://index.example/simple\" }}\n\
             wheels = [\n{}]\n",
            wheels.replace("NAME", &name.replace('-', "_")),
        )
    };
    names.into_iter().map(package).collect()
}

/// As many names as it takes.
pub fn names() -> Vec<String> {
    (0..2_000).map(|index| format!("package-{index}")).collect()
}
