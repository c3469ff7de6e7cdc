//! A server program, started for one test.

use crate::gate::Asked;
use crate::{Client, Denied, Gate, Response, Site, eventually, identity, kernel};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, kill, killpg, sigaction, sigprocmask,
};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, getpid, getppid};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use tempfile::NamedTempFile;

/// A server to test: its name and its path.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The name, as in `<name> listening on http://...`.
    pub name: &'static str,
    /// The path of the program.
    pub path: &'static str,
}

impl Program {
    /// The program that is run: another one if `SERVER_UNDER_TEST` names it. A grader runs these tests with a student's
    /// server.
    pub(crate) fn executable(self) -> OsString {
        Program::under_test().unwrap_or_else(|| self.path.into())
    }

    fn under_test() -> Option<OsString> {
        std::env::var_os("SERVER_UNDER_TEST")
    }

    /// Begins to describe how to start it.
    pub fn launch(self) -> Launch {
        Launch {
            program: self,
            flags: Vec::new(),
            variables: Vec::new(),
            site: None,
            descriptors: None,
            file_size: None,
            error_log: None,
            deaf: false,
            denied: None,
            gate: None,
        }
    }

    /// Serves `site` on a free port, with two workers if the program has workers, unless `flags` say otherwise.
    #[track_caller]
    pub fn serve(self, site: &Site, flags: &[&str]) -> Server {
        self.launch().site(site).flags(flags).start()
    }
}

/// How to start a program. It inherits none of the `HERD_...` variables.
#[derive(Debug, Clone)]
pub struct Launch {
    program: Program,
    flags: Vec<OsString>,
    variables: Vec<(String, OsString)>,
    site: Option<Site>,
    descriptors: Option<u64>,
    file_size: Option<u64>,
    error_log: Option<Arc<OwnedFd>>,
    deaf: bool,
    denied: Option<Denied>,
    gate: Option<Gate>,
}

impl Launch {
    /// Serves this site on a free port, with two workers. The time limit is ten minutes, far more than [`PATIENCE`], so
    /// that it cannot end a connection that should end for another reason.
    ///
    /// [`PATIENCE`]: crate::PATIENCE
    pub fn site(mut self, site: &Site) -> Launch {
        self.site = Some(site.clone());
        let flags = ["--port", "0", "--num-workers", "2", "--timeout-seconds", "600"];
        self.flag("--document-root", site.root()).flags(&flags)
    }

    /// Adds flags. The last one of a name counts.
    pub fn flags(mut self, flags: &[&str]) -> Launch {
        self.flags.extend(flags.iter().map(OsString::from));
        self
    }

    /// Adds a flag and its value.
    pub fn flag(mut self, name: &str, value: impl AsRef<Path>) -> Launch {
        self.flags.extend([name.into(), value.as_ref().into()]);
        self
    }

    /// Sets an environment variable.
    pub fn variable(mut self, name: &str, value: impl AsRef<Path>) -> Launch {
        self.variables.push((name.to_owned(), value.as_ref().into()));
        self
    }

    /// Allows each process `limit` descriptors.
    pub fn descriptors(mut self, limit: u64) -> Launch {
        self.descriptors = Some(limit);
        self
    }

    /// Allows no process to make a file longer than `limit` bytes.
    pub fn file_size(mut self, limit: u64) -> Launch {
        self.file_size = Some(limit);
        self
    }

    /// Uses this descriptor as standard error, instead of a file.
    pub fn error_log(mut self, descriptor: OwnedFd) -> Launch {
        self.error_log = Some(Arc::new(descriptor));
        self
    }

    /// Starts it as a careless parent would: with every signal ignored and blocked that can be.
    pub fn deaf(mut self) -> Launch {
        self.deaf = true;
        self
    }

    /// Denies each process a system call.
    pub fn without(mut self, denied: Denied) -> Launch {
        self.denied = Some(denied);
        self
    }

    /// Makes each process ask a gate before the gate's calls.
    pub fn through(mut self, gate: &Gate) -> Launch {
        self.gate = Some(gate.clone());
        self
    }

