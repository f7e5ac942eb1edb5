//! Which package of Debian has a shared library.

/// Libraries that wheels expect of the system: those that `auditwheel` leaves out (manylinux policies), and those of wheels that are
/// not built by it. By the start of their names, up to `.so`; packages are named as in Debian 12, whose names later ones provide.
const PACKAGES: [(&str, &str); 48] = [
    ("libGL", "libgl1"),
    ("libEGL", "libegl1"),
    ("libGLESv2", "libgles2"),
    ("libGLU", "libglu1-mesa"),
    ("libOpenGL", "libopengl0"),
    ("libOpenCL", "ocl-icd-libopencl1"),
    ("libICE", "libice6"),
    ("libSM", "libsm6"),
    ("libX11", "libx11-6"),
    ("libX11-xcb", "libx11-xcb1"),
    ("libXext", "libxext6"),
    ("libXrender", "libxrender1"),
    ("libXi", "libxi6"),
    ("libXrandr", "libxrandr2"),
    ("libXcursor", "libxcursor1"),
    ("libXfixes", "libxfixes3"),
    ("libxcb", "libxcb1"),
    ("libxkbcommon", "libxkbcommon0"),
    ("libfontconfig", "libfontconfig1"),
    ("libfreetype", "libfreetype6"),
    ("libglib-2.0", "libglib2.0-0"),
    ("libgthread-2.0", "libglib2.0-0"),
    ("libgobject-2.0", "libglib2.0-0"),
    ("libgomp", "libgomp1"),
    ("libgfortran", "libgfortran5"),
    ("libquadmath", "libquadmath0"),
    ("libatomic", "libatomic1"),
    ("libstdc++", "libstdc++6"),
    ("libgcc_s", "libgcc-s1"),
    ("libpq", "libpq5"),
    ("libmariadb", "libmariadb3"),
    ("libodbc", "unixodbc"),
    ("libsqlite3", "libsqlite3-0"),
    ("libxml2", "libxml2"),
    ("libxslt", "libxslt1.1"),
    ("libffi", "libffi8"),
    ("libmagic", "libmagic1"),
    ("libsndfile", "libsndfile1"),
    ("libportaudio", "libportaudio2"),
    ("libasound", "libasound2"),
    ("libzmq", "libzmq5"),
    ("libgeos_c", "libgeos-c1v5"),
    ("libproj", "libproj25"),
    ("libldap-2.5", "libldap-2.5-0"),
    ("libsnappy", "libsnappy1v5"),
    ("libnuma", "libnuma1"),
    ("libusb-1.0", "libusb-1.0-0"),
    ("libcurl", "libcurl4"),
];

/// The package that has a library, as a loader looks for it (`libGL.so.1`), where that is known.
pub fn debian(library: &str) -> Option<&'static str> {
    let (stem, _) = library.split_once(".so")?;
    PACKAGES.iter().find(|(known, _)| *known == stem).map(|(_, package)| *package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_libraries_by_the_start_of_their_names() {
        assert_eq!(debian("libGL.so.1"), Some("libgl1"));
        assert_eq!(debian("libglib-2.0.so.0"), Some("libglib2.0-0"));
        assert_eq!(debian("libstdc++.so.6"), Some("libstdc++6"));
        assert_eq!(debian("libGLX.so.0"), None);
        assert_eq!(debian("no-library"), None);
    }
}
