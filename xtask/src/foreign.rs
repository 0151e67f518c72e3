//! Clients nobody here wrote: Python's `websockets`, `httpx`, `schemathesis` and `openapi-spec-validator`, and Node's `ws`,
//! installed under `target/foreign` from the lists in `tests/foreign`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::step::{Step, find};
use crate::{root, target};

/// The variable by which tests find the interpreter that has the packages of `requirements.txt`.
pub const PYTHON: &str = "MOOTHALL_TEST_PYTHON";
/// The variable by which tests find the folder that has the packages of `package.json`.
pub const NODE: &str = "MOOTHALL_TEST_NODE";

/// The variable by which tests find a browser.
pub const BROWSER: &str = "MOOTHALL_TEST_BROWSER";

/// A browser of this machine that can run without a screen.
pub fn browser() -> Result<PathBuf> {
    let known = ["chromium", "chromium-browser", "google-chrome"];
    known.into_iter().find_map(find).context("chromium is not installed: apt-get install chromium")
}

/// Installs the Python packages, and returns the interpreter that has them.
pub fn python() -> Result<PathBuf> {
    let list = root().join("tests/foreign/requirements.txt");
    let folder = target().join("foreign/python");
    let interpreter = folder.join("bin/python");
    if !is_installed(&folder, &list) {
        let python =
            find("python3").context("python3 is not installed: apt-get install python3 python3-venv")?;
        Step::new(python).args(["-m", "venv", "--clear"]).arg(&folder).quiet().run()?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        Step::new(&interpreter).args(install).arg(&list).quiet().run()?;
        mark_installed(&folder, &list)?;
    }
    Ok(interpreter)
}

/// Installs the Node packages, and returns the folder that has them.
pub fn node() -> Result<PathBuf> {
    let list = root().join("tests/foreign/package.json");
    let folder = target().join("foreign/node");
    if !is_installed(&folder, &list) {
        find("node").context("node is not installed: apt-get install nodejs npm")?;
        let npm = find("npm").context("npm is not installed: apt-get install npm")?;
        std::fs::create_dir_all(&folder)?;
        std::fs::copy(&list, folder.join("package.json"))?;
        let install = ["install", "--no-audit", "--no-fund", "--loglevel=error"];
        Step::new(npm).args(install).within(&folder).quiet().run()?;
        mark_installed(&folder, &list)?;
    }
    Ok(folder)
}

/// Whether what is in the folder was installed from this very list.
fn is_installed(folder: &Path, list: &Path) -> bool {
    let installed = std::fs::read(folder.join("installed"));
    installed.is_ok_and(|installed| std::fs::read(list).is_ok_and(|list| list == installed))
}

fn mark_installed(folder: &Path, list: &Path) -> Result<()> {
    std::fs::copy(list, folder.join("installed"))?;
    Ok(())
}
