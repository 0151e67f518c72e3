//! The place of the data: made before the first start, closed to other users of the machine.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use moothall::moothall_store::{MigrationState, Store};
use moothall::{MIGRATIONS, Settings, open_store};

/// The file of the database, if it is one.
pub fn file(settings: &Settings) -> Option<&Path> {
    settings.store.url.strip_prefix("sqlite:").map(|path| Path::new(path.strip_prefix("//").unwrap_or(path)))
}

/// The folder the data lives in, if it lives on this machine.
pub fn folder(settings: &Settings) -> Option<PathBuf> {
    let parent = file(settings)?.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_path_buf() })
}

/// Makes the place the data lives in, for this user alone: it holds what players wrote to each other. The folder may be
/// there and open to others, so the file is made too; what SQLite puts beside it is as open as the file.
pub fn make(settings: &Settings) -> Result<()> {
    let (Some(folder), Some(file)) = (folder(settings), file(settings)) else { return Ok(()) };
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.with_context(|| format!("could not make the folder {}", folder.display()))?;
    ensure!(!file.is_dir(), "{} is a folder: store.url names the file in it", file.display());
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("could not make the file {}", file.display()))
        }
        _ => Ok(()),
    }
}

/// Opens the database as it is. Refuses where there is none: looking at one must not make it.
pub async fn open(settings: &Settings) -> Result<Store> {
    if let Some(file) = file(settings) {
        ensure!(
            file.exists(),
            "there is no database at {}: the first `moothall serve` makes it",
            file.display()
        );
    }
    Ok(open_store(settings).await?)
}

/// Refuses a database that is not there, or that this version would have to migrate first.
pub async fn check_current(settings: &Settings) -> Result<()> {
    let store = open(settings).await?;
    let status = store.migration_status(MIGRATIONS).await;
    store.close().await;
    let pending = status?.iter().filter(|one| one.state == MigrationState::Pending).count();
    let advice = "run `moothall migrate`, or start the server, which does it too";
    ensure!(pending == 0, "{pending} migrations are to be applied to the database: {advice}");
    Ok(())
}
