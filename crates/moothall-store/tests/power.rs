//! An acknowledged write survives a power cut, if the database syncs; and this test sees it when it does not.
//!
//! A child process writes to SQLite on a disk that forgets what was not synced (`power/disk.rs`). The power is cut at a random moment,
//! and what is left is opened again: every acknowledged write must be there, and none by half. `MOOTHALL_TEST_POWER_CUTS` sets how often;
//! without it 40 times. Without `/dev/fuse`, or the right to mount, it says loudly that it proves nothing.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "for tests: what goes wrong here fails the test"
)]

#[path = "power/disk.rs"]
mod disk;
#[path = "crash/workload.rs"]
mod workload;

use std::path::Path;
use std::time::Duration;

use disk::{Cache, Disk};
use moothall_store::{Error, Options, Store, params};
use moothall_testing::crashes::{chance, seed};
use workload::{Child, verify};

/// Not a test: what the child process does.
#[test]
#[ignore = "is the child of the other tests"]
fn child() {
    workload::run();
}

fn cuts() -> u64 {
    std::env::var("MOOTHALL_TEST_POWER_CUTS").map_or(40, |cuts| cuts.parse().expect("a number of cuts"))
}

fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("test.db").display())
}

async fn open(folder: &Path) -> Result<Store, Error> {
    Store::open(Options::new(url(folder))).await
}

/// A disk with an empty database on it; `None` if file systems cannot be made here.
async fn prepared(folder: &Path) -> Option<Disk> {
    let disk = Disk::default();
    let session = match disk.mount(folder) {
        Ok(session) => session,
        Err(error) => {
            // Without the device `cargo xtask test` says at its end what was skipped; with it there is no excuse.
            let device = std::fs::File::options().read(true).write(true).open("/dev/fuse");
            let is_required = device.is_ok() && std::env::var("MOOTHALL_REQUIRE_SERVICES").is_ok();
            assert!(!is_required, "no FUSE: {error}; give this machine the right to mount");
            eprintln!(
                "SKIPPED (no FUSE: {error}): nothing was proved about power cuts; give this machine /dev/fuse"
            );
            return None;
        }
    };
    workload::prepare(&open(folder).await.unwrap()).await;
    disk::unmount(session);
    Some(disk)
}

/// Writes until the power is cut, and looks at what is left of it. Returns the disk, how many writes were acknowledged, or what
/// is wrong.
async fn cut(disk: &Disk, folder: &Path, number: u64, synchronous: &str) -> (Disk, Result<usize, String>) {
    let session = disk.mount(folder).unwrap();
    let mut child = Child::start("child", &url(folder), number, synchronous);
    child.first_acknowledgement();
    std::thread::sleep(Duration::from_micros(chance(seed() ^ number) % 60_000));
    disk.cut();
    let acknowledged = child.kill();
    disk::unmount(session);
    let cache = if number.is_multiple_of(2) { Cache::Lost } else { Cache::Half(seed() ^ number) };
    let left = disk.after_cut(cache);
    let session = left.mount(folder).unwrap();
    let outcome = match open(folder).await {
        Ok(store) => {
            let found = verify(&store, number, &acknowledged).await;
            store.close().await;
            found.map(|_| acknowledged.len())
        }
        Err(error) => Err(format!("the database does not open: {error}")),
    };
    disk::unmount(session);
    (left, outcome)
}

#[tokio::test]
async fn what_sqlite_acknowledged_survives_power_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut disk) = prepared(folder.path()).await else { return };
    let mut acknowledged = 0;
    for number in 0..cuts() {
        let (left, outcome) = cut(&disk, folder.path(), number, "full").await;
        acknowledged += outcome.unwrap_or_else(|lost| panic!("cut {number} of the seed {}: {lost}", seed()));
        disk = left;
    }
    eprintln!("{} cuts: {acknowledged} acknowledged, 0 lost", cuts());
    assert!(acknowledged as u64 > 10 * cuts(), "the power was cut under load");
}

#[tokio::test]
async fn a_disk_that_fails_to_sync_leaves_one_write_open_refuses_all_others_and_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = prepared(folder.path()).await else { return };
    let session = disk.mount(folder.path()).unwrap();
    let store = open(folder.path()).await.unwrap();
    let write = |step: i64| store.write(move |tx| tx.execute(workload::DEBIT, params![0, 0, step]).map(drop));
    write(1).await.unwrap();
    store.ping().await.unwrap();
    disk.fail_to_sync();
    let open = write(2).await.unwrap_err();
    assert!(matches!(open, Error::OutcomeUnknown(_)) && !open.is_unavailable(), "{open}");
    assert!(open.to_string().contains("unknown"), "{open}");
    let refused = write(3).await.unwrap_err();
    assert!(matches!(&refused, Error::Unavailable(text) if text.contains("restart")), "{refused}");
    let unready = store.ping().await.unwrap_err();
    assert!(matches!(unready, Error::Unavailable(_)), "{unready}");
    store.close().await;
    disk::unmount(session);
}

#[tokio::test]
async fn without_syncing_they_are_lost_and_this_test_sees_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut disk) = prepared(folder.path()).await else { return };
    for number in 0..cuts() {
        match cut(&disk, folder.path(), number, "off").await {
            (left, Ok(_)) => disk = left,
            (_, Err(lost)) => return eprintln!("cut {number}, as it must be: {lost:.200}"),
        }
    }
    panic!("no power cut lost anything, though nothing was synced: the disk forgets nothing");
}
