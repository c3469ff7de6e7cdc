//! A herd serves one root from one reload to the next, and no root can stop the master.

use super::PROGRAM;
use e2e::{Answer, Gate, Launch, Pid, Server, Signal, Site, eventually, kill, libc};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use verdict::test;

/// Kills every worker and waits for successors that serve.
#[track_caller]
fn replace_all(server: &Server) {
    replace(server, &server.workers());
}

#[track_caller]
fn replace(server: &Server, old: &[Pid]) {
    for &pid in old {
        kill(pid, Signal::SIGKILL).expect("a worker to kill");
    }
    when_replaced(server, old);
}

#[track_caller]
fn when_replaced(server: &Server, old: &[Pid]) {
    eventually("every worker is replaced", || {
        let now = server.workers();
        // A worker that is leaving may still accept.
        let are_gone = now.iter().all(|pid| !old.contains(pid));
        let stats = server.get("/stats").expect(200).json();
        let serving = stats["workers"].as_array().expect("a list of workers");
        let serves = |worker: &e2e::Json| now.iter().any(|pid| worker["pid"] == pid.as_raw());
        are_gone && serving.iter().all(serves)
    });
}

/// Every worker answers with this text.
#[track_caller]
fn everybody_says(server: &Server, text: &str) {
    for _ in 0..20 {
        assert_eq!(server.get("/").expect(200).text(), text);
    }
}

/// Two releases, and the name by which the herd knows the first.
///
/// ```text
///   <temporary>/current -> r1      r1/index.html      r2/index.html
/// ```
fn releases() -> Site {
    let site = Site::new().file("../r1/index.html", "one").file("../r2/index.html", "two");
    symlink("r1", site.outside().join("current")).expect("a link");
    site
}

/// What a deployment does: in one step, the name means the other release (rename(2)).
fn swap(site: &Site, release: &str) {
    symlink(release, site.outside().join("next")).expect("a link");
    fs::rename(site.outside().join("next"), site.outside().join("current")).expect("a link to replace");
}

fn launch(site: &Site) -> Launch {
    PROGRAM.launch().site(site).flag("--document-root", site.outside().join("current"))
}

#[test]
fn every_worker_serves_one_release_until_a_reload_whoever_dies_meanwhile() {
    let site = releases();
    let server = launch(&site).start();
    everybody_says(&server, "one");
    swap(&site, "r2");
    let dead = server.workers()[0];
    kill(dead, Signal::SIGKILL).expect("a worker to kill");
    eventually("a successor comes", || server.workers().len() == 2 && !server.workers().contains(&dead));
    everybody_says(&server, "one");
    replace_all(&server);
    everybody_says(&server, "one");
    let old = server.workers();
    server.signal(Signal::SIGHUP);
    when_replaced(&server, &old);
    everybody_says(&server, "two");
    replace_all(&server);
    everybody_says(&server, "two");
}

#[test]
fn a_root_that_was_renamed_is_served_on_by_later_workers_too() {
    let site = Site::new();
    let server = PROGRAM.serve(&site, &[]);
    fs::rename(site.root(), site.outside().join("elsewhere")).expect("a folder to rename");
    replace_all(&server);
    everybody_says(&server, "home\n");
    assert_eq!(server.get("/health").expect(200).json()["status"], "ok");
}

#[test]
fn a_root_that_was_deleted_is_told_by_health_until_a_reload() {
    let site = releases();
    let server = launch(&site).start();
    swap(&site, "r2");
    fs::remove_dir_all(site.outside().join("r1")).expect("a release to delete");
    let told = |server: &Server| {
        for _ in 0..20 {
            let health = server.get("/health").expect(503).json();
            assert_eq!(health["status"], "the document root was deleted");
        }
    };
    told(&server);
    replace_all(&server);
    told(&server);
    let old = server.workers();
    server.signal(Signal::SIGHUP);
    when_replaced(&server, &old);
    everybody_says(&server, "two");
    assert_eq!(server.get("/health").expect(200).json()["status"], "ok");
}

