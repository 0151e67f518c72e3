//! `moothall documents`: writes the contracts of the API, which are committed in `api/`.

use std::path::Path;

use anyhow::{Context as _, Result};
use moothall::Registry;

/// Writes all documents into this folder.
pub fn run(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    for (name, text) in moothall_api::documents(&Registry::new(moothall::contexts())?) {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}
