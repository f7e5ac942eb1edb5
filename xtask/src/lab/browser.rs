//! A browser for the tests of pages: Debian's Chromium, and the program that drives it over WebDriver.

use std::path::PathBuf;

use anyhow::Result;

use super::machine::require_program;
use super::places::Places;

/// The programs of a browser.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Chromium.
    pub program: PathBuf,
    /// Its driver.
    pub driver: PathBuf,
}

/// Finds a browser, or installs it. It needs no lab.
pub fn browser() -> Result<Browser> {
    let places = Places::new()?;
    let _lock = places.lock_images()?;
    let log = places.log("packages");
    // Without recommended packages, Chromium comes without a font.
    let program = require_program("chromium", &["fonts-dejavu-core", "chromium"], &log)?;
    let driver = require_program("chromedriver", &["chromium-driver"], &log)?;
    Ok(Browser { program, driver })
}
