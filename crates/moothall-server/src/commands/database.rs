//! The place of the data: made before the first start, closed to other users of the machine.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use moothall::Settings;

/// The file of the database, if it is one.
pub fn file(settings: &Settings) -> Option<&Path> {
    settings.store.url.strip_prefix("sqlite:").map(|path| Path::new(path.strip_prefix("//").unwrap_or(path)))
}

/// The folder the data lives in, if it lives on this machine.
pub fn folder(settings: &Settings) -> Option<PathBuf> {
    let parent = file(settings)?.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_path_buf() })
}

/// Makes the folder the data lives in, for this user alone: it holds what players wrote to each other.
pub fn make_folder(settings: &Settings) -> Result<()> {
    let Some(folder) = folder(settings) else { return Ok(()) };
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.with_context(|| format!("could not make the folder {}", folder.display()))
}
