//! Variables that are for commands of a Dockerfile alone.

/// Variables that are for commands, and mean nothing to what runs, or that every image has.
const OF_STEPS: [&str; 12] = [
    "VIRTUAL_ENV",
    "DEBIAN_FRONTEND",
    "LAMBDA_TASK_ROOT",
    "UV",
    "PIP_NO_CACHE_DIR",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_ROOT_USER_ACTION",
    "PYTHONPYCACHEPREFIX",
    "CARGO_HOME",
    "CCACHE_DIR",
    "DEBCONF_NONINTERACTIVE_SEEN",
];

/// Variables of uv that say how it works, or what a config says in another way, and so nothing of what is in an image beside that.
const OF_UV: [&str; 40] = [
    "UV_COMPILE_BYTECODE",
    "UV_COMPILE_BYTECODE_TIMEOUT",
    "UV_LINK_MODE",
    "UV_PYTHON_DOWNLOADS",
    "UV_PYTHON_PREFERENCE",
    "UV_MANAGED_PYTHON",
    "UV_NO_MANAGED_PYTHON",
    "UV_PYTHON_INSTALL_DIR",
    "UV_PYTHON_BIN_DIR",
    "UV_PYTHON_CACHE_DIR",
    "UV_PROJECT_ENVIRONMENT",
    "UV_NO_DEV",
    "UV_NO_DEFAULT_GROUPS",
    "UV_NO_EDITABLE",
    "UV_NO_SYNC",
    "UV_LOCKED",
    "UV_FROZEN",
    "UV_CACHE_DIR",
    "UV_NO_CACHE",
    "UV_SYSTEM_PYTHON",
    "UV_BREAK_SYSTEM_PACKAGES",
    "UV_TOOL_BIN_DIR",
    "UV_TOOL_DIR",
    "UV_INSTALL_DIR",
    "UV_UNMANAGED_INSTALL",
    "UV_NO_MODIFY_PATH",
    "UV_NO_PROGRESS",
    "UV_HTTP_TIMEOUT",
    "UV_HTTP_RETRIES",
    "UV_REQUEST_TIMEOUT",
    "UV_CONCURRENT_DOWNLOADS",
    "UV_CONCURRENT_BUILDS",
    "UV_CONCURRENT_INSTALLS",
    "UV_REQUIRE_HASHES",
    "UV_VERIFY_HASHES",
    "UV_VERSION",
    "UV_OFFLINE",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "UV_PREVIEW",
];

/// Whether a variable is for commands alone.
pub fn is_of_steps(name: &str) -> bool {
    OF_STEPS.contains(&name) || OF_UV.contains(&name)
}
