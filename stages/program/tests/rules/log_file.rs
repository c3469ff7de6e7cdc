//! `log_file`: whole lines and no waiting, whatever a log is, and whether its reader reads or not.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::{F_UNLCK, F_WRLCK, flock};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{mkfifo, pipe};
use program::log_file::{LogFile, TellingLog};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use tempfile::TempDir;
use verdict::test;

/// A line that can be told from every other.
fn line(number: usize) -> String {
    format!("line {number} {} end\n", "x".repeat(number % 700))
}

/// Writes lines until one is dropped. Returns how many were not.
fn fill(log: &LogFile) -> usize {
    (0..1_000_000).find(|&number| log.write_line(line(number).as_bytes()).is_err()).expect("a log has an end")
}

/// Reads so many lines, each of which must be one of ours, in order, without any other.
#[track_caller]
fn expect_lines(reader: &mut impl BufRead, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        let mut read = String::new();
        reader.read_line(&mut read).expect("a line of text");
        // A terminal ends its lines with \r\n.
        assert_eq!(read.replace('\r', ""), line(number), "line {number} should be whole, and itself");
    }
}

/// What every log must do when its reader stops reading, and when it goes on.
#[track_caller]
fn a_full_log_drops_whole_lines(log: &LogFile, reader: impl Read) {
    let written = fill(log);
    assert!(written > 3, "a log should take lines while there is room");
    assert!(log.write_line(line(written).as_bytes()).is_err(), "what is full stays full");
    assert_eq!(log.unsaid(), 2, "two lines were dropped");
    let mut reader = BufReader::new(reader);
    expect_lines(&mut reader, 0..written);
    log.write_line(line(7).as_bytes()).expect("there is room again");
    expect_lines(&mut reader, [7]);
    assert!(log.said(2) && !log.said(2), "a loss is said once");
}

/// A process that is stopped in the middle of its line holds the lock on the file for as long as it is stopped. Here
/// another open file of this process does: to the kernel, a lock of that kind (`F_OFD_SETLK`) belongs to another process.
#[test]
fn a_line_does_not_wait_for_a_process_that_keeps_its_turn() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let other = File::create(&path).expect("a file");
    let log =
        LogFile::shared(File::options().write(true).open(&path).expect("a file").into()).expect("a log");
    let lock = |kind: i32| {
        let whole = flock { l_type: kind as i16, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
        fcntl(&other, FcntlArg::F_OFD_SETLK(&whole)).expect("a lock");
    };
    lock(F_WRLCK);
    assert!(log.write_line(b"dropped\n").is_err(), "the line should be dropped, and no lock waited for");
    lock(F_UNLCK);
    log.write_line(b"written\n").expect("the turn is free again");
    assert_eq!(std::fs::read_to_string(&path).expect("a log"), "written\n");
}

#[test]
fn a_full_pipe_drops_lines_and_the_shell_that_shares_it_notices_nothing() {
    let (reader, writer) = pipe().expect("a pipe");
    let log = LogFile::inherited(writer.as_fd()).expect("a log");
    a_full_log_drops_whole_lines(&log, File::from(reader));
    let flags = fcntl(&writer, FcntlArg::F_GETFL).expect("flags");
    assert_eq!(flags & OFlag::O_NONBLOCK.bits(), 0, "what is shared should still be able to wait");
}

#[test]
fn a_pipe_that_cannot_be_opened_again_is_asked_for_room() {
    let (reader, writer) = pipe().expect("a pipe");
    a_full_log_drops_whole_lines(&LogFile::new(writer).expect("a log"), File::from(reader));
}

#[test]
fn a_full_socket_drops_lines_and_a_closed_one_does_not_kill() {
    let (reader, writer) = UnixStream::pair().expect("two sockets");
    let log = LogFile::inherited(writer.as_fd()).expect("a log");
    a_full_log_drops_whole_lines(&log, reader.try_clone().expect("a socket"));
    drop(reader);
    assert!(log.write_line(b"to nobody\n").is_err(), "a line that nobody can read is dropped");
}

