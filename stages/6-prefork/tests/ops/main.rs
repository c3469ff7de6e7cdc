//! The files in `ops/`, tested with the programs that they are for.
//!
//! A configuration file that is never run is wrong within a year. So Prometheus scrapes a herd with our rules, HAProxy
//! and nginx balance three herds with our configurations, and so on. A test whose program is missing prints that it was
//! skipped.

mod balancers;
mod cluster;
mod container;
mod files;
mod habits;
mod k6;
mod machine;
mod prometheus;
mod systemd;

use e2e::{Pid, Server, Site, eventually};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use tempfile::TempDir;

const PROGRAM: e2e::Program = e2e::Program { name: "herd", path: env!("CARGO_BIN_EXE_herd") };

/// A file of `ops/`.
fn ops(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ops").join(name)
}

/// Its text.
fn text(name: &str) -> String {
    fs::read_to_string(ops(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Replaces something that must be there.
#[track_caller]
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old:?} should be in\n{text}");
    text.replace(old, new)
}

/// Runs a program to its end. `None`, and a message, if there is no such program.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(_) => {
            e2e::skip(&format!("{program} is not installed"));
            None
        }
    }
}

/// Runs a program that must succeed.
#[track_caller]
fn passes(program: &str, arguments: &[&str]) {
    if let Some(output) = run(program, arguments) {
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{program} {}:\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&said)
        );
    }
}

/// A server other than herd. It ends with the test.
struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it and waits until it listens at `address`. `None`, and a message, if it is not installed.
    #[track_caller]
    fn start(folder: &TempDir, address: SocketAddr, program: &str, arguments: &[&str]) -> Option<Daemon> {
        let mut daemon = Daemon::spawn(folder.path().join(format!("{program}.log")), program, arguments)?;
        eventually(&format!("{program} listens"), || {
            let ended = daemon.child.try_wait().expect("a child");
            assert!(ended.is_none(), "{program} ended: {}", daemon.log());
            listens(address)
        });
        Some(daemon)
    }

    /// Starts it. Its output goes into `log`. `None`, and a message, if it is not installed.
    #[track_caller]
    fn spawn(log: PathBuf, program: &str, arguments: &[&str]) -> Option<Daemon> {
        let file = fs::File::create(&log).expect("a file");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file);
        #[allow(unsafe_code)]
        // SAFETY: the closure only calls prctl(2), a single system call that neither locks nor allocates, so it may run
        // between fork and exec.
        unsafe {
            command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGTERM)?));
        }
        let Ok(child) = command.spawn() else {
            e2e::skip(&format!("{program} is not installed"));
            return None;
        };
        Some(Daemon { child, log })
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // All of these programs end in order on SIGTERM, and end their own children.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// An address that no other test has. Ports that are given out later, to servers and clients on 127.0.0.1, cannot collide
/// with it.
fn free_address() -> SocketAddr {
    static GIVEN: AtomicU8 = AtomicU8::new(1);
    let own = Ipv4Addr::new(127, 0, 1, GIVEN.fetch_add(1, Relaxed));
    TcpListener::bind((own, 0)).and_then(|listener| listener.local_addr()).expect("a port")
}

/// Whether a program listens there. To a port that no program has, a client may by chance connect from the same port, and
/// then it is connected to itself (RFC 9293, section 3.5: simultaneous open).
fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).and_then(|client| client.local_addr()).is_ok_and(|own| own != address)
}

/// The port that a herd has announced in its output, at this machine's own address.
fn announced(output: &str) -> Option<SocketAddr> {
    let (_, rest) = output.split_once("herd listening on http://")?;
    let (_, port) = rest.split_once('/')?.0.rsplit_once(':')?;
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}

/// A herd at an address that is already in a configuration.
fn herd_at(address: SocketAddr, site: &Site, flags: &[&str]) -> Server {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    PROGRAM.launch().site(site).flags(&["--address", &host, "--port", &port]).flags(flags).start()
}
