//! Steps: running another program, saying which, and failing when it fails.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// One program to run, in the folder of the workspace.
pub struct Step {
    command: Command,
    is_quiet: bool,
}

/// The cargo that runs this program.
pub fn cargo<const N: usize>(arguments: [&str; N]) -> Step {
    Step::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(arguments)
}

/// Where a program is, if it is installed.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

impl Step {
    /// Runs this program.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        // Nothing here asks questions; a program that waits for an answer would wait for ever in CI.
        command.current_dir(crate::root()).stdin(Stdio::null());
        Self { command, is_quiet: false }
    }

    /// With this argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// With these arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// With this variable in its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// In this folder.
    pub fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Shows its output only if it fails.
    pub fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// The command itself, for what this type has no word for.
    pub fn command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Result<()> {
        let name = self.announce();
        if self.is_quiet {
            let output = self.command.output().with_context(|| format!("could not start {name}"))?;
            if !output.status.success() {
                println!("{}", String::from_utf8_lossy(&output.stdout));
                println!("{}", String::from_utf8_lossy(&output.stderr));
                bail!("{name} ended with {}", output.status);
            }
            return Ok(());
        }
        let status = self.command.status().with_context(|| format!("could not start {name}"))?;
        if !status.success() {
            bail!("{name} ended with {status}");
        }
        Ok(())
    }

    /// Runs it to its end, shows its output, and hands each line to `look`. Says whether it succeeded.
    pub fn watch(mut self, mut look: impl FnMut(&str)) -> Result<bool> {
        let name = self.announce();
        // Both streams through one pipe, so that the lines keep their order.
        let (reader, writer) = std::io::pipe()?;
        self.command.stdout(writer.try_clone()?).stderr(writer);
        let mut child = self.command.spawn().with_context(|| format!("could not start {name}"))?;
        // The command holds the pipe's other end: without this the loop below would never see the end.
        drop(self);
        for line in BufReader::new(reader).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            look(&line);
        }
        Ok(child.wait()?.success())
    }

    fn announce(&self) -> String {
        let program = Path::new(self.command.get_program()).file_name().unwrap_or_default().to_string_lossy();
        let arguments: Vec<_> = self.command.get_args().map(|part| part.to_string_lossy()).collect();
        let line = format!("{program} {}", arguments.join(" "));
        println!("\n$ {line}");
        line
    }
}
