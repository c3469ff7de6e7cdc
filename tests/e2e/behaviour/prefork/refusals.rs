//! The system refuses a call, at the start or later: each line of the tables in the book, tried.

use super::PROGRAM;
use super::shortage::limit;
use e2e::{Answer, Denied, Errno, Gate, Server, Signal, Site, eventually, kill, libc, pattern};
use verdict::test;

/// The page with the tables, compiled in: where submissions are judged, there is no book.
const PAGE: &str = include_str!("../../../../book/src/running/refusals.md");

/// The page has this line in a table.
#[track_caller]
fn is_in_the_book(line: &str) {
    assert!(PAGE.lines().any(|other| other == line), "running/refusals.md should have the line\n{line}");
}

/// Whether a text has these words in this order; `[..]` is for what differs each time.
fn says(text: &str, words: &str) -> bool {
    let fits = |line: &str| {
        words.split("[..]").try_fold(line, |rest, piece| Some(rest.split_once(piece)?.1)).is_some()
    };
    text.lines().any(fits)
}

/// What is refused, the call, the exit code, and the sentence.
type Start = (&'static str, Denied, i32, &'static str);

const STARTS: [Start; 14] = [
    (
        "a socket: `EMFILE`",
        Denied::call(libc::SYS_socket, Errno::EMFILE),
        1,
        "--port: cannot listen on [..]: Too many open files",
    ),
    (
        "`SO_REUSEPORT`: `ENOPROTOOPT`",
        Denied::call(libc::SYS_setsockopt, Errno::ENOPROTOOPT),
        2,
        "--port: cannot listen on [..]: Protocol not available",
    ),
    (
        "`PR_SET_NO_NEW_PRIVS`: `EPERM`",
        Denied::call(libc::SYS_prctl, Errno::EPERM),
        1,
        "cannot set no_new_privs: Operation not permitted",
    ),
    (
        "a process for the trial: `EAGAIN`",
        Denied::call(libc::SYS_clone, Errno::EAGAIN),
        1,
        "cannot try the settings: Resource temporarily unavailable",
    ),
    (
        "a socket for its answer: `EMFILE`",
        Denied::call(libc::SYS_socketpair, Errno::EMFILE),
        1,
        "cannot try the settings: Too many open files",
    ),
    (
        "openat2: `ENOSYS`",
        Denied::call(libc::SYS_openat2, Errno::ENOSYS),
        2,
        "--document-root: [..] cannot be protected: this system lacks openat2",
    ),
    (
        "openat2: `EPERM`",
        Denied::call(libc::SYS_openat2, Errno::EPERM),
        2,
        "--document-root: [..] cannot be protected: this system lacks openat2",
    ),
    (
        "shared memory: `ENOMEM`",
        Denied::SHARED_MEMORY,
        1,
        "cannot map the shared statistics: Cannot allocate memory",
    ),
    (
        "an eventfd: `EMFILE`",
        Denied::call(libc::SYS_eventfd2, Errno::EMFILE),
        1,
        "cannot receive signals: Too many open files",
    ),
    (
        "a pipe: `EMFILE`",
        Denied::call(libc::SYS_pipe2, Errno::EMFILE),
        1,
        "cannot open the pipe from the workers: Too many open files",
    ),
    (
        "Landlock, later than its beginning: `E2BIG`",
        Denied::call(libc::SYS_landlock_restrict_self, Errno::E2BIG),
        3,
        "cannot confine the worker (--landlock off avoids this): [..]: Argument list too long",
    ),
    ("threads: `EAGAIN`", Denied::THREADS, 3, "cannot start the threads: Resource temporarily unavailable"),
    (
        "an epoll instance: `EMFILE`",
        Denied::call(libc::SYS_epoll_create1, Errno::EMFILE),
        3,
        "cannot watch the clients: Too many open files",
    ),
    (
        "a place in it: `ENOSPC`",
        Denied::call(libc::SYS_epoll_ctl, Errno::ENOSPC),
        3,
        "cannot watch the clients: No space left on device",
    ),
];

#[test]
fn a_start_that_is_refused_what_it_needs_is_one_sentence_and_an_exit_code() {
    for (what, denied, code, sentence) in STARTS {
        is_in_the_book(&format!("| {what} | {code} | `{sentence}` |"));
        let flags = ["--num-workers", "1"];
        let finished = PROGRAM.launch().site(&Site::new()).flags(&flags).without(denied).run();
        assert_eq!(finished.code, Some(code), "{what}: {}", finished.stderr);
        assert!(
            says(&finished.stderr, sentence),
            "{what}: \"{sentence}\" should be said: {}",
            finished.stderr
        );
        assert!(!finished.stderr.contains("panicked"), "{what}: nothing should panic: {}", finished.stderr);
        assert_eq!(finished.left_behind, 0, "{what}: no process should be left");
    }
}