    /// Starts the server and waits until it says where it listens.
    ///
    /// # Panics
    /// If it exits instead, or says nothing.
    #[track_caller]
    pub fn start(self) -> Server {
        let name = self.program.name;
        self.try_start().unwrap_or_else(|finished| panic!("{name} ended instead of serving: {finished:?}"))
    }

    /// Starts the server and waits until it says where it listens, or has ended.
    ///
    /// # Errors
    /// [`Finished`], if it has ended.
    ///
    /// # Panics
    /// If it does neither.
    #[track_caller]
    pub fn try_start(self) -> Result<Server, Finished> {
        let mut server = self.spawn();
        let first_words = format!("{} listening on http://", server.program.name);
        let mut has_ended = false;
        eventually(&format!("the server prints \"{first_words}127.0.0.1:PORT/\" on standard output"), || {
            has_ended = server.status().is_some();
            let text = fs::read_to_string(&server.stdout).unwrap_or_default();
            let line = text.split_once('\n').map(|(line, _)| line);
            let address =
                line.and_then(|line| line.strip_prefix(&first_words)?.strip_suffix('/')?.parse().ok());
            address.map(|address| server.address = address).is_some() || has_ended
        });
        if has_ended {
            return Err(server.finished());
        }
        if let Some(stranger) = server.stranger() {
            panic!("the server that answers is not the one that was built: {stranger}");
        }
        Ok(server)
    }

    /// Runs the program to its end and collects what it printed.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn run(self) -> Finished {
        self.spawn().finished()
    }

    fn spawn(self) -> Server {
        let (stdout, stderr) = (temporary(), temporary());
        let mut command = Command::new(self.program.executable());
        let inherited = std::env::vars_os().map(|(name, _)| name);
        for name in inherited.filter(|name| name.to_string_lossy().starts_with("HERD_") || name == "RUST_LOG")
        {
            command.env_remove(name);
        }
        // These tests check answers, not speed, and on a busy machine a request may wait for long.
        command.env("HERD_QUEUE_DELAY_MS", "0");
        command.args(&self.flags).envs(self.variables).stdin(Stdio::null());
        command.stdout(append_to(&stdout)).stderr(append_to(&stderr)).process_group(0);
        if let Some(descriptor) = &self.error_log {
            command.stderr(descriptor.try_clone().expect("a descriptor"));
        }
        let (parent, descriptors, denied) = (getpid(), self.descriptors, self.denied);
        let mut gate = self.gate.map(|gate| gate.open().expect("a thread"));
        let (file_size, deaf) = (self.file_size, self.deaf);
        #[allow(unsafe_code)]
        // SAFETY: between fork and exec the closure only makes a few system calls, which allocate nothing and take no
        // lock.
        unsafe {
            command.pre_exec(move || {
                if let Some(limit) = descriptors {
                    setrlimit(Resource::RLIMIT_NOFILE, limit, limit)?;
                }
                if let Some(limit) = file_size {
                    setrlimit(Resource::RLIMIT_FSIZE, limit, limit)?;
                }
                if deaf {
                    hear_nothing()?;
                }
                die_with(parent)?;
                denied.map_or(Ok(()), Denied::deny)?;
                gate.as_mut().map_or(Ok(()), Asked::ask)
            })
        };
        let child =
            command.spawn().unwrap_or_else(|error| panic!("cannot run {}: {error}", self.program.name));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Server { program: self.program, child, address, stdout, stderr, _site: self.site }
    }
}

/// Ignores and blocks every signal, in this process and in what it becomes (execve(2)).
fn hear_nothing() -> io::Result<()> {
    for signal in Signal::iterator().filter(|signal| !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP)) {
        let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
        #[allow(unsafe_code)]
        // SAFETY: SIG_IGN runs none of our code.
        unsafe { sigaction(signal, &ignore) }?;
    }
    Ok(sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), None)?)
}

