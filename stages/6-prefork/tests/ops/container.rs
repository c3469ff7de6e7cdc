//! The steps of the Dockerfile, without an engine: its RUN lines fill a folder, and the folder becomes the root of an
//! unprivileged process.

use super::{Daemon, announced, run, text};
use e2e::{Client, Pid, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::geteuid;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The arguments of this instruction, for each line that has it.
pub fn instructions<'a>(file: &'a str, name: &str) -> Vec<&'a str> {
    file.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
}

/// The program and its arguments in `["program", "argument"]`.
pub fn exec_form(words: &str) -> Vec<String> {
    let (_, words) = words.split_once('[').expect("a list");
    let words = format!("[{words}");
    let words: e2e::Json = words.parse().unwrap_or_else(|error| panic!("{words}: {error}"));
    words.as_array().expect("a list").iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

/// A control group that gives its processes the time of one core. It is removed at the end of the test.
struct OneCore(PathBuf);

impl OneCore {
    /// `None` if no such group can be made.
    fn new() -> Option<OneCore> {
        let name = format!("herd-one-core-{}", std::process::id());
        // Version 1 and version 2 (cgroups(7)).
        [("cpu", "cpu.cfs_quota_us", "100000"), ("", "cpu.max", "100000 100000")].into_iter().find_map(
            |(tree, file, quota)| {
                let group = OneCore(Path::new("/sys/fs/cgroup").join(tree).join(&name));
                fs::create_dir(&group.0).and_then(|()| fs::write(group.0.join(file), quota)).ok()?;
                Some(group)
            },
        )
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        // It is empty once the kernel has removed its last process.
        eventually("the group is empty", || fs::remove_dir(&self.0).is_ok() || !self.0.exists());
    }
}

#[verdict::test]
fn a_herd_has_a_worker_for_each_core_that_its_container_may_use() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (Some(group), true) = (OneCore::new(), cores > 1) else {
        return e2e::skip("there is no second core, or no control group can be made");
    };
    let site = e2e::Site::new();
    let workers_of = |before: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let line = format!(
            "{before} exec {} --port 0 --document-root {}",
            super::PROGRAM.path,
            site.root().display()
        );
        let herd = Daemon::spawn(folder.path().join("log"), "sh", &["-euc", &line]).expect("a shell");
        eventually("the herd says where it listens", || announced(&herd.log()).is_some());
        let address = announced(&herd.log()).expect("it was just there");
        let metrics = Client::connect(address).get("/metrics").expect(200).text();
        metrics.lines().filter(|line| line.starts_with("herd_worker_up{")).count()
    };
    assert_eq!(workers_of(""), cores.min(64));
    assert_eq!(workers_of(&format!("echo $$ >{}/cgroup.procs;", group.0.display())), 1);
}

/// The process that an engine would have started. It ends with the test, and its workers with it.
struct Container(Child);

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// A test without verdict's limit: most of it is a build, which can take any time.
#[test]
fn the_image_holds_all_that_herd_needs() {
    // Rust links with the C compiler, so there is one, which knows whether there is a static C library.
    let libc = run("cc", &["-print-file-name=libc.a"]).map(|output| output.stdout);
    if libc.is_none_or(|path| !path.starts_with(b"/")) {
        return e2e::skip("there is no libc.a");
    }
    let file = text("Dockerfile");
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("image");
    let course = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for steps in instructions(&file, "RUN") {
        let steps = super::replaced(steps, "/image", &image.to_string_lossy());
        let mut shell = Command::new("sh");
        // This tests the contents of the image, not its speed, and an unoptimized build is faster.
        shell.args(["-euc", &steps]).current_dir(&course).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        let output = shell.output().expect("a shell");
        assert!(output.status.success(), "{steps}:\n{}", String::from_utf8_lossy(&output.stderr));
    }

    let user = instructions(&file, "USER")[0];
    let entry = exec_form(instructions(&file, "ENTRYPOINT")[0]);
    // A user that is not root may still be root in a user namespace, in which no other user exists.
    let mut command = if geteuid().is_root() {
        let mut command = Command::new("chroot");
        command.arg(format!("--userspec={user}"));
        command
    } else {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "chroot"]);
        command
    };
    command.arg(&image).args(&entry).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for setting in instructions(&file, "ENV").into_iter().flat_map(str::split_whitespace) {
        let (name, value) = setting.split_once('=').expect("NAME=value");
        command.env(name, value);
    }
    // Instead of the image's port 8080, the test must use a free one.
    command.env("HERD_PORT", "0").env("HERD_NUM_WORKERS", "2");
    let log = folder.path().join("log");
    let output = fs::File::create(&log).expect("a file");
    command.stdin(Stdio::null()).stdout(output.try_clone().expect("a descriptor")).stderr(output);
    let mut herd = Container(command.spawn().expect("a process"));
    let mut address = None;
    eventually("the herd says where it listens", || {
        let ended = herd.0.try_wait().expect("a child");
        let said = fs::read_to_string(&log).unwrap_or_default();
        if said.contains("Operation not permitted") {
            return true;
        }
        assert!(ended.is_none(), "it ended with {ended:?}: {said}");
        address = announced(&said);
        address.is_some()
    });
    let Some(address) = address else { return e2e::skip("a process here may not change its root") };
    let page = Client::connect(address).get("/").expect(200);
    assert!(page.text().contains("<html"), "the site of the course should be in the image");
    if geteuid().is_root() {
        let status = fs::read_to_string(format!("/proc/{}/status", herd.0.id())).expect("a process");
        let (uid, _) = user.split_once(':').expect("UID:GID");
        assert!(status.contains(&format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}")), "{status}");
    }

    let health = exec_form(instructions(&file, "HEALTHCHECK")[0]);
    assert_eq!(health[0], "/bin/wget", "the one program beside herd");
    let health: Vec<String> =
        health.iter().map(|word| word.replace("8080", &address.port().to_string())).collect();
    let mut health: Vec<&str> = health.iter().map(String::as_str).collect();
    health[0] = "wget";
    let check = || run("busybox", &health).map(|output| output.status.success());
    assert_ne!(check(), Some(false), "the health check should succeed");

    kill(Pid::from_raw(herd.0.id().cast_signed()), Signal::SIGTERM).expect("a process");
    let mut ended = None;
    eventually("it stops", || {
        ended = herd.0.try_wait().expect("a child");
        ended.is_some()
    });
    assert_eq!(
        ended.and_then(|status| status.code()),
        Some(0),
        "{}",
        fs::read_to_string(&log).unwrap_or_default()
    );
    assert_ne!(check(), Some(true), "the health check should fail when the herd is gone");
}
