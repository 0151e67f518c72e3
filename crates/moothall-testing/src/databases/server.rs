//! A PostgreSQL server of our own, from the binaries of the system's package.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How to set up the server.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Flush to disk. Without it tests are faster, and a crash of the machine may destroy what nobody needs.
    pub is_durable: bool,
    /// More lines of `postgresql.conf`.
    pub extra: Vec<String>,
}

/// A running server, which ends with this value or with this process, whichever is first.
#[derive(Debug)]
pub struct PostgresServer {
    binaries: PathBuf,
    directory: TempDir,
    port: u16,
    url: String,
    /// A shell that waits for the end of its input, which comes when this process ends in whatever way, and then stops
    /// the server and removes its directory.
    watchdog: Child,
}

/// What `postgres` may run as if we are root, which it refuses.
const USER: &str = "postgres";

impl PostgresServer {
    /// Starts a server. `None`, said loudly, if PostgreSQL is not installed.
    ///
    /// # Panics
    ///
    /// If it is installed but does not start, or if `MOOTHALL_REQUIRE_SERVICES` is `1` and it is not installed.
    pub fn start(settings: &Settings) -> Option<Self> {
        let Some(binaries) = find_binaries() else {
            let hint = "no PostgreSQL: install it with `apt-get install postgresql`";
            assert!(std::env::var("MOOTHALL_REQUIRE_SERVICES").as_deref() != Ok("1"), "{hint}");
            eprintln!("SKIPPED ({hint})");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("moothall-postgres-").tempdir().expect("a directory");
        if is_root() {
            let (user, group) = ids_of(USER).expect("the user postgres, which comes with the package");
            chown(directory.path(), Some(user), Some(group)).expect("root may give a directory away");
        }
        let data = directory.path().join("data");
        let path = data.display();
        run(as_user(&binaries.join("initdb")).args(["-D", &path.to_string()]).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ]));
        let port = free_port();
        let mut lines = vec![
            "listen_addresses = '127.0.0.1'".to_owned(),
            format!("port = {port}"),
            "unix_socket_directories = ''".into(),
            "max_connections = 200".into(),
            "shared_buffers = 64MB".into(),
            "max_wal_size = 256MB".into(),
        ];
        if !settings.is_durable {
            lines.extend(
                ["fsync = off", "full_page_writes = off", "synchronous_commit = off"].map(str::to_owned),
            );
        }
        lines.extend(settings.extra.iter().cloned());
        append(&data.join("postgresql.conf"), &lines);
        let watchdog = watch(directory.path());
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
        let server = Self { binaries, directory, port, url, watchdog };
        server.launch();
        Some(server)
    }

    /// The address of its database `postgres`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The process of the server; its children are one per connection and a few of its own.
    pub fn pid(&self) -> Option<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    /// Starts it, or starts it again after a stop; returns when it takes connections.
    pub fn launch(&self) {
        let log = self.directory.path().join("log");
        run(as_user(&self.binaries.join("pg_ctl"))
            .args(["start", "-w", "-t", "60", "-s", "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(log));
    }

    /// Adds lines to its configuration, for the next start.
    pub fn configure(&self, lines: &[&str]) {
        append(&self.data().join("postgresql.conf"), lines);
    }

    /// Writes a file into its data directory that only the server can read.
    pub fn write_file(&self, name: &str, content: &str) {
        let path = self.data().join(name);
        fs::write(&path, content).expect("space for a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our own file");
        if is_root() {
            let (user, group) = ids_of(USER).expect("the user postgres, which comes with the package");
            chown(&path, Some(user), Some(group)).expect("root may give a file away");
        }
    }

    /// Stops it: connections are cut, nothing is finished but what was committed.
    pub fn stop(&self) {
        run(as_user(&self.binaries.join("pg_ctl"))
            .args(["stop", "-w", "-s", "-m", "fast", "-D"])
            .arg(self.data()));
    }

    /// Kills every process of it as a crash would; the next start recovers.
    pub fn kill(&self) {
        let Some(pid) = self.pid() else { return };
        // Stopped first, so that it cannot start new processes; its children are killed with it.
        signal(pid, "STOP");
        for child in children_of(pid) {
            signal(child, "KILL");
        }
        signal(pid, "KILL");
        let deadline = Instant::now() + Duration::from_secs(10);
        while Path::new(&format!("/proc/{pid}/stat")).exists() && is_running(pid) && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Closing its input makes the watchdog do its work.
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

fn append(path: &Path, lines: &[impl AsRef<str>]) {
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("initdb wrote it");
    for line in lines {
        writeln!(file, "{}", line.as_ref()).expect("space for the configuration");
    }
}

/// The processes whose parent is `pid`.
pub fn children_of(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|child| stat(*child).is_some_and(|(_, parent)| parent == pid)).collect()
}

/// State and parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which is in parentheses and may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).stderr(Stdio::null()).status();
}

/// The address of another database on the same server.
pub(super) fn with_database(url: &str, name: &str) -> String {
    let (base, query) =
        url.split_once('?').map_or((url, String::new()), |(base, query)| (base, format!("?{query}")));
    let host = base.rsplit_once('/').map_or(base, |(host, _)| host);
    format!("{host}/{name}{query}")
}

/// Runs SQL outside of any transaction, through `psql`: creating databases is no business of the store's.
pub(super) fn run_sql(url: &str, sql: &str) {
    let psql = find_binaries().map_or_else(|| "psql".into(), |binaries| binaries.join("psql"));
    run(Command::new(psql)
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .env("PGOPTIONS", "-c client_min_messages=error"));
}

fn run(command: &mut Command) {
    // Not `output()`: a server started by this command would inherit the pipes and keep them open.
    let mut errors = tempfile::tempfile().expect("a temporary file");
    let stderr = errors.try_clone().expect("a second handle");
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).status();
    let is_done = status.as_ref().is_ok_and(std::process::ExitStatus::success);
    if !is_done {
        let mut text = String::new();
        use std::io::{Read, Seek};
        let _ = errors.rewind();
        let _ = errors.read_to_string(&mut text);
        panic!("{command:?}: {status:?}: {text}");
    }
}

/// Where `initdb` is: its newest version, since Debian keeps it out of the `PATH`.
fn find_binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, path)| path.join("initdb").exists())
        .collect();
    versions.sort();
    let of_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .find(|path| path.join("initdb").exists() && path.join("postgres").exists());
    versions.pop().map(|(_, path)| path).or(of_path)
}

/// A command that runs as an ordinary user even if we are root.
fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={USER}")).arg(format!("--regid={USER}")).arg("--clear-groups").arg(program);
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").expect("/proc")) == 0
}

fn ids_of(user: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(user))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A port nobody listens on, below those the system gives to clients; another one at every call, and far from those that
/// other processes of this run try.
pub(crate) fn free_port() -> u16 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let ports = std::iter::repeat_with(|| {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        20_000 + (std::process::id().wrapping_mul(7919).wrapping_add(call) % 10_000) as u16
    });
    ports.take(10_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

fn watch(directory: &Path) -> Child {
    // The server is killed by the pid in its own file, and its directory removed.
    let script = r#"cat > /dev/null
        pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null)
        [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null && while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
        rm -rf "$0""#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // A group of its own: Ctrl-C on the tests must not take it before its work is done.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().expect("a shell")
}
