//! A process under test: what it spends and holds, as the system counts it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cores;

/// Of `/proc/<pid>/stat`, counted behind the name: what ran in the program, and in the system for it.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

/// A running process on the server's core. It ends when this is dropped.
pub struct Process {
    child: Child,
    /// Nanoseconds that each of its threads ran until it was last looked at.
    threads: RefCell<HashMap<OsString, u64>>,
}

impl Process {
    /// Starts one, and waits until it prints a line with this in it. Also returns that line.
    pub fn start(command: &mut Command, ready: &str) -> Result<(Self, String)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = cores::spawn(command)?;
        let output = child.stdout.take().context("an output")?;
        let process = Self { child, threads: RefCell::default() };
        let mut lines = BufReader::new(output).lines();
        let Some(line) = lines.by_ref().map_while(Result::ok).find(|line| line.contains(ready)) else {
            bail!("{} did not start", command.get_program().display());
        };
        // It must not wait for somebody to read what it prints.
        std::thread::spawn(move || lines.count());
        Ok((process, line))
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = format!("/proc/{}/{name}", self.child.id());
        fs::read_to_string(&path).with_context(|| path)
    }

    /// The time it has run so far, user and system.
    ///
    /// For the whole process, threads that ended included, the system tells it in hundredths of a second only, which is too coarse for
    /// what is cheap; so the threads are added up, and the whole is the least it can be.
    pub fn cpu(&self) -> Result<Duration> {
        let mut threads = self.threads.borrow_mut();
        threads.extend(threads_of(&self.child.id().to_string())?);
        Ok(Duration::from_nanos(threads.values().sum()).max(self.cpu_of_all()?))
    }

    fn cpu_of_all(&self) -> Result<Duration> {
        let text = self.read("stat")?;
        let (_, behind) = text.rsplit_once(") ").context("a name")?;
        let fields: Vec<&str> = behind.split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).context("a time");
        let ticks = (ticks(USER_TIME)? + ticks(SYSTEM_TIME)?) as f64;
        Ok(Duration::from_secs_f64(ticks / rustix::param::clock_ticks_per_second() as f64))
    }

    fn bytes(&self, file: &str, name: &str) -> Result<u64> {
        let text = self.read(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).context("a size")?;
        let kib = line.trim().trim_end_matches(" kB").parse::<u64>()?;
        Ok(kib * 1024)
    }

    /// Bytes of memory it holds.
    pub fn resident(&self) -> Result<u64> {
        self.bytes("status", "VmRSS:")
    }

    /// The same, with what it shares with others counted in part.
    pub fn share(&self) -> Result<u64> {
        self.bytes("smaps_rollup", "Pss:")
    }

    /// The most it ever held.
    pub fn resident_max(&self) -> Result<u64> {
        self.bytes("status", "VmHWM:")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The nanoseconds that each thread of a process has run.
fn threads_of(pid: &str) -> Result<HashMap<OsString, u64>> {
    let mut threads = HashMap::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?;
        // One that ends just now is not there any more.
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        if let Some(time) = text.split(' ').next().and_then(|time| time.parse().ok()) {
            threads.insert(thread.file_name(), time);
        }
    }
    Ok(threads)
}

/// The nanoseconds that the threads of a process have run, but for those that ended.
pub fn cpu_of(pid: &str) -> Result<u64> {
    Ok(threads_of(pid)?.values().sum())
}

/// What a piece of work costs: begun with [`Meter::start`], over with [`Meter::spent`].
pub struct Meter<'a> {
    process: &'a Process,
    server: Duration,
    load: u64,
}

/// What it came to.
#[derive(Clone, Copy)]
pub struct Spent {
    /// The server's.
    pub server: Duration,
    /// Our own: whether the load itself was what took the time.
    pub load: Duration,
}

impl std::iter::Sum for Spent {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let nothing = Self { server: Duration::ZERO, load: Duration::ZERO };
        all.fold(nothing, |sum, one| Self { server: sum.server + one.server, load: sum.load + one.load })
    }
}

impl<'a> Meter<'a> {
    pub fn start(process: &'a Process) -> Result<Self> {
        Ok(Self { process, server: process.cpu()?, load: cpu_of("self")? })
    }

    pub fn spent(self) -> Result<Spent> {
        Ok(Spent {
            server: self.process.cpu()?.saturating_sub(self.server),
            load: Duration::from_nanos(cpu_of("self")?.saturating_sub(self.load)),
        })
    }
}
