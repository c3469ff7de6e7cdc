//! The servers that are measured, each with two processes or threads, and configured for speed.

use anyhow::{Context, Result, bail};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The servers, by name. `herd` and `limit` are ours; the others take part if they are installed.
pub const NAMES: [&str; 6] = ["herd", "nginx", "lighttpd", "h2o", "apache", "limit"];

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// Its port on 127.0.0.1.
    pub port: u16,
    child: Child,
}

impl Peer {
    /// Starts a server for the files in `root`. `None` if it is not installed. `programs` holds ours; `folder` is for
    /// what the server writes.
    ///
    /// # Errors
    /// If it is installed but cannot be started.
    pub fn start(name: &'static str, programs: &Path, root: &Path, folder: &Path) -> Result<Option<Peer>> {
        if name == "herd" {
            return Peer::herd(name, &programs.join(name), root, folder, "2").map(Some);
        }
        let port = free_port()?;
        let configuration = folder.join(format!("{name}.conf"));
        fs::write(&configuration, configuration_of(name, port, root, folder))?;
        let mut command = match name {
            "limit" => Command::new(programs.join("limit")),
            "nginx" => Command::new("nginx"),
            "lighttpd" => Command::new("lighttpd"),
            "h2o" => Command::new("h2o"),
            "apache" => Command::new("apache2"),
            _ => bail!("there is no server {name}; there are {}", NAMES.join(", ")),
        };
        match name {
            "limit" => command.arg(port.to_string()),
            "lighttpd" => command.args(["-D", "-f"]).arg(&configuration),
            "apache" => command.args(["-DFOREGROUND", "-f"]).arg(&configuration),
            _ => command.arg("-c").arg(&configuration),
        };
        Peer::run(name, command, port, folder)
    }

    /// Starts the servers that are installed, and prints which are not. `other` is another herd to measure in turn with
    /// them, under that name.
    ///
    /// # Errors
    /// If one is installed but cannot be started.
    pub fn start_all(
        names: impl IntoIterator<Item = &'static str>,
        other: Option<&Path>,
        programs: &Path,
        root: &Path,
        folder: &Path,
    ) -> Result<Vec<Peer>> {
        let mut peers = Vec::new();
        for name in names {
            match Peer::start(name, programs, root, folder)? {
                Some(peer) => peers.push(peer),
                None => eprintln!("{name} is not installed and is left out"),
            }
        }
        if let Some(program) = other {
            peers.push(Peer::herd("other", program, root, folder, "2")?);
        }
        Ok(peers)
    }

    /// Starts this herd, under this name, with this many workers.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn herd(
        name: &'static str,
        program: &Path,
        root: &Path,
        folder: &Path,
        workers: &str,
    ) -> Result<Peer> {
        let port = free_port()?;
        let mut command = Command::new(program);
        command.args(["--num-workers", workers, "--port", &port.to_string(), "--document-root"]).arg(root);
        let peer = Peer::run(name, command, port, folder)?;
        peer.with_context(|| format!("there is no program {}", program.display()))
    }

    fn run(name: &'static str, mut command: Command, port: u16, folder: &Path) -> Result<Option<Peer>> {
        let log = fs::File::create(folder.join(format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        #[allow(unsafe_code)]
        // SAFETY: between fork and exec the closure only calls prctl(2), which is a plain system call.
        unsafe {
            command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGTERM)?));
        }
        let child = match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.with_context(|| format!("cannot start {name}"))?,
        };
        let mut peer = Peer { name, port, child };
        peer.wait_until_it_listens(folder)?;
        Ok(Some(peer))
    }

    fn wait_until_it_listens(&mut self, folder: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(folder.join(format!("{}.log", self.name))).unwrap_or_default();
                bail!("{} does not listen; it says:\n{said}", self.name);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Its processes.
    pub fn group(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

/// A port that is free now, and probably still will be in a moment.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A server that is gone already needs no signal.
        let _ = killpg(self.group(), Signal::SIGTERM);
        let _ = self.child.wait();
        let _ = killpg(self.group(), Signal::SIGKILL);
    }
}

fn configuration_of(name: &str, port: u16, root: &Path, folder: &Path) -> String {
    let (root, folder) = (root.display(), folder.display());
    match name {
        "nginx" => format!(
            "daemon off;
            user root;
            worker_processes 2;
            pid {folder}/nginx.pid;
            error_log stderr crit;
            events {{ worker_connections 4096; }}
            http {{
                access_log off;
                sendfile on;
                tcp_nopush on;
                open_file_cache max=1000 inactive=60s;
                keepalive_requests 1000000000;
                client_body_temp_path {folder}/nginx-1; proxy_temp_path {folder}/nginx-2;
                fastcgi_temp_path {folder}/nginx-3; uwsgi_temp_path {folder}/nginx-4; scgi_temp_path {folder}/nginx-5;
                server {{ listen 127.0.0.1:{port} reuseport backlog=4096; root {root}; }}
            }}"
        ),
        "lighttpd" => format!(
            "server.document-root = \"{root}\"
            server.bind = \"127.0.0.1\"
            server.port = {port}
            server.max-worker = 2
            server.max-fds = 4096
            server.max-connections = 2048
            server.max-keep-alive-requests = 1000000000
            server.listen-backlog = 4096
            server.network-backend = \"sendfile\"
            "
        ),
        "h2o" => format!(
            "num-threads: 2
user: root
error-log: {folder}/h2o-errors.log
hosts:
  default:
    listen:
      host: 127.0.0.1
      port: {port}
    paths:
      /:
        file.dir: {root}
"
        ),
        "apache" => format!(
            "ServerRoot /usr/lib/apache2
            ServerName localhost
            Listen 127.0.0.1:{port}
            PidFile {folder}/apache.pid
            Mutex file:{folder}
            ErrorLog {folder}/apache-errors.log
            LoadModule mpm_event_module modules/mod_mpm_event.so
            LoadModule authz_core_module modules/mod_authz_core.so
            User www-data
            Group www-data
            StartServers 2
            ServerLimit 2
            ThreadsPerChild 256
            ThreadLimit 256
            MaxRequestWorkers 512
            KeepAlive On
            MaxKeepAliveRequests 0
            EnableSendfile On
            DocumentRoot {root}
            <Directory {root}>
                Require all granted
            </Directory>
            "
        ),
        _ => String::new(),
    }
}
