//! What herd needs from its system: each row of the table in the book, tried by denying the call.

use super::PROGRAM;
use e2e::{Denied, Errno, Signal, Site, libc, pattern};
use verdict::test;

/// The first cell of the row, what is denied, and what the row says about it.
type Row = (&'static str, Denied, Without);

/// What herd does without it.
enum Without {
    /// It ends with this code, and says so.
    Ends(i32, &'static str),
    /// It serves, and logs this sentence, if it is not empty.
    Serves(&'static str),
}

const ROWS: [Row; 8] = [
    (
        "`openat2`",
        Denied::call(libc::SYS_openat2, Errno::ENOSYS),
        Without::Ends(2, "cannot be protected: this system lacks openat2 (Linux 5.6), or forbids it"),
    ),
    (
        "`SO_REUSEPORT`",
        Denied::call(libc::SYS_setsockopt, Errno::ENOPROTOOPT),
        Without::Ends(2, "Protocol not available"),
    ),
    (
        "`PR_SET_NO_NEW_PRIVS`",
        Denied::call(libc::SYS_prctl, Errno::EINVAL),
        Without::Ends(1, "cannot set no_new_privs"),
    ),
    (
        "`EPOLLEXCLUSIVE`",
        // EPOLLEXCLUSIVE is a bit of the events, which are in memory, where the filter cannot see it. So the whole call
        // is refused.
        Denied::call(libc::SYS_epoll_ctl, Errno::EINVAL),
        Without::Ends(3, "cannot watch the clients: Invalid argument"),
    ),
    (
        "`clone3`, forbidden",
        Denied::call(libc::SYS_clone3, Errno::EPERM),
        Without::Ends(3, "cannot start the threads: Operation not permitted"),
    ),
    ("`clone3`, unknown", Denied::call(libc::SYS_clone3, Errno::ENOSYS), Without::Serves("")),
    (
        "Landlock",
        Denied::call(libc::SYS_landlock_create_ruleset, Errno::ENOSYS),
        Without::Serves("this kernel has no Landlock, so the worker is not confined"),
    ),
    ("`sendfile`", Denied::call(libc::SYS_sendfile, Errno::ENOSYS), Without::Serves("")),
];

/// Rows that no filter of system calls can try, and one that the page of refusals has.
const NOT_HERE: [&str; 3] = ["`RESOLVE_CACHED`", "Landlock for TCP", "`TCP_DEFER_ACCEPT`, `TCP_NODELAY`"];

/// The last column of each row, by the first.
fn rows() -> Vec<(String, String)> {
    let page = include_str!("../../../../book/src/reference/system.md");
    let table = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let cells = table.take_while(|line| line.starts_with('|')).map(|line| {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        (cells.next().unwrap_or_default().to_owned(), cells.last().unwrap_or_default().to_owned())
    });
    cells.collect()
}

#[test]
fn what_the_book_says_of_a_missing_call_is_what_herd_does() {
    let rows = rows();
    for (what, denied, without) in ROWS {
        let (_, text) =
            rows.iter().find(|(first, _)| first == what).unwrap_or_else(|| panic!("{what}: no row"));
        let site = Site::new().file("large.bin", pattern(3 << 20));
        let launch = PROGRAM.launch().site(&site).flags(&["--num-workers", "1"]).without(denied);
        match without {
            Without::Ends(code, sentence) => {
                let promised = text.starts_with(&format!("exit code {code}: ")) && text.contains(sentence);
                assert!(promised, "{what}: the row should say exit code {code} and {sentence}: {text}");
                let finished = launch.run();
                assert_eq!(finished.code, Some(code), "{what}: {}", finished.stderr);
                assert!(finished.stderr.contains(sentence), "{what}: {}", finished.stderr);
            }
            Without::Serves(sentence) => {
                let promised = text.starts_with("serves: ") && text.contains(sentence);
                assert!(promised, "{what}: the row should say that herd serves, and {sentence}: {text}");
                let server = launch.start();
                assert_eq!(server.get("/large.bin").expect(200).body, pattern(3 << 20), "{what}");
                assert!(server.stderr().contains(sentence), "{what}: {}", server.stderr());
                server.signal(Signal::SIGTERM);
                assert_eq!(server.exit_code(), Some(0), "{what}: {}", server.stderr());
            }
        }
    }
}

#[test]
fn every_row_is_tried() {
    for (first, _) in rows() {
        let tried = ROWS.iter().any(|(what, ..)| *what == first) || NOT_HERE.contains(&&*first);
        assert!(tried, "nothing here tries {first}");
    }
}
