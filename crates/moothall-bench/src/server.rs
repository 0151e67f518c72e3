//! The server under test: the real program, in a process of its own, on a fresh database.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::process::Process;

/// Rates that no scenario reaches, and tokens that outlive it.
const SETTINGS: [&str; 4] =
    ["--set", "server.rate_scale=100000", "--set", "accounts.access_token_minutes=60"];
/// Below what systems hand out to clients: a server that is restarted finds its port free.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A running server. It ends when this is dropped.
pub struct Server {
    /// `http://…`
    pub base: String,
    pub address: SocketAddr,
    pub process: Process,
    program: PathBuf,
    folder: TempDir,
}

impl Server {
    /// Starts one, on a core of its own where that is possible.
    pub fn start(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let process = serve(program, address, &folder)?;
        let base = format!("http://{address}");
        Ok(Self { base, address, process, program: program.to_owned(), folder })
    }

    /// What another command of the program prints, on the same data.
    pub fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.arg("--data").arg(self.folder.path().join("data")).args(arguments);
        let output = command.output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Kills it without a warning.
    pub fn kill(self) -> Killed {
        Killed { base: self.base, address: self.address, program: self.program, folder: self.folder }
    }
}

/// What is left of a server.
pub struct Killed {
    base: String,
    address: SocketAddr,
    program: PathBuf,
    folder: TempDir,
}

impl Killed {
    /// Starts it again on that. Comes back when it listens.
    pub fn start(self) -> Result<Server> {
        let Self { base, address, program, folder } = self;
        let process = serve(&program, address, &folder)?;
        Ok(Server { base, address, process, program, folder })
    }
}

fn serve(program: &Path, address: SocketAddr, folder: &TempDir) -> Result<Process> {
    let mut command = Command::new(program);
    command.args(["serve", "--listen", &address.to_string()]).args(SETTINGS);
    command.arg("--data").arg(folder.path().join("data"));
    Ok(Process::start(&mut command, "is ready")?.0)
}

/// An address that nobody listens on.
pub fn free_address() -> Result<SocketAddr> {
    let start = rand::random_range(PORTS);
    let ports = (start..PORTS.end).chain(PORTS.start..start);
    let mut addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).context("a free port")
}
