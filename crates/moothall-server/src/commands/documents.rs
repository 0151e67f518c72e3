//! `moothall documents`: writes the contracts of the API, as they are committed in `api/`.

use std::path::Path;

use anyhow::{Context as _, Result};
use moothall::{Registry, contexts};

/// Writes all documents into a folder.
pub fn run(folder: &Path) -> Result<()> {
    let registry = Registry::new(contexts())?;
    std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    for (file, text) in moothall_api::documents(&registry) {
        let file = folder.join(file);
        std::fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}
