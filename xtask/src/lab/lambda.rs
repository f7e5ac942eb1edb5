//! What makes a Debian with python a stand-in for the images of AWS Lambda: the runtime client from its wheel, and an emulator.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use super::machine::python_with_pip;
use super::places::Places;
use super::process::run_logged;

/// The runtime client that official images have in `/var/runtime`.
const RUNTIME_CLIENT: &str = "awslambdaric==4.2.2";

/// What the image starts, and what that starts.
const FILES: [(&str, &str); 2] = [
    ("lambda-entrypoint.sh", include_str!("lambda/entrypoint.sh")),
    ("var/runtime/emulator.py", include_str!("lambda/emulator.py")),
];

/// What tells one such image from another.
pub fn recipe() -> String {
    format!("{RUNTIME_CLIENT} {FILES:?}")
}

/// Runtime config, as the official images have it but for the certificates, which all stand-ins are told of.
pub fn config(labels: &Value) -> Value {
    json!({
        "Env": [
            "PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
            "LANG=en_US.UTF-8",
            "LAMBDA_TASK_ROOT=/var/task",
            "LAMBDA_RUNTIME_DIR=/var/runtime",
            "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
        ],
        "Entrypoint": ["/lambda-entrypoint.sh"],
        "WorkingDir": "/var/task",
        "Labels": labels,
    })
}

/// A directory with the files over those of Debian, for a python of this version.
pub fn files(places: &Places, version: &str) -> Result<PathBuf> {
    let directory = places.images().join("lambda-files");
    let _ = fs::remove_dir_all(&directory);
    for (path, text) in FILES {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&directory))?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    fs::create_dir_all(directory.join("var/task"))?;
    let lang = directory.join("var/lang/bin");
    fs::create_dir_all(&lang)?;
    for link in ["python3", &format!("python{version}")] {
        std::os::unix::fs::symlink(format!("/usr/bin/python{version}"), lang.join(link))?;
    }
    install(places, version, &directory.join("var/runtime"))?;
    Ok(directory)
}

fn install(places: &Places, version: &str, target: &Path) -> Result<()> {
    let log = places.log("images");
    let mut install = Command::new(python_with_pip(&log)?);
    install.args(["-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"]);
    install.args(["--python-version", version]);
    install.arg(format!("--platform=manylinux2014_{}", std::env::consts::ARCH)).arg("--target").arg(target);
    run_logged(install.arg(RUNTIME_CLIENT), &log)
}
