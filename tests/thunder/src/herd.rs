//! Processes that sleep and are woken: forking them, looking at them, ending them.

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use std::{fs, io, process, thread};

/// How long the processes may take to fall asleep: a thousand times what they need.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one process counts, in memory that it shares with its parent.
pub struct Tally {
    pub served: AtomicU64,
    pub found_none: AtomicU64,
}

/// The processes. They end with it.
pub struct Herd(Vec<Pid>);

impl Herd {
    /// Forks a process for each of these lives. A life comes back only with an error.
    pub fn of(lives: impl Iterator<Item = impl FnOnce() -> io::Result<()>>) -> io::Result<Herd> {
        let mut herd = Herd(Vec::new());
        for life in lives {
            herd.0.push(child(life)?);
        }
        Ok(herd)
    }

    /// Waits until each process sleeps: state `S` in proc_pid_status(5). A process that has been woken is in state `R`
    /// even before it runs, so it is waited for.
    pub fn fall_asleep(&self) -> io::Result<()> {
        let began = Instant::now();
        for &pid in &self.0 {
            while !status(pid, "State:")?.starts_with('S') {
                if began.elapsed() > PATIENCE {
                    return Err(io::Error::other(format!("process {pid} does not fall asleep")));
                }
                thread::yield_now();
            }
        }
        Ok(())
    }

    /// How often all processes together have gone to sleep.
    pub fn sleeps(&self) -> io::Result<u64> {
        self.0.iter().map(|&pid| number(&status(pid, "voluntary_ctxt_switches:")?)).sum()
    }

    /// How long all processes together have had a processor.
    pub fn nanoseconds(&self) -> io::Result<u64> {
        self.0.iter().map(|pid| number(&fs::read_to_string(format!("/proc/{pid}/schedstat"))?)).sum()
    }
}

impl Drop for Herd {
    fn drop(&mut self) {
        for &pid in &self.0 {
            let _ = kill(pid, Signal::SIGKILL);
            let _ = waitpid(pid, None);
        }
    }
}

/// A line of /proc/PID/status.
fn status(pid: Pid, name: &str) -> io::Result<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    Ok(line.ok_or_else(|| io::Error::other(format!("/proc does not say {name}")))?.trim().to_owned())
}

/// The first word, as a number.
fn number(text: &str) -> io::Result<u64> {
    text.split_whitespace().next().unwrap_or_default().parse().map_err(io::Error::other)
}

/// Forks a process that lives `life`.
fn child(life: impl FnOnce() -> io::Result<()>) -> Result<Pid, Errno> {
    #[allow(unsafe_code)]
    // SAFETY: this program has one thread, so the child may do whatever the parent may (fork(2)).
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            // Nobody should be left over if the parent is killed.
            let ended = set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from).and_then(|()| life());
            eprintln!("thunder: a process ended: {ended:?}");
            process::exit(1)
        }
    }
}

/// Memory that children share with this process.
pub fn shared(count: usize) -> Result<&'static [Tally], Errno> {
    let bytes = NonZeroUsize::new(count * size_of::<Tally>()).ok_or(Errno::EINVAL)?;
    #[allow(unsafe_code)]
    // SAFETY: a new mapping of this size, aligned to a page, full of zeros, which are valid atomics; never unmapped.
    unsafe {
        let memory =
            mmap_anonymous(None, bytes, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED)?;
        Ok(std::slice::from_raw_parts(memory.cast().as_ptr(), count))
    }
}