#[test]
fn what_a_start_can_do_without_is_a_line_in_the_log() {
    let rows = [
        (
            "Landlock: `ENOSYS`",
            Denied::call(libc::SYS_landlock_create_ruleset, Errno::ENOSYS),
            "this kernel has no Landlock, so the worker is not confined",
        ),
        (
            "Landlock: `EPERM`",
            Denied::call(libc::SYS_landlock_create_ruleset, Errno::EPERM),
            "this kernel has no Landlock, so the worker is not confined",
        ),
        (
            "options of TCP: `ENOPROTOOPT`",
            Denied::TCP_OPTIONS,
            "cannot set its socket's options, so it serves more slowly: Protocol not available",
        ),
    ];
    for (what, denied, sentence) in rows {
        is_in_the_book(&format!("| {what} | serves | `{sentence}` |"));
        let server = PROGRAM.launch().site(&Site::new()).without(denied).start();
        server.get("/").expect(200);
        assert!(
            says(&server.stderr(), sentence),
            "{what}: \"{sentence}\" should be said: {}",
            server.stderr()
        );
        server.signal(Signal::SIGTERM);
        assert_eq!(server.exit_code(), Some(0), "{what}");
    }
}

/// A herd of one worker that serves, and the gate that it asks before each of these calls.
fn gated(site: &Site, calls: &[i64]) -> (Server, Gate) {
    let gate = Gate::before(calls);
    let flags = ["--num-workers", "1", "--threads-per-worker", "2"];
    (PROGRAM.launch().site(site).flags(&flags).through(&gate).start(), gate)
}

/// Waits until a new worker has replaced `old`, and serves.
#[track_caller]
fn is_replaced(server: &Server, old: e2e::Pid) {
    eventually("the worker is replaced", || server.workers().iter().any(|&pid| pid != old));
    server.get("/").expect(200);
}

#[test]
fn a_look_up_that_is_refused_costs_its_own_request() {
    let rows = [
        (Errno::EIO, 500, "| openat2: `EIO` | the request gets 500, and the log a line |"),
        (Errno::EMFILE, 503, "| openat2: `EMFILE` | the request gets 503 |"),
    ];
    let site = Site::new().file("page.txt", "page");
    let (server, gate) = gated(&site, &[libc::SYS_openat2]);
    server.get("/").expect(200);
    let worker = server.workers();
    for (errno, status, row) in rows {
        is_in_the_book(row);
        gate.answer_path(libc::SYS_openat2, "page.txt", Answer::Fail(errno));
        server.get("/page.txt").expect(status);
        server.get("/").expect(200);
    }
    gate.answer_path(libc::SYS_openat2, "page.txt", Answer::GoOn);
    server.get("/page.txt").expect(200);
    assert_eq!(server.workers(), worker, "the worker should be the same");
}

#[test]
fn a_client_that_cannot_be_watched_is_answered_and_let_go() {
    is_in_the_book(
        "| a place in epoll: `ENOSPC` | the client gets its response, and is closed instead of kept |",
    );
    let (server, gate) = gated(&Site::new(), &[libc::SYS_epoll_ctl]);
    gate.answer(libc::SYS_epoll_ctl, Answer::Fail(Errno::ENOSPC));
    let worker = server.workers();
    let mut client = server.client();
    client.get("/").expect(200);
    client.ending();
    gate.answer(libc::SYS_epoll_ctl, Answer::GoOn);
    let mut client = server.client();
    client.get("/").expect(200);
    client.get("/").expect(200);
    assert_eq!(server.workers(), worker, "the worker should be the same");
}

#[test]
fn a_backlog_that_cannot_be_emptied_for_want_of_memory_is_emptied_later() {
    is_in_the_book(
        "| accept4: `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM` | the client waits in the backlog, and is accepted when it can be |",
    );
    for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM] {
        let (server, gate) = gated(&Site::new(), &[libc::SYS_accept4]);
        let worker = server.workers();
        gate.answer(libc::SYS_accept4, Answer::Fail(errno));
        let mut client = server.client();
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let tried = format!("{errno}: the worker tries again");
        eventually(&tried, || gate.asked(libc::SYS_accept4, "") > 2);
        assert!(client.has_heard_nothing(), "{errno}");
        gate.answer(libc::SYS_accept4, Answer::GoOn);
        client.response().expect(200);
        assert_eq!(server.workers(), worker, "{errno}: the worker should be the same");
    }
}

#[test]
fn a_worker_that_cannot_go_on_is_replaced() {
    let rows = [
        (
            libc::SYS_epoll_wait,
            Errno::EINVAL,
            "| epoll_wait: `EINVAL` | the worker says so and ends, and is replaced |",
        ),
        (
            libc::SYS_accept4,
            Errno::EINVAL,
            "| accept4: `EINVAL` | the worker says so and ends, and is replaced |",
        ),
    ];
    for (call, errno, row) in rows {
        is_in_the_book(row);
        let (server, gate) = gated(&Site::new(), &[call]);
        let old = server.workers()[0];
        gate.answer(call, Answer::Fail(errno));
        // Something for the worker to do.
        let mut client = server.client();
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        eventually("the log says why", || {
            says(&server.stderr(), "cannot watch the clients: Invalid argument")
        });
        gate.answer(call, Answer::GoOn);
        is_replaced(&server, old);
    }
}

