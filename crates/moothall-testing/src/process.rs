//! The real `moothall` in a process of its own, which a test may kill and start again on the same port and data.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tempfile::TempDir;

use crate::api::Api;
use crate::databases::{TestDatabase, free_port};

/// How long a start may take: a debug build on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(60);

/// A running server. It ends, and its data is gone, when this is dropped or when this process ends in whatever way.
pub struct ServerProcess {
    pub api: Api,
    pub address: SocketAddr,
    arguments: Vec<String>,
    running: Option<Running>,
    folder: TempDir,
    _database: Option<TestDatabase>,
}

/// One life of the server.
struct Running {
    child: Child,
    /// A shell that waits for the end of its input, which comes when this process ends, and kills the server then.
    watchdog: Child,
    printed: Arc<Printed>,
}

/// What a server printed so far.
#[derive(Default)]
struct Printed {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// The program, which cargo has built beside the tests.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("MOOTHALL_TEST_BINARY") {
        return path.into();
    }
    // A test is `target/<profile>/deps/<name>`, an example or program one folder higher.
    let this = std::env::current_exe().unwrap();
    let found =
        this.ancestors().skip(1).take(3).map(|folder| folder.join("moothall")).find(|file| file.is_file());
    found.expect("the program `moothall`: cargo build --package moothall-server")
}

impl ServerProcess {
    /// A server on SQLite with rates that no test reaches.
    pub fn start() -> Self {
        Self::with(None, &[])
    }

    /// A server on this database, if one is given, and with these settings, such as `accounts.guests=false`.
    pub fn with(database: Option<TestDatabase>, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut arguments = vec!["--listen".to_owned(), address.to_string()];
        arguments.extend(match &database {
            Some(database) => ["--database".to_owned(), database.url().to_owned()],
            None => ["--data".to_owned(), folder.path().join("data").display().to_string()],
        });
        let usual = [
            "server.rate_scale=1000",
            "accounts.password_memory_kib=8192",
            "accounts.password_passes=1",
            "store.allow_unsafe_durability=true",
        ];
        for setting in usual.iter().chain(settings) {
            arguments.extend(["--set".to_owned(), (*setting).to_owned()]);
        }
        let mut server =
            Self { api: Api::new(address), address, arguments, running: None, folder, _database: database };
        server.launch();
        server
    }

    /// Where its sockets are opened.
    pub fn socket_url(&self) -> String {
        format!("ws://{}/v1/socket", self.address)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("a server that runs").child.id()
    }

    /// Starts it, or starts it again with the same port and data.
    pub fn launch(&mut self) {
        let mut child = Command::new(binary())
            .arg("serve")
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(self.log_file())
            .spawn()
            .unwrap();
        let watchdog = watch(&child);
        let printed = Arc::new(Printed::default());
        let lines = Arc::clone(&printed);
        let output = child.stdout.take().unwrap();
        std::thread::spawn(move || lines.read(output));
        self.running = Some(Running { child, watchdog, printed });
        self.wait_for(" is ready.");
        self.wait_for("  Data ");
    }

    /// Kills it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.child.kill().unwrap();
            running.child.wait().unwrap();
            running.let_go();
        }
    }

    /// Kills it, and starts it again.
    pub fn restart(&mut self) {
        self.kill();
        self.launch();
    }

    /// Asks it to stop (SIGTERM), and returns how it ended.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(status.unwrap().success(), "a process to signal");
    }

    /// Returns how it ended, once it has.
    pub fn ended(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("a server that runs");
        let status = running.child.wait().unwrap();
        running.let_go();
        status
    }

    /// What it printed for its operator in this life.
    pub fn printed(&self) -> String {
        self.running.as_ref().map(|running| running.printed.lines.lock().join("\n")).unwrap_or_default()
    }

    /// What it logged, over all its lives.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Where it keeps its data, its log beside them.
    pub fn data(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The one-use secret of the link that makes the first administrator.
    pub fn setup_token(&self) -> String {
        let line = self.wait_for("/setup#token=");
        line.split_once("#token=").unwrap().1.trim().to_owned()
    }

    /// Runs another command of `moothall` on the same data, and returns what it printed.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new(binary())
            .args(&self.arguments)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}\n{log}");
        said.into_owned()
    }

    fn log_file(&self) -> File {
        let file = self.folder.path().join("log");
        OpenOptions::new().create(true).append(true).open(file).unwrap()
    }

    /// The first line it printed with this in it, once there is one.
    fn wait_for(&self, text: &str) -> String {
        let running = self.running.as_ref().expect("a server that runs");
        let deadline = Instant::now() + START;
        let mut lines = running.printed.lines.lock();
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let is_over = lines.last().is_some_and(|line| line == ENDED);
            let is_late = is_over || running.printed.more.wait_until(&mut lines, deadline).timed_out();
            assert!(!is_late, "no {text:?} from the server: {lines:?}\n{}", self.log());
        }
    }
}

/// Stands in for a line once the output has ended.
const ENDED: &str = "(end of output)";

impl Printed {
    fn read(&self, output: ChildStdout) {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        for line in lines.chain([ENDED.to_owned()]) {
            self.lines.lock().push(line);
            self.more.notify_all();
        }
    }
}

impl Running {
    fn let_go(&mut self) {
        // The process is gone: its id may soon be another's, so the watchdog must not kill it any more.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the server\n{}", self.log());
        }
        self.kill();
    }
}

fn watch(child: &Child) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", "cat > /dev/null; kill -KILL \"$0\""]).arg(child.id().to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // A group of its own: Ctrl-C on the tests must not take it before its work is done.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().unwrap()
}
