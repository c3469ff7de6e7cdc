//! A semaphore between processes, and the death of who holds it.

// fork(2) and the semaphores of the C library have no safe wrappers.
#![allow(unsafe_code)]

use super::Act;
use crate::show::Kind::Words;
use crate::show::{Show, Shown, Table};
use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{ForkResult, Pid, fork, pause};
use parts::stats::{Acquired, SharedSemaphore};
use std::cell::UnsafeCell;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

pub const ACT: Act = Act {
    title: "The semaphore whose holder dies",
    announcement: "Two processes share a semaphore. One takes it and is killed with SIGKILL. Then the other wants it.",
    question: "Who could give a POSIX semaphore back? Who could know that it must be given back?",
    play,
};

/// How long the living one tries.
const PATIENCE: Duration = Duration::from_secs(1);

/// What parent and child share. Fresh memory is all zeros, and that is a valid value of each of them.
#[repr(C)]
struct Shared {
    classic: UnsafeCell<libc::sem_t>,
    ours: SharedSemaphore,
    holds: AtomicBool,
}

fn play(show: &Show) -> Result<Shown> {
    let length = NonZeroUsize::new(size_of::<Shared>()).context("a size")?;
    // SAFETY: no address is asked for, so the kernel picks a range that nothing else uses.
    let memory = unsafe {
        mmap_anonymous(None, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED)
    }?;
    // SAFETY: the mapping is large enough, begins on a page, is never unmapped, and all-zero bytes are a `Shared`. It is
    // changed through atomics and through the C library only.
    let shared: &Shared = unsafe { memory.cast().as_ref() };
    // SAFETY: nobody uses the semaphore yet, and it lies in shared memory, as 1 says.
    Errno::result(unsafe { libc::sem_init(shared.classic.get(), 1, 1) })?;

    let mut table = Table::new(
        show,
        &[("", 22, Words), ("a POSIX semaphore", 26, Words), ("SharedSemaphore", 24, Words)],
    );
    // ANCHOR: dies_with_it
    let classic = holder(shared, || {
        // SAFETY: the semaphore was initialized above. EINTR cannot be: the child has no
        // handlers.
        let _ = unsafe { libc::sem_wait(shared.classic.get()) };
    })?;
    // ANCHOR_END: dies_with_it
    let ours = holder(shared, || mem::forget(shared.ours.acquire(std::process::id())))?;
    table.row(vec!["taken by".to_owned(), format!("process {classic}"), format!("process {ours}")]);
    for victim in [classic, ours] {
        kill(victim, Signal::SIGKILL)?;
        waitpid(victim, None)?;
    }
    table.row(vec!["killed, and reaped".to_owned(), "yes".to_owned(), "yes".to_owned()]);

    let classic_before = take_classic(shared)?;
    let ours_before = shared.ours.acquire_within(std::process::id(), PATIENCE).is_some();
    let answer = |got| if got { "got it" } else { "not within a second" }.to_owned();
    table.row(vec!["the other tries".to_owned(), answer(classic_before), answer(ours_before)]);

    table.row(vec![
        "what can be done".to_owned(),
        "nothing: it has no owner".to_owned(),
        format!("settle({ours})"),
    ]);
    shared.ours.settle(ours.as_raw().unsigned_abs());
    let classic_after = take_classic(shared)?;
    let Some(Acquired { owner_died, guard }) = shared.ours.acquire_within(std::process::id(), PATIENCE)
    else {
        anyhow::bail!("settle did not free the semaphore");
    };
    table.row(vec![
        "the other tries again".to_owned(),
        answer(classic_after),
        "got it: the owner died".to_owned(),
    ]);
    drop(guard);
    ensure!(!classic_before && !classic_after, "a POSIX semaphore came back from the dead");
    ensure!(!ours_before, "the semaphore was free before anybody had settled it");
    ensure!(owner_died, "nobody was told that the owner had died");
    Ok(table.finding(
        "A sem_t counts, and does not know who took it: it is gone for ever. Ours has its owner's process id in its word. \
         The master reaps the dead, gives back what was theirs, and the next owner is told to look at what it finds.",
    ))
}

/// A process that takes something and then waits to be killed.
fn holder(shared: &Shared, take: impl FnOnce()) -> Result<Pid> {
    shared.holds.store(false, SeqCst);
    // SAFETY: the child makes system calls, changes shared memory and waits. It allocates nothing and takes no lock
    // that another thread could have held at the fork.
    match unsafe { fork() }? {
        ForkResult::Child => {
            // If it cannot be had, and the show is killed, the child stays until somebody kills it.
            let _ = set_pdeathsig(Signal::SIGKILL);
            take();
            shared.holds.store(true, SeqCst);
            loop {
                pause();
            }
        }
        ForkResult::Parent { child } => {
            e2e::eventually("the child takes the semaphore", || shared.holds.load(SeqCst));
            Ok(child)
        }
    }
}

/// Whether the POSIX semaphore could be taken in time.
fn take_classic(shared: &Shared) -> Result<bool> {
    let until = clock_gettime(ClockId::CLOCK_REALTIME)? + PATIENCE.into();
    // SAFETY: the semaphore was initialized, and lives as long as the program.
    match Errno::result(unsafe { libc::sem_timedwait(shared.classic.get(), until.as_ref()) }) {
        Ok(_) => Ok(true),
        Err(Errno::ETIMEDOUT) => Ok(false),
        Err(other) => Err(other.into()),
    }
}
