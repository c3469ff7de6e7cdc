//! Where the threads of this process are, for the message about a test that hangs.
//!
//! A debugger would stop the process and walk its stacks. A process can do nearly the same for itself: a signal sent to
//! one thread (tgkill(2)) makes that thread run a handler, and the handler notes the stack that it interrupted.
//! Allocating in a handler is not allowed in general (signal-safety(7)); it is done here because the test has failed
//! already, and a thread that hangs hardly ever hangs inside the allocator.

// Signal handlers and tgkill(2) have no safe interface.
#![allow(unsafe_code)]

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::backtrace::Backtrace;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{fs, process, thread};

/// The stacks that the handlers noted: a thread's id, its name, and where it was.
static NOTED: Mutex<Vec<(i32, String, Backtrace)>> = Mutex::new(Vec::new());

/// How long to wait for a thread to note its stack: one that sleeps inside the kernel may never do so.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many stacks are taken of a thread that runs.
const LOOKS: usize = 5;

/// One line for every thread that is somewhere in a part: its name, and where it sleeps or runs. If there is none, for
/// every thread that is in a test: a test that waits for others is of interest only if there are no others.
pub fn report() -> String {
    let mut text = String::from("where each thread was then:");
    let action = SigAction::new(SigHandler::Handler(note_own_stack), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler only captures a stack; see the module's comment for what it allocates. Nothing else here uses
    // SIGURG, which is ignored by default.
    if unsafe { sigaction(Signal::SIGURG, &action) }.is_err() {
        return text;
    }
    let (mut in_part, mut in_test) = (Vec::new(), Vec::new());
    for (thread, sleeps) in threads() {
        // A running thread may be interrupted where the compiler has no line; then only its caller would be named.
        let looks = if sleeps { 1 } else { LOOKS };
        let stacks = (0..looks).filter_map(|_| stack_of(thread));
        let Some((name, stack)) = stacks
            .map(|(name, stack)| (name, stack.to_string()))
            .max_by_key(|(_, stack)| lines_in(stack).count())
        else {
            continue;
        };
        // The test harness waits there, whatever the test does.
        if name == "main" {
            continue;
        }
        let Some(place) = place_in(&stack) else { continue };
        let doing = match (sleeps, name.as_str()) {
            (false, _) => "runs",
            // All threads of a model run on this one, in turns, and it never waits for anything.
            (true, "the model") => "sleeps, outside of the model (in something of `std::sync`?),",
            (true, _) => "sleeps",
        };
        let lines = if lines_in(&stack).next().is_some() { &mut in_part } else { &mut in_test };
        lines.push(format!("{name} {doing} at {place}"));
    }
    let mut lines = if in_part.is_empty() { in_test } else { in_part };
    // Ids do not always tell which thread was started first, so the lines are in the order of their text.
    lines.sort();
    for alike in lines.chunk_by(|one, next| one == next) {
        let count = if alike.len() > 1 { " (several threads)" } else { "" };
        write!(text, "\n  {}{count}", alike[0]).expect("a string takes what is written to it");
    }
    text
}

/// All other threads of this process, and whether each sleeps (proc(5), `State`).
fn threads() -> Vec<(i32, bool)> {
    let own = nix::unistd::gettid().as_raw();
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    let mut threads: Vec<(i32, bool)> = ids.filter(|&id| id != own).map(|id| (id, sleeps(id))).collect();
    threads.sort_unstable();
    threads
}

fn sleeps(thread: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_some_and(|state| state.trim_start().starts_with('S'))
}

/// Makes a thread note its stack, and waits for it.
fn stack_of(thread: i32) -> Option<(String, Backtrace)> {
    let process = process::id().cast_signed();
    // SAFETY: tgkill(2) takes three numbers and touches no memory. If the thread has ended, it only returns an error.
    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGURG) };
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let mut noted = NOTED.lock().ok()?;
        // Stacks of threads that were late with theirs may be there too.
        if let Some(place) = noted.iter().position(|(id, ..)| *id == thread) {
            let (_, name, stack) = noted.swap_remove(place);
            return Some((name, stack));
        }
        drop(noted);
        thread::sleep(Duration::from_millis(1));
    }
    None
}

