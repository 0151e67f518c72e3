//! What the machine gives: a disk that keeps what it was told to keep, room on it, open files, memory.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use moothall::Settings;
use moothall::protocol::limits;

use super::Finding;
use crate::commands::database;

/// Looks at the machine.
pub fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings =
        vec![files(&std::fs::read_to_string("/proc/self/limits").unwrap_or_default()), memory(total_mib())];
    let advice = "`chmod 600` it, and the files beside it that begin with its name";
    findings.extend(database::file(settings).and_then(|file| open_to_others(file, advice)));
    if let Some(folder) = database::folder(settings) {
        findings.extend(folder_to_make(&folder));
        if folder.exists() {
            findings.push(disk(&folder));
            findings.extend(room(&folder));
        }
    }
    findings
}

/// Each client is an open file, and the database and the log need some too.
fn files(limits_of_process: &str) -> Finding {
    const OTHERS: usize = 200;
    let wanted = limits::CONNECTIONS_MAX + OTHERS;
    let line = limits_of_process.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)).unwrap_or("unlimited");
    match soft.parse::<usize>() {
        Ok(most) if most < wanted => {
            let clients = most.saturating_sub(OTHERS);
            let says =
                format!("{most} open files are room for {clients} clients of {}", limits::CONNECTIONS_MAX);
            Finding::warning(
                "open files",
                says,
                "raise it: `ulimit -n 65536`, or LimitNOFILE= in the systemd unit",
            )
        }
        _ => Finding::good("open files", format!("room for {} clients", limits::CONNECTIONS_MAX)),
    }
}

/// How fast the disk takes what must not be lost. Commits share the wait, so it bounds latency, not throughput.
fn disk(folder: &Path) -> Finding {
    const SLOW: Duration = Duration::from_millis(30);
    let file = folder.join(".doctor");
    let probe = || -> std::io::Result<Duration> {
        let mut handle = File::create(&file)?;
        let mut times = [Duration::ZERO; 5];
        for took in &mut times {
            let started = Instant::now();
            handle.write_all(&[0; 4096])?;
            handle.sync_data()?;
            *took = started.elapsed();
        }
        times.sort();
        // The slowest but one: one slow moment says nothing.
        let [_, _, _, took, _] = times;
        Ok(took)
    };
    let took = probe();
    let _ = std::fs::remove_file(&file);
    match took {
        Ok(took) if took > SLOW => {
            let says = format!("a commit waits {} ms for the disk", took.as_millis());
            Finding::warning("disk", says, "put the data on an SSD of this machine")
        }
        Ok(took) => {
            Finding::good("disk", format!("a commit waits {:.1} ms for the disk", took.as_secs_f64() * 1e3))
        }
        Err(error) => {
            let says = format!("{} cannot be written: {error}", folder.display());
            Finding::bad("disk", says, "give the folder to the user that runs the server")
        }
    }
}

/// A folder that is not there yet, and that the first start could not make where it is to be.
fn folder_to_make(folder: &Path) -> Option<Finding> {
    if folder.is_dir() {
        return None;
    }
    // What a path such as `data` is in has no name.
    let is_there = |place: &&Path| place.as_os_str().is_empty() || place.symlink_metadata().is_ok();
    let place = folder.ancestors().find(is_there)?;
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    let tried = match place.is_dir() {
        true => tempfile_in(place).map_err(|error| format!("{} cannot be written: {error}", place.display())),
        false => Err(format!("{} is no folder", place.display())),
    };
    tried.err().map(|why| {
        let says = format!("the folder {} cannot be made: {why}", folder.display());
        Finding::bad(
            "disk",
            says,
            "name another with --data, or make it and give it to the user that runs the server",
        )
    })
}

/// Makes a file there, and removes it.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(".doctor");
    File::create(&file)?;
    std::fs::remove_file(&file)
}

/// The room that is left where the data lives.
fn room(folder: &Path) -> Option<Finding> {
    const LITTLE_KIB: u64 = 1024 * 1024;
    const NOTHING_KIB: u64 = 64 * 1024;
    let output = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let free: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    let says = format!("{:.1} GiB are free", free as f64 / 1024.0 / 1024.0);
    let advice = "make room: when the disk is full, every change is refused";
    Some(if free < NOTHING_KIB {
        Finding::bad("room", says, advice)
    } else if free < LITTLE_KIB {
        Finding::warning("room", says, advice)
    } else {
        Finding::good("room", says)
    })
}

/// A file that other users of the machine may read, and should not.
pub fn open_to_others(file: &Path, advice: &'static str) -> Option<Finding> {
    let mode = file.metadata().ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        let says = format!("{} can be read by other users of this machine", file.display());
        Finding::warning("privacy", says, advice)
    })
}

/// What the worst case would take: every seat taken by a client that reads nothing.
fn memory(total_mib: Option<usize>) -> Finding {
    let of_session = limits::OUTBOX_BYTES_MAX + limits::RING_BYTES_MAX + limits::SOCKET_MESSAGE_BYTES_MAX;
    let ceiling_mib = limits::CONNECTIONS_MAX * of_session / 1024 / 1024;
    let worst =
        format!("{} clients that all stop reading could take {ceiling_mib} MiB", limits::CONNECTIONS_MAX);
    match total_mib {
        Some(total) if total < ceiling_mib => {
            let advice = "enough for fewer clients; a limit such as MemoryMax= in the systemd unit spares the rest of the machine";
            Finding::warning("memory", format!("{total} MiB; {worst}"), advice)
        }
        Some(total) => Finding::good("memory", format!("{total} MiB; {worst}")),
        None => Finding::good("memory", worst),
    }
}

fn total_mib() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total_kib: usize = text.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(total_kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn too_few_open_files_are_told_with_the_clients_they_are_room_for() {
        let few = files(
            "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 524288               files\n",
        );
        assert_eq!(few.verdict, Verdict::Warning);
        assert!(few.says.contains("824 clients"), "{few}");
        let many = files("Max open files            65536                524288               files\n");
        assert_eq!(many.verdict, Verdict::Good);
    }

    #[test]
    fn more_memory_than_the_machine_has_and_a_file_others_read_are_told() {
        assert_eq!(memory(Some(1)).verdict, Verdict::Warning);
        assert_eq!(memory(Some(usize::MAX)).verdict, Verdict::Good);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(open_to_others(file.path(), "").is_none());
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(open_to_others(file.path(), "").unwrap().verdict, Verdict::Warning);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_bad() {
        assert_eq!(disk(Path::new("/proc")).verdict, Verdict::Bad);
        let folder = tempfile::tempdir().unwrap();
        assert_ne!(disk(folder.path()).verdict, Verdict::Bad);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_bad_before_anybody_tries() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("a/b");
        assert!(folder_to_make(folder.path()).is_none(), "it is there");
        assert!(folder_to_make(&missing).is_none(), "it can be made");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "and is not yet");
        std::fs::write(folder.path().join("a"), "").unwrap();
        let told = folder_to_make(&missing).unwrap();
        assert_eq!(told.verdict, Verdict::Bad);
        assert!(told.says.contains("is no folder") && told.says.contains("a/b"), "{told}");
        let told = folder_to_make(&folder.path().join("a")).unwrap();
        assert!(told.says.contains("is no folder"), "{told}");
        assert!(folder_to_make(Path::new("/proc/moothall/data")).unwrap().says.contains("cannot be written"));
    }
}
