//! The store alone, in this process, and its database.

use std::time::Duration;

use anyhow::{Context as _, Result};
use moothall_store::{Error, Options, Store, params, statements};
use moothall_testing::databases::{PostgresServer, Settings, children_of};
use tokio::task::JoinSet;

use crate::Bench;
use crate::load::run;
use crate::process::{Spent, cpu_of};
use crate::report::Figure;

const TASKS: i64 = 64;
/// Of each task.
const WRITES: u64 = 1_000;
const READS: u64 = 2_000;
const UNIT: &str = "CPU µs";

statements! {
    MAKE = "CREATE TABLE rows (task BIGINT NOT NULL, step BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (step, task))";
    MAKE_SCATTERED = "CREATE TABLE rows (task BIGINT NOT NULL, step BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (task, step))";
    INSERT = "INSERT INTO rows (task, step, text) VALUES ($1, $2, $3)";
    READ = "SELECT text FROM rows WHERE task = $1 AND step = $2";
}

async fn write(store: Store, task: i64, steps: i64) -> Result<(), Error> {
    for step in 0..steps {
        store
            .write(move |tx| tx.execute(INSERT, params![task, step, "a row of some length"]).map(drop))
            .await?;
    }
    Ok(())
}

async fn read(store: Store, task: i64, steps: i64, rows: i64) -> Result<(), Error> {
    for step in 0..steps {
        let text: String =
            store.read(move |tx| tx.query_one(READ, params![task, step % rows])?.get(0)).await?;
        std::hint::black_box(text);
    }
    Ok(())
}

/// Where in a table the next row goes.
#[derive(Clone, Copy)]
pub enum Keys {
    /// Behind the last, as with the ids of this project, which begin with the time.
    InOrder,
    /// Each of the tasks to a page of its own.
    Scattered,
}

/// Where a store keeps its rows while it is measured. What its database spends counts, too.
enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(PostgresServer),
}

impl Place {
    fn sqlite() -> Result<Option<Self>> {
        Ok(Some(Self::Sqlite(tempfile::tempdir()?)))
    }

    /// None, said loudly, where PostgreSQL is not installed.
    fn postgres() -> Option<Self> {
        PostgresServer::start(&Settings { is_durable: true, ..Settings::default() }).map(Self::Postgres)
    }

    async fn open(&self, keys: Keys) -> Result<Store> {
        let url = match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("b.db").display()),
            Self::Postgres(server) => server.url().to_owned(),
        };
        let store = Store::open(Options::new(url)).await?;
        let make = match keys {
            Keys::InOrder => MAKE,
            Keys::Scattered => MAKE_SCATTERED,
        };
        store.write(move |tx| tx.execute(make, params![]).map(drop)).await?;
        Ok(store)
    }

    /// Nanoseconds that this process and its database have run.
    fn cpu(&self) -> Result<u64> {
        let database = match self {
            Self::Sqlite(_) => 0,
            Self::Postgres(server) => {
                let server = server.pid().context("PostgreSQL runs")?;
                let processes = std::iter::once(server).chain(children_of(server));
                processes.map(|pid| cpu_of(&pid.to_string())).sum::<Result<u64>>()?
            }
        };
        Ok(cpu_of("self")? + database)
    }
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

fn writes(bench: &Bench, name: &str, place: Option<Place>, keys: Keys) -> Result<Vec<Figure>> {
    let Some(place) = place else { return Ok(vec![Figure::none(name, UNIT)]) };
    let count = bench.of(WRITES, 10) as i64;
    run(async {
        let store = place.open(keys).await?;
        let before = place.cpu()?;
        all((0..TASKS).map(|task| write(store.clone(), task, count))).await?;
        let server = Duration::from_nanos(place.cpu()? - before);
        store.close().await;
        Ok(vec![Figure::cpu(name, Spent { server, load: Duration::ZERO }, (TASKS * count) as u64)])
    })
}

fn reads(bench: &Bench, name: &str, place: Option<Place>) -> Result<Vec<Figure>> {
    let Some(place) = place else { return Ok(vec![Figure::none(name, UNIT)]) };
    let (rows, count) = (bench.of(WRITES, 10) as i64, bench.of(READS, 20) as i64);
    run(async {
        let store = place.open(Keys::InOrder).await?;
        all((0..TASKS).map(|task| write(store.clone(), task, rows))).await?;
        let before = place.cpu()?;
        all((0..TASKS).map(|task| read(store.clone(), task, count, rows))).await?;
        let server = Duration::from_nanos(place.cpu()? - before);
        store.close().await;
        Ok(vec![Figure::cpu(name, Spent { server, load: Duration::ZERO }, (TASKS * count) as u64)])
    })
}

fn aimed_at(goal: f64, figures: Vec<Figure>) -> Vec<Figure> {
    figures.into_iter().map(|figure| figure.goal(goal)).collect()
}

/// 64 tasks write rows, one a transaction, to SQLite.
pub fn sqlite_writes(bench: &Bench, name: &str, keys: Keys) -> Result<Vec<Figure>> {
    Ok(aimed_at(10.0, writes(bench, name, Place::sqlite()?, keys)?))
}

/// 64 tasks read rows from SQLite.
pub fn sqlite_reads(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    Ok(aimed_at(5.0, reads(bench, name, Place::sqlite()?)?))
}

/// The same in PostgreSQL.
pub fn postgres_writes(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    writes(bench, name, Place::postgres(), Keys::InOrder)
}

/// The same in PostgreSQL.
pub fn postgres_reads(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    reads(bench, name, Place::postgres())
}
