//! A machine with its own systemd, made of namespaces (`machine.sh`), on which herd is installed as its unit says.

use super::{Daemon, PROGRAM, text};
use e2e::eventually;
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The machine. It ends with the test, and then its transcript is printed.
pub struct Machine {
    pid: String,
    transcript: RefCell<String>,
    // In this order: the machine ends before its folder does.
    _daemon: Daemon,
    _folder: TempDir,
}

impl Machine {
    /// Boots it and installs herd there. `None`, and a message, if that is not possible.
    #[track_caller]
    pub fn with_herd() -> Option<Machine> {
        let machine = Machine::boot()?;
        machine.must("mkdir -p /srv/www && echo hello >/srv/www/index.html");
        for step in text("herd.service").lines().filter_map(|line| line.strip_prefix("#   ")) {
            machine.must(step);
        }
        Some(machine)
    }

    #[track_caller]
    fn boot() -> Option<Machine> {
        if !Path::new("/usr/lib/systemd/systemd").exists() {
            e2e::skip("systemd is not installed");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        // The folder that the unit's first lines call the root of the repository.
        let course = folder.path().join("course");
        let [built, ops] = ["target/release", "stages/6-prefork/ops"].map(|path| course.join(path));
        fs::create_dir_all(&built).and_then(|()| fs::create_dir_all(&ops)).expect("folders");
        fs::copy(PROGRAM.path, built.join("herd")).expect("a program");
        fs::write(ops.join("herd.service"), text("herd.service")).expect("a file");

        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ops/machine.sh");
        let path = folder.path().to_string_lossy();
        let mut daemon = Daemon::spawn(folder.path().join("log"), script, &[&path])?;
        let (mut pid, mut ended) = (None, None);
        eventually("the machine has a process 1", || {
            pid = fs::read_to_string(folder.path().join("pid")).ok();
            ended = daemon.child.try_wait().expect("a child");
            pid.is_some() || ended.is_some()
        });
        let (Some(pid), None) = (pid, ended) else {
            let said = daemon.log();
            e2e::skip(&format!("no machine can be made here: {}", said.lines().last().unwrap_or_default()));
            return None;
        };
        let pid = pid.trim().to_owned();
        let machine = Machine { pid, transcript: RefCell::default(), _daemon: daemon, _folder: folder };
        eventually("systemd has started", || {
            ["running\n", "degraded\n"].contains(&&*machine.says("systemctl is-system-running"))
        });
        Some(machine)
    }

    /// Runs a line of shell there. Returns whether it succeeds, and all of its output.
    fn run(&self, line: &str) -> (bool, String) {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.pid, "--all", "sh", "-c"])
            .arg(format!("exec 2>&1; cd /course; {line}"));
        let output =
            command.env_clear().env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin").stdin(Stdio::null());
        let output = output.output().expect("nsenter");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The output of a line of shell. For questions that are asked repeatedly, because it is not in the transcript.
    pub fn says(&self, line: &str) -> String {
        self.run(line).1
    }

    /// Runs a line of shell, which goes into the transcript. Returns whether it succeeds, and its output.
    pub fn tries(&self, line: &str) -> (bool, String) {
        let (success, said) = self.run(line);
        *self.transcript.borrow_mut() += &format!("# {line}\n{said}");
        (success, said)
    }

    /// Runs a line of shell that must succeed.
    #[track_caller]
    pub fn must(&self, line: &str) -> String {
        let (success, said) = self.tries(line);
        assert!(success, "{line} should succeed: {said}\n{}", self.journal());
        said
    }

    /// A property of the service, as systemd knows it.
    pub fn property(&self, name: &str) -> String {
        self.says(&format!("systemctl show --value --property={name} herd")).trim().to_owned()
    }

    /// Waits until a property has this value.
    #[track_caller]
    pub fn becomes(&self, name: &str, value: &str) {
        let mut seen = String::new();
        let has = || {
            seen = self.property(name);
            seen == value
        };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(&format!("{name} of the service is {value}"), has);
        }));
        assert!(result.is_ok(), "{name} should be {value} and is {seen}\n{}", self.journal());
    }

    /// The processes of the service.
    pub fn processes(&self) -> Vec<String> {
        let said = self.says("cat /sys/fs/cgroup/system.slice/herd.service/cgroup.procs 2>/dev/null");
        said.split_whitespace().map(str::to_owned).collect()
    }

    /// Its log.
    pub fn journal(&self) -> String {
        self.says("journalctl --no-pager --quiet --output=cat --unit=herd")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        println!("{}# journalctl --unit=herd\n{}", self.transcript.borrow(), self.journal());
    }
}
