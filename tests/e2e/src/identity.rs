//! Which program answers. A server that a grader built from a submission must not become another one, or have one
//! answer: what runs is asked of the kernel, not of the server (proc(5)).

use crate::kernel;
use nix::unistd::Pid;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The process among these that does not run the program, and what is known of it.
pub(crate) fn stranger(program: &Path, processes: &[Pid]) -> Option<String> {
    let number = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    let wanted = number(program).ok();
    processes.iter().find_map(|pid| {
        let link = format!("/proc/{pid}/exe");
        match number(Path::new(&link)) {
            // It has ended meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            found if found.as_ref().ok() == wanted.as_ref() => None,
            _ => Some(match fs::read_link(&link) {
                Ok(other) => format!("process {pid} runs {}", other.display()),
                Err(error) => format!("process {pid} hides what it runs: {error}"),
            }),
        }
    })
}

/// Says so if it is none of these processes that listens. Of IPv6, nothing is said.
pub(crate) fn nobody_of(processes: &[Pid], address: SocketAddr) -> Option<String> {
    let listens = address.is_ipv6() || processes.iter().any(|&pid| kernel::listens(address, pid));
    (!listens).then(|| format!("none of its processes listens at {address}"))
}