#[test]
fn a_worker_without_memory_for_a_file_dies_and_is_replaced() {
    is_in_the_book(
        "| memory for a file: `ENOMEM` | the worker dies (Rust ends a program that gets no memory), and is replaced |",
    );
    // Some free memory may be left, but not as much as all of these need.
    let names: Vec<String> = (0..50).map(|number| format!("large-{number}.bin")).collect();
    let site = names.iter().fold(Site::new(), |site, name| site.file(name, pattern(900 << 10)));
    let server = PROGRAM.serve(&site, &["--num-workers", "1"]);
    let old = server.workers()[0];
    limit(old, libc::RLIMIT_DATA, Some(1));
    let answered = |name: &&String| server.client().try_ask("GET", &format!("/{name}"), &[]).is_ok();
    let answers = names.iter().take_while(answered).count();
    assert!(answers < names.len(), "without memory there should be no answer");
    is_replaced(&server, old);
    server.get("/large-0.bin").expect(200);
}

#[test]
fn when_no_process_can_be_forked_nothing_is_reloaded_and_the_dead_are_replaced_later() {
    is_in_the_book(
        "| fork for a worker: `EAGAIN` | the others serve; the master tries again after growing pauses, without end |",
    );
    is_in_the_book("| fork for a trial: `EAGAIN` | `nothing is reloaded: cannot try the settings: [..]` |");
    let (server, gate) = gated(&Site::new(), &[libc::SYS_clone]);
    gate.answer(libc::SYS_clone, Answer::Fail(Errno::EAGAIN));
    server.signal(Signal::SIGHUP);
    let sentence = "nothing is reloaded: cannot try the settings: Resource temporarily unavailable";
    eventually("the log says why nothing is reloaded", || says(&server.stderr(), sentence));
    server.get("/").expect(200);
    let (old, before) = (server.workers()[0], gate.asked(libc::SYS_clone, ""));
    kill(old, Signal::SIGKILL).expect("a worker to kill");
    // More often than a worker may fail to start before its slot is given up.
    eventually("the master tries again and again", || gate.asked(libc::SYS_clone, "") > before + 5);
    gate.answer(libc::SYS_clone, Answer::GoOn);
    is_replaced(&server, old);
}

#[test]
fn a_successor_that_cannot_start_leaves_the_others_in_peace_and_a_reload_brings_it_back() {
    is_in_the_book(
        "| epoll, eventfd, threads, Landlock for a later worker | the others serve; after five attempts its slot is given up until a reload |",
    );
    for (call, errno) in [
        (libc::SYS_epoll_create1, Errno::EMFILE),
        (libc::SYS_eventfd2, Errno::EMFILE),
        (libc::SYS_clone3, Errno::EAGAIN),
        (libc::SYS_landlock_restrict_self, Errno::E2BIG),
    ] {
        let gate = Gate::before(&[call]);
        let server = PROGRAM.launch().site(&Site::new()).through(&gate).start();
        let old = server.workers();
        gate.answer(call, Answer::Fail(errno));
        kill(old[0], Signal::SIGKILL).expect("a worker to kill");
        eventually("its slot is given up", || server.stderr().contains("given up until a reload"));
        assert_eq!(server.workers(), old[1..], "the other one goes on");
        gate.answer(call, Answer::GoOn);
        server.signal(Signal::SIGHUP);
        eventually("both slots have new workers", || {
            let now = server.workers();
            now.len() == 2 && now.iter().all(|pid| !old.contains(pid))
        });
        server.get("/").expect(200);
    }
}

#[test]
fn a_master_that_cannot_wait_for_events_still_replaces_the_dead_and_stops() {
    is_in_the_book(
        "| poll in the master: `ENOMEM` | it looks around twice a second instead, and the log says so |",
    );
    let (server, gate) = gated(&Site::new(), &[libc::SYS_poll]);
    gate.answer(libc::SYS_poll, Answer::Fail(Errno::ENOMEM));
    let old = server.workers()[0];
    kill(old, Signal::SIGKILL).expect("a worker to kill");
    is_replaced(&server, old);
    assert!(server.stderr().contains("the master cannot wait for events"), "{}", server.stderr());
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn every_line_of_the_tables_is_tried() {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let refused: Vec<&str> = rows.map(|(first, _)| first).filter(|first| *first != "refused").collect();
    assert!(refused.len() > 20, "running/refusals.md should have its tables: {refused:?}");
    for what in refused {
        assert!(include_str!("refusals.rs").contains(what), "nothing here tries {what}");
    }
}
