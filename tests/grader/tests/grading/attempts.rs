//! Ways out of a cell, or to the receipt, tried one after the other by code of a submission, which then says how each
//! went. In safe code, because there is no other in these files.

use grader::cut::replace_once;
use lab::tree::Files;
use std::path::PathBuf;

/// A submission that tries some ways. Each is a name and an expression whose value is a `Result`.
pub struct Attempts {
    pub name: &'static str,
    pub ways: &'static [(&'static str, &'static str)],
}

/// What says that a way is open, and what says that it is closed.
pub const OPEN: &str = "SUCCEEDED";
pub const CLOSED: &str = "refused";

/// In the process of a part's test.
const IN_A_TEST: [Attempts; 5] = [
    Attempts {
        name: "tries-files",
        ways: &[
            ("a file beside the test program", r#"fs::write(own().with_file_name("other"), "")"#),
            ("the test program itself", "fs::File::options().write(true).open(own())"),
            ("a file in the root", r#"fs::write("/other", "")"#),
            ("a file where tests run", r#"fs::write("other", "")"#),
            ("the names of users", r#"fs::write("/etc/passwd", "")"#),
            ("the sources that it was built from", r#"fs::read_dir("/course/tests")"#),
            ("the libraries that it was built with", r#"fs::read_dir("/below")"#),
            ("the homes of users", r#"fs::read_dir("/root").or_else(|_| fs::read_dir("/home"))"#),
            ("shared memory", r#"fs::write("/dev/shm/other", "")"#),
            ("a link to the test program", r#"fs::hard_link(own(), "/tmp/linked")"#),
            (
                "running a program that it has written",
                r#"fs::copy(own(), "/tmp/own").and_then(|_| Command::new("/tmp/own").arg("--list").output())"#,
            ),
            (
                "fifty thousand empty files",
                r#"(0..50_000).try_for_each(|number| fs::write(format!("/tmp/{number}"), ""))"#,
            ),
        ],
    },
    Attempts {
        name: "tries-descriptors",
        ways: &[
            (
                "reading the receipt once more",
                r#"std::io::stdin().as_fd().try_clone_to_owned().and_then(|descriptor| {
                    let mut socket = std::os::unix::net::UnixStream::from(descriptor);
                    socket.set_nonblocking(true)?;
                    socket.read_exact(&mut [0; 16])
                })"#,
            ),
            ("opening the receipt once more", r#"fs::File::open("/proc/self/fd/0")"#),
            ("the descriptors of the process above", r#"fs::read_dir("/proc/1/fd")"#),
            ("ten thousand pipes", r#"(0..10_000).map(|_| std::io::pipe()).collect::<Result<Vec<_>, _>>()"#),
        ],
    },
    Attempts {
        name: "tries-memory",
        ways: &[
            ("its own memory", r#"fs::File::options().read(true).write(true).open("/proc/self/mem")"#),
            ("its own memory, to read", r#"fs::File::open("/proc/thread-self/mem")"#),
            ("the memory of the process above", r#"fs::File::open("/proc/1/mem")"#),
            (
                "the memory of the machine",
                r#"fs::File::open("/proc/kcore").or_else(|_| fs::File::open("/dev/mem"))"#,
            ),
            ("being spared when memory runs short", r#"fs::write("/proc/self/oom_score_adj", "-1000")"#),
            ("three gigabytes at once", r#"Vec::<u8>::new().try_reserve_exact(5 << 30)"#),
            (
                "sockets that hold megabytes",
                r#"fs::read_to_string("/proc/sys/net/ipv4/tcp_rmem").and_then(|received| {
                let sizes = received + &fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem")?;
                let most = sizes.split_whitespace().filter_map(|size| size.parse::<u64>().ok()).max();
                if most == Some(256 << 10) { Err(std::io::Error::other("small buffers")) } else { Ok(()) }
            })"#,
            ),
        ],
    },
    Attempts {
        name: "tries-proc",
        ways: &[
            ("the environment of the process above", r#"fs::read("/proc/1/environ")"#),
            ("the command of the process above", r#"fs::read("/proc/1/cmdline")"#),
            ("the namespaces of the process above", r#"fs::File::open("/proc/1/ns/mnt")"#),
            ("the root of the process above", r#"fs::read_dir("/proc/1/root")"#),
            ("the switch of the machine", r#"fs::write("/proc/sysrq-trigger", "b")"#),
            (
                "what the kernel starts after a crash",
                r#"fs::write("/proc/sys/kernel/core_pattern", "|/tmp/own")"#,
            ),
            (
                "the kernel's messages",
                r#"fs::File::open("/proc/kmsg").or_else(|_| fs::File::open("/dev/kmsg"))"#,
            ),
            ("other users in a namespace", r#"fs::write("/proc/self/uid_map", "0 0 1")"#),
        ],
    },
    Attempts {
        name: "tries-programs-and-the-network",
        ways: &[
            ("a shell", r#"Command::new("/bin/sh").arg("-c").arg("true").output()"#),
            ("a debugger", r#"Command::new("/usr/bin/gdb").arg("--version").output()"#),
            ("namespaces of its own", r#"Command::new("/usr/bin/unshare").arg("--user").output()"#),
            (
                "the loader, on what it has written",
                r#"fs::copy(own(), "/tmp/own").and_then(|_| {
                let output = Command::new("/lib64/ld-linux-x86-64.so.2").args(["/tmp/own", "--list"]).output()?;
                if output.status.success() { Ok(()) } else { Err(std::io::Error::other("it failed")) }
            })"#,
            ),
            ("an address outside", r#"std::net::TcpStream::connect("192.0.2.1:80")"#),
            (
                "a name server",
                r#"std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(&[0], "192.0.2.1:53"))"#,
            ),
        ],
    },
];

/// In the process of a part's test, where the part may use the crate nix: system calls in safe code.
const WITH_NIX: Attempts = Attempts {
    name: "tries-system-calls",
    ways: &[
        (
            "its own memory, by a call",
            r#"{
                let secret = [7_u8; 16];
                let at = RemoteIoVec { base: secret.as_ptr() as usize, len: 16 };
                process_vm_readv(Pid::this(), &mut [std::io::IoSliceMut::new(&mut [0; 16])], &[at])
            }"#,
        ),
        (
            "its own memory, to write",
            r#"{
                let secret = [7_u8; 16];
                let at = RemoteIoVec { base: secret.as_ptr() as usize, len: 16 };
                process_vm_writev(Pid::this(), &[std::io::IoSlice::new(&[0; 16])], &[at])
            }"#,
        ),
        // The crate asks twice for the slices: first where they are, then how many there are.
        (
            "any memory, by two answers to one question",
            r#"{
                use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg};
                use std::io::IoSliceMut;
                #[repr(C)]
                struct Liar<'a> {
                    one: [IoSliceMut<'a>; 1],
                    address_and_length: [usize; 2],
                    two: [IoSliceMut<'a>; 2],
                    asked: bool,
                }
                impl<'a> AsMut<[IoSliceMut<'a>]> for Liar<'a> {
                    fn as_mut(&mut self) -> &mut [IoSliceMut<'a>] {
                        if std::mem::replace(&mut self.asked, true) { &mut self.two } else { &mut self.one }
                    }
                }
                let secret = [7_u8; 16];
                let (from, to) = std::os::unix::net::UnixDatagram::pair().unwrap();
                from.send(&[0; 16]).unwrap();
                let none = || IoSliceMut::new(&mut []);
                let address_and_length = [secret.as_ptr() as usize, 16];
                let mut liar = Liar { one: [none()], address_and_length, two: [none(), none()], asked: false };
                let mut headers = MultiHeaders::<()>::preallocate(1, None);
                let to = std::os::fd::AsRawFd::as_raw_fd(&to);
                recvmmsg(to, &mut headers, [&mut liar], MsgFlags::empty(), None).map(Iterator::count)
            }"#,
        ),
        (
            "what must not change, by a pipe",
            r#"{
                let (from, mut to) = std::io::pipe().unwrap();
                std::io::Write::write_all(&mut to, &[0; 16]).unwrap();
                let kept = [7_u8; 16];
                nix::fcntl::vmsplice(&from, &[std::io::IoSlice::new(&kept)], nix::fcntl::SpliceFFlags::empty())
            }"#,
        ),
        ("letting others read its memory", "nix::sys::prctl::set_dumpable(true)"),
        (
            "a program in memory",
            r#"nix::sys::memfd::memfd_create(c"other", nix::sys::memfd::MFdFlags::empty())"#,
        ),
        (
            "a file system",
            r#"nix::mount::mount(Some("none"), "/tmp", Some("tmpfs"), nix::mount::MsFlags::empty(), None::<&str>)"#,
        ),
        ("the user above", "nix::unistd::setuid(0.into())"),
        (
            "ending the process above",
            "nix::sys::signal::kill(Pid::from_raw(1), nix::sys::signal::Signal::SIGKILL)",
        ),
        (
            "stopping the process above",
            "nix::sys::signal::kill(Pid::from_raw(1), nix::sys::signal::Signal::SIGSTOP)",
        ),
        (
            "more processes than it may have",
            "nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NPROC, 9999, 9999)",
        ),
        (
            "the clock",
            "nix::time::clock_settime(nix::time::ClockId::CLOCK_REALTIME, nix::sys::time::TimeSpec::new(0, 0))",
        ),
    ],
};

/// In the process of a server, where the programs of this machine are in reach. Each is a command for a shell.
const IN_A_SERVER: Attempts = Attempts {
    name: "tries-from-a-server",
    ways: &[
        ("the memory of the test", "exec 3<>/proc/$TEST/mem"),
        ("the environment of the test", "cat /proc/$TEST/environ"),
        ("the receipt of the test", "cat /proc/$TEST/fd/0"),
        ("the command of the process above", "cat /proc/1/cmdline"),
        ("a signal to the process above", "kill -9 1"),
        ("namespaces of its own", "unshare --user --map-root-user true"),
        ("the namespaces of the test", "nsenter --target $TEST --mount true"),
        ("a file system", "mount -t tmpfs none /tmp"),
        ("another root", "chroot / true"),
        ("another user", "setpriv --reuid 0 true"),
        ("the clock", "date --set 2000-01-01"),
        ("the name of the machine", "hostname other"),
        ("a file among the programs", "echo > /usr/bin/other"),
        ("a file beside the server", "echo > /out/other"),
        ("running a script that it has written", "echo '#!/bin/sh' > /tmp/s; chmod 755 /tmp/s; /tmp/s"),
        ("running a program that it has written", "cp /bin/true /tmp/t; /tmp/t"),
        ("loading a program that it has written", "cp /bin/true /tmp/t; /lib64/ld-linux-x86-64.so.2 /tmp/t"),
        ("more processes than it may have", "ulimit -u 100000"),
        ("a core dump", "ulimit -c unlimited"),
        ("a device", "mknod /tmp/d c 1 1"),
        ("the sources of our solution", "ls /course/solutions || ls $ROOT/solutions"),
        ("the wrong submissions", "ls $ROOT/tests/submissions"),
    ],
};

/// A row of attempts, as a submission.
pub struct Attempt {
    pub attempts: &'static Attempts,
    pub part: &'static str,
    /// The task whose tests run it.
    pub task: &'static str,
    pub files: Files,
}

/// All of them, made of exercises as they were handed out.
pub fn all(shipped: impl Fn(&str) -> Files, root: &str) -> Vec<Attempt> {
    let with = |part: &str, file: &str, old: &str, new: &str| {
        let mut files = shipped(part);
        let text = files.get_mut(&PathBuf::from(file)).expect("a file");
        *text = replace_once(text, old, new).expect("a line of the exercise");
        files
    };
    let body = |attempts: &Attempts, head: &str| {
        let tries = attempts.ways.iter().map(|(name, way)| format!("told({name:?}, {way}),"));
        format!("{head}{}", TEST.replace("TRIES", &tries.collect::<String>()))
    };
    // Where every test of the task comes by.
    let start = "Semaphore { permits: Mutex::new(permits), released: Condvar::new() }";
    let in_a_test = IN_A_TEST.iter().map(|attempts| {
        let files = with("queue", "src/semaphore.rs", start, &format!("{}; {start}", body(attempts, STD)));
        Attempt { attempts, part: "queue", task: "3.1", files }
    });
    let flag = "StopFlag { requested: AtomicBool::new(false), bell }";
    let files = with("request", "src/stop.rs", flag, &format!("{}; {flag}", body(&WITH_NIX, NIX)));
    let with_nix = Attempt { attempts: &WITH_NIX, part: "request", task: "1.5", files };
    let way = |(name, way): &(&str, &str)| {
        format!("if ({way}) > /dev/null 2>&1; then echo '{name}: {OPEN}'; else echo '{name}: {CLOSED}'; fi\n")
    };
    let script: String = IN_A_SERVER.ways.iter().map(way).collect();
    let script = format!("TEST=$(cut -d' ' -f4 /proc/$PPID/stat)\nROOT='{root}'\n{script}");
    let body = SERVER.replace("SCRIPT", &format!("{script:?}"));
    let files = with("queue", "src/semaphore.rs", start, &format!("{body}\n        {start}"));
    let in_a_server = Attempt { attempts: &IN_A_SERVER, part: "queue", task: "3.6", files };
    in_a_test.chain([with_nix, in_a_server]).collect()
}

const STD: &str = r#"
        use std::fs;
        use std::io::Read;
        use std::os::fd::AsFd;
        use std::process::Command;
        fn own() -> std::path::PathBuf { std::env::current_exe().unwrap() }"#;
const NIX: &str = r#"
        use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
        use nix::unistd::Pid;"#;
const TEST: &str = r#"
        fn told<T, E: std::fmt::Debug>(name: &str, result: Result<T, E>) -> String {
            match result {
                Ok(_) => format!("{name}: SUCCEEDED"),
                Err(error) => format!("{name}: refused, {error:.60?}"),
            }
        }
        let told = [TRIES];
        panic!("{}", told.join("\n"))"#;

const SERVER: &str = r#"
        if std::env::current_exe().is_ok_and(|path| path.to_string_lossy().contains("stage3-")) {
            let output = std::process::Command::new("sh").args(["-c", SCRIPT]).output().unwrap();
            eprintln!("{}", String::from_utf8_lossy(&output.stdout));
            std::process::exit(1);
        }"#;
