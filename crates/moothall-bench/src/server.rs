//! The server under test: the real program, in a process of its own, on a fresh database.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

/// Rates that no scenario reaches.
const RATE_SCALE: &str = "server.rate_scale=100000";
/// Bytes of a page of memory.
const PAGE: u64 = 4_096;

/// A running server. It ends when this is dropped.
pub struct Server {
    /// `http://…`
    pub base: String,
    child: Child,
    _folder: TempDir,
}

impl Server {
    /// Starts one, bound to the first core where that is possible, so that the load does not run in its caches.
    pub fn start(program: &PathBuf) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let is_pinned = Path::new("/usr/bin/taskset").is_file();
        let mut command = if is_pinned { Command::new("/usr/bin/taskset") } else { Command::new(program) };
        if is_pinned {
            command.args(["-c", "0"]).arg(program);
        }
        let mut child = command
            .args(["serve", "--listen", &address, "--set", RATE_SCALE, "--data"])
            .arg(folder.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = child.stdout.take().context("an output")?;
        let mut lines = BufReader::new(output).lines();
        if !lines.by_ref().any(|line| line.is_ok_and(|line| line.contains("is ready"))) {
            bail!("the server did not start");
        }
        // It must not wait for somebody to read what it prints.
        std::thread::spawn(move || lines.count());
        Ok(Self { base: format!("http://{address}"), child, _folder: folder })
    }

    /// Nanoseconds its threads have run so far.
    pub fn cpu(&self) -> Result<u64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()))?;
        let mut total = 0;
        for task in tasks {
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            total += text.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(total)
    }

    /// Bytes of memory it holds.
    pub fn resident(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
        Ok(pages.context("a size")? * PAGE)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