/// Both ends of a new terminal: the one that a person sits at, and the one for programs.
fn terminal() -> (File, OwnedFd) {
    let person =
        OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NOCTTY).open("/dev/ptmx");
    let person = person.expect("a terminal");
    let unlock: nix::libc::c_int = 0;
    #[allow(unsafe_code)]
    // SAFETY: both requests are of ptmx (ioctl_tty(2)); the first reads an int that lives, the second returns a new
    // descriptor, which nobody else owns.
    let program = unsafe {
        assert_eq!(nix::libc::ioctl(person.as_raw_fd(), nix::libc::TIOCSPTLCK, &raw const unlock), 0);
        let flags = nix::libc::O_RDWR | nix::libc::O_NOCTTY;
        let program = nix::libc::ioctl(person.as_raw_fd(), nix::libc::TIOCGPTPEER, flags);
        assert!(program >= 0, "a terminal has another end");
        OwnedFd::from_raw_fd(program)
    };
    (person, program)
}

#[test]
fn a_terminal_that_takes_no_more_drops_lines() {
    let (person, program) = terminal();
    let log = LogFile::inherited(program.as_fd()).expect("a log");
    // It may have taken the beginning of a line; then it gets the rest before anything else.
    let written = fill(&log);
    assert!(log.write_line(line(written).as_bytes()).is_err(), "what is full stays full");
    let mut reader = BufReader::new(person);
    expect_lines(&mut reader, 0..written - 1);
    log.write_line(line(7).as_bytes()).expect("there is room again");
    expect_lines(&mut reader, [written - 1, 7]);
}

fn fifo() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).expect("a FIFO");
    (folder, path)
}

#[test]
fn a_fifo_needs_no_reader_and_outlives_each() {
    let (_folder, path) = fifo();
    let log = LogFile::open(&path).expect("a FIFO without a reader is a log");
    log.write_line(line(1).as_bytes()).expect("a line waits for its reader");
    for number in 1..4 {
        let mut reader = BufReader::new(File::open(&path).expect("a reader"));
        expect_lines(&mut reader, [number]);
        drop(reader);
        log.write_line(line(number + 1).as_bytes()).expect("a line waits for the next reader");
    }
    a_full_log_drops_whole_lines(&LogFile::open(&path).expect("a log"), {
        let mut reader = BufReader::new(File::open(&path).expect("a reader"));
        expect_lines(&mut reader, [4]);
        reader.into_inner()
    });
}

#[test]
fn a_fifo_that_has_a_reader_outlives_it_too() {
    let (_folder, path) = fifo();
    let open = |options: &mut OpenOptions| options.custom_flags(nix::libc::O_NONBLOCK).open(&path);
    let reader = open(OpenOptions::new().read(true)).expect("a reader");
    let log = LogFile::open(&path).expect("a log");
    drop(reader);
    log.write_line(line(1).as_bytes()).expect("a line waits for the next reader");
    expect_lines(&mut BufReader::new(File::open(&path).expect("a reader")), [1]);
}

#[test]
fn lines_of_many_threads_in_a_pipe_are_whole_or_not_there() {
    let (reader, writer) = pipe().expect("a pipe");
    let log = LogFile::inherited(writer.as_fd()).expect("a log");
    drop(writer);
    let reader = thread::spawn(move || {
        let lines = BufReader::new(File::from(reader)).lines();
        let lines = lines.map(|read| read.expect("a line of text"));
        lines.for_each(|read| {
            let number = read.split(' ').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
            assert_eq!(format!("{read}\n"), line(number), "each line should be whole");
        });
    });
    let written: usize = thread::scope(|scope| {
        let write = |_| {
            scope
                .spawn(|| (0..2000).filter(|&number| log.write_line(line(number).as_bytes()).is_ok()).count())
        };
        let writers: Vec<_> = (0..4).map(write).collect();
        writers.into_iter().map(|writer| writer.join().expect("a writer")).sum()
    });
    assert_eq!(written as u64 + log.unsaid(), 8000, "each line is written or dropped");
    drop(log);
    reader.join().expect("no line is damaged");
}

