//! The store alone, in this process.

use anyhow::Result;
use moothall_store::{Error, Options, Store, params, statements};
use tokio::task::JoinSet;

use crate::Measured;
use crate::load::run;

const TASKS: i64 = 64;
const WRITES: i64 = 1_000;
const READS: i64 = 2_000;

statements! {
    MAKE = "CREATE TABLE rows (task BIGINT NOT NULL, step BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (task, step))";
    INSERT = "INSERT INTO rows (task, step, text) VALUES ($1, $2, $3)";
    READ = "SELECT text FROM rows WHERE task = $1 AND step = $2";
}

/// Nanoseconds the threads of this process have run.
fn own_cpu() -> Result<u64> {
    let mut total = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        total += text.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(total)
}

async fn write(store: Store, task: i64, steps: i64) -> Result<(), Error> {
    for step in 0..steps {
        store
            .write(move |tx| tx.execute(INSERT, params![task, step, "a row of some length"]).map(drop))
            .await?;
    }
    Ok(())
}

async fn read(store: Store, task: i64, steps: i64) -> Result<(), Error> {
    for step in 0..steps {
        let text: String =
            store.read(move |tx| tx.query_one(READ, params![task, step % WRITES])?.get(0)).await?;
        std::hint::black_box(text);
    }
    Ok(())
}

async fn opened(folder: &tempfile::TempDir) -> Result<Store> {
    let store = Store::open(Options::new(format!("sqlite:{}", folder.path().join("b.db").display()))).await?;
    store.write(|tx| tx.execute(MAKE, params![]).map(drop)).await?;
    Ok(store)
}

async fn all(
    tasks: impl IntoIterator<Item = impl Future<Output = Result<(), Error>> + Send + 'static>,
) -> Result<()> {
    let mut set: JoinSet<Result<(), Error>> = tasks.into_iter().collect();
    while let Some(done) = set.join_next().await {
        done??;
    }
    Ok(())
}

pub fn writes() -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    run(async {
        let store = opened(&folder).await?;
        let before = own_cpu()?;
        all((0..TASKS).map(|task| write(store.clone(), task, WRITES))).await?;
        let spent = own_cpu()? - before;
        store.close().await;
        Ok(Measured { value: spent as f64 / 1_000.0 / (TASKS * WRITES) as f64 })
    })
}

pub fn reads() -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    run(async {
        let store = opened(&folder).await?;
        all((0..TASKS).map(|task| write(store.clone(), task, WRITES))).await?;
        let before = own_cpu()?;
        all((0..TASKS).map(|task| read(store.clone(), task, READS))).await?;
        let spent = own_cpu()? - before;
        store.close().await;
        Ok(Measured { value: spent as f64 / 1_000.0 / (TASKS * READS) as f64 })
    })
}