extern "C" fn note_own_stack(_: libc::c_int) {
    let stack = Backtrace::force_capture();
    let name = thread::current().name().unwrap_or("a thread without a name").to_owned();
    if let Ok(mut noted) = NOTED.lock() {
        noted.push((nix::unistd::gettid().as_raw(), name, stack));
    }
}

/// The lines of a stack that belong to a part, the innermost first.
fn lines_in(stack: &str) -> impl Iterator<Item = String> {
    let folder = std::env::current_dir().unwrap_or_default();
    // A stack shows files of the current folder, which is a part's own, relative to it, and files of libc's own build too.
    let of_part = |file: &&str| ["src/", "prove/", "hunts/"].iter().any(|folder| file.starts_with(folder));
    let absolute = move |place: &str| match place.strip_prefix("./").filter(of_part) {
        Some(file) => format!("{}/{file}", folder.display()),
        None => place.to_owned(),
    };
    let places = stack.lines().filter_map(|line| line.trim_start().strip_prefix("at "));
    places.map(absolute).filter_map(|line| course_file(&line, &["exercises/", "solutions/"]))
}

/// The innermost line of a stack that belongs to a part, the outermost one, and the innermost that belongs to a test.
/// Between the first two are calls within the part, such as that of a semaphore by a queue.
pub(crate) fn place_in(stack: &str) -> Option<String> {
    let mut places = stack.lines().filter_map(|line| line.trim_start().strip_prefix("at "));
    let test = places.find_map(|line| course_file(line, &["tests/suites/", "tests/hunts/", "tests/e2e/"]));
    let mut of_part = lines_in(stack);
    let inner = of_part.next();
    let calls = Vec::from_iter([inner, of_part.last(), test].into_iter().flatten());
    (!calls.is_empty()).then(|| calls.join(", called from "))
}

/// `file:line` from the workspace's root, if the file is beneath one of these folders.
fn course_file(line: &str, folders: &[&str]) -> Option<String> {
    let start = folders.iter().find_map(|folder| line.find(folder))?;
    let (file_and_line, _column) = line[start..].rsplit_once(':')?;
    Some(file_and_line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::sync::mpsc::channel;

    #[test]
    fn a_place_within_a_part_comes_with_the_calls_that_led_to_it() {
        let stack = "0: wait\n at /rustc/std/sync.rs:1:2\n1: acquire\n at /c/exercises/queue/src/semaphore.rs:53:9\n\
                     2: pop\n at /c/exercises/queue/src/ring.rs:7:1\n3: dequeue\n at /c/exercises/queue/src/queue.rs:106:5\n\
                     4: test\n at /c/tests/suites/queue.rs:82:1\n5: run\n at /c/tests/verdict/src/lib.rs:9:1\n";
        let place = "exercises/queue/src/semaphore.rs:53, called from exercises/queue/src/queue.rs:106, called from \
                     tests/suites/queue.rs:82";
        assert_eq!(place_in(stack).as_deref(), Some(place));
        let without_a_test = &stack[..stack.find("2: pop").expect("it is there")];
        assert_eq!(place_in(without_a_test).as_deref(), Some("exercises/queue/src/semaphore.rs:53"));
        assert_eq!(place_in("0: wait\n at /rustc/std/sync.rs:1:2\n"), None);
    }

    #[test]
    fn who_runs_does_not_sleep() {
        let done = AtomicBool::new(false);
        let (sleeper_id, spinner_id) = (channel(), channel());
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                sleeper_id.0.send(nix::unistd::gettid().as_raw()).expect("somebody who asks");
                while !done.load(Relaxed) {
                    thread::park();
                }
            });
            scope.spawn(|| {
                spinner_id.0.send(nix::unistd::gettid().as_raw()).expect("somebody who asks");
                while !done.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
            let [sleeps_at_last, runs] =
                [(&sleeper_id.1, true), (&spinner_id.1, false)].map(|(id, expected)| {
                    let id = id.recv().expect("a thread");
                    let deadline = Instant::now() + Duration::from_secs(30);
                    while sleeps(id) != expected && Instant::now() < deadline {
                        thread::yield_now();
                    }
                    sleeps(id) == expected
                });
            done.store(true, Relaxed);
            sleeper.thread().unpark();
            assert!(sleeps_at_last, "a thread that is parked sleeps");
            assert!(runs, "a thread that goes round and round does not sleep");
        });
    }
}