#[test]
fn a_line_that_a_pipe_would_cut_is_dropped() {
    let (reader, writer) = pipe().expect("a pipe");
    let log = LogFile::inherited(writer.as_fd()).expect("a log");
    drop(writer);
    let longest = log.longest_line().expect("a pipe has a limit");
    let of_length = |length: usize| format!("{}\n", "y".repeat(length - 1));
    log.write_line(of_length(longest).as_bytes()).expect("the longest line");
    assert!(log.write_line(of_length(longest + 1).as_bytes()).is_err());
    drop(log);
    let mut read = String::new();
    File::from(reader).read_to_string(&mut read).expect("text");
    assert_eq!(read, of_length(longest));
}

#[test]
fn the_error_log_says_once_what_it_has_lost() {
    let (reader, writer) = pipe().expect("a pipe");
    let mut log = TellingLog(LogFile::inherited(writer.as_fd()).expect("a log"));
    // Lines of 64 bytes: they leave no gap at the end of a page of the pipe.
    let old = format!("2026-01-01T00:00:00.000Z 4711 INFO {}\n", "x".repeat(28));
    let mut written = 0;
    while log.0.unsaid() < 5 {
        log.write_all(old.as_bytes()).expect("a log never fails");
        written += usize::from(log.0.unsaid() == 0);
    }
    let mut reader = BufReader::new(File::from(reader));
    for _ in 0..written {
        let mut read = String::new();
        reader.read_line(&mut read).expect("a line of text");
        assert_eq!(read, old);
    }
    for minute in 1..3 {
        let line = format!("2026-01-01T00:0{minute}:00.000Z 4711 INFO back\n");
        log.write_all(line.as_bytes()).expect("a log never fails");
    }
    drop((log, writer));
    let rest: Vec<String> = reader.lines().map(|line| line.expect("text")).collect();
    assert_eq!(
        rest,
        [
            "2026-01-01T00:01:00.000Z 4711 WARN 5 log lines were dropped, because they could not be written at once",
            "2026-01-01T00:01:00.000Z 4711 INFO back",
            "2026-01-01T00:02:00.000Z 4711 INFO back",
        ]
    );
}

#[test]
fn a_file_that_is_shared_with_a_shell_is_written_where_the_shell_would() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let mut shell = File::create(&path).expect("a file");
    let log = LogFile::inherited(shell.as_fd()).expect("a log");
    for number in 0..3 {
        log.write_line(line(number).as_bytes()).expect("a file takes lines");
        writeln!(shell, "of the shell").expect("a file takes lines");
    }
    let text = std::fs::read_to_string(&path).expect("text");
    let expected: String = (0..3).map(|number| format!("{}of the shell\n", line(number))).collect();
    assert_eq!(text, expected);
}

#[test]
fn a_line_that_a_file_has_no_room_for_leaves_nothing_in_it() {
    // What the other tests write is far below this limit, which counts for them too.
    const LIMIT: u64 = 1 << 20;
    program::signals::ignore_unused().expect("SIGXFSZ would end the tests");
    let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).expect("a limit");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let before = "x".repeat(LIMIT as usize - 100);
    for appends in [true, false] {
        std::fs::write(&path, &before).expect("a file");
        let log = match appends {
            true => LogFile::open(&path),
            false => {
                let mut file = OpenOptions::new().write(true).open(&path).expect("a file");
                file.seek(SeekFrom::End(0)).expect("a place");
                LogFile::inherited(file.as_fd())
            }
        };
        let log = log.expect("a log");
        setrlimit(Resource::RLIMIT_FSIZE, LIMIT, most).expect("a limit");
        assert!(log.write_line(line(300).as_bytes()).is_err(), "there is no room for this line");
        assert!(
            std::fs::read_to_string(&path).expect("text") == before,
            "nothing of the line should be there"
        );
        setrlimit(Resource::RLIMIT_FSIZE, most, most).expect("a limit");
        log.write_line(line(301).as_bytes()).expect("there is room again");
        let after = std::fs::read_to_string(&path).expect("text");
        assert_eq!(after.strip_prefix(&before), Some(line(301).as_str()));
    }
}
