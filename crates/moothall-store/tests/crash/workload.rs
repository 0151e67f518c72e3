//! What the child writes, what it says of it, and what must be there afterwards.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;

use moothall_store::{Error, Options, Store, Synchronous, Tx, params, statements};

/// Tasks that write at once.
const TASKS: i64 = 64;
const URL: &str = "MOOTHALL_CRASH_URL";
const CYCLE: &str = "MOOTHALL_CRASH_CYCLE";
const SYNCHRONOUS: &str = "MOOTHALL_CRASH_SYNCHRONOUS";

statements! {
    DEBITS = "CREATE TABLE debits (cycle BIGINT NOT NULL, task BIGINT NOT NULL, step BIGINT NOT NULL,
              PRIMARY KEY (cycle, task, step))";
    CREDITS = "CREATE TABLE credits (cycle BIGINT NOT NULL, task BIGINT NOT NULL, step BIGINT NOT NULL,
               PRIMARY KEY (cycle, task, step))";
    DEBIT = "INSERT INTO debits (cycle, task, step) VALUES ($1, $2, $3)";
    CREDIT = "INSERT INTO credits (cycle, task, step) VALUES ($1, $2, $3)";
    READ_DEBITS = "SELECT task, step FROM debits WHERE cycle = $1";
    READ_CREDITS = "SELECT task, step FROM credits WHERE cycle = $1";
}

/// One write: the step of a task.
pub type Write = (i64, i64);

/// Makes the tables.
pub async fn prepare(store: &Store) {
    store
        .write(|tx| {
            tx.execute(DEBITS, params![])?;
            tx.execute(CREDITS, params![]).map(drop)
        })
        .await
        .unwrap();
    store.close().await;
}

/// What the child does, until it is killed.
pub fn run() {
    let Ok(url) = std::env::var(URL) else { return };
    let cycle: i64 = std::env::var(CYCLE).unwrap().parse().unwrap();
    let mut options = Options::new(url);
    options.allow_unsafe_durability = true;
    options.synchronous = match std::env::var(SYNCHRONOUS).as_deref() {
        Ok("off") => Synchronous::Off,
        _ => Synchronous::Full,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(options).await.unwrap();
        let output = Arc::new(parking_lot::Mutex::new(std::io::stdout()));
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (store, output) = (store.clone(), Arc::clone(&output));
                tokio::spawn(async move {
                    for step in 1.. {
                        store.write(move |tx| write(tx, cycle, task, step)).await.unwrap();
                        // One system call, so a line is there whole or not at all.
                        output.lock().write_all(format!("ACK {task} {step}\n").as_bytes()).unwrap();
                        output.lock().flush().unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn write(tx: &mut Tx<'_>, cycle: i64, task: i64, step: i64) -> Result<(), Error> {
    tx.execute(DEBIT, params![cycle, task, step])?;
    tx.execute(CREDIT, params![cycle, task, step]).map(drop)
}

/// The child, and what it says.
pub struct Child {
    process: std::process::Child,
    output: BufReader<ChildStdout>,
    said: Vec<String>,
}

impl Child {
    /// Starts the test of this name as the child.
    pub fn start(test: &str, url: &str, cycle: u64, synchronous: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
            .env(URL, url)
            .env(CYCLE, cycle.to_string())
            .env(SYNCHRONOUS, synchronous)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output, said: Vec::new() }
    }

    /// Returns once something was acknowledged.
    pub fn first_acknowledgement(&mut self) {
        while !self.said.last().is_some_and(|line| line.contains("ACK ")) {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the child writes");
            self.said.push(line);
        }
    }

    /// Kills it, and returns what was acknowledged.
    pub fn kill(mut self) -> BTreeSet<Write> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        let said: String = self.said.concat() + &rest;
        // The harness of the tests may have begun the first line.
        said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).filter_map(read).collect()
    }
}

fn read(line: &str) -> Option<Write> {
    let (_, write) = line.split_once("ACK ")?;
    let (task, step) = write.split_once(' ')?;
    Some((task.parse().ok()?, step.parse().ok()?))
}

/// Looks whether what was acknowledged is there, and nothing is there by half. Returns how many writes there are.
pub async fn verify(store: &Store, cycle: u64, acknowledged: &BTreeSet<Write>) -> Result<usize, String> {
    let read = |sql: &'static str| {
        store.read(move |tx| {
            let rows = tx.query(sql, params![cycle as i64])?;
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<BTreeSet<Write>, Error>>()
        })
    };
    let debits = read(READ_DEBITS).await.map_err(|error| error.to_string())?;
    let credits = read(READ_CREDITS).await.map_err(|error| error.to_string())?;
    if debits != credits {
        return Err(format!("by half: {:?}", debits.symmetric_difference(&credits).collect::<Vec<_>>()));
    }
    let lost: Vec<&Write> = acknowledged.difference(&debits).collect();
    if !lost.is_empty() {
        return Err(format!(
            "{} of {} acknowledged writes are lost: {lost:?}",
            lost.len(),
            acknowledged.len()
        ));
    }
    for task in 0..TASKS {
        let steps: Vec<i64> = debits.range((task, 0)..(task + 1, 0)).map(|(_, step)| *step).collect();
        if steps.iter().copied().ne(1..=steps.len() as i64) {
            return Err(format!("the steps of task {task} have a gap: {steps:?}"));
        }
    }
    Ok(debits.len())
}
