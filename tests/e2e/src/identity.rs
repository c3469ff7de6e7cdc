//! Which program answers. A server that a grader built from a submission must not become another program, or let
//! another one answer. So the kernel is asked what runs, and not the server (proc(5)).

use crate::kernel;
use nix::unistd::Pid;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A sentence about the first of these processes that does not run the program; `None` if all do.
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

/// A sentence, if none of these processes listens at `address`.
pub(crate) fn nobody_of(processes: &[Pid], address: SocketAddr) -> Option<String> {
    let listens = processes.iter().any(|&pid| kernel::listens(address, pid));
    (!listens).then(|| format!("none of its processes listens at {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_process_that_listens_is_told_from_one_that_does_not() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                eprintln!("skipped: nothing can listen at {address} here");
                continue;
            };
            let address = listener.local_addr().expect("it has one");
            assert_eq!(nobody_of(&[Pid::this()], address), None);
            assert!(nobody_of(&[Pid::parent()], address).is_some(), "{address}");
        }
    }
}
