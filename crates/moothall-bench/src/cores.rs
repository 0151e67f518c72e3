//! Which core runs what: the server the first, the load the second, so that neither runs in the other's caches or time.
//!
//! Where there are no two cores, or the system does not let one choose, everything runs where the system likes, and
//! [`said`] says so.

use std::io;
use std::process::{Child, Command};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

const SERVER: usize = 0;
const LOAD: usize = 1;

fn are_there() -> bool {
    sched_getaffinity(None).is_ok_and(|cores| cores.is_set(SERVER) && cores.is_set(LOAD))
}

fn stay_on(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// Lets this thread, and those it starts from now on, run anywhere again.
pub fn free() {
    let mut cores = CpuSet::new();
    for core in 0..CpuSet::MAX_CPU {
        cores.set(core);
    }
    // Refused where nothing was ever bound.
    let _ = sched_setaffinity(None, &cores);
}

/// Starts a server on its core. This thread goes on, on the other.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    free();
    if !are_there() || stay_on(SERVER).is_err() {
        return command.spawn();
    }
    // A process starts on the cores of the thread that starts it.
    let child = command.spawn();
    stay_on(LOAD)?;
    child
}

/// How things are bound, for the head of a table.
pub fn said() -> &'static str {
    if are_there() && stay_on(LOAD).is_ok() {
        free();
        "server bound to core 0, load to core 1"
    } else {
        "NOT bound to cores: server and load may share one"
    }
}
