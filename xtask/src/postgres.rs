//! A throw-away PostgreSQL server out of the binaries that are installed, for one run of the tests.
//!
//! It lives in a fresh folder, listens on the loopback only, and is stopped and deleted with its value; should this process
//! be killed, the kernel stops it (`setpriv --pdeathsig`). `fsync` is off: what is tested here is not PostgreSQL's own promise.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::step::find;

/// The variable by which tests find the server.
pub const URL: &str = "MOOTHALL_TEST_POSTGRES_URL";
/// How to install what [`Server::start`] needs.
pub const HOW_TO_INSTALL: &str = "apt-get install postgresql";

/// A running server.
pub struct Server {
    /// How tests reach it.
    pub url: String,
    folder: PathBuf,
    process: Child,
}

/// The folder of PostgreSQL's binaries, newest version first.
pub fn binaries() -> Option<PathBuf> {
    if let Some(postgres) = find("postgres") {
        return postgres.parent().map(Path::to_path_buf);
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| folder.join("postgres").is_file())
        .collect();
    versions.sort();
    versions.pop().map(|(_, folder)| folder)
}

impl Server {
    /// Makes a database cluster and starts a server on it.
    pub fn start() -> Result<Self> {
        let binaries =
            binaries().context("there is no PostgreSQL: install it with `apt-get install postgresql`")?;
        let folder = std::env::temp_dir().join(format!("moothall-postgres-{}", std::process::id()));
        let data = folder.join("data");
        std::fs::create_dir_all(&folder)?;
        hand_over(&folder)?;
        let made = as_postgres(&binaries.join("initdb"))
            .args([
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--pgdata",
            ])
            .arg(&data)
            .output()?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        let port = free_port()?;
        let log = std::fs::File::create(folder.join("log"))?;
        let process = as_postgres(&binaries.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200"])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", folder.display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let server = Self { url: format!("postgres://postgres@127.0.0.1:{port}/postgres"), folder, process };
        server.wait_until_ready(&binaries, port)?;
        Ok(server)
    }

    fn wait_until_ready(&self, binaries: &Path, port: u16) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            let ready = Command::new(binaries.join("pg_isready"))
                .args(["--quiet", "--host=127.0.0.1", "--port", &port.to_string()])
                .status()?;
            if ready.success() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        bail!("PostgreSQL did not start within 30 seconds:\n{log}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT asks for a fast shutdown: sessions are ended, nothing is left in shared memory.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs a program of PostgreSQL, which refuses to run as root: as the user `postgres` then.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.args(["--pdeathsig", "INT"]).arg(program);
    // The folder of the caller may be closed to that user.
    command.current_dir("/");
    command
}

fn hand_over(folder: &Path) -> Result<()> {
    if is_root() {
        let status = Command::new("chown").arg("postgres").arg(folder).status()?;
        anyhow::ensure!(status.success(), "could not hand {} over to the user postgres", folder.display());
    }
    Ok(())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A free port below those that outgoing connections take for themselves.
fn free_port() -> Result<u16> {
    let start = 15_000 + (std::process::id() % 10_000) as u16;
    (start..start + 1_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("no port is free between 15000 and 26000")
}
