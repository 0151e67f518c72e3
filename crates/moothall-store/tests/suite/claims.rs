//! One server per database, and commands beside it.

use std::time::{Duration, Instant};

use moothall_store::{Claim, Error};
use moothall_testing::databases::on_both_engines;

#[tokio::test]
async fn a_database_has_one_claim_beside_which_others_may_read_and_write() {
    on_both_engines(|database| async move {
        let claim = Claim::take(database.options()).await.unwrap();
        let start = Instant::now();
        let refused = Claim::take(database.options()).await.err().unwrap();
        assert!(matches!(refused, Error::Claimed), "{refused}");
        assert!(refused.to_string().contains("another Moothall is using this database"), "{refused}");
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        let store = crate::migrated(&database).await;
        crate::open_account(&store, "ana", 1).await.unwrap();
        store.close().await;
        // A server that ends while the next one starts is waited for.
        let (next, ()) = tokio::join!(Claim::take(database.options()), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            tokio::task::spawn_blocking(move || drop(claim)).await.unwrap();
        });
        next.unwrap();
    })
    .await;
}

#[tokio::test]
async fn two_names_of_one_file_are_one_database() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("real.db"), folder.path().join("link.db"));
    std::fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let options = |path: &std::path::Path| moothall_store::Options::new(format!("sqlite:{}", path.display()));
    let _claim = Claim::take(options(&file)).await.unwrap();
    assert!(matches!(Claim::take(options(&link)).await, Err(Error::Claimed)));
}