/// Makes the kernel kill the server if the tests are killed.
fn die_with(parent: Pid) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid() == parent { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn temporary() -> NamedTempFile {
    NamedTempFile::new().expect("a temporary file")
}

/// With O_APPEND, because the server's own log may be the same file.
fn append_to(file: &NamedTempFile) -> fs::File {
    fs::File::options().append(true).open(file).expect("a temporary file that can be opened")
}

/// The result of a program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` if a signal killed it.
    pub code: Option<i32>,
    /// Processes that it started and that outlived it.
    pub left_behind: usize,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A running server. Dropping it kills it, with every process that it has started.
#[derive(Debug)]
pub struct Server {
    program: Program,
    child: Child,
    address: SocketAddr,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
    /// Kept alive as long as the server.
    _site: Option<Site>,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The monitoring address that it prints, if it has a separate one.
    #[track_caller]
    pub fn monitoring_address(&self) -> SocketAddr {
        let words = format!("{} monitoring on http://", self.program.name);
        let mut found = None;
        eventually(&format!("the server prints \"{words}127.0.0.1:PORT/\" on standard output"), || {
            let text = self.stdout();
            let address = text.lines().find_map(|line| line.strip_prefix(&words)?.strip_suffix('/'));
            found = address.and_then(|address| address.parse().ok());
            found.is_some()
        });
        found.expect("an address")
    }

    /// A new connection.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// A GET on a connection of its own.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.client().ask("GET", path, &["Connection: close"])
    }

    /// The process that was started.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// All its live processes, itself included.
    pub fn processes(&self) -> Vec<Pid> {
        kernel::group(self.pid())
    }

    /// The processes that it has started.
    pub fn workers(&self) -> Vec<Pid> {
        self.processes().into_iter().filter(|&pid| pid != self.pid()).collect()
    }

    /// The processes that serve clients: its workers, or itself if it has none.
    pub fn serving(&self) -> Vec<Pid> {
        let workers = self.workers();
        if workers.is_empty() { vec![self.pid()] } else { workers }
    }

    /// Sends a signal to the process that was started.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a process that can be signalled");
    }

    /// Whether new connections are refused.
    pub fn refuses_connections(&self) -> bool {
        TcpStream::connect(self.address).is_err()
    }

    /// Waits until the process has ended. `None` if a signal killed it.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn exit_code(&self) -> Option<i32> {
        let mut ended = None;
        eventually(&format!("{} exits", self.program.name), || {
            ended = self.status();
            ended.is_some()
        });
        match ended {
            Some(WaitStatus::Exited(_, code)) => Some(code),
            _ => None,
        }
    }

    /// Waits until it has ended, and collects what it printed.
    #[track_caller]
    fn finished(&self) -> Finished {
        Finished {
            code: self.exit_code(),
            left_behind: self.processes().len(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }

    /// What it has written to standard output.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stdout).unwrap_or_default()).into_owned()
    }

    /// What it has written to standard error.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// If a grader named the server: a sentence about a process of it that runs another program, or that none of its
    /// processes listens.
    fn stranger(&self) -> Option<String> {
        let program = Program::under_test()?;
        let processes = self.processes();
        identity::stranger(Path::new(&program), &processes)
            .or_else(|| identity::nobody_of(&processes, self.address))
    }

    /// How it ended, if it did. WNOWAIT: it is reaped only when this is dropped, so its pid stays taken until then.
    fn status(&self) -> Option<WaitStatus> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        waitid(Id::Pid(self.pid()), flags).ok().filter(|status| *status != WaitStatus::StillAlive)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let program = Program::under_test();
        let stranger = program.and_then(|program| identity::stranger(Path::new(&program), &self.processes()));
        // Its number is not given to another group before it is reaped, so this kills no other process.
        let _ = killpg(self.pid(), Signal::SIGKILL);
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the last of what {} wrote to standard error:", self.program.name);
            let text = self.stderr();
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines[lines.len().saturating_sub(40)..] {
                eprintln!("{line:.300}");
            }
        } else if let Some(stranger) = stranger {
            panic!("the server that answered is not the one that was built: {stranger}");
        }
    }
}