/// A reload hangs. Workers that die are still replaced, and in the end the log says what did not answer.
#[track_caller]
fn goes_on_and_says(server: &Server, what: &str, text: &str) {
    // Read before there is a trial, which is a process too.
    let workers = server.workers();
    server.signal(Signal::SIGHUP);
    replace(server, &workers);
    eventually("the log says what did not answer", || server.stderr().contains("nothing is reloaded"));
    let says = server.stderr();
    let sentence = format!("nothing is reloaded: {what} did not answer within 10 seconds");
    assert_eq!(says.matches(&sentence).count(), 1, "\"{sentence}\" should be said once: {says}");
    eventually("the trial is gone", || server.workers().len() == 2);
    replace_all(server);
    everybody_says(server, text);
}

#[test]
fn a_log_that_cannot_be_opened_stops_neither_the_herd_nor_its_end() {
    let site = Site::new();
    site.write("../herd.conf", "");
    let gate = Gate::before(&[libc::SYS_openat]);
    let launch = PROGRAM.launch().site(&site).flag("--config", site.outside().join("herd.conf"));
    let server = launch.through(&gate).start();
    let log = site.outside().join("dead.log");
    site.write("../herd.conf", format!("ACCESS_LOG={}\n", log.display()));
    gate.answer_path(libc::SYS_openat, "/dead.log", Answer::Hang);
    goes_on_and_says(&server, &format!("--access-log: {}", log.display()), "home\n");
    // The next one is stopped while it hangs.
    server.signal(Signal::SIGHUP);
    eventually("a trial runs", || server.workers().len() == 3);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(server.processes(), [], "nobody should be left, nor the trial");
}

#[test]
fn a_root_that_does_not_answer_stops_nothing_either() {
    let site = releases();
    let gate = Gate::before(&[libc::SYS_openat]);
    let server = launch(&site).through(&gate).start();
    let current = site.outside().join("current");
    gate.answer_path(libc::SYS_openat, "/current", Answer::Hang);
    goes_on_and_says(&server, &format!("--document-root: {}", current.display()), "one");
}

#[test]
fn nor_does_a_configuration() {
    let site = Site::new();
    site.write("../herd.conf", "");
    let gate = Gate::before(&[libc::SYS_openat]);
    let file = site.outside().join("herd.conf");
    let server = PROGRAM.launch().site(&site).flag("--config", &file).through(&gate).start();
    gate.answer_path(libc::SYS_openat, "/herd.conf", Answer::Hang);
    goes_on_and_says(&server, &format!("--config: {}", file.display()), "home\n");
}

/// A start that hangs ends with one sentence, and not with code 2, at which a service manager gives up
/// (RestartPreventExitStatus): the next attempt may get an answer.
#[track_caller]
fn ends_and_says(launch: Launch, what: &str, path: &Path) {
    let finished = launch.run();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let sentence = format!("herd: {what}: {} did not answer within 10 seconds\n", path.display());
    assert_eq!(finished.stderr, sentence);
}

#[test]
fn a_start_that_gets_no_answer_from_its_root_is_one_sentence_and_may_be_tried_again() {
    let site = Site::new();
    let gate = Gate::before(&[libc::SYS_openat]);
    gate.answer_path(libc::SYS_openat, "/www", Answer::Hang);
    ends_and_says(PROGRAM.launch().site(&site).through(&gate), "--document-root", &site.root());
}

#[test]
fn a_start_that_gets_no_answer_from_its_log_is_one_sentence_and_may_be_tried_again() {
    let site = Site::new();
    let gate = Gate::before(&[libc::SYS_openat]);
    gate.answer_path(libc::SYS_openat, "/dead.log", Answer::Hang);
    let log = site.outside().join("dead.log");
    ends_and_says(
        PROGRAM.launch().site(&site).flag("--access-log", &log).through(&gate),
        "--access-log",
        &log,
    );
}
